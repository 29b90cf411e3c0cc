//! A message, from its receipt to its end.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_http::imports::{Job, JobState};
use cellar_imports::outcome::End;
use cellar_store::{Store, StoreError};
use cellar_uploads::client::{Objects, Queue};
use cellar_uploads::ledger::Held;
use cellar_uploads::{Lease, Ledger, Record, upload_key};
use thiserror::Error;

use crate::event::{self, Batch, BatchReport, Failure, Message, Wanted};
use crate::run::{self, Outcome, Work};
use crate::settings::Settings;
use crate::tenure::Tenure;
use crate::time::Time;

/// How long after the end of an invocation its message comes again, if the worker died.
const AFTER_DEATH: Duration = Duration::from_secs(5);

/// How long a message waits that could not be carried out, times the receipts so far.
const PAUSE: Duration = Duration::from_secs(30);

/// Why a message has to come again.
#[derive(Debug, Error)]
enum Again {
    #[error("{0}")]
    NoMessage(String),
    #[error("another worker has the job")]
    Busy,
    #[error("the job has been begun {0} times and never came to its end")]
    GivenUp(u32),
    #[error("{0}")]
    Later(String),
    #[error("another worker has taken the job over")]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries imports out.
pub struct Worker {
    settings: Settings,
    store: Arc<dyn Store>,
    ledger: Ledger,
    objects: Objects,
    queue: Queue,
    clock: Arc<dyn Clock>,
}

impl Worker {
    /// Over a table, a bucket and a queue. Files are kept in the directory of the settings, which is made.
    pub fn new(
        mut settings: Settings,
        store: Arc<dyn Store>,
        objects: Objects,
        queue: Queue,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // Checkpoints are found by the whole path of a file, which may be gone by then.
        let made = fs::create_dir_all(&settings.directory).and_then(|()| settings.directory.canonicalize());
        settings.config.directory = made.unwrap_or(settings.config.directory);
        let ledger = Ledger::new(Arc::clone(&store));
        Self { settings, store, ledger, objects, queue, clock }
    }

    /// Does what a batch asks for; which messages have to come again.
    pub async fn handle(&self, batch: &Batch, deadline: Instant) -> BatchReport {
        self.handle_within(batch, Time::until(deadline)).await
    }

    /// The same, within a time.
    pub async fn handle_within(&self, batch: &Batch, time: Time) -> BatchReport {
        let mut report = BatchReport::default();
        for message in &batch.records {
            if let Err(again) = self.message(message, time).await {
                tracing::warn!(message = message.message_id, receives = message.receives(), reason = %again, "a message has to come again");
                report.batch_item_failures.push(Failure { item_identifier: message.message_id.clone() });
            }
        }
        report
    }

    async fn message(&self, message: &Message, time: Time) -> Result<(), Again> {
        if message.source != "aws:sqs" {
            return Err(Again::NoMessage(format!("a record of {:?} and not of a queue", message.source)));
        }
        for wanted in event::wanted(&message.body).map_err(Again::NoMessage)? {
            self.carry_on(&wanted, message, time).await?;
        }
        Ok(())
    }

    async fn carry_on(&self, wanted: &Wanted, message: &Message, time: Time) -> Result<(), Again> {
        let now = self.clock.unix_ms();
        let found = self.ledger.get(&wanted.collection, &wanted.id, now).await?;
        let Some(held) = found.filter(|held| !held.record.job.state.is_end()) else {
            // It has ended, or is forgotten: an earlier message, or a client, has seen to that.
            self.clear(wanted).await;
            return Ok(());
        };
        if held.record.is_leased(now) {
            let until = held.record.lease.as_ref().map_or(now, |lease| lease.until_unix_ms);
            self.hide(message, Duration::from_millis(until.saturating_sub(now)) + AFTER_DEATH).await;
            return Err(Again::Busy);
        }
        if message.receives() >= self.settings.receives {
            return Err(self.give_up(wanted, held, message.receives()).await?);
        }
        let left = time.deadline.saturating_duration_since(Instant::now());
        let Some(held) = self.take(&held, now, left).await? else {
            self.hide(message, AFTER_DEATH).await;
            return Err(Again::Busy);
        };
        self.hide(message, left + AFTER_DEATH).await;
        self.import(wanted, held, message, time).await
    }

