//! The store: where a process ends and the table begins.
//!
//! One trait, one implementation: the AWS SDK against a table, be it in AWS, in DynamoDB Local or in the
//! embedded engine behind a loopback port.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | table name, endpoint, time limits, and how a store is connected |
//! | [`dynamo`] | the [`Store`] over the SDK, with `read` and `write` for what takes many requests |
//! | [`deletion`] | deleting a collection, in parts that can be cut off anywhere |
//! | [`maintenance`] | compare and swap, and removing many items |
//! | [`table`] | the table's schema, its creation and its check |
//! | `categories` | which categories there are, and how many indexes hold them |
//! | `conditional` | writes that are done only if the place is what the writer expects |
//! | [`image`] | places as the table's stream has them |
//! | `item` | places, collections and notes as items |
//! | `dynamo_json` | items as lines of DynamoDB's export to S3 |
//! | `roots` | the registry of the roots that exist |
//! | `retry`, `failure` | the one layer of retries, and which errors it is for |
//! | `journal` | what makes writes to the embedded engine durable |
//! | `embedded` | a DynamoDB engine in our own process, for a data directory or in memory |

mod categories;
mod conditional;
pub mod config;
pub mod deletion;
pub mod dynamo;
pub mod dynamo_json;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod failure;
pub mod image;
mod item;
mod journal;
pub mod maintenance;
mod read;
mod retry;
mod roots;
mod schema;
pub mod table;
mod write;

use std::time::Instant;

use async_trait::async_trait;
use cellar_model::condition::Conditions;
use cellar_model::{Category, Collection, PlaceId, Placement};
use geo_index::{H3Cell, Leaf};
use thiserror::Error;

pub use config::{DEFAULT_TABLE, SetupError, StoreConfig};
pub use dynamo::{DynamoStore, TableSize};
#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedError};
pub use maintenance::Maintenance;

use cellar_model::place::Place;

/// A read of the index: places of one root's partition between two leaves, in order of leaf and id. Of a category: of the
/// partitions of one shard, in all indexes by category that the collection needs, side by side.
#[derive(Clone, Debug)]
pub struct RangeRead {
    /// The collection.
    pub collection: Collection,
    /// Only places of this category, by the indexes by category.
    pub category: Option<Category>,
    /// A cell whose partition holds the range: the root, or any cell no coarser that holds it all.
    pub root: H3Cell,
    /// First leaf of the range.
    pub first_leaf: Leaf,
    /// Of the first leaf, only places whose ids come after this one.
    pub after: Option<String>,
    /// Last leaf of the range, inclusive.
    pub last_leaf: Leaf,
    /// Of the last leaf, only places whose ids do not come after this one.
    pub until: Option<String>,
    /// Whether the places may come without their properties, which are most of what travels.
    pub bare: bool,
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
    pub places: Vec<(Leaf, Place)>,
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

/// The roots of a collection.
#[derive(Clone, Debug, Default)]
pub struct RootsRead {
    /// In ascending order: places are below these only. `None` if the list is not known to be complete.
    pub roots: Option<Vec<H3Cell>>,
    /// What it cost.
    pub cost: ReadCost,
}

/// A collection, as the table knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: Collection,
    /// A title for people.
    pub title: Option<String>,
}

/// How the categories of a collection are indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CategoryIndex {
    /// Whether all of its places are in the indexes by category, and the table has these. If not, a search by category has
    /// to look at all places.
    pub complete: bool,
    /// How many of the indexes hold places of it.
    pub slots: usize,
}

impl Default for CategoryIndex {
    /// Of a collection that nothing is known of.
    fn default() -> Self {
        Self { complete: false, slots: 1 }
    }
}

/// Part of the list of a collection's categories, in order of their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryPart {
    /// Categories that places of the collection have, or had.
    pub categories: Vec<Category>,
    /// Whether others follow.
    pub more: bool,
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
pub struct ScanPosition(pub String);

/// What a write of a place found in its stead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Previous {
    /// Whether the place was there.
    pub existed: bool,
    /// Where it was. `None` if it was not there, or if its item was too damaged to say.
    pub leaf: Option<Leaf>,
    /// The categories that it was indexed by.
    pub categories: Vec<Category>,
}

impl Previous {
    /// Where in the indexes it was.
    pub fn placement(&self) -> Option<Placement> {
        Some(Placement { leaf: self.leaf?, categories: self.categories.clone() })
    }
}

