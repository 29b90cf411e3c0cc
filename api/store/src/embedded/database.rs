//! The database of the engine, with its stream records and who writes batches into it.

use std::sync::Arc;

use dynoxide::Database;
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
