//! The cache's own time, in ticks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// Milliseconds of the cache's own time.
pub(crate) type Ticks = u64;

/// Ticks begin here, so that there are deadlines before the cache was made.
const FIRST_TICK: Ticks = 1 << 40;

/// Differences between the clocks up to this do not count as a sleep, in milliseconds.
const SLEEP_MS: u64 = 1_000;

/// How often the clocks are compared, in milliseconds: most hits read only one of them.
const WALL_CHECK_MS: u64 = 100;

/// Jumps of the wall clock count as a sleep of at most a year.
const LONGEST_SLEEP_MS: u64 = 365 * 86_400_000;

/// Counts milliseconds, never backwards. A machine that slept, or a process that was frozen, may have lost monotonic
/// time: when the wall clock has run ahead, so does this.
pub(crate) struct Watch {
    clock: Arc<dyn Clock>,
    base: Instant,
    base_unix_ms: u64,
    /// Milliseconds by which the wall clock has run ahead of the monotonic one.
    slept: AtomicU64,
    /// When that was last checked, in milliseconds since `base`.
    checked: AtomicU64,
}

impl Watch {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let (base, base_unix_ms) = (clock.now(), clock.unix_ms());
        Self { clock, base, base_unix_ms, slept: AtomicU64::new(0), checked: AtomicU64::new(0) }
    }

    pub(crate) fn ticks(&self) -> Ticks {
        let since = millis(self.clock.now().saturating_duration_since(self.base));
        let slept = self.slept.load(Ordering::Relaxed);
        if since < self.checked.load(Ordering::Relaxed) + WALL_CHECK_MS {
            return FIRST_TICK + since + slept;
        }
        self.checked.store(since, Ordering::Relaxed);
        let by_the_wall = self.clock.unix_ms().saturating_sub(self.base_unix_ms).min(LONGEST_SLEEP_MS);
        let lost = by_the_wall.saturating_sub(since);
        if lost <= slept + SLEEP_MS {
            return FIRST_TICK + since + slept;
        }
        FIRST_TICK + since + self.slept.fetch_max(lost, Ordering::Relaxed).max(lost)
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
