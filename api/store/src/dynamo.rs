//! The store over the AWS SDK, whatever the endpoint.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::ReturnValue;
use cellar_model::condition::Conditions;
use cellar_model::key::registry;
use cellar_model::place::Place;
use cellar_model::{Category, Collection, PlaceId};

use super::categories::Known;
use super::config::CallLimits;
#[cfg(feature = "embedded")]
use super::embedded::Bulk;
use super::failure::{Failure, classify};
use super::item::{self, Item};
use super::journal::Journal;
use super::retry::{Bounds, RetryBudget, retry};
use super::roots::Registered;
use super::write::BATCH_ITEMS;
#[cfg(feature = "embedded")]
use super::write::EMBEDDED_BATCH_PLACES;
use super::{
    CategoryIndex, CategoryPart, CollectionInfo, Maintenance, Previous, RangeRead, RangeRows, RootsRead,
    ScanPart, ScanPosition, SetupError, Store, StoreConfig, StoreError, Written, table,
};

/// How much a table holds, as it was counted last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Items: places, and what is known of collections.
    pub items: Option<u64>,
    /// Bytes of these.
    pub bytes: Option<u64>,
}

/// A table behind an SDK client. Clones share the client's connections.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(super) client: Client,
    /// Of the client that reads the stream, which few processes need.
    streams: aws_sdk_dynamodbstreams::Config,
    pub(super) table: Arc<str>,
    pub(super) interactive: CallLimits,
    pub(super) bulk: CallLimits,
    pub(super) batches_in_flight: usize,
    /// Places that a batch holds at most.
    pub(super) batch_places: usize,
    /// Of an embedded engine on disk; a DynamoDB table is durable by itself.
    journal: Option<Journal>,
    /// Of an embedded engine in this process: the way that batches take.
    #[cfg(feature = "embedded")]
    pub(super) direct: Option<Bulk>,
    /// Roots that need not be registered again.
    pub(super) registered: Registered,
    /// Whether no other process can reach the table.
    pub(super) is_private: bool,
    pub(super) known: Arc<Known>,
    /// Retries that may still be caused; clones share it.
    pub(super) budget: Arc<RetryBudget>,
}

impl DynamoStore {
    /// A store over a client that does not retry: [`connect`](super::config::connect) makes one.
    pub(super) fn new(
        client: Client,
        streams: aws_sdk_dynamodbstreams::Config,
        config: &StoreConfig,
    ) -> Self {
        Self {
            client,
            streams,
            table: config.table.as_str().into(),
            interactive: config.interactive,
            bulk: config.bulk,
            batches_in_flight: config.batches_in_flight.max(1),
            batch_places: BATCH_ITEMS,
            journal: None,
            #[cfg(feature = "embedded")]
            direct: None,
            registered: Registered::default(),
            is_private: false,
            known: Arc::default(),
            budget: Arc::default(),
        }
    }

    /// As a store on an embedded engine: larger batches, and a log that is forced to disk before any write is acknowledged.
    #[cfg(feature = "embedded")]
    pub(super) fn on_engine(self, journal: Option<Journal>, direct: Option<Bulk>) -> Self {
        Self { is_private: journal.is_none(), journal, direct, batch_places: EMBEDDED_BATCH_PLACES, ..self }
    }

    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        match &self.journal {
            Some(journal) => journal.settle().await,
            None => Ok(()),
        }
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The client that the store uses: it does not retry.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Settings of a client that reads the table's stream.
    pub fn stream_config(&self) -> &aws_sdk_dynamodbstreams::Config {
        &self.streams
    }

    /// Creates the table unless it is there; then checks that it is one of ours. Waits until it can be used.
    pub async fn create_table(&self, stream: table::Stream) -> Result<table::Created, SetupError> {
        table::create(&self.client, &self.table, stream).await
    }

    /// Whether the table has all indexes by category, ready to be read.
    pub async fn has_category_indexes(&self) -> Result<bool, StoreError> {
        Ok(table::has_category_indexes(&table::describe(&self.client, &self.table).await?))
    }

    /// How much the table holds, as DynamoDB counted it last: every six hours or so.
    pub async fn size(&self) -> Result<TableSize, StoreError> {
        let table = table::describe(&self.client, &self.table).await?;
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        Ok(TableSize { items: number(table.item_count()), bytes: number(table.table_size_bytes()) })
    }

    /// Writes places anew that were stored before there were indexes by category, unless they have changed meanwhile.
    pub async fn reindex_places(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        self.rewrite(collection, places).await
    }

    /// Notes that all places of a collection are in the indexes by category: searches use them from now on.
    pub async fn reindexed(&self, collection: &Collection) -> Result<(), StoreError> {
        self.mark_indexed(collection).await
    }

    /// Gives the table a stream unless it has one.
    #[cfg(feature = "embedded")]
    pub(super) async fn enable_stream(&self) -> Result<(), StoreError> {
        table::enable_stream(&self.client, &self.table).await
    }

    /// Lets notes end that say when, in a table of an earlier version, too.
    #[cfg(feature = "embedded")]
    pub(super) async fn enable_expiry(&self) -> Result<(), StoreError> {
        table::expire(&self.client, &self.table).await
    }

