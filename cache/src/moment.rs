//! Moments of memory: for whoever keeps something that was made of several values, and asks whether it still holds.
//!
//! Invariant: while a moment lasts, [`at_hand`](Cache::at_hand) would bring the very values that were looked up in it,
//! fresh and trusted, unless they were evicted.

use crate::memory::Ticks;
use crate::model::{Key, Loader, Value};
use crate::tiered::Cache;
use crate::trace::Trace;

/// A moment lasts no longer than this, in milliseconds: whoever rests on one asks memory once a second, so that values in
/// use do not look forgotten, and those that are due are refreshed.
const LONGEST_MS: i64 = 1_000;

/// The beginning of a look at memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    version: u64,
    at: Ticks,
}

/// A time in which memory stays as a look has found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    version: u64,
    until: Ticks,
}

impl Look {
    /// The moment of a look whose values were all at hand and nothing else was looked up, by the account of it. None if
    /// they would not be served again without a question.
    pub fn moment(self, trace: &Trace) -> Option<Moment> {
        let steady_ms = trace.memory.steady_ms.filter(|steady_ms| *steady_ms > 0)?;
        let lasting_ms = steady_ms.min(LONGEST_MS) as u64;
        (trace.unsettled == 0).then_some(Moment { version: self.version, until: self.at + lasting_ms })
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Begins a look at memory: to be asked before values are looked up.
    pub fn look(&self) -> Look {
        Look { version: self.inner.memory.version(), at: self.inner.ticks() }
    }

    /// Whether memory is as it was, values are still in their time, and invalidations reach the process.
    pub fn lasts(&self, moment: Moment) -> bool {
        let now = self.inner.ticks();
        now < moment.until && self.inner.attended(now) && self.inner.memory.version() == moment.version
    }
}
