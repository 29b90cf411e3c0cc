//! Which precisions worked in a neighbourhood.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::{FxHashMap, FxHasher};

use super::Wanted;
use crate::grid::{GridCell, geohash::GeohashCell};

/// Neighbourhoods are geohash cells of this precision: 5 km wide.
const NEIGHBOURHOOD: u8 = 5;

/// The precisions that were certified, by scope, neighbourhood and kind of request; of bounded size, the oldest entry
/// goes first. Plans of many threads share one: a lock is held for one look-up at a time.
///
/// A *scope* is whatever decides which places are searched: the name of a data set and a category, say. Requests of
/// different scopes learn nothing from each other.
///
/// It is a hint, so a collision of hashes or a stale entry costs a try.
///
/// ```
/// use std::num::NonZeroUsize;
/// use geo_index::edge::{CellAnswer, Planner, PlannerMemory, Wanted};
/// use geo_index::{Meters, Position};
///
/// let memory = PlannerMemory::new(1_000);
/// let wanted = Wanted {
///     position: Position::new(48.8566, 2.3522)?,
///     radius: Meters::new(10_000.0).unwrap(),
///     limit: NonZeroUsize::new(20).unwrap(),
/// };
/// assert_eq!(memory.recall(&wanted, &"wineries"), None);
/// let (mut planner, cell) = Planner::new(wanted, &"wineries", Some(6), &memory);
/// planner.answered(&CellAnswer::<()> { cell, certified_radius: cell.horizon(), places: vec![] });
/// // The answer for the cell of precision 6 proved that one of precision 5 would have done.
/// assert_eq!(memory.recall(&wanted, &"wineries"), Some(5));
/// assert_eq!(memory.recall(&wanted, &"bars"), None);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
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
    /// A memory of at most `capacity` entries; one of 0 remembers nothing.
    pub fn new(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity }
    }

    /// The precision that was certified last for requests like this one in the same scope.
    pub fn recall(&self, wanted: &Wanted, scope: &impl Hash) -> Option<u8> {
        self.recall_key(key(wanted, scope))
    }

    pub(super) fn recall_key(&self, key: u64) -> Option<u8> {
        self.lock().precisions.get(&key).copied()
    }

    /// Remembers a precision for requests of a [`key`].
    pub(super) fn learn(&self, key: u64, precision: u8) {
        if self.capacity == 0 {
            return;
        }
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

    /// The number of entries.
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

/// What like requests share: scope, neighbourhood, and the radius and the limit to within a factor of two.
pub(super) fn key(wanted: &Wanted, scope: &impl Hash) -> u64 {
    let mut hash = FxHasher::default();
    scope.hash(&mut hash);
    GeohashCell::at(wanted.position, NEIGHBOURHOOD).ok().hash(&mut hash);
    (wanted.radius.get().max(1.0).log2() as u8).hash(&mut hash);
    wanted.limit.ilog2().hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::{Meters, Position};

    fn wanted(lat: f64, radius_m: f64) -> Wanted {
        Wanted {
            position: Position::new(lat, 2.0).unwrap(),
            radius: Meters::new(radius_m).unwrap(),
            limit: NonZeroUsize::new(20).unwrap(),
        }
    }

    fn learn(memory: &PlannerMemory, wanted: &Wanted, precision: u8) {
        memory.learn(key(wanted, &"bars"), precision);
    }

    #[test]
    fn neighbours_with_like_requests_share_what_worked() {
        let memory = PlannerMemory::default();
        learn(&memory, &wanted(48.0, 10_000.0), 5);
        assert_eq!(memory.recall(&wanted(48.001, 12_000.0), &"bars"), Some(5));
        assert_eq!(memory.recall(&wanted(48.0, 30_000.0), &"bars"), None);
        assert_eq!(memory.recall(&wanted(49.0, 10_000.0), &"bars"), None);
        assert_eq!(memory.recall(&wanted(48.0, 10_000.0), &("bars", "x")), None);
        learn(&memory, &wanted(48.0, 10_000.0), 6);
        assert_eq!((memory.recall(&wanted(48.0, 10_000.0), &"bars"), memory.len()), (Some(6), 1));
    }

    #[test]
    fn memory_is_bounded() {
        let memory = PlannerMemory::new(10);
        for i in 0..100 {
            learn(&memory, &wanted(f64::from(i) * 0.5, 10_000.0), 4);
        }
        assert_eq!(memory.len(), 10);
        assert_eq!(memory.recall(&wanted(0.0, 10_000.0), &"bars"), None);
        assert_eq!(memory.recall(&wanted(49.5, 10_000.0), &"bars"), Some(4));
        let none = PlannerMemory::new(0);
        learn(&none, &wanted(0.0, 1.0), 4);
        assert!(none.is_empty());
    }
}
