//! Reads that take more than one request: ranges of the index, lists of collections, scans.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use cellar_model::key;
use cellar_model::key::registry;
use cellar_model::place::Place;
use cellar_model::{Category, Collection, PageKey, PageTree};
use futures::future::join_all;
use geo_index::Leaf;

use super::item::{self, Item};
use super::retry::{Bounds, retry};
use super::{CollectionInfo, DynamoStore, RangeRead, RangeRows, ScanPart, ScanPosition, StoreError, table};

/// Queries that one range read may take. Each returns up to 1 MB, so this bounds the memory, too.
const MAX_QUERIES: u32 = 64;

impl DynamoStore {
    pub(super) async fn query_range(
        &self,
        read: &RangeRead,
        bounds: Bounds,
    ) -> Result<RangeRows, StoreError> {
        let Some(category) = &read.category else {
            return self.query_index(&self.range_query(read)?, read, bounds).await;
        };
        let slots = self.index_state(&read.collection).await?.slots;
        let queries: Vec<_> = table::CATEGORY_INDEXES[..slots]
            .iter()
            .map(|index| self.category_query(read, category, *index))
            .collect::<Result<_, _>>()?;
        let found = join_all(queries.iter().map(|query| self.query_index(query, read, bounds))).await;
        if found.iter().any(|found| matches!(found, Err(StoreError::NoCategoryIndex))) {
            self.known.no_index();
        }
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(merged(found, read))
    }

    async fn query_index(
        &self,
        query: &QueryFluentBuilder,
        read: &RangeRead,
        bounds: Bounds,
    ) -> Result<RangeRows, StoreError> {
        let most = read.limit.unwrap_or(read.cap.saturating_add(1));
        let mut rows = RangeRows::default();
        let mut start = None;
        loop {
            let left = query_limit(most - rows.places.len());
            let query = query.clone().limit(left).set_exclusive_start_key(start.take());
            let answer = self.send_query(&query, bounds).await?;
            rows.cost.queries += 1;
            rows.cost.read_units += answer.consumed_capacity.and_then(|c| c.capacity_units).unwrap_or(0.0);
            for mut item in answer.items.unwrap_or_default() {
                if read.bare {
                    item::without_properties(&mut item);
                }
                rows.places.push(item::to_place(&read.collection, item)?);
            }
            start = answer.last_evaluated_key;
            rows.complete = start.is_none();
            let enough = rows.places.len() >= most || rows.cost.queries >= MAX_QUERIES;
            let any = !rows.places.is_empty();
            if rows.complete || (read.limit.is_some() && any) || enough {
                return Ok(rows);
            }
        }
    }

    fn range_query(&self, read: &RangeRead) -> Result<QueryFluentBuilder, StoreError> {
        let page = PageKey::new(read.collection.clone(), read.root).ok_or_else(|| {
            StoreError::Failed(format!("cell {} is coarser than the partitions of the index", read.root))
        })?;
        let (first, last) = sort_range(read);
        let query = self.query_partition(page.partition());
        let query = if read.bare { item::bare(query) } else { query };
        Ok(query
            .key_condition_expression("#root = :root AND #leaf BETWEEN :first AND :last")
            .expression_attribute_names("#leaf", table::LEAF)
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .return_consumed_capacity(ReturnConsumedCapacity::Total))
    }

    /// The same range of a category, in one of the indexes.
    fn category_query(
        &self,
        read: &RangeRead,
        category: &Category,
        (index, attribute): (&str, &str),
    ) -> Result<QueryFluentBuilder, StoreError> {
        let tree = PageTree::of_category(read.collection.clone(), category.clone());
        let page = PageKey::new(tree, read.root).ok_or_else(|| {
            StoreError::Failed(format!("cell {} is coarser than the partitions of the index", read.root))
        })?;
        let (first, last) = sort_range(read);
        let query = self.client.query().table_name(&*self.table).index_name(index);
        let query = if read.bare {
            item::bare(query).expression_attribute_names("#root", table::ROOT)
        } else {
            query
        };
        Ok(query
            .key_condition_expression("#category = :category AND #leaf BETWEEN :first AND :last")
            .expression_attribute_names("#category", attribute)
            .expression_attribute_names("#leaf", table::LEAF)
            .expression_attribute_values(":category", AttributeValue::S(page.partition()))
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .return_consumed_capacity(ReturnConsumedCapacity::Total))
    }

