//! The exact search.

use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use cellar_model::Collection;
use cellar_model::cursor::Cursor as _;
use cellar_model::features::Link;
use cellar_search::Nearby;

use super::answer::feature_collection;
use super::{cells, require_collection};
use crate::description::{CellProblems, CollectionParameter, NearbyCollection, PageParameters};
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, cell_url, parse_nearby};
use crate::problem::Problem;
use crate::state::AppState;

/// The places nearest to a position
///
/// Sorted by great-circle distance, ties by id. The answer is exact: it holds what a scan of all places would
/// find, at one instant. Without `radius`, the nearest places up to the server's horizon. To go on, follow the link
/// `next`: its cursor continues right after the last place, however the collection changes in between. Each answer of
/// such a walk is of an instant of its own: a place that moves in between may be listed again, or be missed.
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
    let params = parse_nearby(raw, collection, &state.config)?;
    require_collection(state, collection, deadline).await?;
    if let Some(hot) = &state.hot {
        hot.offer(collection, params.query.origin);
    }
    let started = Instant::now();
    let Nearby { hits, next, work, .. } = state.search.nearby(collection, params.query, deadline.0).await?;
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    let path = format!("/v1/collections/{collection}/nearby");
    let next = next.map(|key| params.text.next_link(&path, &key.to_cursor(params.fingerprint)));
    let links = Link::of_page(params.text.link(&path), next);
    Ok((Extension(timing), feature_collection(&hits, &links, params.distance_in)).into_response())
}
