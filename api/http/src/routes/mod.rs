//! The handlers, one file per resource, each with its part of the OpenAPI document.

pub(crate) mod answer;
pub mod batch;
pub mod body;
pub mod categories;
pub mod cell_counts;
pub mod cells;
pub mod changes;
mod coded;
pub mod collections;
mod conditional;
pub mod edge_map;
pub mod explorer;
pub mod health;
mod html;
pub mod imports;
pub mod item;
pub mod items;
pub mod landing;
pub mod live;
pub mod nearby;
pub mod nearby_batch;
pub mod openapi;
mod openapi_3_0;
pub mod pages;
pub mod ping;
pub mod problems;
pub mod search;
mod shared;
pub mod tiles;

use cellar_model::Collection;
use cellar_store::StoreError;
use tracing::Instrument as _;

use crate::known::{Lifecycle, Purpose};
use crate::middleware::deadline::Deadline;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Refuses what is below a collection that does not exist.
async fn require_collection(
    state: &AppState,
    collection: &Collection,
    Deadline(deadline): Deadline,
) -> Result<(), Problem> {
    match state.collections.lifecycle(&*state.store, collection, Purpose::Read, deadline).await? {
        Lifecycle::Live => Ok(()),
        Lifecycle::Deleting => Err(gone(collection)),
        Lifecycle::Unknown => Err(unknown_collection(collection)),
    }
}

/// Refuses to write below a collection that does not exist, or will not for long.
async fn require_writable(
    state: &AppState,
    collection: &Collection,
    Deadline(deadline): Deadline,
) -> Result<(), Problem> {
    match state.collections.lifecycle(&*state.store, collection, Purpose::Write, deadline).await? {
        Lifecycle::Live => Ok(()),
        Lifecycle::Deleting => Err(StoreError::Deleting { collection: collection.clone() }.into()),
        Lifecycle::Unknown => Err(unknown_collection(collection)),
    }
}

fn gone(collection: &Collection) -> Problem {
    let detail = format!(
        "collection `{collection}` is being deleted; `GET /v1/collections/{collection}` tells how far that is"
    );
    Problem::new(Kind::CollectionGone, detail).parameter("collection")
}

/// Carries work out to its end even if the client goes away or the deadline passes: no write may be left without its
/// invalidation.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is ending, and this task with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

/// What is said of a path that nothing lives at.
pub(crate) fn unknown_route() -> Problem {
    Problem::new(Kind::RouteUnknown, "nothing lives at this path; `/openapi.json` lists what does")
}

fn unknown_collection(collection: &Collection) -> Problem {
    let detail =
        format!("there is no collection `{collection}`; `PUT /v1/collections/{collection}` creates it");
    Problem::new(Kind::CollectionUnknown, detail).parameter("collection")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::sync::oneshot;

    use super::to_the_end;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_for_it() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, end) = oneshot::channel();
        let work = to_the_end(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        });
        assert!(work.now_or_never().is_none(), "and is dropped");
        go.send(()).unwrap();
        assert_eq!(end.await, Ok(7));
    }
}
