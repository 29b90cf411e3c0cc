//! The tier in the process: moka, weighed in bytes.
//!
//! Deadlines are kept inside the value and looked at on each read. moka's own expiry is not used: per-entry expiry
//! stalls on millions of entries (moka issue 498), and a value past its fresh time is still of use.
//!
//! Invariant: what was kept before [`Memory::clear`] is never returned after it. It is not removed either, but replaced
//! when its key is loaded again, or evicted like anything that is not used: moka's `invalidate_all` removes everything
//! in one go within some later call, which takes seconds at millions of entries.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;
use moka::sync::Cache;

use crate::policy::Policy;

/// Bytes that an entry takes beside its value: a key of 24 bytes, [`Kept`], the value's `Arc`, and moka's nodes for the map,
/// the queues and the counts, each a block of its own. `benches/memory.rs` measures 394 at a million and at five million
/// entries.
const ENTRY_BYTES: usize = 394;

/// Milliseconds since the cache was made.
pub(crate) type Ticks = u64;

/// A value in memory, with its deadlines.
#[derive(Debug)]
pub(crate) struct Kept<V> {
    pub(crate) value: Arc<V>,
    /// When its load began, by the wall clock of whoever loaded it: tells the newer of two.
    pub(crate) loaded_unix_ms: u64,
    /// When this copy was made from what the other tiers had.
    pub(crate) copied: Ticks,
    /// End of its fresh time.
    pub(crate) fresh_until: Ticks,
    /// End of the time in which it is served at once and refreshed.
    pub(crate) revalidate_until: Ticks,
    /// End of its use.
    pub(crate) usable_until: Ticks,
    /// How long the load took.
    pub(crate) load_us: u32,
    pub(crate) weight: u32,
    /// It was loaded too soon after an invalidation to be sure.
    pub(crate) settling: bool,
    epoch: u64,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

/// What a read may do with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it in the background.
    Refresh,
    /// It is old: serve it only if there is nothing better in time.
    Fallback,
    /// It may have been invalidated: serve it only if there is nothing else.
    Untrusted,
    /// Do not serve it.
    Gone,
}

impl<V> Kept<V> {
    /// What a read now may do with it. `attended` tells whether invalidations reach the process, `luck` is uniform in
    /// 0 to 1.
    pub(crate) fn standing(
        &self,
        now: Ticks,
        attended: bool,
        policy: &Policy,
        luck: impl Fn() -> f64,
    ) -> Standing {
        let trusted = attended || now < self.copied + policy.unattended.as_millis() as u64;
        if !trusted {
            return if now < self.usable_until { Standing::Untrusted } else { Standing::Gone };
        }
        match self.fresh_until.checked_sub(now) {
            Some(left) if left > 0 && left > early_ms(self.load_us) => Standing::Fresh,
            Some(left) if left > 0 && !policy.refresh_early(left, self.load_us, luck()) => Standing::Fresh,
            Some(left) if left > 0 => Standing::Refresh,
            _ if now < self.revalidate_until => Standing::Refresh,
            _ if now < self.usable_until => Standing::Fallback,
            _ => Standing::Gone,
        }
    }

    /// The same value, of no use after a time.
    pub(crate) fn until(&self, end: Ticks) -> Self {
        let end = end.min(self.fresh_until);
        Self { fresh_until: end, revalidate_until: end, usable_until: end, settling: true, ..self.clone() }
    }

    /// Remaining fresh time in milliseconds; negative past it.
    pub(crate) fn ttl_ms(&self, now: Ticks) -> i64 {
        self.fresh_until as i64 - now as i64
    }

    /// How long it will be served without a question, whatever the luck; as [`standing`](Kept::standing) has it.
    pub(crate) fn steady_ms(&self, now: Ticks) -> i64 {
        self.ttl_ms(now) - early_ms(self.load_us) as i64
    }
}

/// No load is refreshed more than some twenty times its own length ahead.
fn early_ms(load_us: u32) -> u64 {
    u64::from(load_us) / 50
}

/// The tier.
pub(crate) struct Memory<K, V> {
    /// `None` when it is switched off.
    entries: Option<Cache<K, Kept<V>, RandomState>>,
    epoch: AtomicU64,
    /// Grows after each change of what reads may find, and before whoever made it goes on.
    version: AtomicU64,
}

