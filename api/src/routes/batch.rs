//! Many places at once.

use axum::extract::State;
use axum::response::Response;
use geo_index::H3Cell;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use super::body::JsonText;
use super::openapi::{CollectionParameter, FeatureBatch, WriteProblems};
use super::{require_collection, to_the_end};
use crate::geojson::parse_feature_collection;
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NoQuery};
use crate::problem::Problem;
use crate::state::{AppState, bounded};

/// What a batch has done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// Places that were created or replaced: all of the batch.
    #[schema(examples(2))]
    written: usize,
}

/// Create or replace many places
///
/// All features are validated before the first is written; if one is at fault, none is written. If the store
/// fails midway some may be written; sending the batch again is safe.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/items",
    tag = "places",
    operation_id = "postItems",
    params(CollectionParameter),
    request_body(content = FeatureBatch, content_type = "application/geo+json"),
    responses((status = 200, description = "All of them are written", body = Written), WriteProblems),
    security(("write_token" = [])),
)]
pub async fn post(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let places = parse_feature_collection(&body, state.config.max_batch_features)?;
    require_collection(&state, &collection, deadline).await?;
    let count = places.len();
    let written = to_the_end(async move {
        let written = bounded(deadline.0, state.store.put_each(&collection, &places)).await;
        // After an error any of them may be written.
        let previous = written.iter().flatten().filter_map(|previous| previous.leaf);
        let leaves: Vec<_> =
            places.iter().map(|place| H3Cell::leaf(place.position)).chain(previous).collect();
        state.search.changed(&collection, &leaves).await;
        written
    });
    written.await?;
    Ok(json(&Written { written: count }))
}
