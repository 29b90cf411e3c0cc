//! Cell answers: what the edge keeps.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use geo_index::edge::CellUrl;

use super::conditional::matches;
use super::openapi::{CategoryParameter, CellCollection, CellParameter, CellProblems, CollectionParameter};
use super::{require_collection, unknown_route};
use crate::cells::Answered;
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::params::cell_url;
use crate::problem::Problem;
use crate::state::AppState;

/// The places nearest to a cell's centre
///
/// At most 128, within the cell's horizon, the same bytes for everybody. Every place that is closer to the centre than
/// `certified_radius_m` is there, so a client can put them in order for its own position and knows whether that is exact.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/cells/{cell}/nearby",
    tag = "search",
    operation_id = "cellNearby",
    params(CollectionParameter, CellParameter, CategoryParameter),
    responses(
        (status = 200, description = "The places, nearest to the centre first", body = CellCollection, content_type = "application/geo+json",
            headers(
                ("cache-control" = String, description = "How long anybody may keep it"),
                ("etag" = String, description = "Differs by encoding"),
                ("content-location" = String, description = "The canonical URL"),
                ("cache-tag" = String, description = "What to forget it by: a collection and a cell for each part of the world that it depends on"),
                ("vary" = String, description = "Always `accept-encoding`"),
                ("server-timing" = String, description = "Time and work of the search"),
                ("cache-status" = String, description = "What each tier of the cache had (RFC 9211)"),
            )),
        (status = 304, description = "As the `If-None-Match` of the request has it"),
        CellProblems,
    ),
)]
pub async fn nearby(
    State(state): State<AppState>,
    deadline: Deadline,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let url = cell_url(&uri, |collection, cell| state.precision_hint(collection, cell))?;
    answer(&state, &url.ok_or_else(unknown_route)?, &headers, deadline).await
}

/// The answer of a canonical URL, however it was asked for.
pub(super) async fn answer(
    state: &AppState,
    url: &CellUrl,
    headers: &HeaderMap,
    deadline: Deadline,
) -> Result<Response, Problem> {
    require_collection(state, &url.collection, deadline).await?;
    if let Some(hot) = &state.hot {
        hot.offer(&url.collection, url.cell.centre());
    }
    let started = Instant::now();
    let Answered { representation, work } = state.cells.answer(url, deadline.0).await?;
    let timing = Extension(SearchTiming { work, elapsed: started.elapsed() });
    let mut send = representation.headers().clone();
    if matches(headers, representation.etag()) {
        send.remove(header::CONTENT_TYPE);
        return Ok((StatusCode::NOT_MODIFIED, timing, send).into_response());
    }
    Ok((timing, send, representation.body().clone()).into_response())
}
