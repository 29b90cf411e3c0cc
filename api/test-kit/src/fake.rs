//! A store in memory whose failures are chosen by the test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use cellar_model::condition::{Conditions, tag};
use cellar_model::key::BaseKey;
use cellar_model::place::Place;
use cellar_model::{Category, Collection, PlaceId};
use cellar_store::deletion::{Deletion, Record};
use cellar_store::maintenance::{PassingNote, Swapped, SweepPart};
use cellar_store::{
    CategoryIndex, CategoryPart, CollectionInfo, Maintenance, Previous, RangeRead, RangeRows, ReadCost,
    RootsRead, ScanPart, ScanPosition, Store, StoreError, Written,
};
use geo_index::Leaf;
use geo_index::tree::ROOT_RESOLUTION;
use tokio::sync::Notify;

/// Text of internal errors, which no client may ever see.
pub const INTERNAL: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/cellar-prod";

/// What the store does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Fail,
    Throttle,
    NoTable,
    Damage,
    Stall,
    Panic,
}

#[derive(Default)]
pub struct FakeStore {
    fault: Mutex<Option<Fault>>,
    place_fault: Mutex<Option<Fault>>,
    places: Mutex<BTreeMap<(Collection, String), Place>>,
    collections: Mutex<BTreeMap<String, CollectionInfo>>,
    notes: Mutex<BTreeMap<String, String>>,
    passing: Mutex<BTreeMap<String, PassingNote>>,
    deletions: Mutex<BTreeMap<String, Deletion>>,
    /// Reads of the index that are still answered; all of them if there is no number.
    reads_left: Mutex<Option<u32>>,
    pub range_reads: AtomicU32,
    pub note_reads: AtomicU32,
    pub collection_reads: AtomicU32,
    pub pings: AtomicU32,
    pub scans: AtomicU32,
    /// Whether scans never end.
    pub endless: AtomicBool,
    /// Told of each call that stalls.
    pub stalled: Notify,
}

impl FakeStore {
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Lets so many more reads of the index be answered; those behind them stall.
    pub fn stall_after(&self, reads: u32) {
        *self.reads_left.lock().unwrap() = Some(reads);
    }