impl<K, V> Memory<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A tier of so many bytes; 0 switches it off.
    pub(crate) fn new(max_bytes: u64) -> Self {
        let entries = (max_bytes > 0).then(|| {
            Cache::builder()
                .max_capacity(max_bytes)
                .weigher(|_: &K, kept: &Kept<V>| kept.weight)
                .build_with_hasher(RandomState::default())
        });
        Self { entries, epoch: AtomicU64::new(0), version: AtomicU64::new(0) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Kept<V>> {
        let kept = self.entries.as_ref()?.get(key)?;
        (kept.epoch == self.epoch.load(Ordering::Acquire)).then_some(kept)
    }

    /// Keeps a value; `weight` is its own in bytes.
    pub(crate) fn insert(&self, key: K, kept: &Kept<V>, weight: usize) {
        let Some(entries) = &self.entries else { return };
        let weight = u32::try_from(weight + ENTRY_BYTES).unwrap_or(u32::MAX);
        entries.insert(key, Kept { weight, epoch: self.epoch.load(Ordering::Acquire), ..kept.clone() });
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

    /// While it stays the same, reads find what they found, but for what was evicted meanwhile.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Entries and bytes, those that were cleared included, as of moka's last maintenance.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.entries.as_ref().map_or((0, 0), |entries| (entries.entry_count(), entries.weighted_size()))
    }

    /// Does the maintenance that is due.
    pub(crate) fn settle(&self) {
        if let Some(entries) = &self.entries {
            entries.run_pending_tasks();
        }
    }
}

impl<V> Kept<V> {
    /// A value with deadlines; the memory tier adds the rest.
    pub(crate) fn new(
        value: Arc<V>,
        loaded_unix_ms: u64,
        load_us: u32,
        now: Ticks,
        fresh_until: Ticks,
        policy: &Policy,
    ) -> Self {
        let ms = |duration: std::time::Duration| duration.as_millis() as u64;
        Self {
            value,
            loaded_unix_ms,
            copied: now,
            fresh_until,
            revalidate_until: fresh_until + ms(policy.stale_while_revalidate),
            usable_until: fresh_until + ms(policy.stale_while_revalidate.max(policy.stale_if_error)),
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
        Policy {
            stale_while_revalidate: Duration::from_millis(50),
            stale_if_error: Duration::from_millis(500),
            unattended: Duration::from_millis(300),
            ..Policy::default()
        }
    }

    fn kept(fresh_until: Ticks, load_us: u32) -> Kept<u8> {
        Kept::new(Arc::new(7), 1, load_us, 1_000, fresh_until, &policy())
    }

    #[test]
    fn a_value_ages_through_its_standings() {
        let kept = kept(1_100, 0);
        let at = |now| kept.standing(now, true, &policy(), || 0.5);
        assert_eq!(at(1_099), Standing::Fresh);
        assert_eq!(at(1_100), Standing::Refresh);
        assert_eq!(at(1_149), Standing::Refresh);
        assert_eq!(at(1_150), Standing::Fallback);
        assert_eq!(at(1_599), Standing::Fallback);
        assert_eq!(at(1_600), Standing::Gone);
        assert_eq!(kept.ttl_ms(1_150), -50);
    }

    #[test]
    fn without_invalidations_a_copy_is_trusted_for_a_while_only() {
        let kept = kept(9_000, 0);
        assert_eq!(kept.standing(1_299, false, &policy(), || 0.5), Standing::Fresh);
        assert_eq!(kept.standing(1_300, false, &policy(), || 0.5), Standing::Untrusted);
        assert_eq!(kept.standing(1_300, true, &policy(), || 0.5), Standing::Fresh);
        assert_eq!(kept.standing(9_500, false, &policy(), || 0.5), Standing::Gone);
    }

    #[test]
    fn a_slow_load_is_refreshed_early() {
        let kept = kept(1_100, 100_000);
        let lucky = (-3.0f64).exp();
        assert_eq!(kept.standing(1_010, true, &policy(), || lucky), Standing::Refresh);
        assert_eq!(kept.standing(1_010, true, &policy(), || 0.9), Standing::Fresh);
    }

    #[test]
    fn nothing_survives_a_clearing() {
        let memory = Memory::new(1 << 20);
        memory.insert("a", &kept(9_000, 0), 1);
        assert!(memory.get(&"a").is_some());
        memory.clear();
        assert!(memory.get(&"a").is_none());
        memory.insert("a", &kept(9_000, 0), 1);
        assert!(memory.get(&"a").is_some());
    }

    #[test]
    fn a_tier_of_no_bytes_keeps_nothing() {
        let memory = Memory::new(0);
        memory.insert("a", &kept(9_000, 0), 1);
        assert!(memory.get(&"a").is_none());
    }

    #[test]
    fn the_tier_holds_its_weight() {
        let memory = Memory::new(100_000);
        for key in 0..1_000u32 {
            memory.insert(key, &kept(9_000, 0), 740);
        }
        memory.settle();
        let (entries, bytes) = memory.size();
        assert!(bytes <= 100_000 && (50..=100).contains(&entries), "{entries} entries, {bytes} bytes");
    }
}
