//! The density map, for clients that pick their cells themselves.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use cellar_model::Collection;
use cellar_search::edge_map::StoredMap;
use geo_index::edge::DEFAULT_PRECISION;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::encoded;
use super::coded::tagged;
use super::require_collection;
use crate::description::{CollectionParameter, CollectionProblems};
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NoQuery};
use crate::problem::Problem;
use crate::state::AppState;

/// A map is made anew once in a while at most, and an old one does no harm.
const OF_A_MAP: &str = "public, max-age=300";
/// The first map should be seen soon.
const OF_NO_MAP: &str = "public, max-age=30";

/// How coarse a cell may be, place by place: a hint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "EdgeMap")]
pub struct EdgeMapDocument {
    /// Its collection.
    #[schema(examples("wineries"))]
    collection: String,
    /// Geohash precision where the rows say nothing.
    #[schema(minimum = 3, maximum = 7)]
    default_precision: u8,
    /// When it was made; not there if there is no map yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, examples("2026-03-01T12:00:00Z"))]
    made: Option<String>,
    /// Places that were counted.
    places: u64,
    /// By two letters of a geohash, 32 marks, one for each third letter in the order of
    /// `0123456789bcdefghjkmnpqrstuvwxyz`: the coarsest precision that serves most users there, 0 for unknown, or x
    /// where the rows by four letters know more: one digit, or 32 marks with bits for each x (docs/EDGE.md). Without
    /// one, the precision there is 4.
    #[schema(examples("00000000050000000000000000000000"))]
    rows: BTreeMap<String, String>,
}

/// The density map of a collection
///
/// It tells a client at which geohash precision to ask for cell answers. A wrong map costs time, never results. A
/// collection without a map has one without rows.
#[utoipa::path(
    get,
    path = "/v1/collections/{collection}/edge-map",
    tag = "search",
    operation_id = "edgeMap",
    params(
        CollectionParameter,
        ("if-none-match" = inline(Option<String>), Header, description = "Entity tags of the maps that the client has"),
    ),
    responses(
        (status = 200, description = "The map", body = EdgeMapDocument,
            headers(
                ("etag" = String, description = "Changes with the map"),
                ("cache-control" = String, description = "How long it may be used"),
            )),
        (status = 304, description = "The client has the current map"),
        CollectionProblems,
    ),
)]
pub async fn get(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_collection(&state, &collection, deadline).await?;
    let map = state.edge_maps.get(&collection, deadline.0).await?;
    answer(&document(&collection, map.as_deref()), &headers).await
}

fn document(collection: &Collection, stored: Option<&StoredMap>) -> EdgeMapDocument {
    EdgeMapDocument {
        collection: collection.to_string(),
        default_precision: DEFAULT_PRECISION,
        made: stored.and_then(|stored| rfc3339(stored.made_unix_ms)),
        places: stored.map_or(0, |stored| stored.places),
        rows: stored
            .map(|stored| stored.map.entries().map(|(key, row)| (key, row.to_owned())).collect())
            .unwrap_or_default(),
    }
}

fn rfc3339(unix_ms: u64) -> Option<String> {
    DateTime::from_millis(i64::try_from(unix_ms).ok()?).fmt(DateTimeFormat::DateTime).ok()
}

async fn answer(document: &EdgeMapDocument, asked: &HeaderMap) -> Result<Response, Problem> {
    let lifetime = if document.made.is_some() { OF_A_MAP } else { OF_NO_MAP };
    let mut response = tagged(asked, "application/json", encoded(document)?).await?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    Ok(response)
}
