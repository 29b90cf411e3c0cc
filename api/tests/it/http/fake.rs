//! A store in memory whose failures are chosen by the test.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use cellar_api::place::Place;
use cellar_api::store::{
    CollectionInfo, Previous, RangeRead, RangeRows, ReadCost, ScanPart, ScanPosition, Store, StoreError,
};
use geo_index::{Collection, GridCell, H3Cell, PlaceId};
use tokio::sync::Notify;

/// Text of internal errors, which no client may ever see.
pub(crate) const INTERNAL: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/cellar-prod";

/// What the store does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Fail,
    Throttle,
    NoTable,
    Damage,
    Stall,
    Panic,
}

#[derive(Default)]
pub(crate) struct FakeStore {
    fault: Mutex<Option<Fault>>,
    places: Mutex<BTreeMap<(Collection, String), Place>>,
    collections: Mutex<BTreeMap<String, CollectionInfo>>,
    notes: Mutex<BTreeMap<String, String>>,
    pub(crate) note_reads: AtomicU32,
    pub(crate) collection_reads: AtomicU32,
    pub(crate) pings: AtomicU32,
    /// Told of each call that stalls.
    pub(crate) stalled: Notify,
}

impl FakeStore {
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(crate) fn count(&self) -> usize {
        self.places.lock().unwrap().len()
    }

    async fn answer(&self) -> Result<(), StoreError> {
        let fault = *self.fault.lock().unwrap();
        match fault {
            None => Ok(()),
            Some(Fault::Fail) => Err(StoreError::Failed(INTERNAL.into())),
            Some(Fault::Throttle) => Err(StoreError::Throttled),
            Some(Fault::NoTable) => Err(StoreError::NoTable { table: INTERNAL.into() }),
            Some(Fault::Damage) => Err(StoreError::Damaged { key: INTERNAL.into(), reason: "x".into() }),
            Some(Fault::Panic) => panic!("{INTERNAL}"),
            Some(Fault::Stall) => {
                self.stalled.notify_one();
                std::future::pending().await
            }
        }
    }
}

fn previous(place: Option<Place>) -> Previous {
    Previous { existed: place.is_some(), leaf: place.map(|place| H3Cell::leaf(place.position)) }
}

#[async_trait]
impl Store for FakeStore {
    async fn read_range(&self, read: &RangeRead, _: Instant) -> Result<RangeRows, StoreError> {
        self.answer().await?;
        let leaves = read.root.leaf_range();
        assert!(leaves.contains(&read.first_leaf) && leaves.contains(&read.last_leaf));
        let places = self.places.lock().unwrap();
        let mut found: Vec<_> = places
            .iter()
            .filter(|((collection, _), _)| *collection == read.collection)
            .map(|(_, place)| (H3Cell::leaf(place.position), place.clone()))
            .filter(|(leaf, _)| (read.first_leaf..=read.last_leaf).contains(leaf.leaf_range().start()))
            .collect();
        found.sort_by(|(a, p), (b, q)| (a, p.id.as_str()).cmp(&(b, q.id.as_str())));
        let most = read.limit.unwrap_or(read.cap + 1);
        // As DynamoDB: it does not look past its limit.
        let complete = if read.limit.is_some() { found.len() < most } else { found.len() <= most };
        found.truncate(most);
        Ok(RangeRows { places: found, complete, cost: ReadCost { queries: 1, read_units: 0.5 } })
    }

    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError> {
        self.answer().await?;
        Ok(self.places.lock().unwrap().get(&(collection.clone(), id.to_string())).cloned())
    }

    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError> {
        self.answer().await?;
        let key = (collection.clone(), place.id.to_string());
        Ok(previous(self.places.lock().unwrap().insert(key, place.clone())))
    }

    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError> {
        let mut replaced = Vec::new();
        for place in places {
            replaced.push(self.put(collection, place).await?);
        }
        Ok(replaced)
    }

    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError> {
        self.answer().await?;
        Ok(previous(self.places.lock().unwrap().remove(&(collection.clone(), id.to_string()))))
    }

    async fn put_many(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        for place in places {
            self.put(collection, place).await?;
        }
        Ok(())
    }

    async fn scan(&self, collection: &Collection, _: Option<ScanPosition>) -> Result<ScanPart, StoreError> {
        self.answer().await?;
        let places = self.places.lock().unwrap();
        let of_collection = places.iter().filter(|((name, _), _)| name == collection);
        Ok(ScanPart { places: of_collection.map(|(_, place)| place.clone()).collect(), next: None })
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        self.answer().await?;
        Ok(self.collections.lock().unwrap().values().cloned().collect())
    }

    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError> {
        self.collection_reads.fetch_add(1, Ordering::Relaxed);
        self.answer().await?;
        Ok(self.collections.lock().unwrap().get(name.as_str()).cloned())
    }

    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        self.answer().await?;
        let key = info.name.to_string();
        Ok(self.collections.lock().unwrap().insert(key, info.clone()).is_some())
    }

    async fn note(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.note_reads.fetch_add(1, Ordering::Relaxed);
        self.answer().await?;
        Ok(self.notes.lock().unwrap().get(key).cloned())
    }

    async fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        self.answer().await?;
        let mut notes = self.notes.lock().unwrap();
        match text {
            Some(text) => notes.insert(key.to_owned(), text.to_owned()),
            None => notes.remove(key),
        };
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.pings.fetch_add(1, Ordering::Relaxed);
        self.answer().await
    }
}
