//! Lists of roots for collections from before there were any (docs/adr/0017).

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_model::Collection;
use cellar_search::policy::TABLE_SETTLES;
use cellar_store::{DynamoStore, Store as _, StoreError};

/// Time for one look at a list.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait until the index has what was written: that of DynamoDB lags behind its table.
pub(super) fn settles(embedded: bool) -> Duration {
    if embedded { Duration::ZERO } else { 2 * TABLE_SETTLES }
}

/// Makes the lists that are missing in an embedded store, and names those that are missing in a table: there it costs a
/// read of the whole table, and other programs may write to it.
pub(super) async fn make_missing(store: Arc<DynamoStore>, embedded: bool) {
    if let Err(error) = each(&store, embedded).await {
        tracing::info!(%error, "whether all collections have a list of their roots is not known");
    }
}

async fn each(store: &DynamoStore, embedded: bool) -> Result<(), StoreError> {
    for collection in store.collections().await? {
        let name = collection.name;
        if is_listed(store, &name).await? {
            continue;
        }
        if embedded {
            let (places, roots) = store.register_all_roots(&name, settles(embedded)).await?;
            tracing::info!(collection = %name, places, roots, "listed the roots of a collection from an earlier version");
        } else {
            tracing::warn!(
                collection = %name,
                "has no list of its roots, so what spans much of the globe is slow: `cellar table roots` makes it"
            );
        }
    }
    Ok(())
}

async fn is_listed(store: &DynamoStore, collection: &Collection) -> Result<bool, StoreError> {
    Ok(store.roots(collection, Instant::now() + PATIENCE).await?.roots.is_some())
}
