//! A table's stream, over the SDK.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client as TableClient;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, ShardIteratorType, StreamRecord, StreamViewType};
use cellar_store::failure::{Failure, classify};
use cellar_store::{DynamoStore, StoreError, table};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::time::timeout;

use super::record::{Image, Meaning, Texts, meaning};

/// Records of one answer, at most; DynamoDB's own limit.
const PAGE_RECORDS: i32 = 1_000;

/// From this size on an answer may be cut off by its size: DynamoDB returns 1 MB at most, and a record with two
/// images can have 800 KB.
const FULL_BYTES: i64 = 200_000;

/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// A shard, as the stream lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its id.
    pub id: String,
    /// The shard that it continues; all of that one's records are older.
    pub parent: Option<String>,
    /// Whether it takes no more records.
    pub closed: bool,
}

/// Where the reading of a shard begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes from now on.
    Latest,
    /// With the oldest record.
    Horizon,
    /// Behind a record, by its sequence number.
    After(String),
    /// At a record, by its sequence number.
    At(String),
}

/// Some records of a shard.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What they mean, in order.
    pub meanings: Vec<Meaning>,
    /// Sequence number of the last.
    pub last: Option<String>,
    /// When the last was created, to about a second, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// Where to go on; `None` at the end of a closed shard.
    pub next: Option<String>,
    /// Whether more may be waiting already.
    pub full: bool,
}

/// Why a stream could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// The iterator is older than 15 minutes.
    #[error("the shard iterator has expired")]
    Expired,
    /// The next records have been removed.
    #[error("records were trimmed before they were read")]
    Trimmed,
    /// The shard is not there any more.
    #[error("the shard is gone")]
    Gone,
    /// The table has no stream of both images.
    #[error("table `{table}` has no stream of new and old images: {reason}")]
    NoStream {
        /// Name of the table.
        table: String,
        /// What it has instead.
        reason: String,
    },
    /// Too many requests.
    #[error("reads of the stream are throttled")]
    Throttled,
    /// Anything else; the text is for logs.
    #[error("the stream cannot be read: {0}")]
    Failed(String),
}

/// A stream of changes.
#[async_trait]
pub trait Stream: Send + Sync + 'static {
    /// All shards that still hold records or take new ones.
    async fn shards(&self) -> Result<Vec<ShardInfo>, StreamError>;

    /// An iterator over a shard.
    async fn iterator(&self, shard: &str, start: &Start) -> Result<String, StreamError>;

    /// The records at an iterator.
    async fn records(&self, iterator: &str) -> Result<Page, StreamError>;
}

/// The stream of a table.
#[derive(Debug)]
pub struct TableStream {
    table: Arc<str>,
    tables: TableClient,
    streams: Client,
    /// Of the stream that was found last: a table that is made anew has another.
    arn: Mutex<String>,
}

impl TableStream {
    /// The stream of a store's table.
    pub fn of(store: &DynamoStore) -> Self {
        Self {
            table: store.table().into(),
            tables: store.client().clone(),
            streams: Client::from_conf(store.stream_config().clone()),
            arn: Mutex::default(),
        }
    }

    /// The stream's name, and the shards that it lists.
    pub(super) async fn described(
        &self,
    ) -> Result<(String, Vec<aws_sdk_dynamodbstreams::types::Shard>), StreamError> {
        let arn = self.find().await?;
        let (mut shards, mut from) = (Vec::new(), None);
        loop {
            let request = self.streams.describe_stream().stream_arn(&arn).set_exclusive_start_shard_id(from);
            let description = self.send(request.send()).await?.stream_description;
            let description = description.ok_or_else(|| StreamError::Failed("no description".to_owned()))?;
            shards.extend(description.shards.unwrap_or_default());
            from = description.last_evaluated_shard_id;
            if from.is_none() {
                return Ok((arn, shards));
            }
        }
    }

    /// The records at an iterator, as they are, and the iterator behind them.
    pub(super) async fn page(
        &self,
        iterator: &str,
        limit: i32,
    ) -> Result<(Vec<StreamRecord>, Option<String>), StreamError> {
        let request = self.streams.get_records().shard_iterator(iterator).limit(limit);
        let answer = self.send(request.send()).await?;
        let records = answer.records.unwrap_or_default();
        Ok((records.into_iter().filter_map(|record| record.dynamodb).collect(), answer.next_shard_iterator))
    }

