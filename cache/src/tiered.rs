//! The cache: what a request asks for, and what it gets from which tier.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use crate::breaker::{Breaker, BreakerState};
use crate::clock::{Clock, SystemClock};
use crate::inner::Inner;
use crate::load::{Found, LoadOptions};
use crate::memory::Freshness;
use crate::metrics::{self, Metrics, SAMPLE, Tier};
use crate::model::{Key, Loader, Value};
use crate::outcome::{CacheError, Fetched};
use crate::policy::Policy;
use crate::refusals::Refusal;
use crate::remote::Remote;
use crate::shared::Shared;
use crate::single_flight::Joined;
use crate::trace::Trace;
use crate::wait::{Fallback, Wait};

/// A cache in two tiers. Clones are handles to the same cache. The [front page](crate) has an example.
pub struct Cache<K: Key, V, L: Loader<K, V>> {
    pub(crate) inner: Arc<Inner<K, V, L>>,
}

impl<K: Key, V, L: Loader<K, V>> Clone for Cache<K, V, L> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K: Key, V, L: Loader<K, V>> fmt::Debug for Cache<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Builds a [`Cache`] over a loader. Without more it has the default policy, no remote tier and the system's clock.
pub struct CacheBuilder<K, V, L> {
    loader: L,
    policy: Policy,
    remote: Option<Arc<dyn Remote>>,
    clock: Arc<dyn Clock>,
    holds: PhantomData<fn() -> (K, V)>,
}

impl<K, V, L> fmt::Debug for CacheBuilder<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> CacheBuilder<K, V, L> {
    /// How long values live, and how long anything is waited for.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The tier that is shared with other processes.
    #[must_use]
    pub fn remote(self, remote: Arc<dyn Remote>) -> Self {
        Self { remote: Some(remote), ..self }
    }

