//! Calling the loader, and keeping what it returns.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tracing::Instrument as _;

use super::lookup::Miss;
use crate::breaker::BreakerState;
use crate::inner::Inner;
use crate::memory::Cached;
use crate::metrics::{self, Tier};
use crate::model::{Key, Loaded, Loader, Value};
use crate::outcome::{CacheError, Failure, LeaderOf, Part, RemoteUse};
use crate::store::{Fill, Start};

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Loads values side by side.
    pub(super) async fn load_all(
        &self,
        misses: impl IntoIterator<Item = (Miss<K, V, L>, Option<Fill>)>,
        used: RemoteUse,
    ) {
        let loads: FuturesUnordered<_> =
            misses.into_iter().map(|(miss, fill)| self.load_one(miss, fill, used)).collect();
        loads.collect::<()>().await;
    }

    /// Loads one value, completes its load and stores what came.
    pub(super) async fn load_one(&self, miss: Miss<K, V, L>, fill: Option<Fill>, used: RemoteUse) {
        let used = self.used_for(&miss, used);
        let Miss { leader, fallback, .. } = miss;
        let key = leader.key.clone();
        let start = Start {
            begun: leader.begun,
            unix_ms: self.clock.unix_ms(),
            ticks: self.ticks(),
            at: Instant::now(),
        };
        let mut leader = Some(leader);
        let loaded = self.load_or_fall_back(&key, fallback.as_ref(), &mut leader, used).await;
        let (tier, took) = (Tier::Source, start.at.elapsed());
        match loaded {
            Ok(loaded) => {
                self.metrics.count(tier, metrics::Outcome::Hit, 1);
                self.metrics.time(tier, metrics::Outcome::Hit, took);
                let brought = self.keep_loaded(&key, loaded, start);
                if let Some(leader) = leader {
                    leader.complete(Ok(brought.outcome(used, took)));
                }
                self.fill(fill, &brought).await;
            }
            Err(error) => {
                self.metrics.count(tier, metrics::Outcome::Error, 1);
                self.metrics.time(tier, metrics::Outcome::Error, took);
                match (leader, fallback) {
                    (Some(leader), Some(cached)) => self.complete(leader, &cached, used, false),
                    (Some(leader), None) => leader.complete(Err(Failure { error, remote: used })),
                    (None, _) => {}
                }
                self.give_back(fill).await;
            }
        }
    }

    /// How the remote tier was used for one key of a batch; counts that.
    fn used_for(&self, miss: &Miss<K, V, L>, used: RemoteUse) -> RemoteUse {
        let skipped = used.part == Part::Asked && !miss.shareable;
        let used = if skipped { RemoteUse::skipped() } else { used };
        let outcome = match used.part {
            Part::Absent => return used,
            Part::Skipped => metrics::Outcome::Skipped,
            Part::Asked if used.failed => metrics::Outcome::Error,
            Part::Asked => metrics::Outcome::Miss,
        };
        self.metrics.count(Tier::Remote, outcome, 1);
        used
    }

    /// Waits for the loader. If the remote tier has a stale value, that is handed out after the soft limit, and the load
    /// goes on.
    async fn load_or_fall_back(
        &self,
        key: &K,
        fallback: Option<&Cached<V>>,
        leader: &mut Option<LeaderOf<K, V, L>>,
        used: RemoteUse,
    ) -> Result<Loaded<K, V, L::Cost>, CacheError<L::Error>> {
        if self.source_breaker.as_ref().is_some_and(|breaker| !breaker.allows(self.clock.now())) {
            return Err(self.outage.lock().clone().map_or(CacheError::Unavailable, CacheError::Load));
        }
        let limit = self.loader.limit(key, self.policy.load_limit);
        let load = AssertUnwindSafe(self.loader.load(key, Instant::now() + limit)).catch_unwind();
        let load = load.instrument(tracing::debug_span!("source"));
        let mut load = std::pin::pin!(tokio::time::timeout(limit, load));
        let mut done = None;
        if let Some(cached) = fallback {
            done = tokio::time::timeout(self.policy.soft_limit, load.as_mut()).await.ok();
            if done.is_none()
                && let Some(leader) = leader.take()
            {
                self.complete(leader, cached, used, false);
            }
        }
        let done = match done {
            Some(done) => done,
            None => load.await,
        };
        let loaded = match done {
            Ok(Ok(loaded)) => loaded.map_err(CacheError::Load),
            Ok(Err(_)) => Err(CacheError::Panicked),
            Err(_) => Err(CacheError::Deadline),
        };
        self.report_load(&loaded);
        loaded
    }

    /// Tells the breaker how a load went.
    fn report_load<T>(&self, loaded: &Result<T, CacheError<L::Error>>) {
        let Some(breaker) = &self.source_breaker else { return };
        let is_outage = match loaded {
            Ok(_) => {
                if breaker.state() != BreakerState::Closed {
                    tracing::warn!("loads succeed again");
                }
                return breaker.succeeded();
            }
            Err(CacheError::Load(error)) => {
                let is_outage = self.loader.is_outage(error);
                if is_outage {
                    *self.outage.lock() = Some(error.clone());
                }
                is_outage
            }
            Err(CacheError::Deadline) => {
                *self.outage.lock() = None;
                true
            }
            Err(CacheError::Unavailable | CacheError::Panicked) => false,
        };
        let was_closed = breaker.state() == BreakerState::Closed;
        if is_outage && breaker.failed(self.clock.now()) && was_closed {
            self.metrics.source_breaker_opened.inc();
            tracing::warn!("loads have failed one after the other: they are tried once in a while");
        }
    }
}
