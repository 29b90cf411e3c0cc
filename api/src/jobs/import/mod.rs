//! Bulk import: from a file or a stream into a collection, in constant memory.
//!
//! ```text
//! source → window → frame → records → chunk ⇒ bounded channel ⇒ pipeline
//! bytes,   look     one     places or                            put_many, then the list of rejected records,
//! unzipped ahead    record  reasons                              then the checkpoint, each durable before the next
//! ```
//!
//! Reading and parsing run on a thread of their own, so that the next chunk is parsed while this one is written.
//!
//! Invariants:
//! - Every record is stored or listed in the rejects file with its line and the reason. An item of an export of
//!   DynamoDB may also be counted as skipped: one of another collection, or a note.
//! - A checkpoint is written after everything before it is durable. A run that is cut off anywhere and started again
//!   ends as one clean run would: same places, every rejected record listed once. Records between the last
//!   checkpoint and the cut are written again, which an upsert by id makes harmless.
//! - What is skipped on resuming is verified by a hash over all bytes, never assumed.

mod checkpoint;
mod chunk;
mod format;
mod frame;
mod pipeline;
mod progress;
mod reader;
mod records;
mod rejects;
mod source;
mod summary;
mod table;
mod whole;
mod window;

use std::path::PathBuf;

use geo_index::Collection;
use thiserror::Error;

pub use self::format::Format;
pub use self::frame::InputError;
pub use self::pipeline::import;
pub use self::progress::{Bar, Progress, Silent};
pub use self::records::Reject;
pub use self::source::Input;
pub use self::summary::Summary;
pub use self::whole::read_whole;
use crate::store::StoreError;

/// Records per chunk: what is written and checkpointed at a time.
pub const CHUNK_RECORDS: usize = 2_000;

/// An import to be done.
pub struct Import {
    /// Where to; created if it does not exist. `None` takes each item of an export of DynamoDB to its own.
    pub collection: Option<Collection>,
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
            input,
            rejects: None,
            dry_run: false,
            restart: false,
            chunk_records: CHUNK_RECORDS,
        }
    }
}

/// How an input is read. A checkpoint holds only for the same options.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Format; by name and beginning of the input if `None`.
    pub format: Option<Format>,
    /// Names of the columns of a CSV.
    pub columns: ColumnNames,
    /// What separates the cells of a CSV.
    pub delimiter: u8,
    /// Of an export of DynamoDB, only items of this collection.
    pub only: Option<Collection>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { format: None, columns: ColumnNames::default(), delimiter: b',', only: None }
    }
}

/// Names of the columns of a CSV, where the usual ones do not do.
#[derive(Clone, Debug, Default)]
pub struct ColumnNames {
    /// Of the id.
    pub id: Option<String>,
    /// Of the latitude.
    pub lat: Option<String>,
    /// Of the longitude.
    pub lon: Option<String>,
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
    /// The rejects file is the input.
    #[error("{} is the input itself; the rejected records need another file", path.display())]
    RejectsAreInput {
        /// Which file.
        path: PathBuf,
    },
}
