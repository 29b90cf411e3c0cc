//! What a file no longer has, and removing it: the second half of an import that replaces a collection.
//!
//! ```text
//! file ──ids──▶ buckets ┐
//!                       ├─▶ by bucket: in the collection, not in the file ─▶ list ─▶ (import) ─▶ removal
//! table ─ids──▶ buckets ┘
//! ```
//!
//! Ids go to files by their hash, so one of 64 parts is in memory at a time, however many places there are.
//!
//! Invariants:
//! - Nothing is removed whose id the file has. A rejected record may stand for any place, since what makes it a reject
//!   may have spoilt its id, too: then nothing is removed at all, unless the caller trusts the ids of rejected records.
//!   Those of them that have no id forbid it even then.
//! - The list is of the state before the import. A place that comes meanwhile is not on it.
//! - Removing goes after the import, so a run that is cut off leaves too much, never too little; run again, it makes a
//!   list anew.

mod buckets;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cellar_model::key::BaseKey;
use cellar_model::{Collection, PlaceId};
use cellar_store::{Store, StoreError};
use thiserror::Error;

use self::buckets::{Buckets, Ids};
use crate::import::{Input, InputError, ReadOptions, read_numbered};

/// Items that are removed at a time.
const REMOVED_AT_A_TIME: usize = 500;

/// Largest share of a collection that goes unless more is allowed, in percent.
pub const MAX_REMOVED_PERCENT: f64 = 20.0;

/// Why a collection is not replaced.
#[derive(Debug, Error)]
pub enum ReplaceError {
    /// The file cannot be read.
    #[error("{name}: {error}")]
    Input {
        /// Its name.
        name: String,
        /// What is wrong.
        error: InputError,
    },
    /// The lists of ids cannot be kept.
    #[error("cannot keep ids in {}: {error}", std::env::temp_dir().display())]
    Lists {
        /// Why.
        #[from]
        error: io::Error,
    },
    /// The store failed for longer than its retries could cover.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More than was allowed would go.
    #[error("{removed} of {total} places would be removed, {share:.1} %; at most {allowed} % may")]
    TooMany {
        /// Places that the file does not have.
        removed: u64,
        /// Places of the collection.
        total: u64,
        /// The same, in percent.
        share: f64,
        /// What may go, in percent.
        allowed: f64,
    },
    /// Rejected records.
    #[error(
        "{rejected} records are rejected, the first in line {line}: their places must not go, and their ids may be wrong, too"
    )]
    Rejected {
        /// How many.
        rejected: u64,
        /// Line of the first.
        line: u64,
    },
    /// Records without an id.
    #[error(
        "{unnamed} rejected records have no id, the first in line {line}, so what they stand for cannot be told from what is gone"
    )]
    Unnamed {
        /// How many.
        unnamed: u64,
        /// Line of the first.
        line: u64,
    },
    /// It is not the file that was looked at.
    #[error("{} has changed while it was imported; nothing was removed", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
}

/// What would go.
pub struct Removal {
    /// The files, as they were when they were looked at.
    versions: Vec<(PathBuf, Version)>,
    list: Ids,
    /// Places of the collection before the import.
    pub total: u64,
    /// Those of them that the files do not have.
    pub removed: u64,
    /// Rejected records: how many, and the line of the first.
    rejected: Option<(u64, u64)>,
    /// Those of them that have no id.
    unnamed: Option<(u64, u64)>,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Version {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self { bytes: file.len(), modified: file.modified().ok() })
    }
}

/// What the files have.
struct Surveyed {
    ids: Buckets,
    rejected: Option<(u64, u64)>,
    unnamed: Option<(u64, u64)>,
}