    async fn find(&self) -> Result<String, StreamError> {
        let no_stream =
            |reason: &str| StreamError::NoStream { table: self.table.to_string(), reason: reason.to_owned() };
        let described = table::describe(&self.tables, &self.table).await.map_err(|error| match error {
            StoreError::NoTable { .. } => no_stream("the table does not exist"),
            StoreError::Throttled => StreamError::Throttled,
            error => StreamError::Failed(error.to_string()),
        })?;
        let setting = described.stream_specification().filter(|setting| setting.stream_enabled());
        let setting = setting.ok_or_else(|| no_stream("its stream is disabled"))?;
        // Both services name the views alike.
        let view = setting.stream_view_type().map_or("", |view| view.as_str());
        if view != StreamViewType::NewAndOldImages.as_str() {
            return Err(no_stream(&format!("its stream shows {view}")));
        }
        let arn = described.latest_stream_arn().ok_or_else(|| no_stream("its stream has no name"))?;
        arn.clone_into(&mut self.arn.lock());
        Ok(arn.to_owned())
    }

    async fn send<T, E>(
        &self,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, StreamError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        // The SDK's futures are large.
        match timeout(REQUEST_LIMIT, Box::pin(request)).await {
            Err(_) => Err(StreamError::Failed("no answer in time".to_owned())),
            Ok(Err(error)) => Err(judge(&self.table, &error)),
            Ok(Ok(answer)) => Ok(answer),
        }
    }
}

#[async_trait]
impl Stream for TableStream {
    async fn shards(&self) -> Result<Vec<ShardInfo>, StreamError> {
        let (_, shards) = self.described().await?;
        Ok(shards.iter().filter_map(shard_info).collect())
    }

    async fn iterator(&self, shard: &str, start: &Start) -> Result<String, StreamError> {
        let arn = self.arn.lock().clone();
        let (kind, number) = match start {
            Start::Latest => (ShardIteratorType::Latest, None),
            Start::Horizon => (ShardIteratorType::TrimHorizon, None),
            Start::After(number) => (ShardIteratorType::AfterSequenceNumber, Some(number.clone())),
            Start::At(number) => (ShardIteratorType::AtSequenceNumber, Some(number.clone())),
        };
        let request = self.streams.get_shard_iterator().stream_arn(arn).shard_id(shard);
        let request = request.shard_iterator_type(kind).set_sequence_number(number);
        let iterator = self.send(request.send()).await?.shard_iterator;
        iterator.ok_or_else(|| StreamError::Failed("no iterator".to_owned()))
    }

    async fn records(&self, iterator: &str) -> Result<Page, StreamError> {
        let (records, next) = self.page(iterator, PAGE_RECORDS).await?;
        let bytes: i64 = records.iter().filter_map(StreamRecord::size_bytes).sum();
        let last = records.last();
        Ok(Page {
            meanings: records.iter().map(|record| meaning(texts(record))).collect(),
            last: last.and_then(|record| record.sequence_number()).map(str::to_owned),
            created_ms: last.and_then(|record| {
                record.approximate_creation_date_time()?.to_millis().ok()?.try_into().ok()
            }),
            full: records.len() >= PAGE_RECORDS as usize || bytes >= FULL_BYTES,
            next,
        })
    }
}

pub(super) fn shard_info(shard: &aws_sdk_dynamodbstreams::types::Shard) -> Option<ShardInfo> {
    let range = shard.sequence_number_range();
    Some(ShardInfo {
        id: shard.shard_id()?.to_owned(),
        parent: shard.parent_shard_id().map(str::to_owned),
        closed: range.is_some_and(|range| range.ending_sequence_number().is_some()),
    })
}

fn texts(record: &StreamRecord) -> Texts<'_> {
    type Item = std::collections::HashMap<String, AttributeValue>;
    fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
        item.get(name)?.as_s().ok().map(String::as_str)
    }
    let image = |item| Image {
        root: text(item, table::ROOT),
        leaf: text(item, table::LEAF),
        categories: table::CATEGORY_INDEXES.map(|(_, attribute)| text(item, attribute)),
    };
    Texts {
        key: record.keys().and_then(|keys| text(keys, table::KEY)),
        old: record.old_image().map(image),
        new: record.new_image().map(image),
    }
}

fn judge<E>(table: &str, error: &SdkError<E, HttpResponse>) -> StreamError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    match code {
        Some("ExpiredIteratorException") => StreamError::Expired,
        Some("TrimmedDataAccessException") => StreamError::Trimmed,
        Some("ResourceNotFoundException") => StreamError::Gone,
        Some("LimitExceededException") => StreamError::Throttled,
        _ => match classify(table, error) {
            Failure::Throttled => StreamError::Throttled,
            Failure::TimedOut => StreamError::Failed("no answer in time".to_owned()),
            Failure::Passing(text) => StreamError::Failed(text),
            Failure::Final(error) => StreamError::Failed(error.to_string()),
        },
    }
}
