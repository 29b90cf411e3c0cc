//! A process as `cellar serve` would make it, in ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::Method;
use cellar_api::changes::Settings;
use cellar_api::config::{ApiConfig, WriteConfig};
use cellar_api::hot::HotCells;
use cellar_api::pages::{CachedPages, PageCache};
use cellar_api::router::router;
use cellar_api::search::{Limits, Search};
use cellar_api::state::AppState;
use cellar_api::store::{DynamoStore, Store};
use cellar_api::tiers::{Feed, Tiers, Upkeep};
use cellar_cache::Policy;
use cellar_cache::clock::Clock;
use cellar_cache::remote::Remote;
use cellar_cache::remote::redis::RedisRemote;

use super::bed::until;
use super::watched::Watched;
use crate::http::server::{Answer, request, send};

/// Router, caches and, if it is attended, feed and bus.
pub(crate) struct Process {
    pub(crate) store: Arc<Watched>,
    pub(crate) tiers: Tiers,
    pub(crate) upkeep: Option<Upkeep>,
    router: Router,
}

impl Process {
    /// With feed and bus, as `cellar serve` has them.
    pub(crate) fn attended(store: &DynamoStore, policy: Policy, redis: Option<RedisRemote>) -> Self {
        let watched = Watched::new(Arc::new(store.clone()));
        let tiers = Tiers::new(watched.clone(), policy, redis);
        let poll = Duration::from_millis(50);
        let settings = Settings { poll, poll_behind: poll / 5, list: poll * 50, list_incomplete: poll };
        let feed = Feed { stream: store.changes(), table: store.table().to_owned(), settings };
        let upkeep = tiers.start(feed);
        Self::over(watched, tiers, Some(upkeep))
    }

    /// With neither, as a Lambda function that is frozen between requests.
    pub(crate) fn unattended(store: &DynamoStore, policy: Policy, redis: Option<RedisRemote>) -> Self {
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
        let tiers = Tiers { pages, hot: Arc::new(HotCells::new(clock)), board: None, edge: None };
        Self::over(watched, tiers, None)
    }

    fn over(watched: Arc<Watched>, tiers: Tiers, upkeep: Option<Upkeep>) -> Self {
        let store: Arc<dyn Store> = watched.clone();
        let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
        let state =
            AppState::new(store, search, ApiConfig::default(), WriteConfig { token: None, open: true });
        let status = upkeep.as_ref().map(|upkeep| upkeep.status.clone());
        let router = router(state.with_tiers(&tiers, status));
        Self { store: watched, tiers, upkeep, router }
    }

    pub(crate) fn cache(&self) -> &PageCache {
        self.tiers.pages.cache()
    }

    /// Whether its feed has told it of everything that was written up to a time.
    pub(crate) fn has_heard(&self, upto: Instant) -> bool {
        let ago = self.upkeep.as_ref().and_then(|upkeep| upkeep.status.lag().since_caught_up);
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
