//! A process as `cellar serve` would make it, in ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Method;
use cellar_cache::Policy;
use cellar_cache::clock::Clock;
use cellar_cache::remote::Remote;
use cellar_cache::remote::redis::RedisRemote;
use cellar_changes::{Settings, TableStream};
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_http::router::router;
use cellar_http::state::AppState;
use cellar_search::hot::HotCells;
use cellar_search::pages::{CachedPages, PageCache};
use cellar_search::tiers::{BackgroundTasks, Feed, Tiers};
use cellar_search::{Limits, Search, SnapshotLimits};
use cellar_store::{DynamoStore, Store};

use super::bed::{PATIENCE, until};
use super::watched::Watched;
use cellar_test_kit::server::{Answer, request, send};

/// Router, caches and, unless it stands for a frozen function, feed and bus.
pub(crate) struct Process {
    pub(crate) store: Arc<Watched>,
    pub(crate) tiers: Tiers,
    pub(crate) background: Option<BackgroundTasks>,
    pub(crate) router: Router,
}

impl Process {
    /// With feed and bus, as `cellar serve` has them.
    pub(crate) fn with_feed(store: &DynamoStore, policy: Policy, redis: Option<RedisRemote>) -> Self {
        let watched = Watched::new(Arc::new(store.clone()));
        let tiers = Tiers::new(watched.clone(), policy, redis);
        let poll = Duration::from_millis(50);
        let settings = Settings { poll, poll_behind: poll / 5, list: poll * 50, list_incomplete: poll };
        let feed = Feed { stream: TableStream::of(store), table: store.table().to_owned(), settings };
        let background = tiers.start(feed);
        Self::over(watched, tiers, Some(background))
    }

    /// With neither, as a Lambda function that is frozen between requests.
    pub(crate) fn without_feed(store: &DynamoStore, policy: Policy, redis: Option<RedisRemote>) -> Self {
        let watched = Watched::new(Arc::new(store.clone()));
        let tiers = Tiers::new(watched.clone(), policy, redis);
        Self::over(watched, tiers, None)
    }

    /// The same, by another clock.
    pub(crate) fn clocked(
        store: &DynamoStore,
        policy: Policy,
        redis: Option<RedisRemote>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let watched = Watched::new(Arc::new(store.clone()));
        let remote = redis.map(|redis| Arc::new(redis) as Arc<dyn Remote>);
        let pages = CachedPages::new(watched.clone(), policy, remote, Arc::clone(&clock));
        let tiers = Tiers { pages, hot: Arc::new(HotCells::new(clock)), coordination: None, edge: None };
        Self::over(watched, tiers, None)
    }

    fn over(watched: Arc<Watched>, tiers: Tiers, background: Option<BackgroundTasks>) -> Self {
        Self::limited(watched, tiers, background, Limits::default(), ApiConfig::default())
    }

    /// The same with time for everything, on a busy machine, too.
    pub(crate) fn patient(self) -> Self {
        let Self { store, tiers, background, .. } = self;
        let patience = SnapshotLimits { total: PATIENCE, drain: PATIENCE, hold: PATIENCE };
        let time = 4 * PATIENCE;
        let config = ApiConfig { read_time_limit: time, write_time_limit: time, ..ApiConfig::default() };
        Self::limited(store, tiers, background, Limits { patience, ..Limits::default() }, config)
    }

    fn limited(
        watched: Arc<Watched>,
        tiers: Tiers,
        background: Option<BackgroundTasks>,
        limits: Limits,
        config: ApiConfig,
    ) -> Self {
        let store: Arc<dyn Store> = watched.clone();
        let search = Search::new(Arc::new(tiers.pages.clone()), limits);
        let status = background.as_ref().map(|background| background.status.clone());
        let writes = WriteConfig { token: None, open: true };
        let router = router(
            AppState::builder(store, search).config(config).writes(writes).tiers(&tiers, status).build(),
        );
        Self { store: watched, tiers, background, router }
    }

    pub(crate) fn cache(&self) -> &PageCache {
        self.tiers.pages.cache()
    }

    /// Whether its feed has told it of everything that was written up to a time.
    pub(crate) fn has_heard(&self, upto: Instant) -> bool {
        let ago = self.background.as_ref().and_then(|background| background.status.lag().since_caught_up);
        ago.and_then(|ago| Instant::now().checked_sub(ago)).is_some_and(|at| at >= upto)
    }

    /// Waits until its feed has told it of everything that was written before.
    pub(crate) async fn catches_up(&self) {
        let now = Instant::now();
        until("the feed catches up", async || self.has_heard(now).then_some(())).await;
    }

    pub(crate) async fn send(&self, method: Method, uri: &str, body: String) -> Answer {
        send(&self.router, request(method, uri, body)).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Method::GET, uri, String::new()).await
    }
}
