//! Bulk import: from a file or a stream into a collection, in constant memory.
//!
//! ```text
//! cellar-input → chunk ⇒ bounded channel ⇒ pipeline
//! places or      all ids               put_many, then the list of rejected records, then the checkpoint,
//! reasons        met so far            each durable before the next
//! ```
//!
//! Reading and parsing run on a thread of their own, so that the next chunk is parsed while this one is written.
//!
//! Invariants:
//! - Every record is stored or listed in the rejects file with its line and the reason. An item of an export of
//!   DynamoDB may also be counted as skipped: one of another collection, or a note.
//! - An id that comes again is never overwritten in silence: each such record is listed with both lines ([`OnRepeat`]).
//! - A checkpoint is written after everything before it is durable. A run that is cut off anywhere and started again
//!   ends as one clean run would: same places, every rejected record listed once. Records between the last
//!   checkpoint and the cut are written again, which an upsert by id makes harmless.
//! - What is skipped on resuming is verified by a hash over all bytes, never assumed.

mod checkpoint;
mod chunk;
mod crowds;
mod findings;
mod numbered;
mod pipeline;
mod reader;
mod rejects;
mod seen;
mod summary;

use std::path::{Path, PathBuf};

use cellar_model::Collection;
use thiserror::Error;

use cellar_input::{CollectionRecord, Entry, ItemError, ItemReader};
pub use cellar_input::{
    ColumnNames, Format, Input, InputError, Kind, OnRepeat, Order, Plan, Preset, ReadOptions, Reject,
    RepresentativePoint, read_whole,
};
use cellar_store::{StoreError, dynamo_json};

pub use self::crowds::{Crowded, CrowdedPoint};
pub use self::findings::Findings;
pub use self::numbered::{Preview, preview, read_numbered};
pub use self::pipeline::{forget, import};
pub use self::summary::Summary;
pub use crate::progress::{Bar, Done, Progress, Silent};

/// Records per chunk: what is written and checkpointed at a time.
pub const CHUNK_RECORDS: usize = 2_000;

/// Options that read items of DynamoDB, too.
fn with_items(options: ReadOptions) -> ReadOptions {
    ReadOptions { items: ItemReader::new(item), ..options }
}

fn item(line: &str) -> Result<Entry, ItemError> {
    match dynamo_json::parse(line) {
        Ok(dynamo_json::Entry::Place(collection, place)) => Ok(Entry::Place(collection, place)),
        Ok(dynamo_json::Entry::Collection(info)) => {
            Ok(Entry::Collection(CollectionRecord { name: info.name, title: info.title }))
        }
        Ok(dynamo_json::Entry::Note) => Ok(Entry::Note),
        Err(error) => Err(ItemError { key: error.key, reason: error.reason }),
    }
}

/// An import to be done.
pub struct Import {
    /// Where to. `None` takes each item of an export of DynamoDB to its own.
    pub collection: Option<Collection>,
    /// Whether a collection that does not exist is created; else the import stops as if it were being deleted.
    pub creates: bool,
    /// Where from.
    pub input: Input,
    /// How to read it.
    pub options: ReadOptions,
    /// Where rejected records are listed; `None` is `<input name>.rejected.jsonl` in the current directory.
    pub rejects: Option<PathBuf>,
    /// Only read and check. Rejected records are listed only if `rejects` says where.
    pub dry_run: bool,
    /// Begin with the first record even if an earlier run was cut off.
    pub restart: bool,
    /// Records per chunk, [`CHUNK_RECORDS`] unless a test wants otherwise.
    pub chunk_records: usize,
}

impl Import {
    /// An import with default options.
    pub fn new(collection: Collection, input: Input) -> Self {
        Self {
            options: ReadOptions { only: Some(collection.clone()), ..ReadOptions::default() },
            collection: Some(collection),
            creates: true,
            input,
            rejects: None,
            dry_run: false,
            restart: false,
            chunk_records: CHUNK_RECORDS,
        }
    }

    /// Refuses what an import would refuse before it reads or writes anything.
    pub fn check(&self) -> Result<(), Cause> {
        self.check_rejects(self.rejects_path().as_deref())
    }

    /// Where rejected records are listed, if they are.
    fn rejects_path(&self) -> Option<PathBuf> {
        let default = || (!self.dry_run).then(|| rejects::default_path(&self.input.name()));
        self.rejects.clone().or_else(default)
    }

    /// A list must not take the place of the input, nor of anything that is no list.
    fn check_rejects(&self, path: Option<&Path>) -> Result<(), Cause> {
        let Some(path) = path else { return Ok(()) };
        let whole = path.canonicalize().ok();
        let is_input = |input: &PathBuf| whole.is_some() && input.canonicalize().ok() == whole;
        if self.input.paths().iter().any(is_input) {
            return Err(Cause::RejectsAreInput { path: path.to_owned() });
        }
        rejects::check(path)
    }
}

/// Why an import stopped before the end.
#[derive(Debug, Error)]
#[error("{cause}")]
pub struct ImportError {
    /// What happened.
    pub cause: Cause,
    /// Records that were done by then, all of them durable.
    pub done: u64,
    /// Whether the same command would go on after them.
    pub resumable: bool,
}

/// What stopped an import.
#[derive(Debug, Error)]
pub enum Cause {
    /// The input cannot be read on.
    #[error("{name}: {error}")]
    Input {
        /// Name of the input.
        name: String,
        /// What is wrong with it.
        error: InputError,
    },
    /// The store failed for longer than its retries could cover.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rejects file could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Rejects {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A place came, and it is not said where it belongs.
    #[error("the input does not say of which collection its places are; name one")]
    NoCollection,
    /// There is a file of this name, and it is no list of rejected records.
    #[error("{} is there and is no list of rejected records; it was left as it is, and nothing was imported", path.display())]
    RejectsAreForeign {
        /// Which file.
        path: PathBuf,
    },
    /// The rejects file is the input.
    #[error("{} is the input itself; the rejected records need another file", path.display())]
    RejectsAreInput {
        /// Which file.
        path: PathBuf,
    },
}
