//! An import, until its end or the end of the time.

use std::fs;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cellar_imports::options;
use cellar_imports::outcome::{self, End};
use cellar_jobs::import::{self, Cause, Done, Import, ImportError, Input, Progress};
use cellar_uploads::client::{AwsError, Objects};
use cellar_uploads::{rejects_key, upload_key};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::event::Wanted;
use crate::settings::Settings;
use crate::tenure::Tenure;
use crate::time::Time;

/// Name of the file on the disk.
const BODY: &str = "body";

/// How long to wait before going on while the table is away.
const TABLE_PAUSE: Duration = Duration::from_secs(30);

/// Part of its time that putting the list into the bucket may take, as one in so many.
const LIST_PART: u32 = 10;

/// What came of a job.
pub(crate) enum Outcome {
    /// It has ended.
    End(End),
    /// Some of it is done, and somebody has to go on after a while.
    HandOn(Duration),
    /// Nothing of it is done; somebody has to try again.
    Later(String),
    /// It is not ours any more.
    Lost,
}

/// Why an import is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Cancelled,
    /// More is rejected than is listed.
    Rejects,
    Lost,
    TimeUp,
}

/// What an import needs.
pub(crate) struct Work<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) store: &'a dyn cellar_store::Store,
    pub(crate) objects: &'a Objects,
    pub(crate) tenure: &'a Tenure,
    pub(crate) time: Time,
}

#[derive(Default)]
struct State {
    why: Option<Stop>,
    /// Records that were done when this began, and that a checkpoint is known to say to be done.
    began: u64,
    kept: u64,
    /// Records of the checkpoint that is being written.
    keeping: Option<u64>,
    last: Done,
    /// Length of the list in the bucket.
    listed: u64,
    next_list: Option<Instant>,
    next_tell: Option<Instant>,
    time_is_up: bool,
}

/// Imports what is left of a job's file.
pub(crate) async fn run(work: &Work<'_>) -> Outcome {
    let run = Run { work, stop: CancellationToken::new(), state: Mutex::default() };
    let ended = AssertUnwindSafe(run.attempt()).catch_unwind();
    let outcome = tokio::select! {
        biased;
        () = run.stop.cancelled() => run.stopped(),
        () = tokio::time::sleep_until(work.time.hard.into()) => run.time_is_up(),
        outcome = ended => outcome.unwrap_or_else(|_| {
            Outcome::End(End::Failed("a fault of the worker; its log has more".into()))
        }),
    };
    outcome
}

/// What is kept of how far an import has come goes: it will not be carried on.
pub(crate) async fn forget(settings: &Settings, store: &dyn cellar_store::Store, wanted: &Wanted) {
    // Where a file is and where it goes to is all that a checkpoint is found by.
    let body = folder(settings, &wanted.id).join(BODY);
    let order = Import::new(wanted.collection.clone(), Input::File(body));
    if let Err(error) = import::forget(&order, store).await {
        tracing::warn!(import = wanted.id, %error, "the checkpoint of an import stays in the table");
    }
}

/// Files of a job on the disk. Their paths are always the same: a checkpoint is found by them.
pub(crate) fn folder(settings: &Settings, id: &str) -> PathBuf {
    settings.directory.join(id)
}

struct Run<'a> {
    work: &'a Work<'a>,
    stop: CancellationToken,
    state: Mutex<State>,
}

