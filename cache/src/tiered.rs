//! The cache: what a request asks, and what it gets from which tier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::breaker::BreakerState;
use crate::clock::Clock;
use crate::fence::Fence;
use crate::flight::{Flights, Joined};
use crate::load::{Errand, Found, Outcome};
use crate::memory::{Memory, Standing, Ticks};
use crate::metrics::{self, Metrics, SAMPLE, Tier};
use crate::model::{Key, Loader, Value};
use crate::policy::Policy;
use crate::remote::Remote;
use crate::shared::Shared;
use crate::trace::Trace;
use crate::wait::{Fallback, Wait};
use crate::watch::{Watch, millis};

/// Why there is no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CacheError<E> {
    /// Loading failed.
    #[error(transparent)]
    Load(E),
    /// There was none in time.
    #[error("no value in time")]
    Deadline,
    /// Loading panicked.
    #[error("loading a value panicked")]
    Panicked,
}

/// Values that were asked for, and others that came along.
#[derive(Clone, Debug)]
pub struct Fetched<K, V, C> {
    /// Keys with their values.
    pub values: Vec<(K, Arc<V>)>,
    /// What the loads took that this request began.
    pub cost: C,
}

/// A cache in two tiers. Clones are the same cache.
///
/// ```
/// # use std::time::{Duration, Instant};
/// # use std::sync::Arc;
/// use cellar_cache::clock::SystemClock;
/// use cellar_cache::model::{Key, Loaded, Loader, Value};
/// use cellar_cache::{Cache, Policy, Trace};
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash)]
/// struct Square(u32);
///
/// impl Key for Square {
///     fn remote(&self) -> String { format!("squares:{{all}}:{}", self.0) }
///     fn group(&self) -> String { "all".into() }
///     fn parse_remote(key: &str) -> Option<Self> { key.strip_prefix("squares:{all}:")?.parse().ok().map(Square) }
/// }
///
/// impl Value<Square> for u64 {
/// #   // Traits and types are local to the example.
///     fn weight(&self) -> usize { 8 }
///     fn is_negative(&self) -> bool { false }
///     fn encode(&self, _: &Square) -> Vec<u8> { self.to_le_bytes().to_vec() }
///     fn decode(_: &Square, bytes: &[u8]) -> Option<Self> { Some(u64::from_le_bytes(bytes.try_into().ok()?)) }
/// }
///
/// struct Multiply;
///
/// #[async_trait::async_trait]
/// impl Loader<Square, u64> for Multiply {
///     type Error = std::convert::Infallible;
///     type Cost = u32;
///     async fn load(&self, key: &Square, _: Instant) -> Result<Loaded<Square, u64, u32>, Self::Error> {
///         Ok(Loaded { value: u64::from(key.0).pow(2), others: vec![], cost: 1 })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let cache = Cache::new(Policy::default(), Multiply, None, Arc::new(SystemClock));
/// let deadline = Instant::now() + Duration::from_secs(1);
/// let mut trace = Trace::default();
/// assert_eq!(*cache.get_or_load(&Square(12), deadline, &mut trace).await.unwrap(), 144);
/// assert_eq!(cache.at_hand(&Square(12), &mut trace).as_deref(), Some(&144));
/// assert_eq!((trace.source.loads, trace.memory.hits), (1, 1));
/// # });
/// ```
pub struct Cache<K: Key, V, L: Loader<K, V>> {
    pub(crate) inner: Arc<Inner<K, V, L>>,
}

impl<K: Key, V, L: Loader<K, V>> Clone for Cache<K, V, L> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