    async fn read_is_answered(&self) {
        let left = {
            let mut left = self.reads_left.lock().unwrap();
            let before = *left;
            *left = before.map(|reads| reads.saturating_sub(1));
            before
        };
        if left == Some(0) {
            self.stalled.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Holds a place, and its collection.
    pub fn keep(&self, collection: &Collection, place: Place) {
        let info = CollectionInfo { name: collection.clone(), title: None };
        self.collections.lock().unwrap().entry(collection.to_string()).or_insert(info);
        self.places.lock().unwrap().insert((collection.clone(), place.id.to_string()), place);
    }

    pub fn count(&self) -> usize {
        self.places.lock().unwrap().len()
    }

    /// Only of writes of places.
    pub fn fail_places(&self, fault: Option<Fault>) {
        *self.place_fault.lock().unwrap() = fault;
    }

    async fn answer(&self) -> Result<(), StoreError> {
        let fault = *self.fault.lock().unwrap();
        self.answer_with(fault).await
    }

    async fn answer_with(&self, fault: Option<Fault>) -> Result<(), StoreError> {
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

impl FakeStore {
    async fn categories_of(&self, collection: &Collection) -> Result<BTreeSet<Category>, StoreError> {
        self.answer().await?;
        let places = self.places.lock().unwrap();
        let of_collection = places.iter().filter(|((name, _), _)| name == collection);
        Ok(of_collection.flat_map(|(_, place)| place.properties.valid_categories()).collect())
    }
}

fn previous(place: Option<&Place>) -> Previous {
    let placement = place.map(Place::placement);
    Previous {
        existed: place.is_some(),
        leaf: placement.as_ref().map(|placement| placement.leaf),
        categories: placement.map(|placement| placement.categories).unwrap_or_default(),
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn read_range(&self, read: &RangeRead, _: Instant) -> Result<RangeRows, StoreError> {
        self.range_reads.fetch_add(1, Ordering::Relaxed);
        self.answer().await?;
        self.read_is_answered().await;
        let leaves = read.root.leaves();
        assert!(leaves.contains(&read.first_leaf) && leaves.contains(&read.last_leaf));
        let places = self.places.lock().unwrap();
        let mut found: Vec<_> = places
            .iter()
            .filter(|((collection, _), _)| *collection == read.collection)
            .map(|(_, place)| (Leaf::at(place.position), place.clone()))
            .filter(|(leaf, _)| (read.first_leaf..=read.last_leaf).contains(leaf))
            .filter(|(leaf, place)| {
                let after = read.after.as_deref().filter(|_| *leaf == read.first_leaf);
                let until = read.until.as_deref().filter(|_| *leaf == read.last_leaf);
                after.is_none_or(|after| place.id.as_str() > after)
                    && until.is_none_or(|until| place.id.as_str() <= until)
            })
            .filter(|(_, place)| {
                read.category
                    .as_ref()
                    .is_none_or(|category| place.properties.valid_categories().contains(category))
            })
            .collect();
        found.sort_by(|(a, p), (b, q)| (a, p.id.as_str()).cmp(&(b, q.id.as_str())));
        let most = read.limit.unwrap_or(read.cap + 1);
        // As DynamoDB: it does not look past its limit.
        let complete = if read.limit.is_some() { found.len() < most } else { found.len() <= most };
        found.truncate(most);
        Ok(RangeRows { places: found, complete, cost: ReadCost { queries: 1, read_units: 0.5 } })
    }

    async fn roots(&self, collection: &Collection, _: Instant) -> Result<RootsRead, StoreError> {
        self.answer().await?;
        let places = self.places.lock().unwrap();
        let of_collection = places.iter().filter(|((name, _), _)| name == collection);
        let roots: BTreeSet<_> = of_collection
            .filter_map(|(_, place)| Leaf::at(place.position).ancestor(ROOT_RESOLUTION))
            .collect();
        let cost = ReadCost { queries: 1, read_units: 0.5 };
        Ok(RootsRead { roots: Some(roots.into_iter().collect()), cost })
    }

    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError> {
        self.answer().await?;
        Ok(self.places.lock().unwrap().get(&(collection.clone(), id.to_string())).cloned())
    }

    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError> {
        self.answer().await?;
        let fault = *self.place_fault.lock().unwrap();
        self.answer_with(fault).await?;
        let key = (collection.clone(), place.id.to_string());
        Ok(previous(self.places.lock().unwrap().insert(key, place.clone()).as_ref()))
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
        Ok(previous(self.places.lock().unwrap().remove(&(collection.clone(), id.to_string())).as_ref()))
    }

    async fn put_if(
        &self,
        collection: &Collection,
        place: &Place,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        self.answer().await?;
        let key = (collection.clone(), place.id.to_string());
        let mut places = self.places.lock().unwrap();
        if !conditions.hold(places.get(&key).map(tag).as_deref()) {
            return Ok(Written::Unmet);
        }
        Ok(Written::Done(previous(places.insert(key, place.clone()).as_ref())))
    }

    async fn delete_if(
        &self,
        collection: &Collection,
        id: &PlaceId,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        self.answer().await?;
        let key = (collection.clone(), id.to_string());
        let mut places = self.places.lock().unwrap();
        if places.contains_key(&key) && !conditions.hold(places.get(&key).map(tag).as_deref()) {
            return Ok(Written::Unmet);
        }
        Ok(Written::Done(previous(places.remove(&key).as_ref())))
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
        self.scans.fetch_add(1, Ordering::Relaxed);
        let next = self.endless.load(Ordering::Relaxed).then(|| ScanPosition("#".into()));
        Ok(ScanPart { places: of_collection.map(|(_, place)| place.clone()).collect(), next })
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

    async fn category_index(&self, _: &Collection) -> Result<CategoryIndex, StoreError> {
        self.answer().await?;
        Ok(CategoryIndex { complete: true, slots: 1 })
    }

    async fn has_category(&self, collection: &Collection, category: &Category) -> Result<bool, StoreError> {
        Ok(self.categories_of(collection).await?.contains(category))
    }

    async fn categories(
        &self,
        collection: &Collection,
        after: Option<&Category>,
        limit: usize,
    ) -> Result<CategoryPart, StoreError> {
        let all = self.categories_of(collection).await?;
        let mut behind = all.into_iter().filter(|category| after.is_none_or(|after| category > after));
        let categories = behind.by_ref().take(limit).collect();
        Ok(CategoryPart { categories, more: behind.next().is_some() })
    }

    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        self.answer().await?;
        let key = info.name.to_string();
        if self.deletions.lock().unwrap().contains_key(&key) {
            return Err(StoreError::Deleting { collection: info.name.clone() });
        }
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

    fn maintenance(&self) -> &dyn Maintenance {
        self
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.pings.fetch_add(1, Ordering::Relaxed);
        self.answer().await
    }
}

#[async_trait]
impl Maintenance for FakeStore {
    async fn swap_note(
        &self,
        key: &str,
        from: Option<&str>,
        to: Option<&PassingNote>,
        now_unix_s: u64,
    ) -> Result<Swapped, StoreError> {
        self.answer().await?;
        let mut notes = self.passing.lock().unwrap();
        let there = notes.get(key).filter(|note| from.is_some() || note.expires_unix_s > now_unix_s);
        let found = there.map(|note| note.text.clone());
        if found.as_deref() != from {
            return Ok(Swapped::Found(found));
        }
        match to {
            Some(note) => notes.insert(key.to_owned(), note.clone()),
            None => notes.remove(key),
        };
        Ok(Swapped::Done)
    }

    async fn begin_deletion(
        &self,
        collection: &Collection,
        now_unix_ms: u64,
    ) -> Result<Option<Deletion>, StoreError> {
        self.answer().await?;
        let mut deletions = self.deletions.lock().unwrap();
        if let Some(info) = self.collections.lock().unwrap().remove(collection.as_str()) {
            let record = Record::new(now_unix_ms);
            let deletion = Deletion { collection: info.name, title: info.title, record };
            deletions.insert(collection.to_string(), deletion);
        }
        Ok(deletions.get(collection.as_str()).cloned())
    }

    async fn deletion(&self, collection: &Collection) -> Result<Option<Deletion>, StoreError> {
        self.answer().await?;
        Ok(self.deletions.lock().unwrap().get(collection.as_str()).cloned())
    }

    async fn deletions(&self) -> Result<Vec<Deletion>, StoreError> {
        self.answer().await?;
        Ok(self.deletions.lock().unwrap().values().cloned().collect())
    }

    async fn move_deletion(&self, from: &Deletion, to: Option<&Deletion>) -> Result<bool, StoreError> {
        self.answer().await?;
        let mut deletions = self.deletions.lock().unwrap();
        let key = from.collection.to_string();
        if deletions.get(&key) != Some(from) {
            return Ok(false);
        }
        match to {
            Some(to) => deletions.insert(key, to.clone()),
            None => deletions.remove(&key),
        };
        Ok(true)
    }

    async fn sweep(&self, collection: &Collection, _: Option<ScanPosition>) -> Result<SweepPart, StoreError> {
        self.answer().await?;
        let mut part = SweepPart::default();
        for ((name, id), place) in &*self.places.lock().unwrap() {
            if name == collection {
                part.keys.push(format!("{name}#{id}"));
                part.places.push(place.placement());
            }
        }
        Ok(part)
    }

    async fn remove(&self, keys: &[String]) -> Result<(), StoreError> {
        self.answer().await?;
        for key in keys {
            let BaseKey { collection, id } = key.parse().expect("the key of a place");
            self.places.lock().unwrap().remove(&(collection, id.to_string()));
        }
        Ok(())
    }
}
