//! How far an import has got, kept in the store beside the places it wrote.

use std::path::PathBuf;

use cellar_input::{Mark, Plan};
use cellar_model::Collection;
use cellar_model::checksum::Checksum;
use cellar_model::key::registry;
use cellar_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// What a run has done up to a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) read: u64,
    pub(super) stored: u64,
    pub(super) rejected: u64,
    pub(super) repeated: u64,
    pub(super) collections: u64,
    pub(super) skipped: u64,
    /// Of the places stored.
    pub(super) checksum: Checksum,
}

/// State of an import after a chunk. All before the mark is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) mark: Mark,
    pub(super) counts: Counts,
    /// Where rejected records are listed.
    pub(super) rejects: PathBuf,
    /// Length of that file.
    pub(super) rejects_bytes: u64,
    /// How the file that the mark is in is read, and its number.
    pub(super) plan: Option<(u16, Plan)>,
}

/// Where the checkpoint of one input is kept; a no-op for inputs that cannot be resumed.
pub(super) struct Keeper<'a> {
    store: &'a dyn Store,
    key: Option<String>,
}

impl<'a> Keeper<'a> {
    pub(super) const fn none(store: &'a dyn Store) -> Self {
        Self { store, key: None }
    }

    /// Files of one name in different directories have different checkpoints. The paths go in as a hash, for keys
    /// are bounded and paths are not.
    pub(super) fn of_files(
        store: &'a dyn Store,
        collection: Option<&Collection>,
        name: &str,
        paths: &[PathBuf],
    ) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let mut whole = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let path = path.canonicalize().unwrap_or_else(|_| path.clone());
            whole.extend(std::iter::repeat_n(0, index.min(1)));
            whole.extend(path.as_os_str().as_encoded_bytes());
        }
        let input = format!("{name}:{:016x}", xxh3_64(&whole));
        Self { store, key: Some(registry::checkpoint_key(collection, &input)) }
    }

    pub(super) const fn resumable(&self) -> bool {
        self.key.is_some()
    }

    /// The checkpoint, if there is one that this version can read.
    pub(super) async fn load(&self) -> Result<Option<Checkpoint>, StoreError> {
        let Some(key) = &self.key else { return Ok(None) };
        let note = self.store.note(key).await?;
        Ok(note.and_then(|json| serde_json::from_str(&json).ok()))
    }

    pub(super) async fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let Some(key) = &self.key else { return Ok(()) };
        let json = serde_json::to_string(checkpoint).expect("a checkpoint is JSON");
        self.store.put_note(key, Some(&json)).await
    }

    pub(super) async fn remove(&self) -> Result<(), StoreError> {
        let Some(key) = &self.key else { return Ok(()) };
        self.store.put_note(key, None).await
    }
}
