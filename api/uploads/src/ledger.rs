//! What is known of jobs, in the table: an item for each job, one for the wish that it ends, one that lists those of a
//! collection (docs/KEYS.md).
//!
//! Items of a global table are replicated, the later of two writes wins. So only the region in which a job was accepted changes
//! its record; a wish from elsewhere has an item of its own.

use std::sync::Arc;

use cellar_model::Collection;
use cellar_model::key::registry;
use cellar_store::maintenance::{PassingNote, Swapped};
use cellar_store::{Store, StoreError};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::record::Record;

/// Jobs of a collection that are listed; older ones are known by their ids only.
pub const MOST_LISTED: usize = 100;

/// Records that are read at a time.
const READ_AT_A_TIME: usize = 16;

/// Tries of changing the list, beside others who do.
const TRIES: usize = 20;

/// A record as it was read, to be changed from there.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// What it says.
    pub record: Record,
    text: String,
}

/// What is known of jobs.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn Store>,
}

impl Ledger {
    /// In the table of a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// A job, unless its time is over.
    pub async fn get(
        &self,
        collection: &Collection,
        id: &str,
        now_unix_ms: u64,
    ) -> Result<Option<Held>, StoreError> {
        if !crate::is_id(id) {
            return Ok(None);
        }
        let key = registry::import_job_key(collection, id);
        let Some(text) = self.store.note(&key).await? else { return Ok(None) };
        let record: Record = serde_json::from_str(&text)
            .map_err(|error| StoreError::Damaged { key, reason: error.to_string() })?;
        let is_known = record.expires_unix_ms() > now_unix_ms;
        Ok(is_known.then_some(Held { record, text }))
    }

    /// Keeps a new job, unless there is one of its id.
    pub async fn create(&self, record: Record, now_unix_ms: u64) -> Result<bool, StoreError> {
        Ok(self.swap(None, record, now_unix_ms).await?.is_some())
    }

    /// Changes a record, if it is still as it was held; as it is then.
    pub async fn change(
        &self,
        from: &Held,
        to: Record,
        now_unix_ms: u64,
    ) -> Result<Option<Held>, StoreError> {
        self.swap(Some(&from.text), to, now_unix_ms).await
    }

    async fn swap(&self, from: Option<&str>, to: Record, now: u64) -> Result<Option<Held>, StoreError> {
        let key = registry::import_job_key(&to.job.collection, &to.job.id);
        let record = Record { change: format!("{:032x}", fastrand::u128(..)), ..to };
        let text = serde_json::to_string(&record).map_err(|error| StoreError::Failed(error.to_string()))?;
        let note = PassingNote { text: text.clone(), expires_unix_s: record.expires_unix_ms() / 1_000 };
        let swapped = self.store.maintenance().swap_note(&key, from, Some(&note), now / 1_000).await?;
        Ok((swapped == Swapped::Done).then_some(Held { record, text }))
    }

    /// Forgets a job.
    pub async fn forget(&self, collection: &Collection, id: &str) -> Result<(), StoreError> {
        let keys = [registry::import_job_key(collection, id), registry::import_cancel_key(collection, id)];
        self.store.maintenance().remove(&keys).await
    }

    /// Wishes that a job ends.
    pub async fn ask_to_cancel(
        &self,
        collection: &Collection,
        id: &str,
        now_unix_ms: u64,
        until_unix_ms: u64,
    ) -> Result<(), StoreError> {
        let key = registry::import_cancel_key(collection, id);
        let text = format!("{:032x}", fastrand::u128(..));
        let note = PassingNote { text, expires_unix_s: until_unix_ms / 1_000 };
        // One wish is as good as two.
        let swapped = self.store.maintenance().swap_note(&key, None, Some(&note), now_unix_ms / 1_000).await;
        swapped.map(drop)
    }

    /// Whether somebody wishes that a job ends.
    pub async fn is_cancelled(&self, collection: &Collection, id: &str) -> Result<bool, StoreError> {
        Ok(self.store.note(&registry::import_cancel_key(collection, id)).await?.is_some())
    }

    /// The jobs of a collection, the newest first.
    pub async fn list(&self, collection: &Collection, now_unix_ms: u64) -> Result<Vec<Held>, StoreError> {
        let (ids, _) = self.ids(collection).await?;
        let found = stream::iter(ids)
            .map(|id| async move { self.get(collection, &id, now_unix_ms).await })
            .buffered(READ_AT_A_TIME);
        found.try_filter_map(|held| async { Ok(held) }).try_collect().await
    }

    async fn ids(&self, collection: &Collection) -> Result<(Vec<String>, Option<String>), StoreError> {
        let text = self.store.note(&registry::import_jobs_key(collection)).await?;
        let ids = text.as_deref().unwrap_or_default().split(' ').filter(|id| crate::is_id(id));
        Ok((ids.map(str::to_owned).collect(), text))
    }

    /// Lists a job, and no longer those that are behind as many others as are listed.
    pub async fn enlist(&self, record: &Record, now_unix_ms: u64) -> Result<(), StoreError> {
        let (collection, id) = (&record.job.collection, &record.job.id);
        let until = record.expires_unix_ms();
        self.relist(collection, now_unix_ms, until, |ids| {
            ids.retain(|known| known != id);
            ids.insert(0, id.clone());
            ids.truncate(MOST_LISTED);
        })
        .await
    }

    /// Does not list a job any more.
    pub async fn unlist(&self, record: &Record, now_unix_ms: u64) -> Result<(), StoreError> {
        let until = record.expires_unix_ms();
        let change = |ids: &mut Vec<String>| ids.retain(|known| *known != record.job.id);
        self.relist(&record.job.collection, now_unix_ms, until, change).await
    }

    async fn relist(
        &self,
        collection: &Collection,
        now_unix_ms: u64,
        until_unix_ms: u64,
        change: impl Fn(&mut Vec<String>),
    ) -> Result<(), StoreError> {
        let key = registry::import_jobs_key(collection);
        for _ in 0..TRIES {
            let (mut ids, before) = self.ids(collection).await?;
            change(&mut ids);
            // The first word is no id: it makes the text one that nobody else writes.
            let text = format!("{:x} {}", fastrand::u64(..), ids.join(" "));
            let note = PassingNote { text, expires_unix_s: until_unix_ms / 1_000 };
            let maintenance = self.store.maintenance();
            let swapped =
                maintenance.swap_note(&key, before.as_deref(), Some(&note), now_unix_ms / 1_000).await?;
            if swapped == Swapped::Done {
                return Ok(());
            }
        }
        Err(StoreError::Throttled)
    }
}