    /// The clock that values age by. Time limits run on tokio's clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The cache.
    pub fn build(self) -> Cache<K, V, L> {
        let Self { loader, policy, remote, clock, .. } = self;
        Cache { inner: Arc::new(Inner::new(policy, loader, remote, clock)) }
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Begins to build a cache over a loader.
    pub fn builder(loader: L) -> CacheBuilder<K, V, L> {
        let clock = Arc::new(SystemClock);
        CacheBuilder { loader, policy: Policy::default(), remote: None, clock, holds: PhantomData }
    }

    /// A value that is in memory and may be served now. If it is due for that, it is refreshed in the background.
    ///
    /// # Panics
    ///
    /// If a value is due to be refreshed outside a tokio runtime.
    pub fn get_if_present(&self, key: &K, trace: &mut Trace) -> Option<Arc<V>> {
        let inner = &self.inner;
        let timed = fastrand::u32(..SAMPLE) == 0;
        let started = timed.then(Instant::now);
        let found = inner.get_local(key, trace);
        if let Some(started) = started {
            let outcome = if found.is_ok() { metrics::Outcome::Hit } else { metrics::Outcome::Miss };
            inner.metrics.time(Tier::Memory, outcome, started.elapsed());
        }
        found.ok()
    }

    /// One value, from wherever it is.
    ///
    /// # Errors
    ///
    /// If the load failed, panicked or did not end before the deadline, and there is no old value to stand in. The load goes
    /// on after the deadline, for whoever comes next.
    ///
    /// # Panics
    ///
    /// If a value has to be loaded outside a tokio runtime.
    pub async fn get_or_load(
        &self,
        key: &K,
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Arc<V>, CacheError<L::Error>> {
        let fetched = self.get_many_or_load(std::slice::from_ref(key), deadline, trace).await?;
        let mine = fetched.values.into_iter().find(|(found, _)| found == key);
        mine.map(|(_, value)| value).ok_or(CacheError::Deadline)
    }

    /// Many values, from wherever they are: those that memory lacks with one round trip to the remote tier, and then
    /// loads side by side.
    ///
    /// # Errors
    ///
    /// As [`get_or_load`](Cache::get_or_load), if one of the values cannot be had.
    ///
    /// # Panics
    ///
    /// As [`get_or_load`](Cache::get_or_load).
    pub async fn get_many_or_load(
        &self,
        keys: &[K],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched<K, V, L::Cost>, CacheError<L::Error>> {
        let inner = &self.inner;
        let mut fetched = Fetched { values: Vec::with_capacity(keys.len()), cost: L::Cost::default() };
        let (mut waits, mut leaders) = (Vec::new(), Vec::new());
        for key in keys {
            let fallback = match inner.get_local(key, trace) {
                Ok(value) => {
                    fetched.values.push((key.clone(), value));
                    continue;
                }
                Err(fallback) => fallback,
            };
            if fallback.is_none() {
                inner.metrics.count(Tier::Memory, metrics::Outcome::Miss, 1);
            }
            let (pending, leads) = match inner.in_flight.join(key, &inner.fence) {
                Joined::Leader(leader, pending) => {
                    leaders.push(leader);
                    (pending, true)
                }
                Joined::Follower(pending) => (pending, false),
            };
            waits.push(Wait { key: key.clone(), fallback, pending, leads });
        }
        if !leaders.is_empty() {
            let options = LoadOptions { refresh: false, skip_remote: trace.remote_gave_up };
            inner.tasks.spawn(Arc::clone(inner).run_loads(leaders, options).in_current_span());
        }
        let before = *trace;
        for wait in waits {
            inner.wait(wait, deadline, &before, trace, &mut fetched).await?;
        }
        Ok(fetched)
    }

    /// Copies into memory what the remote tier has of these keys, without loading anything; returns how many that were.
    pub async fn prefetch(&self, keys: &[K]) -> usize {
        let inner = &self.inner;
        let Some(shared) = inner.shared.as_ref().filter(|shared| shared.allows()) else { return 0 };
        let begun = inner.fence.begin();
        let now = inner.clock.now();
        let keys = keys
            .iter()
            .map(|key| (key, key.remote()))
            .filter(|(key, name)| !shared.pending.holds(|| key.group(), name, now));
        let (keys, names): (Vec<&K>, Vec<String>) = keys.unzip();
        let Ok(values) = shared.get(&names).await else { return 0 };
        let found = keys.into_iter().zip(values).filter_map(|(key, bytes)| match inner.open(key, &bytes?) {
            Found::Value(cached) => Some((key, cached)),
            Found::Settling | Found::Useless => None,
        });
        found.filter(|(key, cached)| inner.keep(key, begun, inner.ticks(), cached)).count()
    }

    /// Waits until all background work has ended and everything on its way to the remote tier is stored: for a process
    /// that is about to end or to be frozen.
    pub async fn drain(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.tasks.reopen();
    }

    /// Notes that every change made until `ago` has reached this process: memory is trusted for what is left of
    /// [`heartbeat_timeout`](field@Policy::heartbeat_timeout).
    pub fn record_heartbeat(&self, ago: Duration) {
        self.inner.record_heartbeat(ago);
    }

    /// Whether memory is trusted: whether invalidations reach this process, as far as it knows.
    pub fn is_trusted(&self) -> bool {
        self.inner.is_trusted(self.inner.ticks())
    }

    /// The policy that it was built with.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// What this cache counts.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Entries in memory and their bytes as of the last maintenance, including those that were invalidated all at once and
    /// not replaced yet.
    pub fn memory_size(&self) -> (u64, u64) {
        self.inner.memory.size()
    }

    /// Does the maintenance of the memory tier that is due, so that its size is exact.
    pub fn run_pending_tasks(&self) {
        self.inner.memory.run_pending_tasks();
    }

    /// State of the circuit breaker in front of the loader; `None` without one.
    pub fn source_breaker(&self) -> Option<BreakerState> {
        self.inner.source_breaker.as_ref().map(Breaker::state)
    }

    /// What the remote tier refused last, if that was within the last minute.
    pub fn refusal(&self) -> Option<Refusal> {
        self.inner.shared.as_ref().and_then(Shared::refusal)
    }

    /// State of the circuit breaker in front of the remote tier; `None` without one.
    pub fn breaker(&self) -> Option<BreakerState> {
        self.inner.shared.as_ref().map(Shared::breaker)
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Whether loads have failed one after the other, the last one just now.
    fn is_source_away(&self) -> bool {
        self.source_breaker.as_ref().is_some_and(|breaker| breaker.is_surely_open(self.clock.now()))
    }

    /// What memory has: a value to serve, or one to fall back on.
    fn get_local(self: &Arc<Self>, key: &K, trace: &mut Trace) -> Result<Arc<V>, Option<Fallback<V>>> {
        let cached = self.memory.get(key).ok_or(None)?;
        let now = self.ticks();
        match cached.freshness(now, self.is_trusted(now), &self.policy, fastrand::f64) {
            Freshness::Fresh => {}
            Freshness::Refresh => self.refresh(key),
            // Nothing better can be had now: whoever asks goes on with what there is, and one looks whether that has changed.
            Freshness::Fallback | Freshness::Untrusted if self.is_source_away() => {
                self.refresh(key);
                let ttl_ms = cached.ttl_ms(now).min(-1);
                trace.memory.found(ttl_ms);
                trace.memory.valid_for(ttl_ms);
                trace.unsettled += 1;
                self.metrics.count(Tier::Memory, metrics::Outcome::Stale, 1);
                return Ok(cached.value);
            }
            Freshness::Fallback => return Err(Some(Fallback { cached, stale: true })),
            Freshness::Untrusted => return Err(Some(Fallback { cached, stale: false })),
            Freshness::Gone => return Err(None),
        }
        let ttl_ms = cached.ttl_ms(now);
        trace.memory.found(ttl_ms);
        trace.memory.valid_for(cached.valid_ms(now));
        trace.unsettled += u32::from(cached.settling);
        if ttl_ms < 0 {
            self.metrics.count(Tier::Memory, metrics::Outcome::Stale, 1);
        } else {
            self.metrics.memory_hit();
        }
        Ok(cached.value)
    }
}
