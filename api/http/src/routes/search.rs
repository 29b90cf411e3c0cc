//! Places within a shape.

use std::time::Instant;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use cellar_model::Collection;
use cellar_model::cursor::Cursor as _;
use cellar_model::features::Link;
use cellar_model::place::json_number;
use cellar_search::sorted::Sorted;
use cellar_search::{Items, Nearby};

use super::answer::feature_page;
use super::body::JsonText;
use super::require_collection;
use crate::description::{
    AttributeParameters, CellProblems, CollectionParameter, FoundCollection, PageParameters, SearchBody,
    SearchBodyProblems,
};
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, NoQuery, SearchParams, Wanted, parse_search, parse_search_body};
use crate::problem::Problem;
use crate::state::AppState;

/// The places within a box, a polygon or a corridor
///
/// With a position (`lat`, `lon`) nearest first, with `distance_m`, as `/nearby`; with `sort` by a property; without
/// a position in an order that is stable but has no meaning. To go on, follow the link `next`, until there is none.
///
/// The edges of a polygon are arcs of great circles, the shortest way from corner to corner, so neither poles nor the
/// antimeridian are special; what lies within a micrometre of the border is inside. A ring encloses the smaller of both
/// parts of the globe, whichever way round it goes. With `edges=planar` they are straight in longitude and latitude, as
/// written. Larger shapes go into the body of a POST.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/search",
    tag = "search",
    operation_id = "search",
    params(
        CollectionParameter,
        ("bbox" = Option<Vec<f64>>, Query, description = "west,south,east,north in degrees; west > east crosses the antimeridian", style = Form, explode = false, min_items = 4, max_items = 6),
        ("within" = Option<Vec<f64>>, Query, description = "The ring of a polygon: longitude,latitude,longitude,latitude,… in degrees", style = Form, explode = false, min_items = 6, max_items = 200, example = json!([2.2, 48.8, 2.5, 48.8, 2.5, 48.9, 2.2, 48.9])),
        ("along" = Option<Vec<f64>>, Query, description = "A line: longitude,latitude,longitude,latitude,… in degrees; it takes `width`", style = Form, explode = false, min_items = 4, max_items = 200),
        ("width" = inline(Option<f64>), Query, description = "With `along`: metres to either side of the line", exclusive_minimum = 0, maximum = 1_000_000),
        ("edges" = inline(Option<crate::description::Edges>), Query, description = "With `within`: what its edges are; `geodesic` if left out"),
        ("lat" = inline(Option<f64>), Query, description = "Latitude in degrees of the position that places are sorted from", minimum = -90, maximum = 90, example = json!(48.8566)),
        ("lon" = inline(Option<f64>), Query, description = "Its longitude in degrees", minimum = -180, maximum = 180, example = json!(2.3522)),
        ("radius" = inline(Option<f64>), Query, description = "Only places within so many metres of the position", exclusive_minimum = 0, example = json!(5000)),
        PageParameters,
        AttributeParameters,
        crate::description::SortParameter,
        ("distance_in" = inline(Option<crate::description::DistanceIn>), Query, description = "Where each place tells its `distance_m`"),
    ),
    responses(
        (status = 200, description = "The places", body = FoundCollection, content_type = "application/geo+json",
            headers(("server-timing" = String, description = "Time and work of the search"))),
        CellProblems,
    ),
)]
pub async fn get(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_search(raw.as_deref(), &collection, state.now())?;
    let path = path(&collection);
    let text = params.text.clone();
    answer(&state, &collection, deadline, params, |cursor| {
        Link::of_page(text.link(&path), cursor.map(|cursor| text.next_link(&path, cursor)))
    })
    .await
}

/// The same for shapes that are too large for a URL
///
/// Members of the body have the names of the parameters of the GET and mean the same, except that `within` is a GeoJSON
/// `Polygon` or `MultiPolygon` with holes, and `along` a `LineString` or `MultiLineString`. It reads only, and is taken
/// wherever reading is. The link `next` has a `body`, which is to be merged into the one that was sent.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/search",
    tag = "search",
    operation_id = "postSearch",
    params(CollectionParameter),
    request_body(content = SearchBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The places", body = FoundCollection, content_type = "application/geo+json",
            headers(("server-timing" = String, description = "Time and work of the search"))),
        SearchBodyProblems,
    ),
)]
pub async fn post(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let params = parse_search_body(&body, &collection, state.now())?;
    let path = path(&collection);
    answer(&state, &collection, deadline, params, |cursor| Link::of_posted_page(&path, cursor)).await
}

fn path(collection: &Collection) -> String {
    format!("/v1/collections/{collection}/search")
}

async fn answer(
    state: &AppState,
    collection: &Collection,
    deadline: Deadline,
    params: SearchParams<'_>,
    links: impl FnOnce(Option<&str>) -> Vec<Link>,
) -> Result<Response, Problem> {
    require_collection(state, collection, deadline).await?;
    let (started, search, at) = (Instant::now(), &state.search, deadline.0);
    let SearchParams { wanted, selection, fingerprint, form, .. } = params;
    let mut members = String::new();
    let (hits, cursor, work) = match wanted {
        Wanted::Near(query) => {
            let Nearby { hits, next, work, .. } = search.nearby_of(collection, query, selection, at).await?;
            (hits, next.map(|key| key.to_cursor(fingerprint)), work)
        }
        Wanted::Sorted(query, sort, from) => {
            let found = search.sorted(collection, query, selection, (&sort, from), at).await?;
            let Sorted { hits, next, within, work } = found;
            members = format!("\"sorted_within_m\":{},", json_number(within.get()));
            (hits, next.map(|key| key.to_cursor(fingerprint)), work)
        }
        Wanted::Listed(query) => {
            let Items { hits, next, work } = search.items_of(collection, query, selection, at).await?;
            (hits, next.map(|key| key.to_cursor(fingerprint)), work)
        }
    };
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    let links = links(cursor.as_deref());
    Ok((Extension(timing), feature_page(&hits, &members, &links, &form)).into_response())
}
