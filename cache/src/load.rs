//! Carrying out flights: what memory lacks comes from the remote tier or from the loader.
//!
//! One task carries out the flights of one request: one `MGET` for all keys, one `begin` for each group of keys that the
//! remote tier lacks, then the loads side by side. Followers get each value as soon as it is there; storing it in the remote
//! tier comes after.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::stream::{FuturesUnordered, StreamExt as _};
use rustc_hash::FxHashMap;
use tracing::Instrument as _;

use crate::envelope::{Opened, Stamp, open};
use crate::fence::Begun;
use crate::flight::Lead;
use crate::memory::{Kept, Standing, Ticks};
use crate::metrics::{self, Reject, Tier};
use crate::model::{Key, Loaded, Loader, Value};
use crate::remote::{Ask, RemoteError};
use crate::shared::Shared;
use crate::store::Fill;
use crate::tiered::{CacheError, Inner};
use crate::watch::millis;

/// How far ahead another process's clock may be.
pub(crate) const CLOCK_SKEW_MS: u64 = 2_000;

/// How a batch of flights is to be carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand {
    /// Only a value newer than the one in memory counts.
    pub(crate) refresh: bool,
    /// The request has waited for the remote tier in vain already.
    pub(crate) spare_remote: bool,
}

/// How a flight ended.
pub(crate) type Outcome<K, V, L> =
    Result<Landed<K, V, <L as Loader<K, V>>::Cost>, Failure<<L as Loader<K, V>>::Error>>;

/// What a flight brought.
#[derive(Debug)]
pub(crate) struct Landed<K, V, C> {
    pub(crate) value: Arc<V>,
    pub(crate) others: Arc<[(K, Arc<V>)]>,
    pub(crate) cost: C,
    /// Remaining fresh time if it is from the remote tier; negative when stale.
    pub(crate) ttl_ms: Option<i64>,
    /// How long its load took, if it was loaded, by whomever.
    pub(crate) load: Option<Duration>,
    /// All of it is as current as its invalidations, as far as is known.
    pub(crate) settled: bool,
    /// Another process has loaded it.
    pub(crate) elsewhere: bool,
    pub(crate) remote: RemoteUse,
}

impl<K, V, C: Copy> Clone for Landed<K, V, C> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), others: Arc::clone(&self.others), ..*self }
    }
}

/// Why a flight brought nothing.
#[derive(Clone, Debug)]
pub(crate) struct Failure<E> {
    pub(crate) error: CacheError<E>,
    pub(crate) remote: RemoteUse,
}

/// Whether the remote tier took part in finding a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// There is none.
    #[default]
    Absent,
    /// It was left out: failing, slow, or not to be believed about this key.
    Spared,
    /// It was asked.
    Asked,
}

/// How the remote tier was used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RemoteUse {
    pub(crate) part: Part,
    pub(crate) trips: u32,
    pub(crate) waited: Duration,
    /// It did not answer.
    pub(crate) failed: bool,
}

pub(crate) type LeadOf<K, V, L> = Lead<K, Outcome<K, V, L>>;

/// When a load began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// In the order of invalidations.
    pub(crate) begun: Begun,
    pub(crate) unix_ms: u64,
    pub(crate) ticks: Ticks,
    pub(crate) at: Instant,
}

/// What the remote tier has under a key.
pub(crate) enum Found<V> {
    /// A value.
    Value(Kept<V>),
    /// That it was invalidated a moment ago.
    Settling,
    /// Nothing that can be used.
    Useless,
}

