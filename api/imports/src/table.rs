//! Which jobs there are and what state they are in. No I/O and no clock: instants are handed in.

use std::collections::{BTreeMap, VecDeque};

use cellar_http::imports::{Job, JobState, Refused};
use cellar_model::Collection;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::spool::Record;

/// What is told to a client that finds no room.
const RETRY_AFTER_S: u32 = 30;

/// Why a job that runs is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Cancelled,
    /// More is rejected than is listed.
    Rejects,
}

pub(crate) struct Entry {
    pub(crate) record: Record,
    /// Ends what works on it.
    pub(crate) stop: CancellationToken,
    pub(crate) why: Option<Why>,
}

/// A body on its way.
struct Upload {
    collection: Collection,
    key: Option<String>,
    /// Bytes that are there, or are announced.
    bytes: u64,
}

/// What an order with a key is.
pub(crate) enum Known {
    /// The same as this one.
    Same(Box<Job>),
    /// Another one under the same key.
    Other,
}

#[derive(Default)]
pub(crate) struct Table {
    jobs: BTreeMap<String, Entry>,
    queue: VecDeque<String>,
    uploads: BTreeMap<String, Upload>,
}

impl Table {
    /// Takes up jobs of an earlier process: what has not ended waits once more.
    pub(crate) fn take_up(&mut self, records: Vec<Record>) {
        for mut record in records {
            let id = record.job.id.clone();
            if !record.job.state.is_end() {
                record.job.resumed += u32::from(record.job.state == JobState::Running);
                record.job.state = JobState::Queued;
                self.queue.push_back(id.clone());
            }
            self.jobs.insert(id, Entry { record, stop: CancellationToken::new(), why: None });
        }
    }

    /// Lets a body in, if it may wait and there is room for what is announced of it.
    pub(crate) fn begin_upload(
        &mut self,
        id: &str,
        (collection, key): (&Collection, Option<&str>),
        bytes: u64,
        settings: &Settings,
    ) -> Result<(), Refused> {
        let same = |upload: &Upload| {
            key.is_some() && upload.key.as_deref() == key && upload.collection == *collection
        };
        if self.uploads.values().any(same) {
            return Err(Refused::KeyInUse);
        }
        let waiting = self.queue.len() + self.uploads.len();
        // A job that is sent again is no more work.
        let is_known = key.is_some_and(|key| self.of_key(collection, key).is_some());
        if waiting >= settings.waiting && !(is_known && waiting < 2 * settings.waiting) {
            return Err(Refused::Busy { waiting, retry_after_s: RETRY_AFTER_S });
        }
        let upload = Upload { collection: collection.clone(), key: key.map(str::to_owned), bytes: 0 };
        self.uploads.insert(id.to_owned(), upload);
        self.grow_upload(id, bytes, settings).inspect_err(|_| {
            self.uploads.remove(id);
        })
    }

    /// So much of a body is there.
    pub(crate) fn grow_upload(&mut self, id: &str, bytes: u64, settings: &Settings) -> Result<(), Refused> {
        if bytes > settings.max_body_bytes {
            return Err(Refused::TooLong { most: settings.max_body_bytes });
        }
        let others = self.kept_bytes() - self.uploads.get(id).map_or(0, |upload| upload.bytes);
        if others + bytes > settings.max_kept_bytes {
            return Err(Refused::NoRoom { retry_after_s: RETRY_AFTER_S });
        }
        if let Some(upload) = self.uploads.get_mut(id) {
            upload.bytes = upload.bytes.max(bytes);
        }
        Ok(())
    }

    pub(crate) fn end_upload(&mut self, id: &str) {
        self.uploads.remove(id);
    }

    /// All that is kept on disk.
    fn kept_bytes(&self) -> u64 {
        let of_job = |job: &Job| job.rejects_bytes + if job.state.is_end() { 0 } else { job.bytes };
        self.jobs.values().map(|entry| of_job(&entry.record.job)).sum::<u64>()
            + self.uploads.values().map(|upload| upload.bytes).sum::<u64>()
    }

    /// The job of a key, if it came before.
    pub(crate) fn known(&self, collection: &Collection, key: &str, digest: &str) -> Option<Known> {
        let record = self.of_key(collection, key)?;
        let is_same = record.digest == digest;
        Some(if is_same { Known::Same(Box::new(record.job.clone())) } else { Known::Other })
    }

