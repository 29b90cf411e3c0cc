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
    #[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "only the embedded engine has one"))]
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

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use cellar_model::Collection;
    use cellar_model::place::{Place, Properties};
    use geo_index::Position;

    use super::*;
    use crate::{CollectionInfo, Embedded, Store, StoreConfig};

    #[tokio::test]
    async fn no_write_is_acknowledged_before_the_log_is_on_disk() {
        let engine = Embedded::memory().await.unwrap();
        // A log that can never be forced to disk: its folder is a file.
        let file = tempfile::NamedTempFile::new().unwrap();
        let journal = Journal::of(&file.path().join("cellar.db"));
        let store = engine.store(&StoreConfig::default()).await.unwrap().on_engine(Some(journal), None);

        let name: Collection = "places".parse().unwrap();
        let place = Place {
            id: "a".parse().unwrap(),
            position: Position::new(1.0, 2.0).unwrap(),
            properties: Properties::empty(),
        };
        let id = place.id.clone();
        let refused = |error| matches!(error, StoreError::Failed(text) if text.contains("to disk"));
        assert!(refused(store.put(&name, &place).await.unwrap_err()));
        assert!(refused(store.put_many(&name, &[place]).await.unwrap_err()));
        assert!(refused(store.delete(&name, &id).await.unwrap_err()));
        assert!(refused(store.put_note("#import#places#x", Some("1")).await.unwrap_err()));
        assert!(refused(store.put_note("#import#places#x", None).await.unwrap_err()));
        let info = CollectionInfo { name, title: None };
        assert!(refused(store.put_collection(&info).await.unwrap_err()));
    }

    #[tokio::test]
    async fn a_closed_database_has_no_log_to_wait_for() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("cellar.db");
        Journal::of(&database).settle().await.unwrap();
        std::fs::write(folder.path().join("cellar.db-wal"), "frames").unwrap();
        Journal::of(&database).settle().await.unwrap();
    }
}