/// A key that has to be loaded.
pub(crate) struct Miss<K: Key, V, L: Loader<K, V>> {
    pub(crate) lead: LeadOf<K, V, L>,
    pub(crate) remote_key: String,
    /// Nothing was under the key, not even something of no use.
    pub(crate) absent: bool,
    /// Whether the remote tier may be asked about it.
    shareable: bool,
    /// It was invalidated a moment ago: what is loaded now is not shared, so there is nothing to wait for.
    pub(crate) settling: bool,
    /// A stale value of the remote tier to fall back on.
    pub(crate) fallback: Option<Kept<V>>,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Carries out flights.
    pub(crate) async fn carry_out(self: Arc<Self>, leads: Vec<LeadOf<K, V, L>>, errand: Errand) {
        let (misses, used) = self.ask_remote(leads, errand).await;
        let mut groups: FxHashMap<Option<String>, Vec<Miss<K, V, L>>> = FxHashMap::default();
        for miss in misses {
            let shared = miss.shareable && !miss.settling && !used.failed;
            let group = shared.then(|| miss.lead.key.group());
            groups.entry(group).or_default().push(miss);
        }
        let loads: FuturesUnordered<_> =
            groups.into_iter().map(|(group, misses)| self.load_group(group, misses, used)).collect();
        loads.collect::<()>().await;
    }

    /// Lands what the remote tier has; what it lacks comes back.
    async fn ask_remote(
        self: &Arc<Self>,
        leads: Vec<LeadOf<K, V, L>>,
        errand: Errand,
    ) -> (Vec<Miss<K, V, L>>, RemoteUse) {
        let mut misses: Vec<_> = leads.into_iter().map(|lead| self.miss(lead, errand)).collect();
        let Some(shared) = &self.shared else { return (misses, RemoteUse::default()) };
        let keys: Vec<_> =
            misses.iter().filter(|miss| miss.shareable).map(|miss| miss.remote_key.clone()).collect();
        if keys.is_empty() || !shared.allows() {
            for miss in &mut misses {
                miss.shareable = false;
            }
            return (misses, RemoteUse { part: Part::Spared, ..RemoteUse::default() });
        }
        let started = Instant::now();
        let answer = shared.get(&keys).await;
        let (waited, failed) = (started.elapsed(), answer.is_err());
        let used = RemoteUse { part: Part::Asked, trips: 1, waited, failed };
        let Ok(values) = answer else { return (misses, used) };
        let mut values = values.into_iter();
        let mut left = Vec::with_capacity(misses.len());
        for miss in misses {
            let found = if miss.shareable { values.next().flatten() } else { None };
            left.extend(self.land_or_miss(miss, found.as_deref(), errand, used));
        }
        (left, used)
    }

    fn miss(&self, lead: LeadOf<K, V, L>, errand: Errand) -> Miss<K, V, L> {
        let remote_key = lead.key.remote();
        let pending = |shared: &Shared| shared.pending.holds(&remote_key, self.clock.now());
        let shareable = !errand.spare_remote && self.shared.as_ref().is_some_and(|shared| !pending(shared));
        Miss { lead, remote_key, absent: true, shareable, settling: false, fallback: None }
    }

    /// Lands a flight with a value of the remote tier if it is of use.
    fn land_or_miss(
        self: &Arc<Self>,
        miss: Miss<K, V, L>,
        found: Option<&[u8]>,
        errand: Errand,
        used: RemoteUse,
    ) -> Option<Miss<K, V, L>> {
        let Some(bytes) = found else { return Some(miss) };
        let kept = match self.open(&miss.lead.key, bytes) {
            Found::Value(kept) => kept,
            Found::Settling => return Some(Miss { settling: true, ..miss }),
            Found::Useless => return Some(Miss { absent: false, ..miss }),
        };
        let mine = self.memory.get(&miss.lead.key).map(|mine| mine.loaded_unix_ms);
        // What memory knows to be older, or a refresh finds again, is no help.
        let helps = mine.is_none_or(|mine| {
            if errand.refresh { kept.loaded_unix_ms > mine } else { kept.loaded_unix_ms >= mine }
        });
        // Whether copies are refreshed early is each process's own business.
        match kept.standing(self.ticks(), true, &self.policy, || 1.0) {
            Standing::Fresh if helps => {
                self.land_remote(miss.lead, &kept, used);
                None
            }
            Standing::Refresh if helps && !errand.refresh => {
                let key = miss.lead.key.clone();
                self.land_remote(miss.lead, &kept, used);
                self.refresh(&key);
                None
            }
            Standing::Gone => Some(Miss { absent: false, ..miss }),
            _ => Some(Miss { absent: false, fallback: helps.then_some(kept), ..miss }),
        }
    }

