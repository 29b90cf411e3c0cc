//! What worked in a neighbourhood.

use std::collections::VecDeque;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHasher};

use super::Wanted;
use crate::grid::{GridCell, geohash::GeohashCell};

/// Neighbourhoods are geohash cells of this precision: 5 km wide.
const NEIGHBOURHOOD: u8 = 5;

/// The precisions that were certified, by neighbourhood and kind of request; of bounded size, the oldest entry goes
/// first. Plans of many threads share one: a lock is held for a look-up at a time.
///
/// It is a hint, so a collision of hashes or a stale entry costs a try.
#[derive(Debug)]
pub struct PlannerMemory {
    entries: Mutex<Entries>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Entries {
    precisions: FxHashMap<u64, u8>,
    oldest: VecDeque<u64>,
}

impl PlannerMemory {
    /// A memory of at most `capacity` entries; 0 remembers nothing.
    pub fn new(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity }
    }

    /// The precision that was certified last for requests like this one.
    pub fn recall(&self, wanted: &Wanted) -> Option<u8> {
        self.lock().precisions.get(&key(wanted)).copied()
    }

    /// Remembers a precision for requests like this one.
    pub fn learn(&self, wanted: &Wanted, precision: u8) {
        if self.capacity == 0 {
            return;
        }
        let key = key(wanted);
        let mut entries = self.lock();
        if entries.precisions.insert(key, precision).is_some() {
            return;
        }
        entries.oldest.push_back(key);
        if entries.oldest.len() > self.capacity {
            let Some(oldest) = entries.oldest.pop_front() else { return };
            entries.precisions.remove(&oldest);
        }
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.lock().precisions.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries are whole after every statement, so a panic elsewhere does no harm.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for PlannerMemory {
    /// 4,096 entries, some 200 KB.
    fn default() -> Self {
        Self::new(4_096)
    }
}

/// Collection, category, neighbourhood, and the radius and the limit to within a factor of two.
fn key(wanted: &Wanted) -> u64 {
    let mut hash = FxHasher::default();
    wanted.collection.hash(&mut hash);
    wanted.category.hash(&mut hash);
    GeohashCell::at(wanted.position, NEIGHBOURHOOD).ok().hash(&mut hash);
    (wanted.radius.get().max(1.0).log2() as u8).hash(&mut hash);
    wanted.limit.max(1).ilog2().hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Meters, Position};

    fn wanted(lat: f64, radius_m: f64) -> Wanted {
        Wanted {
            collection: "bars".parse().unwrap(),
            category: None,
            position: Position::new(lat, 2.0).unwrap(),
            radius: Meters::new(radius_m).unwrap(),
            limit: 20,
        }
    }

    #[test]
    fn neighbours_with_like_requests_share_what_worked() {
        let memory = PlannerMemory::default();
        memory.learn(&wanted(48.0, 10_000.0), 5);
        assert_eq!(memory.recall(&wanted(48.001, 12_000.0)), Some(5));
        assert_eq!(memory.recall(&wanted(48.0, 30_000.0)), None);
        assert_eq!(memory.recall(&wanted(49.0, 10_000.0)), None);
        assert_eq!(memory.recall(&Wanted { category: Some("x".into()), ..wanted(48.0, 10_000.0) }), None);
        memory.learn(&wanted(48.0, 10_000.0), 6);
        assert_eq!((memory.recall(&wanted(48.0, 10_000.0)), memory.len()), (Some(6), 1));
    }

    #[test]
    fn memory_is_bounded() {
        let memory = PlannerMemory::new(10);
        for i in 0..100 {
            memory.learn(&wanted(f64::from(i) * 0.5, 10_000.0), 4);
        }
        assert_eq!(memory.len(), 10);
        assert_eq!(memory.recall(&wanted(0.0, 10_000.0)), None);
        assert_eq!(memory.recall(&wanted(49.5, 10_000.0)), Some(4));
        let none = PlannerMemory::new(0);
        none.learn(&wanted(0.0, 1.0), 4);
        assert!(none.is_empty());
    }
}
