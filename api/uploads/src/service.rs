//! What the API does about imports on AWS. It keeps records and signs requests; it sends nothing to S3 or SQS.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::SharedCredentialsProvider;
use cellar_cache::clock::Clock;
use cellar_http::config::UploadConfig;
use cellar_http::imports::{Announced, Imports, Incoming, Job, JobState, Order, Refused, Rejects, Upload};
use cellar_model::Collection;
use cellar_store::{Store, StoreError};
use futures::StreamExt as _;
use xxhash_rust::xxh3::xxh3_128;

use crate::bucket::Bucket;
use crate::ledger::{Held, Ledger};
use crate::record::Record;
use crate::{SignError, rejects_key, upload_key};

/// What is told to a client that finds no room.
const RETRY_AFTER_S: u32 = 60;

/// How often a worker is waited for that is to end a job.
const LOOKS: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a list of rejected records is to be had by one answer.
const REJECTS_VALID: Duration = Duration::from_mins(5);

/// Imports that are carried out by a worker elsewhere.
pub struct Uploads {
    config: UploadConfig,
    ledger: Ledger,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
}

impl Uploads {
    /// Over the table of a store, and the bucket of a region.
    ///
    /// # Errors
    ///
    /// What is wrong with the bucket's name.
    pub fn new(
        config: UploadConfig,
        store: Arc<dyn Store>,
        region: String,
        credentials: SharedCredentialsProvider,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        Bucket::new(&config.bucket, &region, config.endpoint_url.as_deref(), credentials.clone())?;
        Ok(Self { config, ledger: Ledger::new(store), region, credentials, clock })
    }

    /// The bucket of a job, which may be that of another region.
    fn bucket(&self, record: &Record) -> Result<Bucket, StoreError> {
        let endpoint = self.config.endpoint_url.as_deref();
        Bucket::new(&record.bucket, &record.region, endpoint, self.credentials.clone())
            .map_err(StoreError::Failed)
    }

    fn now(&self) -> u64 {
        self.clock.unix_ms()
    }

    fn keep_ms(&self) -> u64 {
        millis(self.config.keep)
    }

    /// What a client sees of a record: with a signed upload, while the file is awaited.
    async fn shown(&self, held: Held) -> Result<Job, StoreError> {
        let now = self.now();
        let record = held.record.at(now);
        let left = record.upload_until_unix_ms.saturating_sub(now) / 1_000;
        if record.job.state != JobState::Uploading || left == 0 {
            return Ok(record.job);
        }
        let key = upload_key(&record.job.collection, &record.job.id);
        let (valid, sha256) = (Duration::from_secs(left), record.sha256());
        let bucket = self.bucket(&record)?;
        let put = bucket.presign_put(&key, record.job.bytes, sha256.as_ref(), time(now), valid);
        let put = put.await.map_err(|error| unsigned(&error))?;
        let expires = humantime::format_rfc3339_seconds(time(now) + valid).to_string();
        let upload = Upload { method: "PUT", url: put.url, headers: put.headers, expires };
        Ok(Job { upload: Some(upload), ..record.job })
    }

    /// Refuses what finds no room among jobs that have not ended.
    async fn admit(&self, order: &Order, announced: Announced) -> Result<(), Refused> {
        let most = self.config.max_bytes;
        if announced.bytes > most {
            return Err(Refused::TooLong { most });
        }
        let now = self.now();
        let jobs = self.ledger.list(&order.collection, now).await?;
        let waiting = jobs.into_iter().filter(|held| !held.record.clone().at(now).job.state.is_end()).count();
        if waiting >= self.config.waiting {
            return Err(Refused::Busy { waiting, retry_after_s: RETRY_AFTER_S });
        }
        Ok(())
    }

    /// The job that a key has made before.
    async fn known(&self, record: &Record) -> Result<Option<Job>, Refused> {
        let Some(held) = self.ledger.get(&record.job.collection, &record.job.id, self.now()).await? else {
            return Ok(None);
        };
        if held.record.digest != record.digest {
            return Err(Refused::KeyReused);
        }
        Ok(Some(self.shown(held).await?))
    }

    /// Ends a job that nobody works on, and asks the one who does to end it; as it is then.
    async fn end(&self, collection: &Collection, id: &str) -> Result<Option<Held>, StoreError> {
        let Some(mut held) = self.ledger.get(collection, id, self.now()).await? else { return Ok(None) };
        if held.record.job.state.is_end() {
            return Ok(Some(held));
        }
        let until = held.record.expires_unix_ms();
        self.ledger.ask_to_cancel(collection, id, self.now(), until).await?;
        loop {
            let now = self.now();
            if held.record.job.state.is_end() || held.record.is_leased(now) {
                return Ok(Some(held));
            }
            let ended = held.record.clone().ended(now, self.keep_ms(), |job| job.state = JobState::Cancelled);
            if let Some(ended) = self.ledger.change(&held, ended, now).await? {
                return Ok(Some(ended));
            }
            let Some(changed) = self.ledger.get(collection, id, now).await? else { return Ok(None) };
            held = changed;
        }
    }