    /// Removes the table with everything in it.
    pub async fn delete_table(&self) -> Result<(), StoreError> {
        self.registered.forget();
        self.known.forget();
        table::delete(&self.client, &self.table).await
    }

    pub(super) fn classify<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        classify(&self.table, error)
    }

    pub(super) async fn get_item(&self, key: &str, consistent: bool) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key.to_owned())))
            .consistent_read(consistent);
        let answer = retry(self.interactive.bounds(), &self.budget, || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(item::given(answer.await?.item))
    }

    /// Returns what it replaced.
    pub(super) async fn put_item(&self, item: Item) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .return_values(ReturnValue::AllOld);
        let answer = retry(self.interactive.bounds(), &self.budget, || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(item::given(answer.await?.attributes))
    }

    /// Makes sure that places which are about to be written will be found: their roots and categories are listed.
    async fn prepare(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        let roots = self.register_roots(collection, places);
        futures::future::try_join(roots, self.announce(collection, places)).await.map(drop)
    }

    /// Returns what was there.
    async fn delete_item(&self, key: String) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key)))
            .return_values(ReturnValue::AllOld);
        let answer = retry(self.interactive.bounds(), &self.budget, || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(item::given(answer.await?.attributes))
    }
}

impl CallLimits {
    pub(super) fn bounds(self) -> Bounds {
        let renewal = self.waits_out_throttling.then_some(self.call);
        Bounds { deadline: tokio::time::Instant::now() + self.call, attempt: self.attempt, renewal }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn read_range(&self, read: &RangeRead, deadline: Instant) -> Result<RangeRows, StoreError> {
        let bounds = Bounds { deadline: deadline.into(), attempt: self.interactive.attempt, renewal: None };
        self.query_range(read, bounds).await
    }

    async fn roots(&self, collection: &Collection, deadline: Instant) -> Result<RootsRead, StoreError> {
        self.query_roots(collection, deadline).await
    }

    async fn register_all_roots(
        &self,
        collection: &Collection,
        settles: Duration,
    ) -> Result<(usize, usize), StoreError> {
        self.build_roots(collection, settles).await
    }

    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError> {
        let found = self.get_item(&item::base_key(collection, id), true).await?;
        found.map(|item| item::to_place(collection, item).map(|(_, place)| place)).transpose()
    }

    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError> {
        let item = item::from_place(collection, place)?;
        self.prepare(collection, std::slice::from_ref(place)).await?;
        let replaced = self.put_item(item).await?;
        self.settle().await?;
        Ok(item::previous(replaced.as_ref()))
    }

    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError> {
        self.prepare(collection, places).await?;
        let previous = self.write_each(collection, places).await?;
        self.settle().await?;
        Ok(previous)
    }

    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError> {
        let removed = self.delete_item(item::base_key(collection, id)).await?;
        self.settle().await?;
        Ok(item::previous(removed.as_ref()))
    }

    async fn put_if(
        &self,
        collection: &Collection,
        place: &Place,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        self.prepare(collection, std::slice::from_ref(place)).await?;
        let written = self.put_conditionally(collection, place, conditions).await?;
        self.settle().await?;
        Ok(written)
    }

    async fn delete_if(
        &self,
        collection: &Collection,
        id: &PlaceId,
        conditions: &Conditions,
    ) -> Result<Written, StoreError> {
        let written = self.delete_conditionally(collection, id, conditions).await?;
        self.settle().await?;
        Ok(written)
    }

    async fn put_many(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
        self.prepare(collection, places).await?;
        self.write_batches(collection, places).await?;
        self.settle().await
    }

    async fn scan(
        &self,
        collection: &Collection,
        from: Option<ScanPosition>,
    ) -> Result<ScanPart, StoreError> {
        self.scan_part(collection, from).await
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        self.query_collections().await
    }

    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError> {
        let found = self.get_item(&registry::base_key(name), true).await?;
        found.filter(|item| !item::is_marked(item)).map(item::to_collection).transpose()
    }

    async fn category_index(&self, collection: &Collection) -> Result<CategoryIndex, StoreError> {
        match self.index_state(collection).await {
            // While the table does not answer, old answers may: what was known last decides where they are looked for.
            Err(error) => self.known.last_state(collection).ok_or(error),
            state => state,
        }
    }

    async fn has_category(&self, collection: &Collection, category: &Category) -> Result<bool, StoreError> {
        self.is_listed(collection, category).await
    }

    async fn categories(
        &self,
        collection: &Collection,
        after: Option<&Category>,
        limit: usize,
    ) -> Result<CategoryPart, StoreError> {
        self.query_categories(collection, after, limit).await
    }

    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        if self.get_item(&registry::base_key(&info.name), true).await?.is_none() {
            // Without a collection there are no places, so no root is missing.
            self.put_roots_complete(&info.name).await?;
        }
        self.create_or_title(info).await
    }

    async fn note(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.get_item(key, true).await?.map(item::to_note).transpose()
    }

    async fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        match text {
            Some(text) => self.put_item(item::from_note(key, text)?).await?,
            None => self.delete_item(key.to_owned()).await?,
        };
        self.settle().await
    }

    fn maintenance(&self) -> &dyn Maintenance {
        self
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // No item has this key; looking for it costs half a read unit.
        self.get_item(registry::PARTITION, false).await.map(drop)
    }
}
