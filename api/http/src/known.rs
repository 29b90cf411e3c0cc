//! Which collections there are, remembered for seconds, so that a warm search costs no read for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_model::Collection;
use cellar_store::{Store, StoreError, bounded};
use parking_lot::{RwLock, RwLockWriteGuard};

/// How long a write takes a collection for alive without asking. Deletions wait this out (`deletion::Settings`).
const TRUSTED_BY_WRITES: Duration = Duration::from_secs(5);
/// How long a read does.
const TRUSTED_BY_READS: Duration = Duration::from_secs(10);
/// How long a read waits to hear that what it knows is still true. Then it goes on with what it knows.
const PATIENCE: Duration = Duration::from_millis(250);

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// There is such a collection.
    Live,
    /// It is being deleted.
    Deleting,
    /// There is none.
    Unknown,
}

/// What a collection is asked about for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reading: while the store does not answer, what was known lately will do.
    Read,
    /// Writing: nothing may be written to a collection that somebody has begun to delete.
    Write,
}

/// A memo of collections that exist.
///
/// Invariant: only collections that the store has named are remembered. That one does not exist is asked anew every
/// time, so a collection is there for everybody as soon as it is created. That one is being deleted is known to
/// writers within `TRUSTED_BY_WRITES`, and to readers within `TRUSTED_BY_READS` of a store that answers.
pub struct KnownCollections {
    clock: Arc<dyn Clock>,
    known: RwLock<HashMap<Collection, Known>>,
}

struct Known {
    /// When the store was last asked and said so.
    confirmed: Instant,
    /// When a reader last asked, or began to.
    asked: Instant,
}

impl KnownCollections {
    /// Nothing is known yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: RwLock::default() }
    }

    /// What a name stands for, from memory or from the store.
    ///
    /// # Errors
    ///
    /// If the store fails and nothing is remembered that would do.
    pub async fn lifecycle(
        &self,
        store: &dyn Store,
        name: &Collection,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<Lifecycle, StoreError> {
        match purpose {
            Purpose::Write if self.is_confirmed(name) => Ok(Lifecycle::Live),
            Purpose::Write => self.ask(store, name, deadline).await,
            Purpose::Read => match self.turn(name) {
                None => self.ask(store, name, deadline).await,
                Some(false) => Ok(Lifecycle::Live),
                // One asks for all; the others go on.
                Some(true) => {
                    let soon = deadline.min(Instant::now() + PATIENCE);
                    Ok(self.ask(store, name, soon).await.unwrap_or(Lifecycle::Live))
                }
            },
        }
    }

    async fn ask(
        &self,
        store: &dyn Store,
        name: &Collection,
        deadline: Instant,
    ) -> Result<Lifecycle, StoreError> {
        let asked = self.clock.now();
        if bounded(deadline, store.collection(name)).await?.is_some() {
            self.remember_since(name.clone(), asked);
            return Ok(Lifecycle::Live);
        }
        self.forget(name);
        let deletion = bounded(deadline, store.maintenance().deletion(name)).await?;
        Ok(deletion.map_or(Lifecycle::Unknown, |_| Lifecycle::Deleting))
    }

    /// Whether the store is known to have named a collection.
    pub fn knows(&self, name: &Collection) -> bool {
        self.look(name, |_| ()).is_some()
    }

    /// Takes note that the store has just named a collection.
    pub fn remember(&self, name: Collection) {
        self.remember_since(name, self.clock.now());
    }

    /// Takes note that a collection is not to be used any more.
    pub fn forget(&self, name: &Collection) {
        self.change().remove(name);
    }

    fn remember_since(&self, name: Collection, asked: Instant) {
        self.change().insert(name, Known { confirmed: asked, asked });
    }

    fn is_confirmed(&self, name: &Collection) -> bool {
        let now = self.clock.now();
        let age = self.look(name, |known| now.saturating_duration_since(known.confirmed));
        age.is_some_and(|age| age < TRUSTED_BY_WRITES)
    }

    /// Of a known collection, whether it is time to ask, and for this caller to do so.
    fn turn(&self, name: &Collection) -> Option<bool> {
        let now = self.clock.now();
        let is_due = |known: &Known| now.saturating_duration_since(known.asked) >= TRUSTED_BY_READS;
        if !self.look(name, is_due)? {
            return Some(false);
        }
        let mut all = self.change();
        let known = all.get_mut(name)?;
        let is_due = is_due(known);
        if is_due {
            known.asked = now;
        }
        Some(is_due)
    }

    fn look<T>(&self, name: &Collection, what: impl FnOnce(&Known) -> T) -> Option<T> {
        self.known.read().get(name).map(what)
    }

    fn change(&self) -> RwLockWriteGuard<'_, HashMap<Collection, Known>> {
        self.known.write()
    }
}
