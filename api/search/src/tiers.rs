//! The tiers of the read cache, put together: memory, Redis, and the change feed that keeps them true.
//!
//! Invariant: memory is trusted only while the feed, here or in the process that has its role, says that it
//! has handed over every change.

mod sink;

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::Policy;
use cellar_cache::clock::{Clock, SystemClock};
use cellar_cache::remote::Remote;
use cellar_cache::remote::redis::RedisRemote;
use cellar_changes::{Consumer, MemoryCheckpoints, Role, Settings, SharedCheckpoints, Status, TableStream};
use cellar_coordination::CoordinationStore;
use cellar_purge::{EdgeInvalidator, EdgePurges, PurgeSettings};
use cellar_store::Store;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::hot::{FLUSH_EVERY, HotCells};
use crate::pages::CachedPages;

pub use self::sink::CacheSink;

/// How long the role of the feed stays with a process that says nothing.
const ROLE_TTL: Duration = Duration::from_secs(6);

/// How long the last things may take when the process stops.
const STOP_LIMIT: Duration = Duration::from_secs(2);

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
    pub coordination: Option<Arc<dyn CoordinationStore>>,
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
            coordination: redis.map(|redis| redis as Arc<dyn CoordinationStore>),
            edge: None,
        }
    }

    /// Tells an edge of changes, too.
    #[must_use]
    pub fn with_edge(self, edge: Box<dyn EdgeInvalidator>, settings: PurgeSettings) -> Self {
        let purges = EdgePurges::new(edge, settings, self.coordination.clone(), Arc::new(SystemClock));
        Self { edge: Some(purges), ..self }
    }

    /// Starts what goes on beside requests: the feed, the bus, and counting hot cells.
    pub fn start(&self, feed: Feed) -> BackgroundTasks {
        let sink = self.sink();
        let (stop, stopped) = watch::channel(());
        let consumer = self.consumer(feed, sink.clone());
        let status = consumer.status();
        let mut ended = stopped.clone();
        let mut tasks = vec![
            tokio::spawn(consumer.run(async move { drop(ended.changed().await) })),
            tokio::spawn(until(stopped.clone(), sink.clone().heartbeats())),
            tokio::spawn(until(stopped.clone(), sink.clone().remember_flushes())),
            tokio::spawn(until(stopped.clone(), sink.learn())),
        ];
        let cache = self.pages.cache().clone();
        tasks.push(tokio::spawn(until(stopped.clone(), async move { cache.run().await })));
        if let Some(edge) = self.edge.clone() {
            tasks.push(tokio::spawn(until(stopped.clone(), async move { edge.run().await })));
        }
        if let Some(coordination) = self.coordination.clone() {
            tasks.push(tokio::spawn(until(stopped, flush(Arc::clone(&self.hot), coordination))));
        }
        BackgroundTasks { tiers: self.clone(), status, stop, tasks }
    }

    /// What takes changes, for processes without a feed of their own.
    pub fn sink(&self) -> Arc<CacheSink> {
        Arc::new(CacheSink::new(self.pages.cache().clone(), self.coordination.clone(), self.edge.clone()))
    }

    fn consumer(&self, feed: Feed, sink: Arc<CacheSink>) -> Consumer {
        let Feed { stream, table, settings } = feed;
        let stream = Arc::new(stream);
        let consumer = match &self.coordination {
            None => Consumer::new(stream, sink, Arc::new(MemoryCheckpoints::default())),
            Some(coordination) => {
                let holder = format!("{:016x}", fastrand::u64(..));
                let checkpoints = Arc::new(SharedCheckpoints::new(Arc::clone(coordination), &table));
                let role = Role::new(Arc::clone(coordination), &table, holder, ROLE_TTL);
                Consumer::new(stream, sink, checkpoints).with_role(role)
            }
        };
        consumer.with_settings(settings)
    }
}

/// What goes on beside requests. It ends with [`stop`](BackgroundTasks::stop), or with the process.
pub struct BackgroundTasks {
    /// How the feed is doing.
    pub status: Status,
    tiers: Tiers,
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl BackgroundTasks {
    /// Ends it: gives the role of the feed back, stores what is on its way to Redis, and adds the last counts.
    pub async fn stop(self) {
        drop(self.stop);
        // A task that panicked has nothing left to end.
        let _ = join_all(self.tasks).await;
        let last = async {
            self.tiers.pages.cache().drain().await;
            if let Some(coordination) = &self.tiers.coordination {
                flush_once(&self.tiers.hot, &**coordination).await;
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
pub async fn flush_now(tiers: &Tiers) {
    if let Some(coordination) = &tiers.coordination {
        flush_once(&tiers.hot, &**coordination).await;
    }
}

async fn flush(hot: Arc<HotCells>, coordination: Arc<dyn CoordinationStore>) {
    loop {
        tokio::time::sleep(FLUSH_EVERY).await;
        flush_once(&hot, &*coordination).await;
    }
}

async fn flush_once(hot: &HotCells, coordination: &dyn CoordinationStore) {
    match tokio::time::timeout(FLUSH_LIMIT, hot.flush(coordination)).await {
        Ok(Ok(cells)) => tracing::debug!(cells, "hot cells"),
        Ok(Err(error)) => tracing::info!(%error, "hot cells are lost"),
        Err(_) => tracing::info!("hot cells are lost: no answer in time"),
    }
}

#[cfg(test)]
mod tests;
