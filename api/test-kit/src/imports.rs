//! Imports that are taken and never begin, for routes to be tested without an engine.

use async_trait::async_trait;
use axum::body::Bytes;
use cellar_http::imports::{Imports, Incoming, Job, JobState, Order, Refused, RejectList, Rejects, Upload};
use cellar_model::Collection;
use cellar_store::StoreError;
use futures::StreamExt as _;
use futures::stream;
use parking_lot::Mutex;

/// A line of what was not stored.
pub const REJECT: &str = "{\"line\":3,\"id\":\"a\",\"reason\":\"no position\",\"record\":\"a,,\"}\n";

/// Where a file that is announced is to be sent, and its list of what was not stored is to be had.
pub const ELSEWHERE: &str = "https://files.example.com/a?signature=b";

/// Jobs in memory, with ids 1, 2 and so on. A body `busy` is refused for lack of room. A file that is announced is awaited elsewhere, where
/// its job is carried out, too: it does not end at once.
#[derive(Default)]
pub struct FakeImports {
    jobs: Mutex<Vec<Job>>,
}

#[async_trait]
impl Imports for FakeImports {
    async fn submit(&self, order: Order, body: Incoming) -> Result<Job, Refused> {
        let parts: Vec<_> = body.collect().await;
        let body: Vec<u8> = parts.into_iter().flat_map(Result::unwrap).collect();
        if body == b"busy" {
            return Err(Refused::Busy { waiting: 8, retry_after_s: 30 });
        }
        let mut jobs = self.jobs.lock();
        let id = format!("{:032x}", jobs.len() + 1);
        let created = 1_764_500_000_000;
        let upload = order.announced.map(|announced| Upload {
            method: "PUT",
            url: ELSEWHERE.to_owned(),
            headers: [("content-length", announced.bytes.to_string())].into(),
            expires: "2025-11-30T11:08:20Z".to_owned(),
        });
        let job = Job {
            upload,
            rejected: 1,
            rejects_bytes: REJECT.len() as u64,
            ..Job::queued(id, order.collection, order.options, body.len() as u64, created)
        };
        jobs.push(job.clone());
        Ok(job)
    }

    async fn list(&self, collection: &Collection) -> Result<Vec<Job>, StoreError> {
        Ok(self.jobs.lock().iter().rev().filter(|job| job.collection == *collection).cloned().collect())
    }

    async fn get(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError> {
        Ok(self.list(collection).await?.into_iter().find(|job| job.id == id))
    }

    async fn cancel(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError> {
        let mut jobs = self.jobs.lock();
        let found = jobs.iter_mut().find(|job| job.collection == *collection && job.id == id);
        Ok(found.map(|job| {
            job.state = if job.upload.is_some() { JobState::Running } else { JobState::Cancelled };
            job.clone()
        }))
    }

    async fn remove(&self, collection: &Collection, id: &str) -> Result<bool, StoreError> {
        let was_there = self.get(collection, id).await?.is_some();
        self.jobs.lock().retain(|job| job.id != id);
        Ok(was_there)
    }

    async fn rejects(&self, collection: &Collection, id: &str) -> Result<Option<Rejects>, StoreError> {
        let Some(job) = self.get(collection, id).await? else { return Ok(None) };
        if job.upload.is_some() {
            return Ok(Some(Rejects::At(ELSEWHERE.to_owned())));
        }
        let lines = stream::iter([Ok(Bytes::from_static(REJECT.as_bytes()))]).boxed();
        Ok(Some(Rejects::List(RejectList { length: job.rejects_bytes, lines })))
    }

    async fn cancel_all(&self, collection: &Collection) -> Result<(), StoreError> {
        for job in self.list(collection).await? {
            self.cancel(collection, &job.id).await?;
        }
        Ok(())
    }
}
