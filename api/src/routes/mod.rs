//! The handlers, one file per resource, each with its part of the OpenAPI document.

pub(crate) mod answer;
pub mod batch;
pub mod body;
pub mod collections;
pub mod health;
pub mod item;
pub mod items;
pub mod nearby;
pub mod openapi;
pub mod problems;

use geo_index::Collection;

use crate::middleware::deadline::Deadline;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Refuses what is below a collection that does not exist.
async fn require_collection(
    state: &AppState,
    collection: &Collection,
    Deadline(deadline): Deadline,
) -> Result<(), Problem> {
    if state.collections.exists(&*state.store, collection, deadline).await? {
        return Ok(());
    }
    Err(unknown_collection(collection))
}

fn unknown_collection(collection: &Collection) -> Problem {
    let detail =
        format!("there is no collection `{collection}`; `PUT /v1/collections/{collection}` creates it");
    Problem::new(Kind::CollectionUnknown, detail).parameter("collection")
}
