//! A clock for tests.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Clock, SystemClock};

/// A clock that stands still until it is moved.
///
/// ```
/// use std::time::Duration;
/// use cellar_cache::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::default();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now() - start, Duration::from_secs(5));
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<(Instant, u64)>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), SystemClock.unix_ms())))
    }
}

impl ManualClock {
    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut at = self.0.lock();
        at.0 += by;
        at.1 += by.as_millis() as u64;
    }

    /// Makes the wall clock jump by milliseconds, forward or back; the monotonic clock does not notice.
    pub fn jump(&self, by_ms: i64) {
        let mut at = self.0.lock();
        at.1 = at.1.saturating_add_signed(by_ms);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.lock().0
    }

    fn unix_ms(&self) -> u64 {
        self.0.lock().1
    }
}
