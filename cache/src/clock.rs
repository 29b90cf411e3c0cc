//! Time, as something that tests can move.

#[cfg(any(test, feature = "test-util"))]
mod manual;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[cfg(any(test, feature = "test-util"))]
pub use self::manual::ManualClock;

/// Where a cache gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for everything that stays in the process.
    fn now(&self) -> Instant;

    /// Wall-clock time in milliseconds since 1970, for everything that leaves the process. It may jump.
    fn unix_ms(&self) -> u64;
}

/// The clocks of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
