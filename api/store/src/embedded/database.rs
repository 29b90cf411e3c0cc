//! The database of the engine with its stream records, and why it does not do something.

use std::sync::Arc;

use dynoxide::{Database, DynoxideError};
use parking_lot::{Mutex, MutexGuard};

use super::bulk::Bulk;
use super::log::StreamLog;

/// The engine, its stream records, and who writes batches into it.
#[derive(Clone)]
pub(super) struct LoggedDatabase {
    pub(super) database: Database,
    log: Arc<Mutex<StreamLog>>,
    bulk: Bulk,
}

impl LoggedDatabase {
    pub(super) fn new(database: Database, log: StreamLog, bulk: Bulk) -> Self {
        Self { database, log: Arc::new(Mutex::new(log)), bulk }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, StreamLog> {
        self.log.lock()
    }

    pub(super) const fn bulk(&self) -> &Bulk {
        &self.bulk
    }
}

/// Why a request is not done.
pub(super) enum Refusal {
    /// The engine says so.
    Engine(DynoxideError),
    /// The stream's next record is gone.
    Trimmed,
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self::Engine(error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(DynoxideError::InternalServerError(error.to_string()))
    }
}
