//! The tiers of the read cache, put together: memory, Redis, and the change feed that keeps them true.
//!
//! Invariant: memory counts as attended only while the feed, here or in the process that has its role, says that it
//! has handed over every change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::Policy;
use cellar_cache::clock::{Clock, SystemClock};
use cellar_cache::remote::redis::RedisRemote;
use cellar_cache::remote::{Board, Remote, RemoteError};
use futures::future::join_all;
use geo_index::PageKey;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::changes::Settings;
use crate::changes::{
    BoardCheckpoints, Consumer, MemoryCheckpoints, Role, Sink, SinkError, Status, TableStream,
};
use crate::hot::{FLUSH_EVERY, HotCells};
use crate::pages::{CachedPages, PageCache, PageId};
use crate::purge::{EdgeInvalidator, EdgePurges, PurgeSettings};
use crate::store::Store;

/// How long the role of the feed stays with a process that says nothing.
const ROLE_TTL: Duration = Duration::from_secs(6);

/// How long the last things may take when the process stops.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Where the board keeps the time, in milliseconds since 1970, before which nothing that was loaded can be trusted.
const DOUBT: (&str, &str) = ("doubt", "before_unix_ms");

/// Pause between two tries to read or write it.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);

/// Pages that are invalidated at a time: a page of stream records may concern 26,000.
const PAGES_AT_ONCE: usize = 4_000;

/// How long a flush of the hot cells may take.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// What everything of a store begins with in Redis: the pages of two stores must not meet.
pub fn namespace(store: &str) -> String {
    format!("cellar:1:{store}:")
}

/// The tiers.
#[derive(Clone)]
pub struct Tiers {
    /// Pages through memory and, if there is one, Redis.
    pub pages: CachedPages,
    /// Where searches come from.
    pub hot: Arc<HotCells>,
    /// What processes share beside pages; none without Redis.
    pub board: Option<Arc<dyn Board>>,
    /// The edge in front, if there is one that is told of changes.
    pub edge: Option<EdgePurges>,
}

/// Where changes come from.
pub struct Feed {
    /// The table's stream.
    pub stream: TableStream,
    /// Name of the table.
    pub table: String,
    /// How often it is looked at.
    pub settings: Settings,
}

impl Tiers {
    /// Tiers over a store.
    pub fn new(store: Arc<dyn Store>, policy: Policy, redis: Option<RedisRemote>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let redis = redis.map(Arc::new);
        let remote = redis.clone().map(|redis| redis as Arc<dyn Remote>);
        Self {
            pages: CachedPages::new(store, policy, remote, Arc::clone(&clock)),
            hot: Arc::new(HotCells::new(clock)),
            board: redis.map(|redis| redis as Arc<dyn Board>),
            edge: None,
        }
    }

    /// Tells an edge of changes, too.
    #[must_use]
    pub fn with_edge(self, edge: Box<dyn EdgeInvalidator>, settings: PurgeSettings) -> Self {
        let purges = EdgePurges::new(edge, settings, self.board.clone(), Arc::new(SystemClock));
        Self { edge: Some(purges), ..self }
    }

    /// Starts what goes on beside requests: the feed, the bus, and counting hot cells.
    pub fn start(&self, feed: Feed) -> Upkeep {
        let sink = self.sink();
        let (stop, stopped) = watch::channel(());
        let consumer = self.consumer(feed, sink.clone());
        let status = consumer.status();
        let mut ended = stopped.clone();
        let mut tasks = vec![
            tokio::spawn(consumer.run(async move { drop(ended.changed().await) })),
            tokio::spawn(until(stopped.clone(), sink.clone().beats())),
            tokio::spawn(until(stopped.clone(), sink.learn())),
        ];
        let cache = self.pages.cache().clone();
        tasks.push(tokio::spawn(until(stopped.clone(), async move { cache.run().await })));
        if let Some(edge) = self.edge.clone() {
            tasks.push(tokio::spawn(until(stopped.clone(), async move { edge.run().await })));
        }
        if let Some(board) = self.board.clone() {
            tasks.push(tokio::spawn(until(stopped, flush(Arc::clone(&self.hot), board))));
        }
        Upkeep { tiers: self.clone(), status, stop, tasks }
    }