pub(crate) struct Inner<K: Key, V, L: Loader<K, V>> {
    pub(crate) policy: Policy,
    pub(crate) loader: L,
    pub(crate) memory: Memory<K, V>,
    pub(crate) fence: Fence,
    pub(crate) flights: Flights<K, Outcome<K, V, L>>,
    pub(crate) shared: Option<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Until when invalidations count as reaching the process.
    pub(crate) attended_until: AtomicU64,
    /// Values loaded before this time, in milliseconds since 1970, are not taken from the remote tier.
    pub(crate) doubted: AtomicU64,
    /// Tells this process's messages from others'.
    pub(crate) origin: u64,
    refreshes: Arc<Semaphore>,
    tasks: TaskTracker,
    watch: Watch,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// A cache over a loader, with or without a remote tier.
    pub fn new(policy: Policy, loader: L, remote: Option<Arc<dyn Remote>>, clock: Arc<dyn Clock>) -> Self {
        let metrics = Metrics::default();
        let shared = remote
            .map(|remote| Shared::new(remote, policy.remote.clone(), Arc::clone(&clock), metrics.clone()));
        let inner = Inner {
            memory: Memory::new(policy.memory_bytes),
            fence: Fence::default(),
            flights: Flights::default(),
            refreshes: Arc::new(Semaphore::new(policy.refreshes)),
            tasks: TaskTracker::new(),
            watch: Watch::new(Arc::clone(&clock)),
            attended_until: AtomicU64::new(0),
            doubted: AtomicU64::new(0),
            origin: fastrand::u64(..),
            policy,
            loader,
            shared,
            clock,
            metrics,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A value that memory has and that may be served now. If it is due for it, it is refreshed in the background,
    /// which needs a tokio runtime.
    pub fn at_hand(&self, key: &K, trace: &mut Trace) -> Option<Arc<V>> {
        let inner = &self.inner;
        let timed = fastrand::u32(..SAMPLE) == 0;
        let started = timed.then(Instant::now);
        let found = inner.look(key, trace);
        if let Some(started) = started {
            let outcome = if found.is_ok() { metrics::Outcome::Hit } else { metrics::Outcome::Miss };
            inner.metrics.time(Tier::Memory, outcome, started.elapsed());
        }
        found.ok()
    }

    /// One value, from wherever it is.
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

    /// Many values, from wherever they are: those that memory lacks with one round trip to the remote tier and then
    /// loads side by side. Fails if one of them cannot be had.
    pub async fn get_many_or_load(
        &self,
        keys: &[K],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched<K, V, L::Cost>, CacheError<L::Error>> {
        let inner = &self.inner;
        let mut fetched = Fetched { values: Vec::with_capacity(keys.len()), cost: L::Cost::default() };
        let (mut waits, mut leads) = (Vec::new(), Vec::new());
        for key in keys {
            let fallback = match inner.look(key, trace) {
                Ok(value) => {
                    fetched.values.push((key.clone(), value));
                    continue;
                }
                Err(fallback) => fallback,
            };
            if fallback.is_none() {
                inner.metrics.count(Tier::Memory, metrics::Outcome::Miss, 1);
            }
            let (landing, led) = match inner.flights.join(key, &inner.fence) {
                Joined::Lead(lead, landing) => {
                    leads.push(lead);
                    (landing, true)
                }
                Joined::Follow(landing) => (landing, false),
            };
            waits.push(Wait { key: key.clone(), fallback, landing, led });
        }
        if !leads.is_empty() {
            let errand = Errand { refresh: false, spare_remote: trace.remote_gave_up };
            inner.tasks.spawn(Arc::clone(inner).carry_out(leads, errand).in_current_span());
        }
        let before = *trace;
        for wait in waits {
            inner.wait(wait, deadline, &before, trace, &mut fetched).await?;
        }
        Ok(fetched)
    }

    /// Brings into memory what the remote tier has of these keys, without loading anything; tells how many that were.
    pub async fn look_around(&self, keys: &[K]) -> usize {
        let inner = &self.inner;
        let Some(shared) = inner.shared.as_ref().filter(|shared| shared.allows()) else { return 0 };
        let begun = inner.fence.begin();
        let now = inner.clock.now();
        let keys =
            keys.iter().map(|key| (key, key.remote())).filter(|(_, name)| !shared.pending.holds(name, now));
        let (keys, names): (Vec<&K>, Vec<String>) = keys.unzip();
        let Ok(values) = shared.get(&names).await else { return 0 };
        let found = keys.into_iter().zip(values).filter_map(|(key, bytes)| match inner.open(key, &bytes?) {
            Found::Value(kept) => Some((key, kept)),
            Found::Settling | Found::Useless => None,
        });
        found.filter(|(key, kept)| inner.keep(key, begun, inner.ticks(), kept)).count()
    }

    /// Waits until everything is stored that is on its way to the remote tier: for a process that is about to end.
    pub async fn drain(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.tasks.reopen();
    }

    /// Takes note that all changes that were made until so long ago have reached this process: memory is trusted for
    /// what is left of the time of attention.
    pub fn attend(&self, ago: Duration) {
        let left = self.inner.policy.attention.saturating_sub(ago);
        if !left.is_zero() {
            self.inner.attended_until.fetch_max(self.inner.ticks() + millis(left), Ordering::AcqRel);
        }
    }

    /// What this cache counts.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// Entries in memory and their bytes, those that were given up and not yet replaced included, as of the last maintenance.
    pub fn memory_size(&self) -> (u64, u64) {
        self.inner.memory.size()
    }

    /// Does the maintenance of the memory tier that is due, so that its size is exact.
    pub fn settle_memory(&self) {
        self.inner.memory.settle();
    }

    /// State of the breaker; `None` without a remote tier.
    pub fn breaker(&self) -> Option<BreakerState> {
        self.inner.shared.as_ref().map(Shared::breaker)
    }

    /// Whether invalidations reach this process, as far as it knows.
    pub fn is_attended(&self) -> bool {
        self.inner.attended(self.inner.ticks())
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    pub(crate) fn ticks(&self) -> Ticks {
        self.watch.ticks()
    }

    pub(crate) fn attended(&self, now: Ticks) -> bool {
        now < self.attended_until.load(Ordering::Acquire)
    }

    /// What memory has: a value to serve, or one to fall back on.
    fn look(self: &Arc<Self>, key: &K, trace: &mut Trace) -> Result<Arc<V>, Option<Fallback<V>>> {
        let kept = self.memory.get(key).ok_or(None)?;
        let now = self.ticks();
        match kept.standing(now, self.attended(now), &self.policy, fastrand::f64) {
            Standing::Fresh => {}
            Standing::Refresh => self.refresh(key),
            Standing::Fallback => return Err(Some(Fallback { kept, old: true })),
            Standing::Untrusted => return Err(Some(Fallback { kept, old: false })),
            Standing::Gone => return Err(None),
        }
        let ttl_ms = kept.ttl_ms(now);
        trace.memory.found(ttl_ms);
        trace.memory.steady(kept.steady_ms(now));
        trace.unsettled += u32::from(kept.settling);
        if ttl_ms < 0 {
            self.metrics.count(Tier::Memory, metrics::Outcome::Stale, 1);
        } else {
            self.metrics.memory_hit();
        }
        Ok(kept.value)
    }

    /// Refreshes a value in the background unless that is under way, or too much is.
    pub(crate) fn refresh(self: &Arc<Self>, key: &K) {
        let Ok(permit) = Arc::clone(&self.refreshes).try_acquire_owned() else { return };
        let Some(lead) = self.flights.begin(key, &self.fence) else { return };
        self.metrics.refreshes.inc();
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            inner.carry_out(vec![lead], Errand { refresh: true, spare_remote: false }).await;
            drop(permit);
        });
    }
}