    /// Takes the lease, unless somebody else is quicker.
    async fn take(&self, held: &Held, now: u64, left: Duration) -> Result<Option<Held>, Again> {
        let job = held.record.job.clone();
        let job = Job {
            resumed: job.resumed + u32::from(job.state == JobState::Running),
            state: JobState::Running,
            started_unix_ms: job.started_unix_ms.or(Some(now)),
            ..job
        };
        let until_unix_ms = now.saturating_add(millis(left));
        let lease = Some(Lease { owner: format!("{:032x}", fastrand::u128(..)), until_unix_ms });
        let record = Record { job, lease, ..held.record.clone() };
        Ok(self.ledger.change(held, record, now).await?)
    }

    async fn import(&self, wanted: &Wanted, held: Held, message: &Message, time: Time) -> Result<(), Again> {
        let (collection, id) = (&wanted.collection, &wanted.id);
        let bytes = held.record.job.bytes;
        tracing::info!(import = id, %collection, bytes, resumed = held.record.job.resumed, "import begins");
        self.make_room(id);
        let tenure = Tenure::new(self.ledger.clone(), Arc::clone(&self.clock), held);
        let work = Work {
            settings: &self.settings,
            store: &*self.store,
            objects: &self.objects,
            tenure: &tenure,
            time,
        };
        match run::run(&work).await {
            Outcome::End(end) => self.ended(wanted, &tenure, end).await,
            Outcome::HandOn(after) => {
                let Job { read, stored, rejected, .. } = tenure.job();
                if !tenure.release().await? {
                    return Err(Again::Lost);
                }
                let sent = self.queue.send(&event::carry_on(wanted), after).await;
                sent.map_err(|error| Again::Later(error.to_string()))?;
                tracing::info!(import = id, %collection, read, stored, rejected, "import handed on");
                Ok(())
            }
            Outcome::Later(reason) => {
                tenure.release().await?;
                self.hide(message, PAUSE * message.receives()).await;
                Err(Again::Later(reason))
            }
            Outcome::Lost => {
                self.hide(message, AFTER_DEATH).await;
                Err(Again::Lost)
            }
        }
    }

    async fn ended(&self, wanted: &Wanted, tenure: &Tenure, end: End) -> Result<(), Again> {
        if !tenure.end(end, millis(self.settings.keep)).await? {
            return Err(Again::Lost);
        }
        let Job { state, read, stored, rejected, repeated, .. } = tenure.job();
        let collection = &wanted.collection;
        tracing::info!(import = wanted.id, %collection, ?state, read, stored, rejected, repeated, "import ended");
        self.clear(wanted).await;
        Ok(())
    }

    /// Nobody will try again: the message becomes a dead letter.
    async fn give_up(&self, wanted: &Wanted, held: Held, receives: u32) -> Result<Again, Again> {
        let again = Again::GivenUp(receives - 1);
        let text = format!("{again}; the log of the worker has more, and the file has to be sent again");
        let tenure = Tenure::new(self.ledger.clone(), Arc::clone(&self.clock), held);
        tracing::error!(import = wanted.id, collection = %wanted.collection, receives, "an import is given up");
        tenure.end(End::Failed(text), millis(self.settings.keep)).await?;
        self.clear(wanted).await;
        Ok(again)
    }

    /// File and checkpoint are not needed any more. If that fails, the bucket removes the file after a while.
    async fn clear(&self, wanted: &Wanted) {
        run::forget(&self.settings, &*self.store, wanted).await;
        if let Err(error) = self.objects.delete(&upload_key(&wanted.collection, &wanted.id)).await {
            tracing::warn!(import = wanted.id, %error, "a file stays in the bucket until it expires");
        }
        let _ = fs::remove_dir_all(run::folder(&self.settings, &wanted.id));
    }

    /// The disk has room for the files of one job.
    fn make_room(&self, id: &str) {
        let Ok(entries) = fs::read_dir(&self.settings.directory) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name() != id) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }

    /// When a message comes again. If that fails it comes when the queue says.
    async fn hide(&self, message: &Message, during: Duration) {
        if let Err(error) = self.queue.hide(&message.receipt_handle, during).await {
            tracing::warn!(message = message.message_id, %error, "a message comes again when the queue says");
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
