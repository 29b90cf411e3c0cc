//! The record of a job while this worker has it.

use std::sync::Arc;

use cellar_cache::clock::Clock;
use cellar_http::imports::Job;
use cellar_imports::outcome::End;
use cellar_store::StoreError;
use cellar_uploads::ledger::Held;
use cellar_uploads::{Ledger, Record};
use parking_lot::Mutex;

/// A job that this worker has.
pub(crate) struct Tenure {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    /// As it was last stored.
    held: tokio::sync::Mutex<Held>,
    /// As it is known here.
    job: Mutex<Job>,
}

impl Tenure {
    pub(crate) fn new(ledger: Ledger, clock: Arc<dyn Clock>, held: Held) -> Self {
        let job = Mutex::new(held.record.job.clone());
        Self { ledger, clock, held: tokio::sync::Mutex::new(held), job }
    }

    pub(crate) fn job(&self) -> Job {
        self.job.lock().clone()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Job)) {
        change(&mut self.job.lock());
    }

    /// Whether somebody wishes that the job ends.
    pub(crate) async fn is_cancelled(&self) -> Result<bool, StoreError> {
        let job = self.job();
        self.ledger.is_cancelled(&job.collection, &job.id).await
    }

    /// Stores how far the job is; whether it is still ours.
    pub(crate) async fn tell(&self) -> Result<bool, StoreError> {
        self.store(|record| record).await
    }

    /// Leaves the job to others.
    pub(crate) async fn release(&self) -> Result<bool, StoreError> {
        self.store(|record| Record { lease: None, ..record }).await
    }

    /// The job has ended.
    pub(crate) async fn end(&self, end: End, keep_ms: u64) -> Result<bool, StoreError> {
        self.note(|job| end.tell(job));
        let now = self.clock.unix_ms();
        self.store(|record| record.ended(now, keep_ms, |_| {})).await
    }

    async fn store(&self, change: impl Fn(Record) -> Record) -> Result<bool, StoreError> {
        match self.store_once(&change).await {
            Err(StoreError::TooLarge { .. }) => {
                self.note(|job| (job.findings, job.recognised, job.notices) = (None, None, Vec::new()));
                self.store_once(&change).await
            }
            other => other,
        }
    }

    async fn store_once(&self, change: &impl Fn(Record) -> Record) -> Result<bool, StoreError> {
        let mut held = self.held.lock().await;
        let now = self.clock.unix_ms();
        let changed = change(Record { job: self.job(), ..held.record.clone() });
        if let Some(stored) = self.ledger.change(&held, changed, now).await? {
            *held = stored;
            return Ok(true);
        }
        Ok(false)
    }
}
