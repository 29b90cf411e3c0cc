//! The tier in the process: moka, weighed in bytes.
//!
//! Deadlines are kept beside the value and checked on each read. moka's own expiry is not used: per-entry expiry
//! stalls on millions of entries (moka issue 498), and a value past its fresh time is still of use.
//!
//! Invariant: what was inserted before [`Memory::clear`] is never returned after it. It is not removed either, but replaced
//! when its key is loaded again, or evicted like anything that is not used: moka's `invalidate_all` removes everything
//! at once within some later call, which takes seconds at millions of entries.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;
use moka::sync::Cache;

use crate::policy::Policy;
use crate::watch::{Ticks, millis};

/// Bytes that an entry takes beside its value: a key of 24 bytes, [`Cached`], the value's `Arc`, and moka's nodes for the
/// map, the queues and the counts, each allocated by itself. `benches/memory.rs` measures 394 at a million and at five
/// million entries.
const ENTRY_BYTES: usize = 394;

/// A value in memory, with its deadlines.
#[derive(Debug)]
pub(crate) struct Cached<V> {
    pub(crate) value: Arc<V>,
    /// When its load began, by the wall clock of the process that loaded it: tells which of two is newer.
    pub(crate) loaded_unix_ms: u64,
    /// When this copy came from the other tiers.
    pub(crate) copied: Ticks,
    /// End of its fresh time.
    pub(crate) fresh_until: Ticks,
    /// Until when it is served at once and refreshed.
    pub(crate) revalidate_until: Ticks,
    /// Until when it is of any use.
    pub(crate) usable_until: Ticks,
    /// How long the load took.
    pub(crate) load_us: u32,
    pub(crate) weight: u32,
    /// It was loaded so soon after an invalidation that it may be the old value.
    pub(crate) settling: bool,
    epoch: u64,
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

/// What a read may do with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it in the background.
    Refresh,
    /// It is stale: serve it only if there is nothing better in time.
    Fallback,
    /// It may have been invalidated: serve it only if there is nothing else.
    Untrusted,
    /// Do not serve it.
    Gone,
}

impl<V> Cached<V> {
    /// What a read at `now` may do with it. `trusted` says whether invalidations reach the process, `uniform` draws
    /// evenly from 0 to 1.
    pub(crate) fn freshness(
        &self,
        now: Ticks,
        trusted: bool,
        policy: &Policy,
        uniform: impl Fn() -> f64,
    ) -> Freshness {
        let trusted = trusted || now < self.copied.saturating_add(millis(policy.untrusted_ttl));
        if !trusted {
            return if now < self.usable_until { Freshness::Untrusted } else { Freshness::Gone };
        }
        match self.fresh_until.checked_sub(now) {
            Some(left) if left > 0 && left > early_ms(self.load_us) => Freshness::Fresh,
            Some(left) if left > 0 && !policy.refresh_early(left, self.load_us, uniform()) => {
                Freshness::Fresh
            }
            Some(left) if left > 0 => Freshness::Refresh,
            _ if now < self.revalidate_until => Freshness::Refresh,
            _ if now < self.usable_until => Freshness::Fallback,
            _ => Freshness::Gone,
        }
    }

    /// The same value, of no use after `end`.
    pub(crate) fn until(&self, end: Ticks) -> Self {
        let end = end.min(self.fresh_until);
        Self { fresh_until: end, revalidate_until: end, usable_until: end, settling: true, ..self.clone() }
    }

    /// Remaining fresh time in milliseconds; negative past it.
    pub(crate) fn ttl_ms(&self, now: Ticks) -> i64 {
        self.fresh_until as i64 - now as i64
    }

    /// How long [`freshness`](Cached::freshness) is certain to be [`Freshness::Fresh`], in milliseconds.
    pub(crate) fn valid_ms(&self, now: Ticks) -> i64 {
        self.ttl_ms(now) - early_ms(self.load_us) as i64
    }
}

/// A value is never refreshed further ahead of its end than twenty times the length of its load.
fn early_ms(load_us: u32) -> u64 {
    u64::from(load_us) / 50
}

/// The tier.
pub(crate) struct Memory<K, V> {
    /// `None` when it is switched off.
    entries: Option<Cache<K, Cached<V>, RandomState>>,
    epoch: AtomicU64,
    /// Grows after each change of what reads may find, before the caller that made it goes on.
    version: AtomicU64,
}