    /// What takes changes, for who has no feed that brings them.
    pub(crate) fn sink(&self) -> Arc<CacheSink> {
        Arc::new(CacheSink {
            tasks: TaskTracker::new(),
            cache: self.pages.cache().clone(),
            board: self.board.clone(),
            edge: self.edge.clone(),
            caught_up: watch::channel(None).0,
        })
    }

    fn consumer(&self, feed: Feed, sink: Arc<CacheSink>) -> Consumer {
        let Feed { stream, table, settings } = feed;
        let stream = Arc::new(stream);
        let consumer = match &self.board {
            None => Consumer::new(stream, sink, Arc::new(MemoryCheckpoints::default())),
            Some(board) => {
                let holder = format!("{:016x}", fastrand::u64(..));
                let checkpoints = Arc::new(BoardCheckpoints::new(Arc::clone(board), &table));
                let role = Role::new(Arc::clone(board), &table, holder, ROLE_TTL);
                Consumer::new(stream, sink, checkpoints).with_role(role)
            }
        };
        consumer.with_settings(settings)
    }
}

/// What goes on beside requests. It ends with [`stop`](Upkeep::stop), or with the process.
pub struct Upkeep {
    /// How the feed is doing.
    pub status: Status,
    tiers: Tiers,
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Upkeep {
    /// Ends it: gives the role of the feed back, stores what is on its way to Redis, and adds the last counts.
    pub async fn stop(self) {
        drop(self.stop);
        // A task that panicked has nothing left to end.
        let _ = join_all(self.tasks).await;
        let last = async {
            self.tiers.pages.cache().drain().await;
            if let Some(board) = &self.tiers.board {
                flush_once(&self.tiers.hot, &**board).await;
            }
        };
        if tokio::time::timeout(STOP_LIMIT, last).await.is_err() {
            tracing::info!("not all was stored before the end");
        }
        if let Some(edge) = &self.tiers.edge {
            edge.finish().await;
        }
    }
}

/// Does something until the sender is dropped.
async fn until(mut stopped: watch::Receiver<()>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stopped.changed() => {}
    }
}

/// Adds the counts of hot cells to those that processes share.
#[cfg(feature = "lambda")]
pub(crate) async fn flush_now(tiers: &Tiers) {
    if let Some(board) = &tiers.board {
        flush_once(&tiers.hot, &**board).await;
    }
}

async fn flush(hot: Arc<HotCells>, board: Arc<dyn Board>) {
    loop {
        tokio::time::sleep(FLUSH_EVERY).await;
        flush_once(&hot, &*board).await;
    }
}

async fn flush_once(hot: &HotCells, board: &dyn Board) {
    match tokio::time::timeout(FLUSH_LIMIT, hot.flush(board)).await {
        Ok(Ok(cells)) => tracing::debug!(cells, "hot cells"),
        Ok(Err(error)) => tracing::info!(%error, "hot cells are lost"),
        Err(_) => tracing::info!("hot cells are lost: no answer in time"),
    }
}

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
    /// Passes on that everything is handed over, for as long as it is polled.
    async fn beats(self: Arc<Self>) {
        let mut caught_up = self.caught_up.subscribe();
        while caught_up.changed().await.is_ok() {
            let Some(at) = *caught_up.borrow_and_update() else { continue };
            if let Err(error) = self.cache.beat(at.elapsed()).await {
                tracing::debug!(%error, "other processes do not hear that all is handed over");
            }
        }
    }

    /// Reads, once it can, what an earlier process found out about changes that were missed.
    async fn learn(self: Arc<Self>) {
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

#[cfg(all(test, feature = "cli"))]
mod tests;
