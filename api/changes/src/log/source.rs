//! Where the records come from: the table's stream, with the places of its images.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodbstreams::types::{AttributeValue, StreamRecord};
use cellar_model::key::BaseKey;
use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};
use cellar_store::image::{self, Value};
use cellar_store::table;
use tracing::warn;

use super::sequence::Sequence;
use crate::stream::{ShardInfo, Start, Stream, StreamError, TableStream, shard_info};

/// What became of a place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its collection.
    pub collection: Collection,
    /// Its id.
    pub id: PlaceId,
    /// The place as it was; `None` if it was not there, or cannot be read.
    pub old: Option<Place>,
    /// The place as it is now; `None` if it is gone.
    pub new: Option<Place>,
    /// When, to about a second, in milliseconds since 1970.
    pub created_ms: Option<u64>,
}

/// A record of a shard.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number.
    pub sequence: Sequence,
    /// When it was created, to about a second, in milliseconds since 1970.
    pub created_ms: Option<u64>,
    /// What it tells; `None` if it is of no place.
    pub entry: Option<Entry>,
}

/// Some records of a shard, in order.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// The records.
    pub records: Vec<Record>,
    /// Where to go on; `None` at the end of a closed shard.
    pub next: Option<String>,
}

/// The shards of a stream.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The name of the stream; a table that is made anew has another.
    pub stream: String,
    /// All shards that still hold records or take new ones.
    pub shards: Vec<ShardInfo>,
}

/// A stream whose records are read with their images.
#[async_trait]
pub trait ImageStream: Send + Sync + 'static {
    /// The shards that there are.
    async fn listing(&self) -> Result<Listing, StreamError>;

    /// An iterator over a shard.
    async fn begin(&self, shard: &str, start: &Start) -> Result<String, StreamError>;

    /// At most so many records at an iterator.
    async fn images(&self, iterator: &str, limit: i32) -> Result<Images, StreamError>;

    /// Whether the first record of a shard is still kept. It may err on the side of yes for a shard that was made within
    /// the time for which records are kept.
    async fn keeps_beginning(&self, shard: &str) -> Result<bool, StreamError>;
}

#[async_trait]
impl ImageStream for TableStream {
    async fn listing(&self) -> Result<Listing, StreamError> {
        let (stream, shards) = self.described().await?;
        Ok(Listing { stream, shards: shards.iter().filter_map(shard_info).collect() })
    }

    async fn begin(&self, shard: &str, start: &Start) -> Result<String, StreamError> {
        self.iterator(shard, start).await
    }

    async fn images(&self, iterator: &str, limit: i32) -> Result<Images, StreamError> {
        let (records, next) = self.page(iterator, limit).await?;
        let records = records.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Images { records, next })
    }

    async fn keeps_beginning(&self, shard: &str) -> Result<bool, StreamError> {
        let (_, shards) = self.described().await?;
        let shard = shards.into_iter().find(|listed| listed.shard_id() == Some(shard));
        let shard = shard.ok_or(StreamError::Gone)?;
        let first = shard.sequence_number_range().and_then(|range| range.starting_sequence_number());
        let (Some(first), Some(id)) = (first, shard.shard_id()) else { return Ok(true) };
        match self.iterator(id, &Start::At(first.to_owned())).await {
            Err(StreamError::Trimmed) => Ok(false),
            Err(StreamError::Throttled) => Err(StreamError::Throttled),
            _ => Ok(true),
        }
    }
}

fn read(record: StreamRecord) -> Result<Record, StreamError> {
    let sequence = record.sequence_number().and_then(|number| number.parse().ok());
    let sequence = sequence.ok_or_else(|| StreamError::Failed("a record without a number".to_owned()))?;
    let created = record.approximate_creation_date_time().and_then(|at| at.to_millis().ok());
    let created_ms = created.and_then(|ms| u64::try_from(ms).ok());
    Ok(Record { sequence, created_ms, entry: entry(record, created_ms) })
}

/// What an item that this program has not written becomes is not told: no answer would have it either.
fn entry(record: StreamRecord, created_ms: Option<u64>) -> Option<Entry> {
    let AttributeValue::S(key) = record.keys?.remove(table::KEY)? else { return None };
    if key.starts_with('#') {
        return None;
    }
    let BaseKey { collection, id } = key.parse().ok()?;
    let place = |image| image::place(&collection, &key, attributes(image));
    let old = record.old_image.and_then(|image| place(image).ok());
    let new = match record.new_image.map(place) {
        Some(Ok(place)) => Some(place),
        None => None,
        Some(Err(error)) => {
            warn!(%error, "a change is not told: its item cannot be read");
            return None;
        }
    };
    Some(Entry { collection, id, old, new, created_ms })
}

fn attributes(image: HashMap<String, AttributeValue>) -> impl Iterator<Item = (String, Value)> {
    image.into_iter().filter_map(|(name, value)| match value {
        AttributeValue::S(text) => Some((name, Value::Text(text))),
        AttributeValue::N(digits) => Some((name, Value::Number(digits))),
        _ => None,
    })
}
