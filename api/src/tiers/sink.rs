//! What the feed feeds: every tier of the page cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::{Clock as _, SystemClock};
use cellar_cache::remote::{Board, RemoteError};
use geo_index::PageKey;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::changes::{Sink, SinkError};
use crate::pages::{PageCache, PageId};
use crate::purge::EdgePurges;

/// Where the board keeps the time, in milliseconds since 1970, before which nothing that was loaded can be trusted.
const DOUBT: (&str, &str) = ("doubt", "before_unix_ms");

/// Pause between two tries to read or write it.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);

/// Pages that are invalidated at a time: a page of stream records may concern 26,000.
const PAGES_AT_ONCE: usize = 4_000;

/// What the feed feeds: every tier of the page cache.
pub(crate) struct CacheSink {
    /// What goes on beside its callers.
    tasks: TaskTracker,
    cache: PageCache,
    board: Option<Arc<dyn Board>>,
    edge: Option<EdgePurges>,
    /// When the feed was last seen to have handed over everything.
    caught_up: watch::Sender<Option<Instant>>,
}

impl CacheSink {
    /// What takes changes for a cache, and passes them on to an edge if there is one.
    pub(super) fn new(cache: PageCache, board: Option<Arc<dyn Board>>, edge: Option<EdgePurges>) -> Self {
        let caught_up = watch::channel(None).0;
        Self { tasks: TaskTracker::new(), cache, board, edge, caught_up }
    }

    /// Passes on that everything is handed over, for as long as it is polled.
    pub(super) async fn beats(self: Arc<Self>) {
        let mut caught_up = self.caught_up.subscribe();
        while caught_up.changed().await.is_ok() {
            let Some(at) = *caught_up.borrow_and_update() else { continue };
            if let Err(error) = self.cache.beat(at.elapsed()).await {
                tracing::debug!(%error, "other processes do not hear that all is handed over");
            }
        }
    }

    /// Reads, once it can, what an earlier process found out about changes that were missed.
    pub(super) async fn learn(self: Arc<Self>) {
        while let Err(error) = self.learn_now().await {
            tracing::debug!(%error, "the board cannot be read");
            tokio::time::sleep(DOUBT_PAUSE).await;
        }
    }

    /// The same, in one try; it may be repeated.
    pub(crate) async fn learn_now(&self) -> Result<(), RemoteError> {
        let Some(board) = &self.board else { return Ok(()) };
        let fields = board.read(DOUBT.0).await?;
        let found = fields.iter().find(|(field, _)| field == DOUBT.1);
        if let Some(before) = found.and_then(|(_, text)| text.parse().ok()) {
            self.cache.doubt(before);
        }
        Ok(())
    }

    /// Waits until everything is stored that is on its way to Redis: for a process that is about to end or to stand
    /// still.
    #[cfg(feature = "lambda")]
    pub(crate) async fn drain(&self) {
        self.cache.drain().await;
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

/// Leaves a doubt where processes find it that start later.
async fn remember(board: Arc<dyn Board>, before_unix_ms: u64) {
    let fields = [(DOUBT.1.to_owned(), before_unix_ms.to_string())];
    while let Err(error) = board.write(DOUBT.0, &fields).await {
        tracing::warn!(%error, "processes that start later do not hear that changes were missed");
        tokio::time::sleep(DOUBT_PAUSE).await;
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

    fn distrust(&self) {
        let now = SystemClock.unix_ms();
        self.cache.doubt(now);
        self.cache.distrust();
        if let Some(board) = self.board.clone() {
            self.tasks.spawn(remember(board, now));
        }
        if let Some(edge) = &self.edge {
            edge.everything();
        }
    }

    fn caught_up(&self, at: Instant) {
        if !self.cache.is_attended() {
            // What was kept while nobody attended may be from before what the feed has seen.
            self.cache.distrust();
        }
        self.cache.attend(at.elapsed());
        self.caught_up.send_replace(Some(at));
    }
}
