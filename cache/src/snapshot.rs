//! Versions of memory: for callers that keep something made of several values, and ask whether it is still valid.
//!
//! Invariant: while a version is valid, [`get_if_present`](Cache::get_if_present) returns the very values that the snapshot
//! found, fresh and trusted, unless they were evicted.
//!
//! An [`InvalidationPoint`] is for callers that make something of values which they looked up one after the other, from
//! whatever tier they came: it tells afterwards which of them are not what they would get now.
//!
//! Invariant: of a value that a lookup returned after such a point, [`holds_since`](Cache::holds_since) is true only if its
//! key has not been invalidated in this process since the value was read from the source. (It may be false without
//! need: keys share stripes of the fence.)

use crate::fence::Begun;
use crate::model::{Key, Loader, Value};
use crate::tiered::Cache;
use crate::trace::Trace;
use crate::watch::Ticks;

/// A point in the order in which this process has invalidated keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidationPoint(Begun);

/// A version is valid for at most so long, in milliseconds: callers that rest on one then ask memory once a second, so that
/// values in use are not evicted as unused, and those that are due are refreshed.
const LONGEST_MS: i64 = 1_000;

/// A set of lookups in memory, of which it matters whether memory has changed since they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    version: u64,
    at: Ticks,
}

/// The version of memory that a [`Snapshot`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotVersion {
    version: u64,
    until: Ticks,
}

impl Snapshot {
    /// The version of memory, if all values of the snapshot were in memory and nothing else was looked up, by its
    /// trace. `None` if they might not be served again without being refreshed.
    pub fn version(self, trace: &Trace) -> Option<SnapshotVersion> {
        let valid_ms = trace.memory.valid_ms.filter(|valid_ms| *valid_ms > 0)?;
        let until = self.at + valid_ms.min(LONGEST_MS) as u64;
        (trace.unsettled == 0).then_some(SnapshotVersion { version: self.version, until })
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Begins a snapshot: to be called before values are looked up.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { version: self.inner.memory.version(), at: self.inner.ticks() }
    }

    /// Whether memory is unchanged, the values are still in their time, and invalidations reach the process.
    pub fn is_still_valid(&self, version: SnapshotVersion) -> bool {
        let now = self.inner.ticks();
        now < version.until && self.inner.is_trusted(now) && self.inner.memory.version() == version.version
    }

    /// The last point in the order of invalidations: to be called before values are looked up. As long as it stays the
    /// same, all of them hold.
    pub fn invalidation_point(&self) -> InvalidationPoint {
        InvalidationPoint(self.inner.fence.begin())
    }

    /// Whether a value that was looked up after a moment is still what a lookup would return, for all that this process
    /// has been told.
    pub fn holds_since(&self, key: &K, point: InvalidationPoint) -> bool {
        self.inner.fence.holds(key, point.0)
    }
}
