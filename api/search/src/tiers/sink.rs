//! What the feed feeds: every tier of the page cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::{Clock as _, SystemClock};
use cellar_changes::{Sink, SinkError};
use cellar_coordination::{CoordinationStore, RemoteError};
use cellar_model::PageKey;
use cellar_purge::EdgePurges;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::pages::{PageCache, PageId};

/// Where the coordination store keeps the time, in milliseconds since 1970, before which everything loaded is invalid: a map
/// and its field.
const INVALID_BEFORE: (&str, &str) = ("doubt", "before_unix_ms");

/// Pause between two tries to read or write it.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Pages that are invalidated at a time: a page of stream records may concern 26,000.
const PAGES_AT_ONCE: usize = 4_000;

/// What the feed feeds: every tier of the page cache.
pub struct CacheSink {
    /// What goes on beside its callers.
    tasks: TaskTracker,
    cache: PageCache,
    coordination: Option<Arc<dyn CoordinationStore>>,
    edge: Option<EdgePurges>,
    /// When the feed was last seen to have handed over everything.
    caught_up: watch::Sender<Option<Instant>>,
}

impl CacheSink {
    /// What takes changes for a cache, and passes them on to an edge if there is one.
    pub(super) fn new(
        cache: PageCache,
        coordination: Option<Arc<dyn CoordinationStore>>,
        edge: Option<EdgePurges>,
    ) -> Self {
        let caught_up = watch::channel(None).0;
        Self { tasks: TaskTracker::new(), cache, coordination, edge, caught_up }
    }

    /// Passes on that everything is handed over, for as long as it is polled.
    pub(super) async fn heartbeats(self: Arc<Self>) {
        let mut caught_up = self.caught_up.subscribe();
        while caught_up.changed().await.is_ok() {
            let Some(at) = *caught_up.borrow_and_update() else { continue };
            if let Err(error) = self.cache.send_heartbeat(at.elapsed()).await {
                tracing::debug!(%error, "other processes do not hear that all is handed over");
            }
        }
    }

    /// Tells processes that start later of each time before which everything is invalid because too many invalidations had
    /// failed, for as long as it is polled.
    pub(super) async fn remember_flushes(self: Arc<Self>) {
        let Some(coordination) = &self.coordination else { return };
        let mut flushed = self.cache.flushed();
        while flushed.changed().await.is_ok() {
            let before = *flushed.borrow_and_update();
            remember(Arc::clone(coordination), before).await;
        }
    }

    /// Reads, once it can, what an earlier process found out about changes that were missed.
    pub(super) async fn learn(self: Arc<Self>) {
        while let Err(error) = self.learn_now().await {
            tracing::debug!(%error, "the coordination store cannot be read");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// The same, in one try; it may be repeated.
    pub async fn learn_now(&self) -> Result<(), RemoteError> {
        let Some(coordination) = &self.coordination else { return Ok(()) };
        let fields = coordination.read(INVALID_BEFORE.0).await?;
        let found = fields.iter().find(|(field, _)| field == INVALID_BEFORE.1);
        if let Some(before) = found.and_then(|(_, text)| text.parse().ok()) {
            self.cache.invalidate_older_than(before);
        }
        Ok(())
    }

    /// Waits until everything is stored that is on its way to Redis: for a process that is about to end or to stand
    /// still.
    pub async fn drain(&self) {
        self.cache.drain().await;
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

/// Tells processes that start later what is invalid.
async fn remember(coordination: Arc<dyn CoordinationStore>, before_unix_ms: u64) {
    let fields = [(INVALID_BEFORE.1.to_owned(), before_unix_ms.to_string())];
    while let Err(error) = coordination.write(INVALID_BEFORE.0, &fields).await {
        tracing::warn!(%error, "processes that start later do not hear that changes were missed");
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

#[async_trait]
impl Sink for CacheSink {
    async fn invalidate(&self, pages: &[PageKey], tags: &[String]) -> Result<(), SinkError> {
        let ids: Vec<_> = pages.iter().cloned().map(PageId).collect();
        tracing::debug!(pages = ids.len(), ?tags, "changed");
        for some in ids.chunks(PAGES_AT_ONCE) {
            self.cache.invalidate(some).await.map_err(|error| SinkError(error.to_string()))?;
        }
        // Only now: what the edge fetches again comes from these tiers.
        if let Some(edge) = &self.edge {
            edge.tags(tags);
        }
        Ok(())
    }

    fn invalidate_everything(&self) {
        let now = SystemClock.unix_ms();
        self.cache.invalidate_older_than(now);
        self.cache.invalidate_memory();
        if let Some(coordination) = self.coordination.clone() {
            self.tasks.spawn(remember(coordination, now));
        }
        if let Some(edge) = &self.edge {
            edge.everything();
        }
    }

    fn caught_up(&self, at: Instant) {
        if !self.cache.is_trusted() {
            // What was kept while no invalidations arrived may be from before what the feed has seen.
            self.cache.invalidate_memory();
        }
        self.cache.record_heartbeat(at.elapsed());
        self.caught_up.send_replace(Some(at));
    }
}
