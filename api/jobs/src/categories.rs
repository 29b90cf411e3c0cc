//! Categories of a collection: counting them, and keying places by them that were stored without.

use std::collections::BTreeMap;

use cellar_cache::clock::Clock;
use cellar_model::{Category, Collection};
use cellar_search::category_counts::CategoryCounts;
use cellar_store::{DynamoStore, Store, StoreError};
use serde::Serialize;

/// What became of the places of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reindexed {
    /// Places that were read, and written with keys of their categories.
    pub places: u64,
    /// Those of them with categories that no search can ask for: too long, with control characters, or too many.
    pub partly: u64,
}

/// Counts the places of each category; `progress` is told how many places have been read.
pub async fn count(
    store: &dyn Store,
    collection: &Collection,
    clock: &dyn Clock,
    mut progress: impl FnMut(u64),
) -> Result<CategoryCounts, StoreError> {
    let counted_unix_ms = clock.unix_ms();
    let mut counts: BTreeMap<Category, u64> = BTreeMap::new();
    let (mut places, mut from) = (0, None);
    loop {
        let part = store.scan(collection, from).await?;
        for category in part.places.iter().flat_map(|place| place.properties.valid_categories()) {
            *counts.entry(category).or_default() += 1;
        }
        places += part.places.len() as u64;
        progress(places);
        from = part.next;
        if from.is_none() {
            return Ok(CategoryCounts { counted_unix_ms, places, counts });
        }
    }
}

/// Writes every place of a collection anew, with the keys of its categories, and has searches use them from then on.
///
/// A place that changes meanwhile is left as it is: who changes it writes the keys. It may be run again at any time.
pub async fn reindex(
    store: &DynamoStore,
    collection: &Collection,
    mut progress: impl FnMut(u64),
) -> Result<Reindexed, StoreError> {
    if !store.has_category_indexes().await? {
        return Err(StoreError::NoCategoryIndex);
    }
    let (mut done, mut from) = (Reindexed::default(), None);
    loop {
        let part = store.scan(collection, from).await?;
        store.reindex_places(collection, &part.places).await?;
        done.places += part.places.len() as u64;
        done.partly +=
            part.places.iter().filter(|place| place.properties.categories().is_err()).count() as u64;
        progress(done.places);
        from = part.next;
        if from.is_none() {
            store.reindexed(collection).await?;
            return Ok(done);
        }
    }
}
