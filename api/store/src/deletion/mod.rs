//! The deletion of a collection: asked for once, carried out in parts by whoever is there, forgotten at the end
//! (docs/adr/0022).
//!
//! The collection's own item tells that it is being deleted, so a single read says whether a collection can be used.
//! The same attribute holds how far the work has come and who does it; it only ever changes by compare and swap.
//!
//! Invariants: a name can be used again only after a pass over the whole table that began when no writer could still
//! take the collection for alive, and that found nothing. One process works at a time: its lease is in the record, and
//! it stops before the lease ends.

mod job;

use serde::{Deserialize, Serialize};

use cellar_model::Collection;

pub use self::job::{Deleted, Outcome, Settings, Worker, carry_on, unix_ms};

/// A collection that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The collection.
    pub collection: Collection,
    /// Its title for people.
    pub title: Option<String>,
    /// How far it has come.
    pub record: Record,
}

/// How far a deletion has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// A text that no other deletion has.
    pub id: String,
    /// When it was asked for.
    pub began_unix_ms: u64,
    /// Items that were deleted.
    pub deleted: u64,
    /// The pass over the table that is under way.
    pub pass: Option<Pass>,
    /// Who works on it.
    pub lease: Option<Lease>,
}

/// A pass over the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// When it began.
    pub began_unix_ms: u64,
    /// Items that it found.
    pub found: u64,
    /// Where it goes on: the base key after which to scan.
    pub position: Option<String>,
}

/// Who works on a deletion, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A text that no other worker has.
    pub by: String,
    /// Afterwards another may take over.
    pub until_unix_ms: u64,
}

impl Record {
    /// Of a deletion that is asked for now.
    pub fn new(now_unix_ms: u64) -> Self {
        Self { id: unique(), began_unix_ms: now_unix_ms, deleted: 0, pass: None, lease: None }
    }
}

/// A text that nobody else has.
pub(crate) fn unique() -> String {
    format!("{:032x}", fastrand::u128(..))
}
