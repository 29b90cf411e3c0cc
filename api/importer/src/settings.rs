//! What the worker is told, and how it paces itself.

use std::ops::Deref;
use std::time::Duration;

use cellar_jobs::import::CHUNK_RECORDS;
use cellar_uploads::WorkerConfig;

/// Settings of the worker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the environment says.
    pub config: WorkerConfig,
    /// Records that are stored at a time.
    pub chunk_records: usize,
    /// How often the record of a job is told how far it is.
    pub tell_every: Duration,
    /// How often the list of rejected records is put into the bucket while it grows, at most.
    pub list_every: Duration,
}

impl Settings {
    /// The pace of a worker in use.
    pub const fn new(config: WorkerConfig) -> Self {
        Self {
            config,
            chunk_records: CHUNK_RECORDS,
            tell_every: Duration::from_secs(2),
            list_every: Duration::from_secs(10),
        }
    }
}

impl Deref for Settings {
    type Target = WorkerConfig;

    fn deref(&self) -> &WorkerConfig {
        &self.config
    }
}
