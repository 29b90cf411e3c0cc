//! The store: where a process ends and the table begins.
//!
//! One trait, one implementation: the AWS SDK against a table, be it in AWS, in DynamoDB Local or in the
//! embedded engine behind a loopback port.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | table name, endpoint, time limits, and how a store is connected |
//! | [`dynamo`] | the [`Store`] over the SDK, with `read` and `write` for what takes many requests |
//! | [`table`] | names of the table's attributes, and its creation |
//! | `item` | places, collections and notes as items |
//! | `dynamo_json` | items as lines of DynamoDB's export to S3 |
//! | `retry`, `failure` | the one layer of retries, and which errors it is for |
//! | `journal` | what makes writes to the embedded engine durable |
//! | `embedded` | a DynamoDB engine in our own process, for a data directory or in memory |

pub mod config;
pub mod dynamo;
#[cfg(feature = "cli")]
pub(crate) mod dynamo_json;
#[cfg(feature = "cli")]
pub mod embedded;
pub(crate) mod failure;
mod item;
mod journal;
mod read;
mod retry;
pub mod table;
mod write;

use std::time::Instant;

use async_trait::async_trait;
use geo_index::{Collection, H3Cell, PlaceId};
use thiserror::Error;

pub use config::{DEFAULT_TABLE, SetupError, StoreConfig};
pub use dynamo::DynamoStore;
#[cfg(feature = "cli")]
pub use embedded::{Embedded, EmbeddedError};
#[cfg(feature = "cli")]
pub(crate) use item::kept_number;

use crate::place::Place;

/// A read of the index: places of one root's partition between two leaves, in order of leaf and id.
#[derive(Clone, Debug)]
pub struct RangeRead {
    /// The collection.
    pub collection: Collection,
    /// The root whose partition holds the range.
    pub root: H3Cell,
    /// First leaf of the range.
    pub first_leaf: u64,
    /// Last leaf of the range, inclusive.
    pub last_leaf: u64,
    /// At most this many places, from one Query; `None` reads on, over as many Queries as that takes, to the
    /// end of the range or to `cap`.
    pub limit: Option<usize>,
    /// Without a `limit`: a range of at most this many places comes back complete; of a larger one, at most
    /// one place more than this does. It keeps one request from filling the memory.
    pub cap: usize,
}

/// What a [`RangeRead`] found.
#[derive(Clone, Debug, Default)]
pub struct RangeRows {
    /// The places, in order of leaf and id, each with its leaf.
    pub places: Vec<(H3Cell, Place)>,
    /// Whether nothing of the range is missing. False when the limit, the cap or DynamoDB's 1 MB per Query cut
    /// it off; then everything before the last returned leaf is there. A cut at exactly the last place of the
    /// range counts as one, for DynamoDB does not look past it.
    pub complete: bool,
    /// What it cost.
    pub cost: ReadCost,
}

/// The work of reading, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadCost {
    /// DynamoDB requests that were answered; repeated attempts cost nothing.
    pub queries: u32,
    /// Read units that DynamoDB reported for them (half a unit for 4 KB read eventually consistently).
    pub read_units: f64,
}

impl std::ops::AddAssign for ReadCost {
    fn add_assign(&mut self, more: Self) {
        self.queries += more.queries;
        self.read_units += more.read_units;
    }
}

/// A collection, as the table knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: Collection,
    /// A title for people.
    pub title: Option<String>,
}

/// Part of a scan over all places of a collection, in no order.
#[derive(Clone, Debug, Default)]
pub struct ScanPart {
    /// The places.
    pub places: Vec<Place>,
    /// Where to go on; `None` at the end.
    pub next: Option<ScanPosition>,
}

/// Where a scan goes on: the base key that DynamoDB returned last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPosition(pub(crate) String);

/// What a write of a place found in its stead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Previous {
    /// Whether the place was there.
    pub existed: bool,
    /// Where it was. `None` if it was not there, or if its item was too damaged to say.
    pub leaf: Option<H3Cell>,
}

/// Why the store could not do as asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Past the deadline.
    #[error("the store did not answer in time")]
    Deadline,
    /// Throttled for longer than retries could cover.
    #[error("the store is throttling requests")]
    Throttled,
    /// The table does not exist.
    #[error("table `{table}` does not exist; create it with `cellar table create --table {table}`")]
    NoTable {
        /// Name of the table.
        table: String,
    },
    /// Unreachable, refused or failed; the text is for logs, not for clients.
    #[error("the store failed: {0}")]
    Failed(String),
    /// More than an item of the table can hold.
    #[error("item `{key}` has {bytes} bytes; at most {max_bytes} can be stored")]
    TooLarge {
        /// Base key of the item.
        key: String,
        /// Its size.
        bytes: usize,
        /// Size that an item may have.
        max_bytes: usize,
    },
    /// An item that this program did not write or cannot read.
    #[error("item `{key}` is damaged: {reason}")]
    Damaged {
        /// Base or sort key of the item.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads and writes of one table.
///
/// Invariant: a write that returns `Ok` is durable, and `get` sees it at once. Range reads go through the
/// index, which DynamoDB updates within moments.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a range of the index.
    async fn read_range(&self, read: &RangeRead, deadline: Instant) -> Result<RangeRows, StoreError>;

    /// Reads one place, strongly consistently.
    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError>;

    /// Writes one place wherever it was before; tells what it replaced. After an error it may be written or not.
    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError>;

    /// Writes places, whose ids differ, and tells of each, in their order, what it replaced. After an error any of
    /// them may be written, in place of what only the table's stream tells; writing them again is safe.
    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError>;

    /// Removes one place; tells what was there. After an error it may be removed or not.
    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError>;

    /// Writes many places, faster than [`Store::put_each`], and does not tell what they replaced. Their ids differ.
    /// On an error some may be written; writing them again is safe.
    async fn put_many(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError>;

    /// Reads all places of a collection, a part at a time. A part may be empty with more to come.
    async fn scan(&self, collection: &Collection, from: Option<ScanPosition>)
    -> Result<ScanPart, StoreError>;

    /// All collections, by name.
    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError>;

    /// One collection, if it exists.
    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError>;

    /// Creates a collection or changes its title; tells whether it existed.
    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError>;

    /// What [`Store::put_note`] wrote under a key.
    async fn note(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Keeps a small text beside the places (an import's checkpoint); `None` removes it.
    async fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError>;

    /// One cheap read that shows whether the table answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
