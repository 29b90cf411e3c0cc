//! Carrying a deletion on: pass after pass, in parts that can be cut off anywhere.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use cellar_model::{Collection, Placement};

use super::{Deletion, Lease, Pass, unique};
use crate::{ScanPosition, Store, StoreError};

/// Times that a deletion keeps.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long after the collection was marked a writer may still take it for alive: what a process remembers of a
    /// collection, the longest time that a write may take, and what clocks differ by.
    pub grace: Duration,
    /// How long a worker has the deletion to itself, unless it renews that. What it has begun ends long before.
    pub lease: Duration,
    /// How long a worker has to have had it before it frees the name: regions of a global table may both believe to
    /// have it until the later write has reached them both.
    pub held: Duration,
    /// How long to wait for what others are doing before looking again.
    pub pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(90),
            lease: Duration::from_secs(90),
            held: Duration::from_secs(10),
            pause: Duration::from_secs(1),
        }
    }
}

/// What came of carrying a deletion on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The collection is gone and its name is free.
    Gone(Deleted),
    /// Time is up; somebody has to go on.
    Unfinished(Deleted),
    /// Somebody else works on it.
    Busy(Deleted),
    /// There is no such deletion.
    Unknown,
}

/// How much was deleted so far, by all that worked on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Places, and the collection's notes.
    pub items: u64,
}

/// What a deletion tells of, and asks.
#[async_trait]
pub trait Worker: Send + Sync {
    /// Places that were here are gone.
    async fn removed(&self, collection: &Collection, places: &[Placement]);

    /// So much is deleted; `settling` while it only waits for late writers.
    fn progress(&self, deleted: Deleted, settling: bool);

    /// Whether to leave the rest to others.
    fn is_time_up(&self) -> bool;
}

/// Carries a deletion on until it is complete, or until the worker says that time is up.
///
/// # Errors
///
/// What the store fails with. The deletion stays where it is, for another call to go on.
pub async fn carry_on(
    store: &dyn Store,
    collection: &Collection,
    settings: Settings,
    worker: &dyn Worker,
) -> Result<Outcome, StoreError> {
    let Some(deletion) = store.maintenance().deletion(collection).await? else { return Ok(Outcome::Unknown) };
    let (name, now, stored) = (unique(), Instant::now(), deletion.clone());
    let mut job = Job { store, settings, worker, name, since: now, leased: now, deletion, stored };
    if job.is_held_by_another() || !job.save().await? {
        return Ok(Outcome::Busy(job.deleted()));
    }
    let done = job.passes().await;
    if !matches!(done, Ok(Outcome::Gone(_))) {
        job.release().await;
    }
    done
}

struct Job<'a> {
    store: &'a dyn Store,
    settings: Settings,
    worker: &'a dyn Worker,
    /// Of the lease.
    name: String,
    /// When the lease was taken.
    since: Instant,
    /// When the lease was last renewed.
    leased: Instant,
    /// As it is known here.
    deletion: Deletion,
    /// As it was last stored.
    stored: Deletion,
}

impl Job<'_> {
    async fn passes(&mut self) -> Result<Outcome, StoreError> {
        loop {
            let Some(pass) = self.pass().await? else { return Ok(Outcome::Unfinished(self.deleted())) };
            let alive_until = self.deletion.record.began_unix_ms + millis(self.settings.grace);
            if pass.found == 0 && pass.began_unix_ms >= alive_until {
                if !self.wait(0, self.settings.held).await? {
                    return Ok(Outcome::Unfinished(self.deleted()));
                }
                let gone = self.store.maintenance().move_deletion(&self.stored, None).await?;
                return Ok(if gone { Outcome::Gone(self.deleted()) } else { Outcome::Busy(self.deleted()) });
            }
            if !self.wait(alive_until, Duration::ZERO).await? {
                return Ok(Outcome::Unfinished(self.deleted()));
            }
        }
    }

    /// Waits with the lease for an instant, and until the lease was held for so long; false if time was up first.
    async fn wait(&mut self, until_unix_ms: u64, held: Duration) -> Result<bool, StoreError> {
        while unix_ms() < until_unix_ms || self.since.elapsed() < held {
            self.worker.progress(self.deleted(), true);
            if self.worker.is_time_up() || !self.renew().await? {
                return Ok(false);
            }
            tokio::time::sleep(self.settings.pause).await;
        }
        Ok(true)
    }

    /// One pass over the table, from where it was left; `None` if time was up first.
    async fn pass(&mut self) -> Result<Option<Pass>, StoreError> {
        let begun = self.deletion.record.pass.clone();
        let mut pass = begun.unwrap_or_else(|| Pass { began_unix_ms: unix_ms(), found: 0, position: None });
        loop {
            self.deletion.record.pass = Some(pass.clone());
            if self.worker.is_time_up() || !self.renew().await? {
                return Ok(None);
            }
            let from = pass.position.clone().map(ScanPosition);
            let part = self.store.maintenance().sweep(&self.deletion.collection, from).await?;
            self.remove(&part.keys).await?;
            self.worker.removed(&self.deletion.collection, &part.places).await;
            pass.found += part.keys.len() as u64;
            self.deletion.record.deleted += part.keys.len() as u64;
            self.worker.progress(self.deleted(), false);
            let Some(ScanPosition(position)) = part.next else {
                self.deletion.record.pass = None;
                return Ok(Some(pass));
            };
            pass.position = Some(position);
        }
    }
}

impl Job<'_> {
    fn deleted(&self) -> Deleted {
        Deleted { items: self.deletion.record.deleted }
    }

    fn is_held_by_another(&self) -> bool {
        self.deletion.record.lease.as_ref().is_some_and(|lease| unix_ms() < lease.until_unix_ms)
    }

    /// Whether the deletion is still ours; stores how far it has come once in a while.
    async fn renew(&mut self) -> Result<bool, StoreError> {
        let age = self.leased.elapsed();
        if age >= self.settings.lease / 2 {
            // Late: another may be about to take over, and what is begun now could outlast that.
            return Ok(false);
        }
        if age >= self.settings.lease / 20 { self.save().await } else { Ok(true) }
    }

    /// Stores how far it has come, with a new lease; false if another was faster.
    async fn save(&mut self) -> Result<bool, StoreError> {
        let begun = Instant::now();
        let until_unix_ms = unix_ms() + millis(self.settings.lease);
        self.store_record(Some(Lease { by: self.name.clone(), until_unix_ms })).await.inspect(|saved| {
            if *saved {
                self.leased = begun;
            }
        })
    }

    /// Lets others go on at once. If that fails, they wait for the lease to end.
    async fn release(&mut self) {
        if self.leased.elapsed() < self.settings.lease / 2 {
            let _ = self.store_record(None).await;
        }
    }

    /// Stores how far it has come; false if another was faster.
    async fn store_record(&mut self, lease: Option<Lease>) -> Result<bool, StoreError> {
        self.deletion.record.lease = lease;
        let moved = self.store.maintenance().move_deletion(&self.stored, Some(&self.deletion)).await?;
        if moved {
            self.stored = self.deletion.clone();
        }
        Ok(moved)
    }

    /// Removes items within the lease.
    async fn remove(&self, keys: &[String]) -> Result<(), StoreError> {
        let removed =
            tokio::time::timeout(self.settings.lease * 2 / 5, self.store.maintenance().remove(keys));
        removed.await.unwrap_or(Err(StoreError::Deadline))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}