    pub(crate) fn land_remote(&self, lead: LeadOf<K, V, L>, kept: &Kept<V>, used: RemoteUse) {
        let ttl_ms = kept.ttl_ms(self.ticks());
        let outcome = if ttl_ms < 0 { metrics::Outcome::Stale } else { metrics::Outcome::Hit };
        self.metrics.count(Tier::Remote, outcome, 1);
        self.keep(&lead.key, lead.begun, self.ticks(), kept);
        lead.land(Ok(Landed {
            value: Arc::clone(&kept.value),
            others: Arc::default(),
            cost: L::Cost::default(),
            ttl_ms: Some(ttl_ms),
            load: None,
            settled: true,
            elsewhere: false,
            remote: used,
        }));
    }

    /// What the remote tier has under a key.
    pub(crate) fn open(&self, key: &K, bytes: &[u8]) -> Found<V> {
        let now_ms = self.clock.unix_ms();
        let (stamp, raw) = match open(bytes) {
            Opened::Value(stamp, raw) => (stamp, raw),
            Opened::Tombstone { until_unix_ms } => {
                let left = until_unix_ms.saturating_sub(now_ms).min(millis(self.policy.settle));
                self.fence.settles_until(key, self.ticks() + left);
                return Found::Settling;
            }
            Opened::Foreign => return self.rejected(Reject::Foreign),
            Opened::Damaged => return self.rejected(Reject::Damaged),
        };
        if stamp.loaded_unix_ms > now_ms + CLOCK_SKEW_MS {
            return self.rejected(Reject::Future);
        }
        if stamp.loaded_unix_ms <= self.doubted.load(Ordering::Acquire).saturating_add(CLOCK_SKEW_MS) {
            return self.rejected(Reject::Doubted);
        }
        match V::decode(key, &raw) {
            Some(value) => Found::Value(self.kept_from(stamp, Arc::new(value), now_ms)),
            None => self.rejected(Reject::Damaged),
        }
    }

    fn rejected(&self, reason: Reject) -> Found<V> {
        self.metrics.reject(reason);
        Found::Useless
    }

    /// Deadlines by our own clock. None is further away than a value loaded now could have it.
    fn kept_from(&self, stamp: Stamp, value: Arc<V>, now_ms: u64) -> Kept<V> {
        let longest = millis(self.policy.fresh_for(stamp.negative, 1.0));
        let left = stamp.fresh_until_unix_ms as i64 - now_ms as i64;
        let fresh_until = self.ticks().saturating_add_signed(left.min(longest as i64));
        Kept::new(value, stamp.loaded_unix_ms, stamp.load_us, self.ticks(), fresh_until, &self.policy)
    }

