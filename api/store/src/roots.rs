//! The registry of roots: which roots of a collection exist (docs/adr/0017).
//!
//! Invariant: before a place is written, its root is registered, durably and in an item of its own, and stays so. Hence
//! a root that is not in a complete list has no places. The list is read through the index, as pages are: what either
//! does not show yet was written moments ago.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, WriteRequest};
use cellar_model::Collection;
use cellar_model::key::roots;
use cellar_model::place::Place;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{GridCell as _, H3Cell, Leaf};
use rustc_hash::FxHashSet;

use super::item;
use super::retry::Bounds;
use super::write::{BATCH_ITEMS, put_request};
use super::{DynamoStore, RootsRead, Store as _, StoreError};

/// Roots that are remembered as registered; beyond that, all are forgotten, and written again when they come up.
const MOST_REMEMBERED: usize = 1 << 20;

/// Requests that register roots at a time.
const IN_FLIGHT: usize = 8;

/// Roots that this process has registered.
#[derive(Clone, Debug, Default)]
pub(super) struct Registered(Arc<Mutex<FxHashSet<(Collection, H3Cell)>>>);

impl Registered {
    /// Of some roots, those that are not known to be registered.
    fn unknown(&self, collection: &Collection, found: BTreeSet<H3Cell>) -> Vec<H3Cell> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().filter(|root| !known.contains(&(collection.clone(), *root))).collect()
    }

    /// Nothing is registered any more: the table is gone.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn add(&self, collection: &Collection, new: Vec<H3Cell>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + new.len() > MOST_REMEMBERED {
            known.clear();
        }
        known.extend(new.into_iter().map(|root| (collection.clone(), root)));
    }
}

/// The root that a place is keyed below.
fn root_of(place: &Place) -> Option<H3Cell> {
    Leaf::at(place.position).ancestor(ROOT_RESOLUTION)
}

impl DynamoStore {
    /// Registers the roots of places that are about to be written.
    pub(super) async fn register_roots(
        &self,
        collection: &Collection,
        places: &[Place],
    ) -> Result<(), StoreError> {
        self.register(collection, places.iter().filter_map(root_of).collect()).await
    }

    async fn register(&self, collection: &Collection, found: BTreeSet<H3Cell>) -> Result<(), StoreError> {
        let new = self.registered.unknown(collection, found);
        match new[..] {
            [] => return Ok(()),
            [root] => drop(self.put_item(item::from_root(collection, root)).await?),
            _ => {
                let requests = new.iter().map(|root| put_request(item::from_root(collection, *root)));
                let requests: Vec<WriteRequest> = requests.collect::<Result<_, _>>()?;
                let batches: Vec<Vec<WriteRequest>> =
                    requests.chunks(BATCH_ITEMS).map(<[WriteRequest]>::to_vec).collect();
                let batches = stream::iter(batches).map(|batch| self.write_requests(batch));
                batches.buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
            }
        }
        self.registered.add(collection, new);
        Ok(())
    }

    /// Says that the registry has all roots of a collection.
    pub(super) async fn put_roots_complete(&self, collection: &Collection) -> Result<(), StoreError> {
        self.put_item(item::roots_complete(collection)).await.map(drop)
    }

    pub(super) async fn query_roots(
        &self,
        collection: &Collection,
        deadline: Instant,
    ) -> Result<RootsRead, StoreError> {
        let query = self
            .query_partition(roots::partition(collection))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let bounds = Bounds { deadline: deadline.into(), attempt: self.interactive.attempt, renewal: None };
        let (mut read, mut found, mut start) = (RootsRead::default(), Vec::new(), None);
        let mut complete = false;
        loop {
            let answer =
                self.send_query(&query.clone().set_exclusive_start_key(start.take()), bounds).await?;
            read.cost.queries += 1;
            read.cost.read_units += answer.consumed_capacity.and_then(|c| c.capacity_units).unwrap_or(0.0);
            for item in answer.items.unwrap_or_default() {
                match item::sort_of(&item).parse::<H3Cell>() {
                    Ok(root) if root.level() == ROOT_RESOLUTION => found.push(root),
                    _ => complete |= item::sort_of(&item) == roots::COMPLETE_SORT,
                }
            }
            start = answer.last_evaluated_key;
            // What says that the list is complete comes first.
            if start.is_none() || !complete {
                read.roots = complete.then_some(found);
                return Ok(read);
            }
        }
    }

    pub(super) async fn build_roots(
        &self,
        collection: &Collection,
        settles: Duration,
    ) -> Result<(usize, usize), StoreError> {
        let (mut places, mut found, mut from) = (0, BTreeSet::new(), None);
        loop {
            let part = self.scan(collection, from).await?;
            places += part.places.len();
            found.extend(part.places.iter().filter_map(root_of));
            from = part.next;
            if from.is_none() {
                break;
            }
        }
        let count = found.len();
        self.register(collection, found).await?;
        tokio::time::sleep(settles).await;
        self.put_roots_complete(collection).await?;
        self.settle().await?;
        Ok((places, count))
    }
}
