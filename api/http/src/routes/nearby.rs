//! The exact search.

use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cellar_model::Collection;
use cellar_model::cursor::Cursor as _;
use cellar_model::features::{GEOJSON, Link, write_page};
use cellar_model::place::json_number;
use cellar_search::sorted::Sorted;
use cellar_search::{Nearby, Work};

use super::{cells, require_collection};
use crate::description::{
    AttributeParameters, CellProblems, CollectionParameter, NearbyCollection, PageParameters, SortParameter,
};
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, NearbyParams, cell_url, parse_nearby};
use crate::problem::Problem;
use crate::state::AppState;

/// The places nearest to a position
///
/// Sorted by great-circle distance, ties by id. The answer is exact: it holds what a scan of all places would
/// find, at one instant. Without `radius`, the nearest places up to the server's horizon. To go on, follow the link
/// `next`: its cursor continues right after the last place, however the collection changes in between. Each answer of
/// such a walk is of an instant of its own: a place that moves in between may be listed again, or be missed.
///
/// With `filter` only places whose properties meet it, as `category` does for categories, which are indexed: a filter is
/// asked of each place within reach. Where few of many meet it, an answer may hold fewer places than `limit`, or none, and
/// a link `next` that goes on. With `sort` places within the radius come in the order of a property: all of them if there
/// are at most 1,000 (`sorted_within_m` is then the radius), else the nearest 1,000, then the next. `filter`, `fields`,
/// `q`, `sort` and `open_at` are not for `mode=cell`. `q` is asked of the property `name` as a filter is.
///
/// With `mode=cell` the answer is that of the geohash cell around the position, as its own URL has it
/// (`Content-Location`); `radius` and `limit` are then checked and left to the client.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/nearby",
    tag = "search",
    operation_id = "nearby",
    params(
        CollectionParameter,
        ("lat" = f64, Query, description = "Latitude in degrees", minimum = -90, maximum = 90, example = json!(48.8566)),
        ("lon" = f64, Query, description = "Longitude in degrees", minimum = -180, maximum = 180, example = json!(2.3522)),
        ("radius" = inline(Option<f64>), Query, description = "Radius in metres. The maximum is that of this server, and the default is how far it looks without a radius, which may be farther", exclusive_minimum = 0, example = json!(5000)),
        PageParameters,
        AttributeParameters,
        SortParameter,
        ("precision" = inline(Option<u8>), Query, description = "With `mode=cell`: how many characters of geohash the cell has; 4 if left out and nothing is known of the density", minimum = 3, maximum = 7),
        ("distance_in" = inline(Option<crate::description::DistanceIn>), Query, description = "Where each place tells its `distance_m`, except with `mode=cell`, whose answers are those of all positions of a cell", example = json!("properties")),
        ("mode" = inline(Option<crate::description::Mode>), Query, description = "How to answer", example = json!("exact")),
    ),
    responses(
        (status = 200, description = "The places, nearest first", body = NearbyCollection, content_type = "application/geo+json",
            headers(
                ("server-timing" = String, description = "Time and work of the search"),
                ("cache-status" = String, description = "What each tier of the cache had (RFC 9211); `cellar-search; detail=\"torn\"` if it is not of one instant"),
            )),
        CellProblems,
    ),
)]
pub async fn nearby(
    State(state): State<AppState>,
    collection: Result<CollectionPath, Problem>,
    deadline: Deadline,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { uri, headers, .. }, _) = request.into_parts();
    if let Some(url) =
        cell_url(&uri, state.config.max_radius, |collection, cell| state.precision_hint(collection, cell))?
    {
        return cells::answer(&state, &url, &headers, deadline).await;
    }
    let CollectionPath(collection) = collection?;
    exact(&state, &collection, deadline, uri.query()).await
}

async fn exact(
    state: &AppState,
    collection: &Collection,
    deadline: Deadline,
    raw: Option<&str>,
) -> Result<Response, Problem> {
    let params = parse_nearby(raw, collection, &state.config, state.now())?;
    require_collection(state, collection, deadline).await?;
    if let Some(hot) = &state.hot {
        hot.offer(collection, params.query.origin);
    }
    let started = Instant::now();
    let (body, work) = collection_of(state, collection, params, deadline).await?;
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    Ok((Extension(timing), [(header::CONTENT_TYPE, GEOJSON)], body).into_response())
}

/// The document of a search, and what it took.
pub(super) async fn collection_of(
    state: &AppState,
    collection: &Collection,
    params: NearbyParams<'_>,
    deadline: Deadline,
) -> Result<(Vec<u8>, Work), Problem> {
    let NearbyParams { query, selection, sort, fingerprint, form, text } = params;
    let (hits, cursor, members, work) = match sort {
        None => {
            let found = state.search.nearby_of(collection, query, selection, deadline.0).await?;
            let Nearby { hits, next, work, .. } = found;
            (hits, next.map(|key| key.to_cursor(fingerprint)), String::new(), work)
        }
        Some((sort, at)) => {
            let found = state.search.sorted(collection, query, selection, (&sort, at), deadline.0).await?;
            let Sorted { hits, next, within, work } = found;
            let members = format!("\"sorted_within_m\":{},", json_number(within.get()));
            (hits, next.map(|key| key.to_cursor(fingerprint)), members, work)
        }
    };
    let path = format!("/v1/collections/{collection}/nearby");
    let next = cursor.map(|cursor| text.next_link(&path, &cursor));
    let links = Link::of_page(text.link(&path), next);
    Ok((write_page(&hits, &members, &links, &form), work))
}