    /// Loads misses of one group; without a group the remote tier is left out.
    async fn load_group(
        self: &Arc<Self>,
        group: Option<String>,
        misses: Vec<Miss<K, V, L>>,
        mut used: RemoteUse,
    ) {
        let (Some(group), Some(shared)) = (group, &self.shared) else {
            return self.load_all(misses.into_iter().map(|miss| (miss, None)), used).await;
        };
        let asks: Vec<_> =
            misses.iter().map(|miss| Ask { key: miss.remote_key.clone(), absent: miss.absent }).collect();
        let started = Instant::now();
        let begun = shared.begin(&group, &asks, used.waited).await;
        used.trips += 1;
        used.waited += started.elapsed();
        let (ticket, claims) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                // Who refuses a write may still answer reads.
                used.failed = !matches!(error, RemoteError::Refused(_));
                return self.load_all(misses.into_iter().map(|miss| (miss, None)), used).await;
            }
        };
        let (mine, theirs) = self.sort_claims(misses, &Arc::new(ticket), claims, used);
        futures::join!(self.load_all(mine, used), self.wait_for_others(&group, theirs, used));
    }

    /// Loads values side by side.
    pub(crate) async fn load_all(
        self: &Arc<Self>,
        misses: impl IntoIterator<Item = (Miss<K, V, L>, Option<Fill>)>,
        used: RemoteUse,
    ) {
        let loads: FuturesUnordered<_> =
            misses.into_iter().map(|(miss, fill)| self.load_one(miss, fill, used)).collect();
        loads.collect::<()>().await;
    }

    /// Loads one value, lands its flight and stores what came.
    async fn load_one(self: &Arc<Self>, miss: Miss<K, V, L>, fill: Option<Fill>, used: RemoteUse) {
        let used = self.used_for(&miss, used);
        let Miss { lead, fallback, .. } = miss;
        let (key, begun) = (lead.key.clone(), lead.begun);
        let start = Start { begun, unix_ms: self.clock.unix_ms(), ticks: self.ticks(), at: Instant::now() };
        let mut lead = Some(lead);
        let loaded = self.load_or_fall_back(&key, fallback.as_ref(), &mut lead, used).await;
        let (tier, took) = (Tier::Source, start.at.elapsed());
        match loaded {
            Ok(loaded) => {
                self.metrics.count(tier, metrics::Outcome::Hit, 1);
                self.metrics.time(tier, metrics::Outcome::Hit, took);
                let brought = self.keep_loaded(&key, loaded, start);
                if let Some(lead) = lead {
                    lead.land(Ok(brought.landed(used, took)));
                }
                self.fill(fill, &brought).await;
            }
            Err(error) => {
                self.metrics.count(tier, metrics::Outcome::Error, 1);
                self.metrics.time(tier, metrics::Outcome::Error, took);
                match (lead, fallback) {
                    (Some(lead), Some(kept)) => self.land_remote(lead, &kept, used),
                    (Some(lead), None) => lead.land(Err(Failure { error, remote: used })),
                    (None, _) => {}
                }
                self.give_back(fill).await;
            }
        }
    }

    /// How the remote tier was used for one key of a batch, which is counted.
    fn used_for(&self, miss: &Miss<K, V, L>, used: RemoteUse) -> RemoteUse {
        let spared = used.part == Part::Asked && !miss.shareable;
        let used = if spared { RemoteUse { part: Part::Spared, ..RemoteUse::default() } } else { used };
        let outcome = match used.part {
            Part::Absent => return used,
            Part::Spared => metrics::Outcome::Skipped,
            Part::Asked if used.failed => metrics::Outcome::Error,
            Part::Asked => metrics::Outcome::Miss,
        };
        self.metrics.count(Tier::Remote, outcome, 1);
        used
    }

    /// Waits for the loader. If there is a stale value of the remote tier, the flight lands with it after the soft
    /// limit, and the load goes on.
    async fn load_or_fall_back(
        self: &Arc<Self>,
        key: &K,
        fallback: Option<&Kept<V>>,
        lead: &mut Option<LeadOf<K, V, L>>,
        used: RemoteUse,
    ) -> Result<Loaded<K, V, L::Cost>, CacheError<L::Error>> {
        let limit = self.policy.load_limit;
        let load = AssertUnwindSafe(self.loader.load(key, Instant::now() + limit)).catch_unwind();
        let load = load.instrument(tracing::debug_span!("source"));
        let mut load = std::pin::pin!(tokio::time::timeout(limit, load));
        let mut done = None;
        if let Some(kept) = fallback {
            done = tokio::time::timeout(self.policy.soft_limit, load.as_mut()).await.ok();
            if done.is_none()
                && let Some(lead) = lead.take()
            {
                self.land_remote(lead, kept, used);
            }
        }
        let done = match done {
            Some(done) => done,
            None => load.await,
        };
        match done {
            Ok(Ok(loaded)) => loaded.map_err(CacheError::Load),
            Ok(Err(_)) => Err(CacheError::Panicked),
            Err(_) => Err(CacheError::Deadline),
        }
    }
}