    pub(super) fn query_partition(&self, partition: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&*self.table)
            .index_name(table::INDEX)
            .key_condition_expression("#root = :root")
            .expression_attribute_names("#root", table::ROOT)
            .expression_attribute_values(":root", AttributeValue::S(partition))
    }

    pub(super) async fn send_query(
        &self,
        query: &QueryFluentBuilder,
        bounds: Bounds,
    ) -> Result<QueryOutput, StoreError> {
        let answer = retry(bounds, &self.budget, || {
            let query = query.clone();
            async move { query.send().await.map_err(|error| self.classify(&error)) }
        });
        answer.await
    }

    pub(super) async fn query_collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        let items = self.query_registry().await?.into_iter();
        items.filter(|item| !item::is_marked(item)).map(item::to_collection).collect()
    }

    /// The items of all collections, by name.
    pub(super) async fn query_registry(&self) -> Result<Vec<Item>, StoreError> {
        let query = self.query_partition(registry::PARTITION.to_owned());
        let bounds = self.interactive.bounds();
        let mut collections = Vec::new();
        let mut start = None;
        loop {
            let answer =
                self.send_query(&query.clone().set_exclusive_start_key(start.take()), bounds).await?;
            collections.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(collections);
            }
        }
    }

    /// One Scan request: it reads 1 MB of the whole table and returns what belongs to the collection.
    pub(super) async fn scan_part(
        &self,
        collection: &Collection,
        from: Option<ScanPosition>,
    ) -> Result<ScanPart, StoreError> {
        let request = self
            .client
            .scan()
            .table_name(&*self.table)
            .filter_expression("begins_with(#key, :prefix)")
            .expression_attribute_names("#key", table::KEY)
            .expression_attribute_values(":prefix", AttributeValue::S(key::base_prefix(collection)))
            .set_exclusive_start_key(from.map(|ScanPosition(key)| item::key(key)));
        let answer = retry(self.bulk.bounds(), &self.budget, || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        let answer = answer.await?;
        let places = answer.items.unwrap_or_default().into_iter();
        let places = places.map(|item| item::to_place(collection, item).map(|(_, place)| place));
        let next = answer.last_evaluated_key.map(|mut key: Item| ScanPosition(item::key_of(&mut key)));
        Ok(ScanPart { places: places.collect::<Result<_, _>>()?, next })
    }
}

/// First and last sort key of a range, both inclusive.
fn sort_range(read: &RangeRead) -> (String, String) {
    let (mut first, mut last) = key::sort_range(read.first_leaf, read.last_leaf);
    if let Some(id) = &read.after {
        first = key::sort_after(read.first_leaf, id);
    }
    if let Some(id) = &read.until {
        last = key::sort_of(read.last_leaf, id);
    }
    (first, last)
}

/// What several indexes hold of a range, as one would. Of those that were cut off, nothing is known behind their last row.
fn merged(mut found: Vec<RangeRows>, read: &RangeRead) -> RangeRows {
    if found.len() == 1 {
        return found.swap_remove(0);
    }
    let key = |(leaf, place): &(Leaf, Place)| (*leaf, place.id.clone());
    let cut = |rows: &RangeRows| (!rows.complete).then(|| rows.places.last().map(key)).flatten();
    let end = found.iter().filter_map(cut).min();
    let complete = found.iter().all(|rows| rows.complete);
    let mut all = RangeRows { complete, ..RangeRows::default() };
    for rows in found {
        all.cost += rows.cost;
        all.places.extend(rows.places);
    }
    all.places.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    // An item that changes its place among the indexes may be in two of them for a moment.
    all.places.dedup_by(|a, b| (a.0, &a.1.id) == (b.0, &b.1.id));
    all.places.retain(|place| end.as_ref().is_none_or(|end| key(place) <= *end));
    let most = read.limit.unwrap_or(read.cap.saturating_add(1));
    // As one index does not look past its last row.
    if all.places.len() >= most {
        all.places.truncate(most);
        all.complete = false;
    }
    all
}

/// DynamoDB's limits are from 1 to `i32::MAX`.
fn query_limit(places: usize) -> i32 {
    i32::try_from(places).unwrap_or(i32::MAX).max(1)
}
