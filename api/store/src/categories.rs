//! The categories of collections: which there are, and how many indexes hold them.
//!
//! A place of several categories has one of them in each index, so a read of a category asks every index that the collection
//! is known to need. Invariant: the collection's item says so before the first such place is written, by at least the time
//! that any process goes by what it has read of it ([`TRUSTED_FOR`]); and a category is listed before its first place is
//! written. Neither is ever taken back.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use cellar_model::key::{CATEGORIES_PER_PLACE, registry};
use cellar_model::place::Place;
use cellar_model::{Category, Collection};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::{Instant, sleep};

use super::conditional::Expected;
use super::failure::refuses_condition;
use super::item::{self, Item};
use super::retry::retry;
use super::{CategoryIndex, CategoryPart, DynamoStore, StoreError, table};

/// How long what was read of a collection's item is trusted.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How long a table is taken to have no index by category once it has said so.
const NO_INDEX_FOR: Duration = Duration::from_secs(10);

/// How long a writer trusts that a category is listed. The name of a collection that is deleted is free later than that
/// after its last write (docs/adr/0022), so what is written to the next of that name is listed anew.
const LISTED_FOR: Duration = Duration::from_mins(1);

/// Listed categories that are remembered; beyond that they are forgotten, and written once more.
const REMEMBERED: usize = 100_000;

/// Categories that are listed at a time.
const IN_FLIGHT: usize = 16;

/// What a process knows of categories.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When each was last known to be listed.
    listed: Mutex<HashMap<(Collection, Category), Instant>>,
    states: Mutex<HashMap<Collection, (Instant, CategoryIndex)>>,
    /// How many indexes all readers of a collection are known to ask.
    safe: Mutex<HashMap<Collection, usize>>,
    no_index: Mutex<Option<Instant>>,
}

impl Known {
    fn listed(&self) -> MutexGuard<'_, HashMap<(Collection, Category), Instant>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, entries: impl ExactSizeIterator<Item = (Collection, Category)>, at: Instant) {
        let mut listed = self.listed();
        if listed.len() + entries.len() > REMEMBERED {
            listed.clear();
        }
        listed.extend(entries.map(|entry| (entry, at)));
    }

    /// Nothing is known any more: the table is gone.
    pub(super) fn forget(&self) {
        self.listed().clear();
        self.states().clear();
        self.safe().clear();
    }

    /// Nothing is known of a collection any more: it is a new one.
    pub(super) fn forget_collection(&self, collection: &Collection) {
        self.listed().retain(|(known, _), _| known != collection);
        self.states().remove(collection);
        self.safe().remove(collection);
    }

    fn states(&self) -> MutexGuard<'_, HashMap<Collection, (Instant, CategoryIndex)>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn safe(&self) -> MutexGuard<'_, HashMap<Collection, usize>> {
        self.safe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_safe(&self, collection: &Collection, slots: usize) -> bool {
        self.safe().get(collection).is_some_and(|safe| *safe >= slots)
    }

    pub(super) fn last_state(&self, collection: &Collection) -> Option<CategoryIndex> {
        self.states().get(collection).map(|(_, state)| *state)
    }

    /// Takes note that the table has no index by category, or not yet.
    pub(super) fn no_index(&self) {
        *self.no_index.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn has_no_index(&self) -> bool {
        let seen = *self.no_index.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|at| at.elapsed() < NO_INDEX_FOR)
    }
}

impl DynamoStore {
    /// How the categories of a collection are indexed, as of a second ago at most.
    pub(super) async fn index_state(&self, collection: &Collection) -> Result<CategoryIndex, StoreError> {
        if self.known.has_no_index() {
            return Ok(CategoryIndex::default());
        }
        if let Some((read, state)) = self.known.states().get(collection)
            && read.elapsed() < TRUSTED_FOR
        {
            return Ok(*state);
        }
        self.read_state(collection).await
    }

    async fn read_state(&self, collection: &Collection) -> Result<CategoryIndex, StoreError> {
        // What is read may be as old as the moment before the request.
        let asked = Instant::now();
        let item = self.get_item(&registry::base_key(collection), true).await?;
        let state = item.as_ref().map(item::category_index).unwrap_or_default();
        self.known.states().insert(collection.clone(), (asked, state));
        Ok(state)
    }

    /// Lists the categories of places that are about to be written, and makes sure that whoever reads them asks as many
    /// indexes as they need.
    pub(super) async fn announce(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        let (mut new, mut slots) = (BTreeSet::new(), 1);
        {
            let listed = self.known.listed();
            for place in places {
                let categories = item::indexed(place.properties.valid_categories());
                slots = slots.max(categories.len());
                let unknown = |category: &Category| {
                    let at = listed.get(&(collection.clone(), category.clone()));
                    at.is_none_or(|at| at.elapsed() >= LISTED_FOR)
                };
                new.extend(categories.into_iter().filter(unknown));
            }
        }
        if slots > 1
            && (self.index_state(collection).await?.slots < slots || !self.known.is_safe(collection, slots))
        {
            self.need_slots(collection, slots).await?;
        }
        let asked = Instant::now();
        let entries = stream::iter(new.clone()).map(|category| self.list(collection, category));
        entries.buffer_unordered(IN_FLIGHT).try_collect::<()>().await?;
        self.known.remember(new.into_iter().map(|category| (collection.clone(), category)), asked);
        Ok(())
    }

