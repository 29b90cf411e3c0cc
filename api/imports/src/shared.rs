//! What requests and workers share: the directory, the table of jobs, and how they stay the same.

use std::io;
use std::sync::Arc;

use cellar_cache::clock::Clock;
use cellar_http::imports::{Job, Order, Refused};
use cellar_search::Search;
use cellar_store::Store;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::outcome::End;
use crate::settings::Settings;
use crate::spool::{Record, Spool};
use crate::table::Table;

/// What requests and workers share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) spool: Spool,
    pub(crate) table: Mutex<Table>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) search: Search,
    pub(crate) clock: Arc<dyn Clock>,
    /// Jobs were added, or have ended.
    pub(crate) changed: watch::Sender<()>,
}

/// A body that is on disk.
pub(crate) struct Received {
    pub(crate) bytes: u64,
    /// Of the body and how it is read.
    pub(crate) digest: String,
}

impl Shared {
    /// Keeps what is known of a job. If that fails, an earlier state of it would be taken up after a restart, which is
    /// harmless: what is imported again is the same.
    pub(crate) fn save(&self, record: &Record) {
        if let Err(error) = self.spool.save(record) {
            tracing::warn!(import = record.job.id, %error, "the state of an import cannot be kept");
        }
    }

    /// A job has ended. Whoever sees that finds its files as they will stay.
    pub(crate) fn end(&self, id: &str, end: End) {
        let now = self.clock.unix_ms();
        let record = self.table.lock().end(id, now, &self.settings, |job| end.tell(job));
        if let Some(record) = record {
            self.save(&record);
            self.spool.drop_body(id);
            let Job { state, read, stored, rejected, repeated, ref collection, .. } = record.job;
            tracing::info!(import = id, %collection, ?state, read, stored, rejected, repeated, "import ended");
            self.table.lock().ended(record);
        }
        self.changed.send_replace(());
    }

    pub(crate) fn sweep(&self) {
        let gone = self.table.lock().sweep(self.clock.unix_ms(), &self.settings);
        for id in &gone {
            self.spool.remove(id);
        }
    }

    /// The job of a body that is on disk. It is on disk itself when this returns.
    pub(crate) fn accept(&self, order: Order, id: &str, received: Received) -> io::Result<Job> {
        let job =
            Job::queued(id.to_owned(), order.collection, order.options, received.bytes, self.clock.unix_ms());
        let record = Record { job: job.clone(), key: order.key, digest: received.digest };
        self.spool.save(&record)?;
        self.table.lock().enqueue(record);
        self.changed.send_replace(());
        Ok(job)
    }
}

/// Does what waits for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| Refused::Failed(error.to_string()))?;
    done.map_err(|error| Refused::Failed(error.to_string()))
}
