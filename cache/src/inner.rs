//! What a cache consists of, its time, and whether it trusts what it has in memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::fence::Fence;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::model::{Key, Loader, Value};
use crate::outcome::LoadResult;
use crate::policy::Policy;
use crate::remote::Remote;
use crate::shared::Shared;
use crate::single_flight::InFlightLoads;
use crate::watch::{Ticks, Watch, millis};

/// Loads that may try at a time while loading is left alone: a request may need several.
const SOURCE_TRIES: u32 = 16;

/// What the handles of a cache share.
pub(crate) struct Inner<K: Key, V, L: Loader<K, V>> {
    pub(crate) policy: Policy,
    pub(crate) loader: L,
    pub(crate) memory: Memory<K, V>,
    pub(crate) fence: Fence,
    pub(crate) in_flight: InFlightLoads<K, LoadResult<K, V, L>>,
    pub(crate) shared: Option<Shared>,
    /// In front of the loader, if the policy has one.
    pub(crate) source_breaker: Option<Breaker>,
    /// Why the last load failed that counts as an outage.
    pub(crate) outage: Mutex<Option<L::Error>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Values loaded before this time, in milliseconds since 1970, are not taken from the remote tier.
    pub(crate) invalid_before: AtomicU64,
    /// The last such time that this process has set because too many invalidations had failed.
    pub(crate) flushed: watch::Sender<u64>,
    /// Tells this process's messages from others'.
    pub(crate) origin: u64,
    /// A permit for each background refresh.
    pub(crate) refreshes: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    /// Until when invalidations count as reaching the process.
    trusted_until: AtomicU64,
    watch: Watch,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    pub(crate) fn new(
        policy: Policy,
        loader: L,
        remote: Option<Arc<dyn Remote>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let metrics = Metrics::default();
        let shared = remote
            .map(|remote| Shared::new(remote, policy.remote.clone(), Arc::clone(&clock), metrics.clone()));
        Self {
            memory: Memory::new(policy.memory_bytes),
            fence: Fence::default(),
            in_flight: InFlightLoads::default(),
            refreshes: Arc::new(Semaphore::new(policy.refreshes)),
            tasks: TaskTracker::new(),
            source_breaker: (policy.source_failures > 0)
                .then(|| Breaker::new(policy.source_failures, policy.source_pause, 1, SOURCE_TRIES)),
            outage: Mutex::default(),
            watch: Watch::new(Arc::clone(&clock)),
            trusted_until: AtomicU64::new(0),
            invalid_before: AtomicU64::new(0),
            flushed: watch::Sender::new(0),
            origin: fastrand::u64(..),
            policy,
            loader,
            shared,
            clock,
            metrics,
        }
    }

    pub(crate) fn ticks(&self) -> Ticks {
        self.watch.ticks()
    }

    /// Whether invalidations reach the process.
    pub(crate) fn is_trusted(&self, now: Ticks) -> bool {
        now < self.trusted_until.load(Ordering::Acquire)
    }

    /// All changes made until `ago` have reached this process.
    pub(crate) fn record_heartbeat(&self, ago: Duration) {
        let left = self.policy.heartbeat_timeout.saturating_sub(ago);
        if !left.is_zero() {
            self.trusted_until.fetch_max(self.ticks() + millis(left), Ordering::AcqRel);
        }
    }

    /// Nothing is known of changes any more.
    pub(crate) fn forget_heartbeats(&self) {
        self.trusted_until.store(0, Ordering::Release);
    }
}

impl<K: Key, V, L: Loader<K, V>> fmt::Debug for Inner<K, V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("policy", &self.policy).finish_non_exhaustive()
    }
}