    /// The same, and waits a while for the one who works on it.
    async fn end_and_wait(&self, collection: &Collection, id: &str) -> Result<Option<Held>, StoreError> {
        let mut held = self.end(collection, id).await?;
        for _ in 0..LOOKS {
            if held.as_ref().is_none_or(|held| held.record.job.state.is_end()) {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            held = self.ledger.get(collection, id, self.now()).await?;
        }
        Ok(held)
    }
}

#[async_trait]
impl Imports for Uploads {
    async fn submit(&self, order: Order, mut body: Incoming) -> Result<Job, Refused> {
        let Some(announced) = order.announced else { return Err(Refused::NotHere { reason: ANNOUNCE }) };
        while let Some(part) = body.next().await {
            if !part.map_err(Refused::Broken)?.is_empty() {
                return Err(Refused::NotHere { reason: NO_BODY });
            }
        }
        let now = self.now();
        let id = match &order.key {
            Some(key) => xxh3_128(format!("{}#{key}", order.collection).as_bytes()),
            None => fastrand::u128(..),
        };
        let job = Job::queued(
            format!("{id:032x}"),
            order.collection.clone(),
            order.options.clone(),
            announced.bytes,
            now,
        );
        let until = now.saturating_add(millis(self.config.upload_within));
        let place = (self.region.clone(), self.config.bucket.clone());
        let record = Record::new(job, announced, place, until);
        if order.key.is_some()
            && let Some(job) = self.known(&record).await?
        {
            return Ok(job);
        }
        self.admit(&order, announced).await?;
        if !self.ledger.create(record.clone(), now).await? {
            // Somebody else has made it since.
            return self.known(&record).await?.ok_or(Refused::KeyInUse);
        }
        self.ledger.enlist(&record, now).await?;
        let held = self.ledger.get(&record.job.collection, &record.job.id, now).await?;
        let held = held.ok_or_else(|| Refused::Failed("a record is gone at once".into()))?;
        Ok(self.shown(held).await?)
    }

    async fn list(&self, collection: &Collection) -> Result<Vec<Job>, StoreError> {
        let now = self.now();
        let jobs = self.ledger.list(collection, now).await?;
        Ok(jobs.into_iter().map(|held| held.record.at(now).job).collect())
    }

    async fn get(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError> {
        match self.ledger.get(collection, id, self.now()).await? {
            Some(held) => self.shown(held).await.map(Some),
            None => Ok(None),
        }
    }

    async fn cancel(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError> {
        Ok(self.end_and_wait(collection, id).await?.map(|held| held.record.at(self.now()).job))
    }

    async fn remove(&self, collection: &Collection, id: &str) -> Result<bool, StoreError> {
        let Some(held) = self.end_and_wait(collection, id).await? else { return Ok(false) };
        self.ledger.unlist(&held.record, self.now()).await?;
        // Who works on it still finds its record gone, and ends.
        self.ledger.forget(collection, id).await?;
        Ok(true)
    }

    async fn rejects(&self, collection: &Collection, id: &str) -> Result<Option<Rejects>, StoreError> {
        let Some(held) = self.ledger.get(collection, id, self.now()).await? else { return Ok(None) };
        if held.record.job.rejects_bytes == 0 {
            let lines = futures::stream::empty().boxed();
            return Ok(Some(Rejects::List(cellar_http::imports::RejectList { length: 0, lines })));
        }
        let (key, name) = (rejects_key(collection, id), format!("{id}.rejected.jsonl"));
        let bucket = self.bucket(&held.record)?;
        let url = bucket.presign_get(&key, &name, time(self.now()), REJECTS_VALID);
        Ok(Some(Rejects::At(url.await.map_err(|error| unsigned(&error))?)))
    }

    async fn cancel_all(&self, collection: &Collection) -> Result<(), StoreError> {
        for held in self.ledger.list(collection, self.now()).await? {
            self.end(collection, &held.record.job.id).await?;
        }
        Ok(())
    }
}

const ANNOUNCE: &str = "here the file is not the body of the request: say how long it is (`?bytes=`), and send it to `upload.url` of the answer";
const NO_BODY: &str = "the file goes to `upload.url` of the answer; the request itself has to have no body";

fn unsigned(error: &SignError) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn time(unix_ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