    fn of_key(&self, collection: &Collection, key: &str) -> Option<&Record> {
        let mut records = self.jobs.values().map(|entry| &entry.record);
        records.find(|record| record.key.as_deref() == Some(key) && record.job.collection == *collection)
    }

    /// A job waits.
    pub(crate) fn enqueue(&mut self, record: Record) {
        let id = record.job.id.clone();
        self.uploads.remove(&id);
        self.queue.push_back(id.clone());
        self.jobs.insert(id, Entry { record, stop: CancellationToken::new(), why: None });
    }

    /// The next job, which runs from now on.
    pub(crate) fn next(&mut self, now_unix_ms: u64) -> Option<(Record, CancellationToken)> {
        let id = self.queue.pop_front()?;
        let entry = self.jobs.get_mut(&id)?;
        entry.record.job.state = JobState::Running;
        entry.record.job.started_unix_ms.get_or_insert(now_unix_ms);
        Some((entry.record.clone(), entry.stop.clone()))
    }

    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Job)) {
        if let Some(entry) = self.jobs.get_mut(id) {
            change(&mut entry.record.job);
        }
    }

    pub(crate) fn why(&self, id: &str) -> Option<Why> {
        self.jobs.get(id)?.why
    }

    /// Asks for the end of a job.
    pub(crate) fn stop(&mut self, id: &str, why: Why) {
        if let Some(entry) = self.jobs.get_mut(id) {
            entry.why.get_or_insert(why);
            entry.stop.cancel();
        }
    }

    /// Takes a job that waits out of the queue; whether it waited.
    pub(crate) fn unqueue(&mut self, id: &str) -> bool {
        let at = self.queue.iter().position(|queued| queued == id);
        at.is_some_and(|at| self.queue.remove(at).is_some())
    }

    /// A job that has ended, as it is to be [kept](Self::ended).
    pub(crate) fn end(
        &self,
        id: &str,
        now_unix_ms: u64,
        settings: &Settings,
        how: impl FnOnce(&mut Job),
    ) -> Option<Record> {
        let mut record = self.jobs.get(id)?.record.clone();
        let job = &mut record.job;
        how(job);
        job.ended_unix_ms = Some(now_unix_ms);
        let keep = u64::try_from(settings.keep.as_millis()).unwrap_or(u64::MAX);
        job.expires_unix_ms = Some(now_unix_ms.saturating_add(keep));
        Some(record)
    }

    /// It is kept: from now on everybody is told that it has ended.
    pub(crate) fn ended(&mut self, record: Record) {
        if let Some(entry) = self.jobs.get_mut(&record.job.id) {
            entry.record = record;
        }
    }

    pub(crate) fn get(&self, collection: &Collection, id: &str) -> Option<&Job> {
        Some(&self.jobs.get(id)?.record.job).filter(|job| job.collection == *collection)
    }

    /// Of a collection, the newest first.
    pub(crate) fn list(&self, collection: &Collection) -> Vec<Job> {
        let jobs = self.jobs.values().map(|entry| &entry.record.job);
        let mut jobs: Vec<Job> = jobs.filter(|job| job.collection == *collection).cloned().collect();
        jobs.sort_by(|a, b| (b.created_unix_ms, &b.id).cmp(&(a.created_unix_ms, &a.id)));
        jobs
    }

    /// Forgets a job that has ended; whether there was one.
    pub(crate) fn forget(&mut self, id: &str) -> bool {
        let has_ended = self.jobs.get(id).is_some_and(|entry| entry.record.job.state.is_end());
        has_ended && self.jobs.remove(id).is_some()
    }

    /// Forgets what has ended long ago, or before as many others as are kept; which.
    pub(crate) fn sweep(&mut self, now_unix_ms: u64, settings: &Settings) -> Vec<String> {
        let jobs = self.jobs.values().map(|entry| &entry.record.job);
        let mut ended: Vec<(u64, String, bool)> = jobs
            .filter_map(|job| {
                let is_over = job.expires_unix_ms.is_some_and(|at| at <= now_unix_ms);
                Some((job.ended_unix_ms?, job.id.clone(), is_over))
            })
            .collect();
        ended.sort();
        let too_many = ended.len().saturating_sub(settings.ended);
        let gone: Vec<String> = ended
            .into_iter()
            .enumerate()
            .filter(|(at, (_, _, is_over))| *at < too_many || *is_over)
            .map(|(_, (_, id, _))| id)
            .collect();
        for id in &gone {
            self.jobs.remove(id);
        }
        gone
    }
}