/// What came of a write with conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is done; what it found.
    Done(Previous),
    /// The conditions did not hold at some instant since it was asked for. Nothing was changed.
    Unmet,
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
    /// The table has no index by category, or it is still being filled.
    #[error(
        "the table has no index by category; `cellar table create` adds it, and `cellar reindex` makes use of it"
    )]
    NoCategoryIndex,
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
    /// The collection is being deleted.
    #[error("collection `{collection}` is being deleted")]
    Deleting {
        /// Its name.
        collection: Collection,
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

    /// Reads which roots of a collection exist, through the index.
    ///
    /// Invariant: of a complete list, a root was registered durably before the first place below it was written, and
    /// stays registered.
    async fn roots(&self, _: &Collection, _: Instant) -> Result<RootsRead, StoreError> {
        Ok(RootsRead::default())
    }

    /// Registers the roots of all places that a collection has, waits until an index that lags behind has them, and says
    /// that the list is complete; returns how many places and roots there are. For collections from before there was
    /// such a list.
    async fn register_all_roots(
        &self,
        _: &Collection,
        _settles: std::time::Duration,
    ) -> Result<(usize, usize), StoreError> {
        Err(StoreError::Failed("this store keeps no list of roots".to_owned()))
    }

    /// Reads one place, strongly consistently.
    async fn get(&self, collection: &Collection, id: &PlaceId) -> Result<Option<Place>, StoreError>;

    /// Writes one place wherever it was before; tells what it replaced. After an error it may be written or not.
    async fn put(&self, collection: &Collection, place: &Place) -> Result<Previous, StoreError>;

    /// Writes places, whose ids differ, and tells of each, in their order, what it replaced. After an error any of
    /// them may be written, in place of what only the table's stream tells; writing them again is safe.
    async fn put_each(&self, collection: &Collection, places: &[Place]) -> Result<Vec<Previous>, StoreError>;

    /// Removes one place; tells what was there. After an error it may be removed or not.
    async fn delete(&self, collection: &Collection, id: &PlaceId) -> Result<Previous, StoreError>;

    /// Writes one place if conditions hold at that very moment; else nothing changes. What several writers do at the same
    /// time is done one after the other.
    async fn put_if(
        &self,
        collection: &Collection,
        place: &Place,
        conditions: &Conditions,
    ) -> Result<Written, StoreError>;

    /// Removes one place if conditions hold at that very moment. A place that is not there stays so, whatever the
    /// conditions.
    async fn delete_if(
        &self,
        collection: &Collection,
        id: &PlaceId,
        conditions: &Conditions,
    ) -> Result<Written, StoreError>;

    /// Writes many places, faster than [`Store::put_each`], and does not tell what they replaced. Their ids differ.
    /// On an error some may be written; writing them again is safe.
    async fn put_many(&self, collection: &Collection, places: &[Place]) -> Result<(), StoreError>;

    /// Reads all places of a collection, a part at a time. A part may be empty with more to come.
    async fn scan(&self, collection: &Collection, from: Option<ScanPosition>)
    -> Result<ScanPart, StoreError>;

    /// All collections, by name, but those that are being deleted.
    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError>;

    /// One collection, if it exists and is not being deleted.
    async fn collection(&self, name: &Collection) -> Result<Option<CollectionInfo>, StoreError>;

    /// How the categories of a collection are indexed. What another process has changed is seen after a second at the latest.
    async fn category_index(&self, _: &Collection) -> Result<CategoryIndex, StoreError> {
        Ok(CategoryIndex::default())
    }

    /// Whether a collection has, or had, places of a category. False is the truth of this moment.
    async fn has_category(&self, _: &Collection, _: &Category) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// The categories of a collection behind one of them, or from the first, at most as many as are asked for.
    async fn categories(
        &self,
        _: &Collection,
        _after: Option<&Category>,
        _limit: usize,
    ) -> Result<CategoryPart, StoreError> {
        Ok(CategoryPart::default())
    }

    /// Creates a collection or changes its title; tells whether it existed. It is [`StoreError::Deleting`] while it is
    /// being deleted.
    async fn put_collection(&self, info: &CollectionInfo) -> Result<bool, StoreError>;

    /// What [`Store::put_note`] wrote under a key.
    async fn note(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Keeps a small text beside the places (an import's checkpoint); `None` removes it.
    async fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError>;

    /// What keeps the table in order.
    fn maintenance(&self) -> &dyn Maintenance;

    /// One cheap read that shows whether the table answers.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Waits for the store, but not past a deadline.
pub async fn bounded<T>(
    deadline: Instant,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout_at(deadline.into(), call).await.unwrap_or(Err(StoreError::Deadline))
}
