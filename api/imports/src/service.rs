//! All of it, as the routes see it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cellar_cache::clock::Clock;
use cellar_http::imports::{Imports, Incoming, Job, Order, Refused, RejectList, Rejects};
use cellar_model::Collection;
use cellar_search::Search;
use cellar_store::{Store, StoreError};
use futures::StreamExt as _;
use futures::stream;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::options;
use crate::outcome::End;
use crate::run;
use crate::settings::Settings;
use crate::shared::{Shared, blocking};
use crate::spool::Spool;
use crate::table::{Known, Table, Why};
use crate::upload::Upload;

/// How often to look for what is to be forgotten.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Bytes of a list that are read at a time.
const READ_AT_A_TIME: u64 = 64 << 10;

/// Why imports cannot be carried out.
#[derive(Debug, Error)]
pub enum StartError {
    /// Another process has the directory.
    #[error("another process takes the imports of {}", .0.display())]
    Taken(PathBuf),
    /// The directory, or a thread, cannot be had.
    #[error("imports cannot be kept in {}: {error}", directory.display())]
    Io {
        /// Which directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Imports of a server. Clones are the same.
#[derive(Clone)]
pub struct Service(Arc<Shared>);

/// Threads that carry imports out. They end when this goes; what they were doing is taken up by the next process.
pub struct Workers(Option<Runtime>);

impl Service {
    /// Takes the directory, and goes on with what is in it. Writes go to the store, and the searches' caches are told.
    pub fn start(
        settings: Settings,
        store: Arc<dyn Store>,
        search: Search,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Workers), StartError> {
        let directory = settings.directory.clone();
        let failed = |error| StartError::Io { directory: directory.clone(), error };
        let spool = Spool::open(&directory).map_err(failed)?;
        let spool = spool.ok_or_else(|| StartError::Taken(directory.clone()))?;
        let mut table = Table::default();
        table.take_up(spool.load().map_err(failed)?);
        let (table, changed) = (Mutex::new(table), watch::Sender::new(()));
        let shared = Arc::new(Shared { settings, spool, table, store, search, clock, changed });
        let workers = Workers::start(&shared).map_err(failed)?;
        Ok((Self(shared), workers))
    }

    /// A job, unless it is forgotten by now.
    fn known(&self, collection: &Collection, id: &str) -> Option<Job> {
        self.0.sweep();
        self.0.table.lock().get(collection, id).cloned()
    }

    /// Ends a job unless it has; its last state.
    async fn end(&self, collection: &Collection, id: &str) -> Option<Job> {
        let mut changed = self.0.changed.subscribe();
        let job = self.0.table.lock().get(collection, id).cloned()?;
        let waited = self.0.table.lock().unqueue(id);
        if waited {
            // At once: nobody else would, should the client go away now.
            self.0.end(id, End::Cancelled);
            if job.resumed > 0 {
                run::forget(&self.0, &job).await;
            }
        } else {
            self.0.table.lock().stop(id, Why::Cancelled);
        }
        loop {
            changed.borrow_and_update();
            let job = self.0.table.lock().get(collection, id).cloned()?;
            if job.state.is_end() {
                return Some(job);
            }
            let _ = changed.changed().await;
        }
    }
}

impl Workers {
    /// Threads of their own: requests neither wait for imports nor take their time.
    fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cellar-import")
            .enable_all()
            .build()?;
        for _ in 0..shared.settings.running {
            runtime.spawn(work(Arc::clone(shared)));
        }
        Ok(Self(Some(runtime)))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Takes one job after the other.
async fn work(shared: Arc<Shared>) {
    let mut changed = shared.changed.subscribe();
    loop {
        changed.borrow_and_update();
        let next = shared.table.lock().next(shared.clock.unix_ms());
        if let Some((record, stop)) = next {
            shared.save(&record);
            run::run(&shared, record, stop).await;
            continue;
        }
        shared.sweep();
        let _ = tokio::time::timeout(SWEEP_EVERY, changed.changed()).await;
    }
}

#[async_trait]
impl Imports for Service {
    async fn submit(&self, order: Order, body: Incoming) -> Result<Job, Refused> {
        options::parse(&order.options, &order.collection)?;
        if order.announced.is_some() {
            let reason =
                "here the file is the body of the request: `bytes` and `sha256` have to be left out".into();
            return Err(Refused::Option { name: "bytes", reason, allowed: None });
        }
        self.0.sweep();
        let upload = Upload::begin(&self.0, &order)?;
        let received = upload.receive(&order, body).await?;
        if let Some(key) = &order.key {
            match self.0.table.lock().known(&order.collection, key, &received.digest) {
                Some(Known::Same(job)) => return Ok(*job),
                Some(Known::Other) => return Err(Refused::KeyReused),
                None => {}
            }
        }
        // Even if the client goes away now: whoever is told of a job, or is not, it is one as a whole or not at all.
        let shared = Arc::clone(&self.0);
        blocking(move || {
            let job = shared.accept(order, &upload.id, received)?;
            upload.keep();
            Ok(job)
        })
        .await
    }

    async fn list(&self, collection: &Collection) -> Result<Vec<Job>, StoreError> {
        self.0.sweep();
        Ok(self.0.table.lock().list(collection))
    }

    async fn get(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError> {
        Ok(self.known(collection, id))
    }

    async fn cancel(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError> {
        Ok(self.end(collection, id).await)
    }

    async fn remove(&self, collection: &Collection, id: &str) -> Result<bool, StoreError> {
        let was_there = self.end(collection, id).await.is_some();
        if was_there && self.0.table.lock().forget(id) {
            self.0.spool.remove(id);
        }
        Ok(was_there)
    }

    async fn rejects(&self, collection: &Collection, id: &str) -> Result<Option<Rejects>, StoreError> {
        let Some(Job { rejects_bytes: length, .. }) = self.known(collection, id) else { return Ok(None) };
        if length == 0 {
            return Ok(Some(Rejects::List(RejectList { length, lines: stream::empty().boxed() })));
        }
        let path = self.0.spool.rejects(id);
        let opened = blocking(move || File::open(path)).await;
        let damaged = |error: Refused| StoreError::Damaged { key: id.to_owned(), reason: error.to_string() };
        Ok(Some(Rejects::List(RejectList { length, lines: parts(opened.map_err(damaged)?, length).boxed() })))
    }

    async fn cancel_all(&self, collection: &Collection) -> Result<(), StoreError> {
        for job in self.list(collection).await?.into_iter().filter(|job| !job.state.is_end()) {
            self.end(collection, &job.id).await;
        }
        Ok(())
    }
}

/// The first bytes of a file, a part at a time.
fn parts(file: File, length: u64) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut part = Vec::new();
            (&mut file).take(left.min(READ_AT_A_TIME)).read_to_end(&mut part)?;
            Ok::<_, io::Error>((file, part))
        });
        let (file, part) = read.await.map_err(io::Error::other)??;
        if part.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - part.len() as u64;
        Ok(Some((Bytes::from(part), (file, left))))
    })
}
