//! The store over the AWS SDK, whatever the endpoint.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::ReturnValue;
use geo_index::key::registry;
use geo_index::{Collection, PlaceId};

use super::config::CallLimits;
use super::failure::{Failure, classify};
use super::item::{self, Item};
use super::journal::Journal;
use super::retry::{Bounds, retry};
use super::{
    CollectionInfo, Previous, RangeRead, RangeRows, ScanPart, ScanPosition, SetupError, Store, StoreConfig,
    StoreError, table,
};
use crate::changes::TableStream;
use crate::place::Place;

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
    /// Of an embedded engine on disk; a DynamoDB table is durable by itself.
    journal: Option<Journal>,
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
            journal: None,
        }
    }

    /// Forces a log to disk before any write is acknowledged.
    #[cfg(feature = "cli")]
    pub(super) fn with_journal(self, journal: Option<Journal>) -> Self {
        Self { journal, ..self }
    }

    async fn settle(&self) -> Result<(), StoreError> {
        match &self.journal {
            Some(journal) => journal.settle().await,
            None => Ok(()),
        }
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The stream of the table's changes.
    pub fn changes(&self) -> TableStream {
        let streams = aws_sdk_dynamodbstreams::Client::from_conf(self.streams.clone());
        TableStream::new(Arc::clone(&self.table), self.client.clone(), streams)
    }

    /// Creates the table unless it is there; then checks that it is one of ours. Waits until it can be used.
    pub async fn create_table(&self, stream: table::Stream) -> Result<table::Created, SetupError> {
        table::create(&self.client, &self.table, stream).await
    }

    /// Gives the table a stream unless it has one.
    #[cfg(feature = "cli")]
    pub(super) async fn enable_stream(&self) -> Result<(), StoreError> {
        table::enable_stream(&self.client, &self.table).await
    }

    /// Removes the table with everything in it.
    pub async fn delete_table(&self) -> Result<(), StoreError> {
        table::delete(&self.client, &self.table).await
    }

    pub(super) fn classify<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        classify(&self.table, error)
    }

    async fn get_item(&self, key: &str, consistent: bool) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key.to_owned())))
            .consistent_read(consistent);
        let answer = retry(self.interactive.bounds(), || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(answer.await?.item)
    }

    /// Returns what it replaced.
    pub(super) async fn put_item(&self, item: Item) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .return_values(ReturnValue::AllOld);
        let answer = retry(self.interactive.bounds(), || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(answer.await?.attributes)
    }

    /// Returns what was there.
    async fn delete_item(&self, key: String) -> Result<Option<Item>, StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key)))
            .return_values(ReturnValue::AllOld);
        let answer = retry(self.interactive.bounds(), || {
            let request = request.clone();
            async move { request.send().await.map_err(|error| self.classify(&error)) }
        });
        Ok(answer.await?.attributes)
    }
}

impl CallLimits {
    pub(super) fn bounds(self) -> Bounds {
        Bounds { deadline: tokio::time::Instant::now() + self.call, attempt: self.attempt }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn read_range(&self, read: &RangeRead, deadline: Instant) -> Result<RangeRows, StoreError> {
        let bounds = Bounds { deadline: deadline.into(), attempt: self.interactive.attempt };
        self.query_range(read, bounds).await
    }

    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError> {
        let found = self.get_item(&item::base_key(collection, id), true).await?;
        found.map(|item| item::to_place(collection, item).map(|(_, place)| place)).transpose()
    }

    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError> {
        let replaced = self.put_item(item::from_place(collection, place)?).await?;
        self.settle().await?;
        Ok(item::previous(replaced.as_ref()))
    }

    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError> {
        let previous = self.write_each(collection, places).await?;
        self.settle().await?;
        Ok(previous)
    }

    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError> {
        let removed = self.delete_item(item::base_key(collection, id)).await?;
        self.settle().await?;
        Ok(item::previous(removed.as_ref()))
    }

    async fn put_many(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError> {
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
        self.get_item(&registry::base_key(name), true).await?.map(item::to_collection).transpose()
    }

    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError> {
        let existed = self.put_item(item::from_collection(info)?).await?;
        self.settle().await?;
        Ok(existed.is_some())
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

    async fn ping(&self) -> Result<(), StoreError> {
        // No item has this key; looking for it costs half a read unit.
        self.get_item(registry::PARTITION, false).await.map(drop)
    }
}
