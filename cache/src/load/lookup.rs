//! What the remote tier has.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::LoadOptions;
use crate::envelope::{Opened, Stamp, open};
use crate::inner::Inner;
use crate::memory::{Cached, Freshness};
use crate::metrics::{self, Reject, Tier};
use crate::model::{Key, Loader, Value};
use crate::outcome::{LeaderOf, Outcome, Part, RemoteUse};
use crate::shared::Shared;
use crate::watch::millis;

/// How far ahead another process's clock may be.
const CLOCK_SKEW_MS: u64 = 2_000;

/// What the remote tier has under a key.
pub(crate) enum Found<V> {
    /// A value.
    Value(Cached<V>),
    /// That the key was invalidated recently.
    Settling,
    /// Nothing that can be used.
    Useless,
}

/// A key that has to be loaded.
pub(super) struct Miss<K: Key, V, L: Loader<K, V>> {
    pub(super) leader: LeaderOf<K, V, L>,
    pub(super) remote_key: String,
    /// Nothing was under the key, not even something useless.
    pub(super) absent: bool,
    /// Whether the remote tier may be asked about the key.
    pub(super) shareable: bool,
    /// The key was invalidated recently: what is loaded now is not shared, so nobody waits for it.
    pub(super) settling: bool,
    /// A stale value of the remote tier to fall back on.
    pub(super) fallback: Option<Cached<V>>,
}

/// What came of asking the remote tier.
pub(super) struct LookedUp<K: Key, V, L: Loader<K, V>> {
    pub(super) misses: Vec<Miss<K, V, L>>,
    /// Keys whose values were served and are due to be refreshed.
    pub(super) due: Vec<K>,
    pub(super) used: RemoteUse,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Completes the loads of which the remote tier has the values.
    pub(super) async fn look_up(
        &self,
        leaders: Vec<LeaderOf<K, V, L>>,
        options: LoadOptions,
    ) -> LookedUp<K, V, L> {
        let mut misses: Vec<_> = leaders.into_iter().map(|leader| self.miss(leader, options)).collect();
        let without = |misses, used| LookedUp { misses, due: Vec::new(), used };
        let Some(shared) = &self.shared else { return without(misses, RemoteUse::default()) };
        let keys: Vec<_> =
            misses.iter().filter(|miss| miss.shareable).map(|miss| miss.remote_key.clone()).collect();
        if keys.is_empty() || !shared.allows() {
            for miss in &mut misses {
                miss.shareable = false;
            }
            return without(misses, RemoteUse::skipped());
        }
        let started = Instant::now();
        let answer = shared.get(&keys).await;
        let (waited, failed) = (started.elapsed(), answer.is_err());
        let used = RemoteUse { part: Part::Asked, trips: 1, waited, failed };
        let Ok(values) = answer else { return without(misses, used) };
        let mut values = values.into_iter();
        let mut looked_up = LookedUp { misses: Vec::with_capacity(misses.len()), due: Vec::new(), used };
        for miss in misses {
            let found = if miss.shareable { values.next().flatten() } else { None };
            let left = self.complete_or_miss(miss, found.as_deref(), options, &mut looked_up);
            looked_up.misses.extend(left);
        }
        looked_up
    }

    fn miss(&self, leader: LeaderOf<K, V, L>, options: LoadOptions) -> Miss<K, V, L> {
        let remote_key = leader.key.remote();
        let pending =
            |shared: &Shared| shared.pending.holds(|| leader.key.group(), &remote_key, self.clock.now());
        let shareable = !options.skip_remote && self.shared.as_ref().is_some_and(|shared| !pending(shared));
        Miss { leader, remote_key, absent: true, shareable, settling: false, fallback: None }
    }

    /// Completes a load with a value of the remote tier if that is of use.
    fn complete_or_miss(
        &self,
        miss: Miss<K, V, L>,
        found: Option<&[u8]>,
        options: LoadOptions,
        looked_up: &mut LookedUp<K, V, L>,
    ) -> Option<Miss<K, V, L>> {
        let Some(bytes) = found else { return Some(miss) };
        let cached = match self.open(&miss.leader.key, bytes) {
            Found::Value(cached) => cached,
            Found::Settling => return Some(Miss { settling: true, ..miss }),
            Found::Useless => return Some(Miss { absent: false, ..miss }),
        };
        let mine = self.memory.get(&miss.leader.key).map(|mine| mine.loaded_unix_ms);
        // What memory knows to be older, or a refresh finds again, is no help.
        let helps = mine.is_none_or(|mine| {
            if options.refresh { cached.loaded_unix_ms > mine } else { cached.loaded_unix_ms >= mine }
        });
        // Whether copies are refreshed early is each process's own business.
        match cached.freshness(self.ticks(), true, &self.policy, || 1.0) {
            Freshness::Fresh if helps => {
                self.complete(miss.leader, &cached, looked_up.used, false);
                None
            }
            Freshness::Refresh if helps && !options.refresh => {
                looked_up.due.push(miss.leader.key.clone());
                self.complete(miss.leader, &cached, looked_up.used, false);
                None
            }
            Freshness::Gone => Some(Miss { absent: false, ..miss }),
            _ => Some(Miss { absent: false, fallback: helps.then_some(cached), ..miss }),
        }
    }

    /// Completes a load with a value of the remote tier; `elsewhere` says that it was loaded while this load waited.
    pub(super) fn complete(
        &self,
        leader: LeaderOf<K, V, L>,
        cached: &Cached<V>,
        used: RemoteUse,
        elsewhere: bool,
    ) {
        let ttl_ms = cached.ttl_ms(self.ticks());
        let outcome = if ttl_ms < 0 { metrics::Outcome::Stale } else { metrics::Outcome::Hit };
        self.metrics.count(Tier::Remote, outcome, 1);
        self.keep(&leader.key, leader.begun, self.ticks(), cached);
        leader.complete(Ok(Outcome {
            value: Arc::clone(&cached.value),
            others: Arc::default(),
            cost: L::Cost::default(),
            ttl_ms: Some(ttl_ms),
            load: None,
            settled: true,
            elsewhere,
            remote: used,
        }));
    }

    /// What bytes of the remote tier say of a key.
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
        if stamp.loaded_unix_ms <= self.invalid_before.load(Ordering::Acquire).saturating_add(CLOCK_SKEW_MS) {
            return self.rejected(Reject::Outdated);
        }
        match V::decode(key, &raw) {
            Some(value) => Found::Value(self.cached_from(stamp, Arc::new(value), now_ms)),
            None => self.rejected(Reject::Damaged),
        }
    }

    fn rejected(&self, reason: Reject) -> Found<V> {
        self.metrics.reject(reason);
        Found::Useless
    }

    /// Deadlines by our own clock. None is further away than that of a value loaded now could be.
    fn cached_from(&self, stamp: Stamp, value: Arc<V>, now_ms: u64) -> Cached<V> {
        let longest = millis(self.policy.fresh_for(stamp.negative, 1.0));
        let left = stamp.fresh_until_unix_ms as i64 - now_ms as i64;
        let fresh_until = self.ticks().saturating_add_signed(left.min(longest as i64));
        Cached::new(value, stamp.loaded_unix_ms, stamp.load_us, self.ticks(), fresh_until, &self.policy)
    }
}
