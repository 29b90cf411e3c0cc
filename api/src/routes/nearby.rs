//! The exact search.

use std::time::Instant;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};

use super::answer::{Link, feature_collection};
use super::openapi::{CollectionParameter, NearbyCollection, PageParameters, SearchProblems};
use super::require_collection;
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::{CollectionPath, parse_nearby};
use crate::problem::Problem;
use crate::search::Nearby;
use crate::state::AppState;

/// The places nearest to a position
///
/// Sorted by great-circle distance, ties by id. The answer is exact: it holds what a scan of all places would
/// find. Without `radius`, the nearest places up to the server's horizon. To go on, follow the link `next`: its
/// cursor continues right after the last place, however the collection changes in between.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/nearby",
    tag = "search",
    operation_id = "nearby",
    params(
        CollectionParameter,
        ("lat" = f64, Query, description = "Latitude in degrees", minimum = -90, maximum = 90, example = json!(48.8566)),
        ("lon" = f64, Query, description = "Longitude in degrees", minimum = -180, maximum = 180, example = json!(2.3522)),
        ("radius" = inline(Option<f64>), Query, description = "Radius in metres; a server may be configured for another maximum", exclusive_minimum = 0, maximum = 200_000, example = json!(5000)),
        PageParameters,
        ("mode" = inline(Option<super::openapi::Mode>), Query, description = "How to answer", example = json!("exact")),
    ),
    responses(
        (status = 200, description = "The places, nearest first", body = NearbyCollection, content_type = "application/geo+json",
            headers(
                ("server-timing" = String, description = "Time and work of the search"),
                ("cache-status" = String, description = "What each tier of the cache had (RFC 9211)"),
            )),
        SearchProblems,
    ),
)]
pub async fn nearby(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let params = parse_nearby(raw.as_deref(), &collection, &state.config)?;
    require_collection(&state, &collection, deadline).await?;
    if let Some(hot) = &state.hot {
        hot.offer(&collection, params.query.origin);
    }
    let started = Instant::now();
    let Nearby { hits, next, work } = state.search.nearby(&collection, params.query, deadline.0).await?;
    let timing = SearchTiming { work, elapsed: started.elapsed() };
    let path = format!("/v1/collections/{collection}/nearby");
    let next = next.map(|key| params.text.next_link(&path, &key.encode(params.fingerprint)));
    let links = Link::of_page(params.text.link(&path), next);
    Ok((Extension(timing), feature_collection(&hits, &links)).into_response())
}