impl Removal {
    /// Compares a collection with files. Nothing is changed. `progress` is told how many places of the collection were
    /// looked at.
    ///
    /// # Errors
    ///
    /// If a file, the table or the lists of ids cannot be read.
    pub async fn plan(
        store: &dyn Store,
        collection: &Collection,
        paths: &[PathBuf],
        options: &ReadOptions,
        progress: impl Fn(u64),
    ) -> Result<Self, ReplaceError> {
        let versions: io::Result<Vec<_>> =
            paths.iter().map(|path| Ok((path.clone(), Version::of(path)?))).collect();
        let versions = versions?;
        let (files, how) = (Input::files(paths), options.clone());
        let surveyed = tokio::task::spawn_blocking(move || survey(files, &how)).await;
        let Surveyed { ids: present, rejected, unnamed } =
            surveyed.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let mut there = Buckets::new()?;
        let (mut from, mut total) = (None, 0);
        loop {
            let part = store.scan(collection, from).await?;
            for place in &part.places {
                there.add(place.id.as_str())?;
            }
            total += part.places.len() as u64;
            progress(total);
            from = part.next;
            if from.is_none() {
                break;
            }
        }
        let list = tokio::task::spawn_blocking(move || there.without(present)).await;
        let list = list.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let removed = list.count();
        Ok(Self { versions, list, total, removed, rejected, unnamed })
    }

    /// How much of the collection would go, in percent.
    pub fn percent(&self) -> f64 {
        if self.total == 0 { 0.0 } else { 100.0 * self.removed as f64 / self.total as f64 }
    }

    /// Whether it may be done. `trusting` takes the ids of rejected records for right: their places stay.
    ///
    /// # Errors
    ///
    /// If more than `allowed` percent would go, or if it cannot be told what would.
    pub fn check(&self, allowed: f64, trusting: bool) -> Result<(), ReplaceError> {
        if self.removed == 0 {
            return Ok(());
        }
        if let Some((unnamed, line)) = self.unnamed {
            return Err(ReplaceError::Unnamed { unnamed, line });
        }
        if let Some((rejected, line)) = self.rejected.filter(|_| !trusting) {
            return Err(ReplaceError::Rejected { rejected, line });
        }
        let share = self.percent();
        if share > allowed {
            let (removed, total) = (self.removed, self.total);
            return Err(ReplaceError::TooMany { removed, total, share, allowed });
        }
        Ok(())
    }

    /// Removes what is on the list, once the files are imported. `progress` is told how much of it is gone.
    ///
    /// # Errors
    ///
    /// If the store fails; some may be removed then. If a file is another by now nothing is.
    pub async fn carry_out(
        mut self,
        store: &dyn Store,
        collection: &Collection,
        progress: impl Fn(u64),
    ) -> Result<u64, ReplaceError> {
        for (path, version) in self.versions {
            if Version::of(&path).ok() != Some(version) {
                return Err(ReplaceError::Changed { path });
            }
        }
        let mut gone = 0;
        loop {
            let mut keys = Vec::with_capacity(REMOVED_AT_A_TIME);
            while keys.len() < REMOVED_AT_A_TIME
                && let Some(id) = self.list.next()?
            {
                keys.push(BaseKey { collection: collection.clone(), id }.to_string());
            }
            if keys.is_empty() {
                return Ok(gone);
            }
            store.maintenance().remove(&keys).await?;
            gone += keys.len() as u64;
            progress(gone);
        }
    }
}

/// One more, in a line.
fn count(lines: &mut Option<(u64, u64)>, line: u64) {
    let (count, first) = lines.unwrap_or((0, line));
    *lines = Some((count + 1, first));
}

/// The ids that files have, those of rejected records among them.
fn survey(files: Input, options: &ReadOptions) -> Result<Surveyed, ReplaceError> {
    let mut surveyed = Surveyed { ids: Buckets::new()?, rejected: None, unnamed: None };
    let mut fault: io::Result<()> = Ok(());
    let name = files.name();
    let read = read_numbered(files, options, |record| {
        let added = match record {
            Ok(place) => surveyed.ids.add(place.id.as_str()),
            Err(reject) => {
                count(&mut surveyed.rejected, reject.line);
                if let Some(id) = reject.id.filter(|id| id.parse::<PlaceId>().is_ok()) {
                    surveyed.ids.add(&id)
                } else {
                    count(&mut surveyed.unnamed, reject.line);
                    Ok(())
                }
            }
        };
        if let Err(error) = added
            && fault.is_ok()
        {
            fault = Err(error);
        }
    });
    read.map_err(|error| ReplaceError::Input { name, error })?;
    fault?;
    Ok(surveyed)
}