impl Run<'_> {
    async fn attempt(&self) -> Outcome {
        match self.work.tenure.is_cancelled().await {
            Ok(false) => {}
            Ok(true) => return Outcome::End(End::Cancelled),
            Err(error) => return Outcome::Later(error.to_string()),
        }
        if let Err(outcome) = self.fetch().await {
            return outcome;
        }
        let order = match self.order() {
            Ok(order) => order,
            Err(reason) => return Outcome::End(End::Failed(reason)),
        };
        match import::import(order, self.work.store, self).await {
            Ok(summary) => match self.list_all().await {
                Ok(()) => Outcome::End(End::Done(Box::new(summary))),
                Err(error) => Outcome::Later(error.to_string()),
            },
            Err(error) => self.failed(&error),
        }
    }

    /// The file on the disk, and what is listed of it so far.
    async fn fetch(&self) -> Result<(), Outcome> {
        let job = self.work.tenure.job();
        let later = |error: &dyn std::fmt::Display| Outcome::Later(error.to_string());
        let folder = folder(self.work.settings, &job.id);
        fs::create_dir_all(&folder).map_err(|error| later(&error))?;
        let (body, part) = (self.body(), folder.join("body.part"));
        if length(&body) != Some(job.bytes) {
            let got = self.work.objects.download(&upload_key(&job.collection, &job.id), &part).await;
            let bytes = got.map_err(|error| match error {
                AwsError::NotFound(_) => {
                    Outcome::End(End::Failed("the file is not in the bucket any more; send it again".into()))
                }
                error => later(&error),
            })?;
            if bytes != job.bytes {
                let text = format!("the file has {bytes} bytes, not {} as was announced", job.bytes);
                return Err(Outcome::End(End::Failed(text)));
            }
            fs::rename(&part, &body).map_err(|error| later(&error))?;
        }
        let list = self.list();
        if job.rejects_bytes > 0 && length(&list).is_none_or(|length| length < job.rejects_bytes) {
            let got = self.work.objects.download(&rejects_key(&job.collection, &job.id), &list).await;
            match got {
                // Without it the import begins at the beginning.
                Ok(_) | Err(AwsError::NotFound(_)) => {}
                Err(error) => return Err(later(&error)),
            }
        }
        Ok(())
    }

    fn body(&self) -> PathBuf {
        folder(self.work.settings, &self.work.tenure.job().id).join(BODY)
    }

    fn list(&self) -> PathBuf {
        folder(self.work.settings, &self.work.tenure.job().id).join("rejects.jsonl")
    }

    fn order(&self) -> Result<Import, String> {
        let job = self.work.tenure.job();
        let options = options::of_job(&job).map_err(|refused| refused.to_string())?;
        Ok(Import {
            creates: false,
            options: options.read,
            dry_run: options.dry_run,
            chunk_records: self.work.settings.chunk_records,
            rejects: Some(self.list()),
            ..Import::new(job.collection.clone(), Input::File(self.body()))
        })
    }

    fn failed(&self, error: &ImportError) -> Outcome {
        match &error.cause {
            cause if outcome::is_passing(cause) => {
                tracing::warn!(%error, "an import is put off");
                if self.has_progress() {
                    Outcome::HandOn(TABLE_PAUSE)
                } else {
                    Outcome::Later(error.to_string())
                }
            }
            Cause::Rejects { .. } => Outcome::Later(error.to_string()),
            _ => {
                tracing::info!(%error, "an import failed");
                Outcome::End(End::Failed(outcome::words(error)))
            }
        }
    }

    fn stop(&self, why: Stop) {
        self.state.lock().why.get_or_insert(why);
        self.stop.cancel();
    }

    fn stopped(&self) -> Outcome {
        let why = self.state.lock().why;
        match why {
            Some(Stop::Cancelled) => Outcome::End(End::Cancelled),
            Some(Stop::Rejects) => {
                let most = self.work.settings.max_rejects_bytes;
                Outcome::End(End::Failed(outcome::too_many_rejects(most)))
            }
            Some(Stop::Lost) => Outcome::Lost,
            Some(Stop::TimeUp) | None => self.time_is_up(),
        }
    }

    fn time_is_up(&self) -> Outcome {
        let job = self.work.tenure.job();
        if job.options.iter().any(|(name, value)| name == "dry-run" && value == "true") {
            let text = "a dry run has to come to its end within one invocation, and this file takes longer";
            return Outcome::End(End::Failed(text.into()));
        }
        if self.has_progress() {
            return Outcome::HandOn(Duration::ZERO);
        }
        Outcome::Later("not one chunk of the file was done in the time of an invocation".into())
    }

    fn has_progress(&self) -> bool {
        let state = self.state.lock();
        state.kept > state.began
    }

    /// Before a checkpoint: what is to be as durable as it is, and whether to go on at all.
    async fn settled(&self, done: Done) -> io::Result<bool> {
        if self.work.tenure.is_cancelled().await.unwrap_or(false) {
            self.stop(Stop::Cancelled);
            return Ok(false);
        }
        if done.rejects_bytes > self.work.settings.max_rejects_bytes {
            self.stop(Stop::Rejects);
            return Ok(false);
        }
        let hurries = Instant::now() >= self.work.time.soft;
        self.state.lock().last = done;
        let may = self.is_listed(done, hurries).await.map_err(io::Error::other)?;
        let tells = {
            let mut state = self.state.lock();
            state.keeping = may.then_some(done.read);
            state.time_is_up = hurries;
            hurries || state.next_tell.is_none_or(|at| at <= Instant::now())
        };
        self.work.tenure.note(|job| outcome::counted(job, done));
        if tells {
            self.state.lock().next_tell = Some(Instant::now() + self.work.settings.tell_every);
            if !self.work.tenure.tell().await.map_err(io::Error::other)? {
                self.stop(Stop::Lost);
                return Ok(false);
            }
        }
        Ok(may)
    }

    /// Whether the bucket has the list. It grows there from time to time only: an object is written as a whole.
    async fn is_listed(&self, done: Done, hurries: bool) -> Result<bool, AwsError> {
        let (listed, next) = {
            let state = self.state.lock();
            (state.listed, state.next_list)
        };
        if done.rejects_bytes == listed {
            return Ok(true);
        }
        if !hurries && next.is_some_and(|at| at > Instant::now()) {
            return Ok(false);
        }
        let began = Instant::now();
        self.put_list(done.rejects_bytes).await?;
        let pause = self.work.settings.list_every.max(began.elapsed() * LIST_PART);
        self.state.lock().next_list = Some(Instant::now() + pause);
        Ok(true)
    }

    async fn put_list(&self, bytes: u64) -> Result<(), AwsError> {
        let job = self.work.tenure.job();
        let failed = |reason: String| AwsError::Failed { what: "the list".into(), reason };
        let mut list = fs::read(self.list()).map_err(|error| failed(error.to_string()))?;
        list.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        self.work.objects.put(&rejects_key(&job.collection, &job.id), &list).await?;
        self.state.lock().listed = bytes;
        self.work.tenure.note(|job| job.rejects_bytes = bytes);
        Ok(())
    }

    /// At the end.
    async fn list_all(&self) -> Result<(), AwsError> {
        let (last, listed) = {
            let state = self.state.lock();
            (state.last.rejects_bytes, state.listed)
        };
        if last == listed { Ok(()) } else { self.put_list(last).await }
    }
}

impl Progress for Run<'_> {
    fn position(&self, read_bytes: u64, _: u64) {
        self.work.tenure.note(|job| job.read_bytes = read_bytes);
    }

    fn notice(&self, text: &str) {
        // That it goes on is no news here.
        if !text.starts_with("going on after record ") {
            self.work.tenure.note(|job| outcome::notice(job, text));
        }
    }

    fn recognised(&self, what: &str) {
        self.work.tenure.note(|job| outcome::recognised(job, what));
    }

    fn settle(&self, done: Done) -> BoxFuture<'_, io::Result<bool>> {
        self.settled(done).boxed()
    }

    fn counted(&self, done: Done) {
        let mut state = self.state.lock();
        match state.keeping.take() {
            Some(kept) => state.kept = kept,
            // The beginning of an import that goes on.
            None if state.last == Done::default() => {
                (state.began, state.kept, state.listed) = (done.read, done.read, done.rejects_bytes);
                state.last = done;
            }
            None => {}
        }
        let is_up = state.time_is_up;
        drop(state);
        if is_up {
            self.stop(Stop::TimeUp);
        }
    }
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}
