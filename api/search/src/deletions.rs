//! Carrying out the deletions of collections beside answering: by `cellar serve` in the background, by the function a
//! bit in each scheduled invocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_model::{Collection, Placement};
use cellar_store::deletion::{Deleted, Outcome, Settings, Worker, carry_on};
use cellar_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Search;

/// How often to look for deletions that nobody here was asked for: of other processes, or cut off.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long what is under way may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// The deletions of a table, and who is told of what they remove.
#[derive(Clone)]
pub struct Deletions {
    store: Arc<dyn Store>,
    search: Search,
    settings: Settings,
    stopped: Arc<AtomicBool>,
}

/// Deletions that are carried out in the background.
pub struct Background {
    stopped: Arc<AtomicBool>,
    asked: Arc<Notify>,
    task: JoinHandle<()>,
}

/// A call that ends at an instant, or when the process does.
struct Until<'a> {
    all: &'a Deletions,
    until: Option<Instant>,
}

#[async_trait]
impl Worker for Until<'_> {
    async fn removed(&self, collection: &Collection, places: &[Placement]) {
        self.all.search.changed(collection, places).await;
    }

    fn progress(&self, _: Deleted, _: bool) {}

    fn is_time_up(&self) -> bool {
        self.all.stopped.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl Deletions {
    /// Over a table; the caches of the searches are told.
    pub fn new(store: Arc<dyn Store>, search: Search, settings: Settings) -> Self {
        Self { store, search, settings, stopped: Arc::default() }
    }

    /// Carries on all deletions that there are, one after the other, until an instant; what came of each.
    ///
    /// # Errors
    ///
    /// What the store fails with. Another call goes on.
    pub async fn carry_on(&self, until: Option<Instant>) -> Result<Vec<(Collection, Outcome)>, StoreError> {
        let mut outcomes = Vec::new();
        for deletion in self.store.maintenance().deletions().await? {
            let worker = Until { all: self, until };
            if worker.is_time_up() {
                break;
            }
            let outcome = carry_on(&*self.store, &deletion.collection, self.settings, &worker).await?;
            tracing::info!(collection = %deletion.collection, ?outcome, "deletion");
            outcomes.push((deletion.collection, outcome));
        }
        Ok(outcomes)
    }

    /// Carries out deletions in the background: those that somebody asks for at once, others soon.
    pub fn start(self, asked: Arc<Notify>) -> Background {
        let (stopped, told) = (Arc::clone(&self.stopped), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while !self.stopped.load(Ordering::Relaxed) {
                if let Err(error) = self.carry_on(None).await {
                    tracing::warn!(%error, "a deletion is put off");
                }
                let _ = tokio::time::timeout(LOOK_EVERY, told.notified()).await;
            }
        });
        Background { stopped, asked, task }
    }
}

impl Background {
    /// Stops between two steps, so that another process can go on at once.
    pub async fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.asked.notify_one();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(STOP_LIMIT, self.task).await.is_err() {
            abort.abort();
        }
    }
}
