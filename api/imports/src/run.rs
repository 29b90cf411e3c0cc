//! A job, from the queue to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use cellar_http::imports::{Job, Refused};
use cellar_jobs::import::{self, Cause, Done, Import, Input, Progress};
use cellar_model::Collection;
use cellar_model::place::Place;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::options;
use crate::outcome::{self, End};
use crate::shared::Shared;
use crate::spool::Record;
use crate::table::Why;

/// Longest pause between two attempts, as so many times the first.
const LONGEST_PAUSE: u32 = 60;

/// Carries a job out. Only the end of the process leaves it where it is.
pub(crate) async fn run(shared: &Arc<Shared>, record: Record, stop: CancellationToken) {
    let id = record.job.id.clone();
    tracing::info!(import = id, collection = %record.job.collection, bytes = record.job.bytes, "import begins");
    let work = AssertUnwindSafe(attempts(shared, &record)).catch_unwind();
    let end = tokio::select! {
        biased;
        () = stop.cancelled() => stopped(shared, &id),
        end = work => end.unwrap_or_else(|_| End::Failed("a fault of the server; its log has more".into())),
    };
    if !matches!(end, End::Done(_)) {
        forget(shared, &record.job).await;
    }
    shared.end(&id, end);
}

fn stopped(shared: &Shared, id: &str) -> End {
    let why = shared.table.lock().why(id);
    match why {
        Some(Why::Rejects) => End::Failed(outcome::too_many_rejects(shared.settings.max_rejects_bytes)),
        Some(Why::Cancelled) | None => End::Cancelled,
    }
}

/// What is kept of how far a job has come goes: it will not be carried on.
pub(crate) async fn forget(shared: &Shared, job: &Job) {
    let forgotten = match order(shared, job) {
        Ok(import) => import::forget(&import, &*shared.store),
        Err(_) => return,
    };
    if let Err(error) = forgotten.await {
        tracing::warn!(import = job.id, %error, "the checkpoint of an import stays in the table");
    }
}

/// Begins again, after the last checkpoint, as long as the table fails.
async fn attempts(shared: &Arc<Shared>, record: &Record) -> End {
    let told = Told { shared, id: &record.job.id };
    let (mut failures, mut last_done) = (0, 0);
    loop {
        let import = match order(shared, &record.job) {
            Ok(import) => import,
            Err(refused) => return End::Failed(refused.to_string()),
        };
        let error = match import::import(import, &*shared.store, &told).await {
            Ok(summary) => return End::Done(Box::new(summary)),
            Err(error) => error,
        };
        if error.done > last_done {
            (failures, last_done) = (0, error.done);
        }
        failures += 1;
        if !outcome::is_passing(&error.cause) || failures > shared.settings.failures {
            if let Cause::Input { .. } = error.cause {
                tracing::info!(import = record.job.id, %error, "a file cannot be imported");
            } else {
                tracing::warn!(import = record.job.id, %error, "import failed");
            }
            return End::Failed(outcome::words(&error));
        }
        tracing::warn!(import = record.job.id, %error, failures, "an import is put off");
        tokio::time::sleep(shared.settings.pause * (1 << failures.min(10)).min(LONGEST_PAUSE)).await;
    }
}

/// The import of a body. Its checkpoint is found by where the body is and where it goes to.
fn order(shared: &Shared, job: &Job) -> Result<Import, Refused> {
    let options = options::of_job(job)?;
    Ok(Import {
        creates: false,
        options: options.read,
        dry_run: options.dry_run,
        chunk_records: shared.settings.chunk_records,
        rejects: Some(shared.spool.rejects(&job.id)),
        ..Import::new(job.collection.clone(), Input::File(shared.spool.body(&job.id)))
    })
}

struct Told<'a> {
    shared: &'a Arc<Shared>,
    id: &'a str,
}

impl Progress for Told<'_> {
    fn position(&self, read_bytes: u64, _: u64) {
        self.shared.table.lock().change(self.id, |job| job.read_bytes = read_bytes);
    }

    fn notice(&self, text: &str) {
        self.shared.table.lock().change(self.id, |job| outcome::notice(job, text));
    }

    fn recognised(&self, what: &str) {
        self.shared.table.lock().change(self.id, |job| outcome::recognised(job, what));
    }

    fn counted(&self, done: Done) {
        let mut table = self.shared.table.lock();
        table.change(self.id, |job| {
            outcome::counted(job, done);
            job.rejects_bytes = done.rejects_bytes;
        });
        if done.rejects_bytes > self.shared.settings.max_rejects_bytes {
            table.stop(self.id, Why::Rejects);
        }
    }

    fn written<'a>(&'a self, collection: &'a Collection, places: &'a [Place]) -> BoxFuture<'a, ()> {
        let placements: Vec<_> = places.iter().map(Place::placement).collect();
        async move { self.shared.search.changed(collection, &placements).await }.boxed()
    }
}