impl<K, V> Memory<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A tier of at most so many bytes; 0 switches it off.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let entries = (max_bytes > 0).then(|| {
            Cache::builder()
                .max_capacity(max_bytes)
                .weigher(|_: &K, cached: &Cached<V>| cached.weight)
                .build_with_hasher(RandomState::default())
        });
        Self { entries, epoch: AtomicU64::new(0), version: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Cached<V>> {
        let cached = self.entries.as_ref()?.get(key)?;
        (cached.epoch == self.epoch.load(Ordering::Acquire)).then_some(cached)
    }

    /// Inserts a value; `weight` is that of the value itself, in bytes.
    pub(crate) fn insert(&self, key: K, cached: &Cached<V>, weight: usize) {
        let Some(entries) = &self.entries else { return };
        let weight = u32::try_from(weight + ENTRY_BYTES).unwrap_or(u32::MAX);
        entries.insert(key, Cached { weight, epoch: self.epoch.load(Ordering::Acquire), ..cached.clone() });
        self.changed();
    }

    pub(crate) fn remove(&self, key: &K) {
        if let Some(entries) = &self.entries {
            entries.invalidate(key);
        }
        self.changed();
    }

    pub(crate) fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.changed();
    }

    /// While this stays the same, reads find what they found, except for what was evicted meanwhile.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Entries and bytes, cleared ones included, as of moka's last maintenance.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.entries.as_ref().map_or((0, 0), |entries| (entries.entry_count(), entries.weighted_size()))
    }

    /// Does the maintenance that is due.
    pub(crate) fn run_pending_tasks(&self) {
        if let Some(entries) = &self.entries {
            entries.run_pending_tasks();
        }
    }
}

impl<V> Cached<V> {
    /// A value with its deadlines; the memory tier adds the rest.
    pub(crate) fn new(
        value: Arc<V>,
        loaded_unix_ms: u64,
        load_us: u32,
        now: Ticks,
        fresh_until: Ticks,
        policy: &Policy,
    ) -> Self {
        Self {
            value,
            loaded_unix_ms,
            copied: now,
            fresh_until,
            revalidate_until: fresh_until.saturating_add(millis(policy.stale_while_revalidate)),
            usable_until: fresh_until
                .saturating_add(millis(policy.stale_while_revalidate.max(policy.stale_if_error))),
            load_us,
            weight: 0,
            settling: false,
            epoch: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn policy() -> Policy {
        Policy::default()
            .stale_while_revalidate(Duration::from_millis(50))
            .stale_if_error(Duration::from_millis(500))
            .untrusted_ttl(Duration::from_millis(300))
    }

    fn cached(fresh_until: Ticks, load_us: u32) -> Cached<u8> {
        Cached::new(Arc::new(7), 1, load_us, 1_000, fresh_until, &policy())
    }

    #[test]
    fn a_value_ages_through_its_freshnesss() {
        let cached = cached(1_100, 0);
        let at = |now| cached.freshness(now, true, &policy(), || 0.5);
        assert_eq!(at(1_099), Freshness::Fresh);
        assert_eq!(at(1_100), Freshness::Refresh);
        assert_eq!(at(1_149), Freshness::Refresh);
        assert_eq!(at(1_150), Freshness::Fallback);
        assert_eq!(at(1_599), Freshness::Fallback);
        assert_eq!(at(1_600), Freshness::Gone);
        assert_eq!(cached.ttl_ms(1_150), -50);
    }

    #[test]
    fn without_invalidations_a_copy_is_trusted_for_a_while_only() {
        let cached = cached(9_000, 0);
        assert_eq!(cached.freshness(1_299, false, &policy(), || 0.5), Freshness::Fresh);
        assert_eq!(cached.freshness(1_300, false, &policy(), || 0.5), Freshness::Untrusted);
        assert_eq!(cached.freshness(1_300, true, &policy(), || 0.5), Freshness::Fresh);
        assert_eq!(cached.freshness(9_500, false, &policy(), || 0.5), Freshness::Gone);
    }

    #[test]
    fn a_slow_load_is_refreshed_early() {
        let cached = cached(1_100, 100_000);
        let lucky = (-3.0f64).exp();
        assert_eq!(cached.freshness(1_010, true, &policy(), || lucky), Freshness::Refresh);
        assert_eq!(cached.freshness(1_010, true, &policy(), || 0.9), Freshness::Fresh);
    }

    #[test]
    fn nothing_survives_a_clearing() {
        let memory = Memory::new(1 << 20);
        memory.insert("a", &cached(9_000, 0), 1);
        assert!(memory.get(&"a").is_some());
        memory.clear();
        assert!(memory.get(&"a").is_none());
        memory.insert("a", &cached(9_000, 0), 1);
        assert!(memory.get(&"a").is_some());
    }

    #[test]
    fn a_tier_of_no_bytes_keeps_nothing() {
        let memory = Memory::new(0);
        memory.insert("a", &cached(9_000, 0), 1);
        assert!(memory.get(&"a").is_none());
    }

    #[test]
    fn the_tier_holds_its_weight() {
        let memory = Memory::new(100_000);
        for key in 0..1_000u32 {
            memory.insert(key, &cached(9_000, 0), 740);
        }
        memory.run_pending_tasks();
        let (entries, bytes) = memory.size();
        assert!(bytes <= 100_000 && (50..=100).contains(&entries), "{entries} entries, {bytes} bytes");
    }
}
