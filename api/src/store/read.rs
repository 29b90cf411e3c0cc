//! Reads that take more than one request: ranges of the index, lists of collections, scans.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use geo_index::key::{self, registry};
use geo_index::{Collection, PageKey};

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
        let query = self.range_query(read)?;
        let most = read.limit.unwrap_or(read.cap.saturating_add(1));
        let mut rows = RangeRows::default();
        let mut start = None;
        loop {
            let left = query_limit(most - rows.places.len());
            let query = query.clone().limit(left).set_exclusive_start_key(start.take());
            let answer = self.send_query(&query, bounds).await?;
            rows.cost.queries += 1;
            rows.cost.read_units += answer.consumed_capacity.and_then(|c| c.capacity_units).unwrap_or(0.0);
            for item in answer.items.unwrap_or_default() {
                rows.places.push(item::to_place(&read.collection, item)?);
            }
            start = answer.last_evaluated_key;
            rows.complete = start.is_none();
            let enough = rows.places.len() >= most || rows.cost.queries >= MAX_QUERIES;
            if rows.complete || read.limit.is_some() || enough {
                return Ok(rows);
            }
        }
    }

    fn range_query(&self, read: &RangeRead) -> Result<QueryFluentBuilder, StoreError> {
        let page = PageKey::new(read.collection.clone(), read.root).ok_or_else(|| {
            StoreError::Failed(format!("cell {} is coarser than the partitions of the index", read.root))
        })?;
        let (first, last) = key::sort_range(read.first_leaf, read.last_leaf);
        Ok(self
            .query_partition(page.partition())
            .key_condition_expression("#root = :root AND #leaf BETWEEN :first AND :last")
            .expression_attribute_names("#leaf", table::LEAF)
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .return_consumed_capacity(ReturnConsumedCapacity::Total))
    }

    fn query_partition(&self, partition: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&*self.table)
            .index_name(table::INDEX)
            .key_condition_expression("#root = :root")
            .expression_attribute_names("#root", table::ROOT)
            .expression_attribute_values(":root", AttributeValue::S(partition))
    }

    async fn send_query(
        &self,
        query: &QueryFluentBuilder,
        bounds: Bounds,
    ) -> Result<QueryOutput, StoreError> {
        let answer = retry(bounds, || {
            let query = query.clone();
            async move { query.send().await.map_err(|error| self.classify(&error)) }
        });
        answer.await
    }

    pub(super) async fn query_collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        let query = self.query_partition(registry::PARTITION.to_owned());
        let bounds = self.interactive.bounds();
        let mut collections = Vec::new();
        let mut start = None;
        loop {
            let answer =
                self.send_query(&query.clone().set_exclusive_start_key(start.take()), bounds).await?;
            for item in answer.items.unwrap_or_default() {
                collections.push(item::to_collection(item)?);
            }
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
        let answer = retry(self.bulk.bounds(), || {
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

/// DynamoDB's limits are from 1 to `i32::MAX`.
fn query_limit(places: usize) -> i32 {
    i32::try_from(places).unwrap_or(i32::MAX).max(1)
}