    /// Lists a category, unless it is. Looking costs less than writing what is there.
    async fn list(&self, collection: &Collection, category: Category) -> Result<(), StoreError> {
        let is_known = self.known.listed().contains_key(&(collection.clone(), category.clone()));
        let key = registry::category_key(collection, &category);
        if !is_known || self.get_item(&key, true).await?.is_none() {
            self.put_item(item::from_category(collection, &category)).await?;
        }
        Ok(())
    }

    /// Raises the number of indexes that readers ask, and waits until all of them do.
    async fn need_slots(&self, collection: &Collection, slots: usize) -> Result<(), StoreError> {
        self.update_collection(
            collection,
            "SET #slots = :slots",
            "attribute_exists(#key) AND (attribute_not_exists(#slots) OR #slots < :slots)",
            &[("#slots", item::SLOTS)],
            &[(":slots", AttributeValue::N(slots.to_string()))],
        )
        .await?;
        self.settle().await?;
        let state = self.read_state(collection).await?;
        if state.slots < slots {
            let reason =
                format!("collection `{collection}` does not exist: places of several categories need it");
            return Err(StoreError::Failed(reason));
        }
        // Another process may have raised it just now: nobody but who waits knows that all readers have seen it.
        if !self.is_private {
            sleep(TRUSTED_FOR + TRUSTED_FOR / 2).await;
        }
        self.known.safe().insert(collection.clone(), state.slots);
        Ok(())
    }

    /// Notes that every place of a collection is in the indexes by category.
    pub(super) async fn mark_indexed(&self, collection: &Collection) -> Result<(), StoreError> {
        self.update_collection(
            collection,
            "SET #keyed = :one",
            "attribute_exists(#key)",
            &[("#keyed", item::KEYED)],
            &[(":one", AttributeValue::N("1".to_owned()))],
        )
        .await?;
        self.settle().await?;
        self.read_state(collection).await.map(drop)
    }

    /// Changes the item of a collection; false if the condition does not hold.
    pub(super) async fn update_collection(
        &self,
        collection: &Collection,
        change: &str,
        condition: &str,
        names: &[(&str, &str)],
        values: &[(&str, AttributeValue)],
    ) -> Result<bool, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(registry::base_key(collection))))
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_names("#key", table::KEY)
            .return_values(ReturnValue::None);
        let request = names.iter().fold(request, |request, (name, attribute)| {
            request.expression_attribute_names(*name, *attribute)
        });
        let request = values.iter().fold(request, |request, (name, value)| {
            request.expression_attribute_values(*name, value.clone())
        });
        retry(self.interactive.bounds(), &self.budget, || {
            let request = request.clone();
            async move {
                match request.send().await {
                    Ok(_) => Ok(true),
                    Err(error) if refuses_condition(&error) => Ok(false),
                    Err(error) => Err(self.classify(&error)),
                }
            }
        })
        .await
    }

    pub(super) async fn is_listed(
        &self,
        collection: &Collection,
        category: &Category,
    ) -> Result<bool, StoreError> {
        let entry = (collection.clone(), category.clone());
        if self.known.listed().contains_key(&entry) {
            return Ok(true);
        }
        let asked = Instant::now();
        let found = self.get_item(&registry::category_key(collection, category), true).await?.is_some();
        if found {
            self.known.remember(std::iter::once(entry), asked);
        }
        Ok(found)
    }

    /// One Query of the list.
    pub(super) async fn query_categories(
        &self,
        collection: &Collection,
        after: Option<&Category>,
        limit: usize,
    ) -> Result<CategoryPart, StoreError> {
        let partition = registry::categories_partition(collection);
        let query = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name(table::CATEGORY_INDEXES[0].0)
            .expression_attribute_names("#category", table::CATEGORY_INDEXES[0].1)
            .expression_attribute_values(":partition", AttributeValue::S(partition))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1));
        let query = match after {
            None => query.key_condition_expression("#category = :partition"),
            Some(after) => query
                .key_condition_expression("#category = :partition AND #leaf > :after")
                .expression_attribute_names("#leaf", table::LEAF)
                .expression_attribute_values(":after", AttributeValue::S(after.to_string())),
        };
        let answer = self.send_query(&query, self.interactive.bounds()).await?;
        let more = answer.last_evaluated_key.is_some();
        let categories = answer.items.unwrap_or_default().into_iter().map(item::to_category);
        Ok(CategoryPart { categories: categories.collect::<Result<_, _>>()?, more })
    }

    /// Writes places anew that were stored without keys of categories; a place that was changed meanwhile has them.
    pub(super) async fn rewrite(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        self.announce(collection, places).await?;
        let items: Vec<Item> =
            places.iter().map(|place| item::from_place(collection, place)).collect::<Result<_, _>>()?;
        let bounds = self.bulk.bounds();
        let puts = stream::iter(&items)
            .map(|item| async move { self.put_expecting(item, &Expected::Content(item), bounds).await });
        puts.buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>().await?;
        self.settle().await
    }
}

const _: () = assert!(table::CATEGORY_INDEXES.len() == CATEGORIES_PER_PLACE);
