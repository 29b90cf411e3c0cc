//! Makes writes to the embedded engine durable: once for each call of the store, not once for each place.
//!
//! SQLite's own way, an fsync for each place, holds an import to the pace of the disk. The engine therefore
//! appends to its write-ahead log without waiting (`synchronous = NORMAL`), which survives the end of any
//! process, and the store forces the log to disk before it acknowledges, which survives the machine's end, too.
//! That is sound in this mode: SQLite itself forces the log to disk before it moves anything from there into the
//! database, and after a crash it recovers every transaction that the log holds whole.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StoreError;

/// The write-ahead log of an embedded database.
#[derive(Clone, Debug)]
pub(super) struct Journal(Arc<Path>);

impl Journal {
    /// The log that belongs to a database file.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only the embedded engine has one"))]
    pub(super) fn of(database: &Path) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push("-wal");
        Self(PathBuf::from(name).into())
    }

    /// Returns when everything written so far is on disk.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let path = Arc::clone(&self.0);
        let synced = tokio::task::spawn_blocking(move || match File::open(&*path) {
            Ok(log) => log.sync_data(),
            // Only a database that was closed has no log: everything is in the database, on disk.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
        let synced = synced.await.map_err(|error| StoreError::Failed(error.to_string()))?;
        synced.map_err(|error| StoreError::Failed(format!("cannot force writes to disk: {error}")))
    }
}
