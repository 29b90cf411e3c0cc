//! One test per fault. A process serves a town over a real Redis that breaks; no request may fail while the store works, no
//! answer may be older than what the process has acknowledged, and none may take much longer than the limits allow.
//!
//! Each prints what it saw: `cargo test -p cellar --test it chaos -- --nocapture`.

mod clocks;
mod intruders;
mod network;
mod redis;
mod store;

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::metrics::{Outcome, Tier};
use cellar_cache::{BreakerState, Policy, RemotePolicy};
use cellar_model::{Collection, PageKey};
use cellar_search::pages::PageId;
use fastrand::Rng;

use super::bed::{client, until};
use super::process::Process;
use super::town::{self, Habits, Town, times};

/// No request takes longer: some rounds within the limits, on a machine that does much else.
const SLOWEST: Duration = Duration::from_secs(10);

/// Steps of each worker in a phase.
const STEPS: usize = 15;

/// Defaults, but the breaker tries again soon, and no slow load makes an answer stale.
pub(super) fn policy() -> Policy {
    let remote = RemotePolicy::default().breaker_pause(Duration::from_millis(100));
    Policy::default().soft_limit(Duration::from_secs(30)).remote(remote)
}

/// A town with one process that has a feed, and what happens to it.
pub(super) struct Stage {
    pub(super) town: Arc<Town>,
    /// A page to ask Redis for.
    page: PageId,
    random: Rng,
}

impl Stage {
    /// Over whatever is at this URL.
    pub(super) async fn new(policy: Policy, url: &str) -> Self {
        let store = town::store().await;
        let process = Process::with_feed(&store, policy, Some(client(url)));
        let cell = "831fb4fffffffff".parse().unwrap();
        let page = PageId(PageKey::new("town".parse::<Collection>().unwrap(), cell).unwrap());
        Self { town: Town::new(store, vec![process]), page, random: Rng::with_seed(5) }
    }

    pub(super) fn process(&self) -> &Process {
        &self.town.processes[0]
    }

    /// Lets the town live for a while, and says how that went. Queries of the store.
    pub(super) async fn phase(&mut self, name: &str) -> u32 {
        let (cache, store) = (self.process().cache().clone(), Arc::clone(&self.process().store));
        let before = (store.queries(), cache.metrics().lookups(Tier::Remote, Outcome::Hit));
        let served = self.town.live(STEPS, Habits { writes: 20, imports: false }, &mut self.random).await;
        let failed = served.iter().filter(|served| served.failed).count();
        let queries = store.queries() - before.0;
        println!(
            "{name:>24}: {} requests, {failed} failed, {}, {queries} queries, {} pages from Redis",
            served.len(),
            times(&served),
            cache.metrics().lookups(Tier::Remote, Outcome::Hit) - before.1,
        );
        assert_eq!(failed, 0, "{name}: the store works");
        let slowest = served.iter().map(|served| served.took).max();
        assert!(slowest < Some(SLOWEST), "{name}: {slowest:?}");
        queries
    }

    /// Waits until the process uses Redis again, has told it everything, and its feed runs.
    pub(super) async fn recovers(&self) {
        let cache = self.process().cache();
        until("Redis is used again", async || {
            self.town.differs(0).await;
            // Some request has to try; when memory has everything, none does.
            cache.prefetch(std::slice::from_ref(&self.page)).await;
            let well = cache.breaker() == Some(BreakerState::Closed) && cache.pending() == 0;
            (well && cache.is_trusted()).then_some(())
        })
        .await;
    }

    /// Every answer is exact in the end, also that of another process, which gets its pages from Redis.
    pub(super) async fn ends(self, url: &str) {
        // While there are writes in a collection, loads are kept in memory and not in Redis. Now there are none, and
        // nothing is told any more: what is loaded anew gets there.
        self.process().catches_up().await;
        self.process().cache().invalidate_memory();
        self.town.settles(0).await;
        self.process().cache().drain().await;
        self.town.joined_by(client(url)).await;
    }
}
