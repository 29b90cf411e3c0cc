//! Many places at once.

use axum::extract::State;
use axum::response::Response;
use cellar_model::Collection;
use cellar_model::condition::tag;
use cellar_model::geojson::parse_feature_collection;
use cellar_model::place::Place;
use cellar_store::{Previous, StoreError, bounded};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::json;
use super::body::JsonText;
use super::conditional::Unconditional;
use super::{require_writable, to_the_end};
use crate::description::{CollectionParameter, FeatureBatch, WriteProblems};
use crate::idempotency::{IdempotencyKey, Turn, claim};
use crate::middleware::audit::Places;
use crate::middleware::deadline::Deadline;
use crate::params::{CollectionPath, NoQuery};
use crate::problem::Problem;
use crate::state::AppState;

/// What a batch has done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// Places that were created or replaced: all of the batch.
    #[schema(examples(2))]
    written: usize,
    /// Their entity tags, in the order of the batch: what `If-Match` of a later write may name.
    etags: Vec<String>,
}

/// Create or replace many places
///
/// All features are validated before the first is written; if one is at fault, none is written. If the store
/// fails midway some may be written; sending the batch again is safe.
///
/// With an `Idempotency-Key` a batch that is sent again gets the same answer for 24 hours and is not written again. The
/// same key with another body is a 422, and a 409 while the first request is still being worked on.
#[utoipa::path(
    post,
    path = "/v1/collections/{collection}/items",
    tag = "places",
    operation_id = "postItems",
    params(
        CollectionParameter,
        ("idempotency-key" = inline(Option<String>), Header, description = "A text of the client's own, in double quotes: the batch is written once, however often it is sent within 24 hours", min_length = 1, max_length = 257),
    ),
    request_body(content = FeatureBatch, content_type = "application/geo+json"),
    responses((status = 200, description = "All of them are written", body = Written), WriteProblems),
)]
pub async fn post(
    State(state): State<AppState>,
    CollectionPath(collection): CollectionPath,
    deadline: Deadline,
    _: Unconditional,
    IdempotencyKey(key): IdempotencyKey,
    _: NoQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let places = parse_feature_collection(&body, state.config.max_batch_features)?;
    require_writable(&state, &collection, deadline).await?;
    let answer = Written { written: places.len(), etags: places.iter().map(tag).collect() };
    let work = async move {
        match key {
            Some(key) => write_once(&state, &collection, &places, (&key, &body), deadline).await,
            None => write(&state, &collection, &places, deadline).await.map_err(Problem::from),
        }
    };
    to_the_end(work).await?;
    let mut response = json(&answer);
    response.extensions_mut().insert(Places(answer.written));
    Ok(response)
}

/// Writes unless that was done before under the same key.
async fn write_once(
    state: &AppState,
    collection: &Collection,
    places: &[Place],
    (key, body): (&str, &str),
    deadline: Deadline,
) -> Result<(), Problem> {
    let claimed = tokio::time::timeout_at(deadline.0.into(), claim(&*state.store, collection, key, body));
    match claimed.await.map_err(|_| Problem::from(StoreError::Deadline))?? {
        Turn::Written => Ok(()),
        Turn::Write(claim) => match write(state, collection, places, deadline).await {
            Ok(()) => Ok(bounded(deadline.0, claim.keep()).await?),
            Err(error) => {
                claim.give_up().await;
                Err(error.into())
            }
        },
    }
}

async fn write(
    state: &AppState,
    collection: &Collection,
    places: &[Place],
    deadline: Deadline,
) -> Result<(), StoreError> {
    let announced = places.iter().map(|place| (place.id.clone(), Some(place.placement())));
    let writing = state.search.begin_write(collection, announced.collect()).await;
    let written = bounded(deadline.0, state.store.put_each(collection, places)).await;
    // After an error any of them may be written.
    let previous = written.iter().flatten().filter_map(Previous::placement);
    let placements: Vec<_> = places.iter().map(Place::placement).chain(previous).collect();
    writing.end(&placements).await;
    written.map(drop)
}
