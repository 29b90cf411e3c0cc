//! The fence of the process: what was loaded before an invalidation is never kept after it.
//!
//! Invalidations are numbered. A load remembers the number at which it began; its value is kept only if its key has
//! not been invalidated since. Keys share a fixed number of stripes, so that memory is bounded: a neighbour on
//! the stripe can at worst keep a value from being stored, or shorten its life, never the opposite.
//!
//! Invariant: admitting a value and invalidating its key exclude each other, including what each does to the memory
//! tier. An invalidation gets its number when the memory tier no longer has the value: who finds a value in memory after
//! having read the last number is told of an invalidation that was under way by a higher one.
//!
//! Stripes are allocated in blocks when a key first needs one: filling all of them takes milliseconds, and a process
//! started to answer one request has none to spare.

use std::hash::{BuildHasher as _, Hash};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use foldhash::quality::RandomState;
use parking_lot::{Mutex, MutexGuard};

/// The key's hash picks a block and a stripe in it: 2^18 stripes, 6 MB in all, so that thousands of keys that change at
/// a time affect few others.
const BLOCKS: usize = 1 << 10;
const STRIPES_OF_A_BLOCK: usize = 1 << 8;

/// A point in the order of invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Begun(u64);

#[derive(Clone, Copy, Debug, Default)]
struct Stripe {
    /// Number of its last invalidation.
    last: u64,
    /// End of the settling time after it, in ticks.
    settles: u64,
}

type Block = Box<[Mutex<Stripe>]>;

/// The fence of all keys.
#[derive(Debug)]
pub(crate) struct Fence {
    last: AtomicU64,
    /// Loads that began before this are not kept, whatever their key.
    floor: AtomicU64,
    blocks: Box<[OnceLock<Block>]>,
    hasher: RandomState,
}

impl Default for Fence {
    fn default() -> Self {
        let blocks = (0..BLOCKS).map(|_| OnceLock::new()).collect();
        Self { last: AtomicU64::new(0), floor: AtomicU64::new(0), blocks, hasher: RandomState::default() }
    }
}

impl Fence {
    /// Where a load begins: to be called before anything is read.
    pub(crate) fn begin(&self) -> Begun {
        Begun(self.last.load(Ordering::SeqCst))
    }

    /// Invalidates a key: `remove` takes it out of the memory tier.
    pub(crate) fn invalidate<K: Hash>(&self, key: &K, settles: u64, remove: impl FnOnce()) {
        let mut stripe = self.stripe(key);
        remove();
        stripe.last = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        stripe.settles = stripe.settles.max(settles);
    }

    /// Notes that a key was invalidated elsewhere and settles until then.
    pub(crate) fn settles_until<K: Hash>(&self, key: &K, settles: u64) {
        let mut stripe = self.stripe(key);
        stripe.settles = stripe.settles.max(settles);
    }

    /// Keeps what a load returned unless its key was invalidated since: `keep` puts it into the memory tier and is told
    /// until when the key settles. Returns whether it was kept.
    pub(crate) fn admit<K: Hash>(&self, key: &K, begun: Begun, keep: impl FnOnce(u64)) -> bool {
        let stripe = self.stripe(key);
        // Either `raise` sees the block of this stripe, or its floor is seen here.
        fence(Ordering::SeqCst);
        let admitted = stripe.last <= begun.0 && self.floor.load(Ordering::SeqCst) <= begun.0;
        if admitted {
            keep(stripe.settles);
        }
        admitted
    }

    /// Whether what a load that began then returns may still be kept, or the load be joined.
    pub(crate) fn holds<K: Hash>(&self, key: &K, begun: Begun) -> bool {
        self.admit(key, begun, |_| ())
    }

    /// Invalidates all keys: `clear` empties the memory tier.
    pub(crate) fn raise(&self, clear: impl FnOnce()) {
        self.raise_floor();
        fence(Ordering::SeqCst);
        // A value that was admitted before the floor rose is in memory once its stripe can be locked.
        for stripe in self.blocks.iter().filter_map(OnceLock::get).flatten() {
            drop(stripe.lock());
        }
        clear();
        // Once more, for who has found a value between the first number and the clearing.
        self.raise_floor();
    }

    fn raise_floor(&self) {
        let now = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        self.floor.fetch_max(now, Ordering::SeqCst);
    }

    fn stripe<K: Hash>(&self, key: &K) -> MutexGuard<'_, Stripe> {
        let hash = self.hasher.hash_one(key) as usize;
        let block = self.blocks[hash % BLOCKS]
            .get_or_init(|| (0..STRIPES_OF_A_BLOCK).map(|_| Mutex::default()).collect());
        block[hash / BLOCKS % STRIPES_OF_A_BLOCK].lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_kept_unless_its_key_was_invalidated_since() {
        let fence = Fence::default();
        let before = fence.begin();
        assert!(fence.holds(&"a", before));
        fence.invalidate(&"a", 0, || ());
        assert!(!fence.holds(&"a", before));
        assert!(fence.holds(&"b", before));
        assert!(fence.holds(&"a", fence.begin()));
    }

    #[test]
    fn a_raised_floor_is_for_all_keys() {
        let fence = Fence::default();
        let before = fence.begin();
        fence.raise(|| ());
        assert!(!fence.holds(&"a", before));
        assert!(fence.holds(&"a", fence.begin()));
    }

    /// What is found in memory while an invalidation is under way does not outlast it.
    #[test]
    fn an_invalidation_has_its_number_when_memory_is_rid_of_the_value() {
        let fence = Fence::default();
        let mut begun = fence.begin();
        fence.invalidate(&"a", 0, || begun = fence.begin());
        assert!(!fence.holds(&"a", begun));
        fence.raise(|| begun = fence.begin());
        assert!(!fence.holds(&"b", begun));
    }

    #[test]
    fn stripes_are_made_when_they_are_needed() {
        let fence = Fence::default();
        let made = |fence: &Fence| fence.blocks.iter().filter(|block| block.get().is_some()).count();
        assert_eq!(made(&fence), 0);
        let before = fence.begin();
        fence.raise(|| ());
        assert_eq!(made(&fence), 0);
        assert!(!fence.holds(&"a", before), "a floor counts for blocks that are made after it");
        assert_eq!(made(&fence), 1);
    }

    #[test]
    fn the_time_to_settle_only_grows() {
        let fence = Fence::default();
        let mut seen = 0;
        fence.invalidate(&"a", 70, || ());
        fence.invalidate(&"a", 50, || ());
        fence.admit(&"a", fence.begin(), |settles| seen = settles);
        assert_eq!(seen, 70);
        fence.settles_until(&"a", 90);
        fence.admit(&"a", fence.begin(), |settles| seen = settles);
        assert_eq!(seen, 90);
    }

    #[test]
    fn keys_spread_over_the_stripes() {
        let fence = Fence::default();
        let begun = fence.begin();
        for key in 0..1_000u64 {
            fence.invalidate(&(key << 20), 0, || ());
        }
        let untouched = (1_000..20_000u64).filter(|key| fence.holds(&(key << 20), begun)).count();
        assert!(untouched > 18_500, "{untouched}");
    }
}
