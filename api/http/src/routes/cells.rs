//! Cell answers: what the edge keeps.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cellar_model::canonical::CellUrl;
use cellar_search::cells::Answered;
use cellar_search::cells::encoding::{Coding, Effort};
use cellar_search::cells::rendered::Use;

use super::conditional::matches;
use super::{require_collection, unknown_route};
use crate::description::{
    CategoryParameter, CellCollection, CellParameter, CellProblems, CollectionParameter,
};
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::{CACHE_STATUS, SearchTiming};
use crate::params::cell_url;
use crate::problem::{Kind, Problem};
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
                ("cache-status" = String, description = "What each tier of the cache had (RFC 9211); `cellar-search; detail=\"torn\"` if it is not of one instant"),
            )),
        (status = 304, description = "As the `If-None-Match` of the request has it"),
        CellProblems,
    ),
)]
pub async fn nearby(
    State(state): State<AppState>,
    deadline: Deadline,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { uri, headers, .. }, _) = request.into_parts();
    // The edge asks for canonical URLs only: there is nothing to parse when one is in memory.
    if let Some(found) = uri.path_and_query().and_then(|asked| state.cells.get_if_present(asked.as_str())) {
        require_collection(&state, &found.rendered.url.collection, deadline).await?;
        return send(&state, &found, &headers).await;
    }
    let url =
        cell_url(&uri, state.config.max_radius, |collection, cell| state.precision_hint(collection, cell))?;
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
    if let Some(found) = state.cells.get_if_present(&url.to_string()) {
        return send(state, &found, headers).await;
    }
    let started = Instant::now();
    let found = state.cells.find(url, deadline.0).await?;
    let elapsed = started.elapsed();
    let timing = found.work.as_deref().map(|&work| SearchTiming { work, elapsed });
    let mut response = send(state, &found, headers).await?;
    if let Some(timing) = timing {
        response.extensions_mut().insert(timing);
    }
    Ok(response)
}

/// Sends an answer in the coding that the client prefers, or says that it has it.
async fn send(state: &AppState, found: &Answered, headers: &HeaderMap) -> Result<Response, Problem> {
    let Answered { rendered, short_ttl, used, .. } = found;
    if let Some(hot) = &state.hot {
        hot.offer(&rendered.url.collection, rendered.centre);
    }
    let coding = Coding::negotiated(headers, Effort::Kept)
        .ok_or_else(|| Problem::new(Kind::EncodingUnacceptable, Kind::EncodingUnacceptable.meaning()))?;
    let mut send = rendered.representation.headers(coding, *short_ttl);
    let mut response = if matches(headers, rendered.representation.etag(coding)) {
        send.remove(header::CONTENT_TYPE);
        send.remove(header::CONTENT_ENCODING);
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = state.cells.bytes(rendered, coding).await.map_err(|error| {
            Problem::new(Kind::Internal, "the answer cannot be compressed").internal(error.to_string())
        })?;
        Response::new(bytes.into())
    };
    *response.headers_mut() = send;
    if *used == (Use::Hit { ttl_ms: None }) {
        response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static("cellar-rendered; hit"));
    } else {
        response.extensions_mut().insert(*used);
    }
    Ok(response)
}
