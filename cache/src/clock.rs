//! Time, as something that tests can move.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where everything that remembers gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for what stays in the process.
    fn now(&self) -> Instant;

    /// Wall-clock time in milliseconds since 1970, for what leaves the process. It may jump.
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
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.0 += by;
        at.1 += by.as_millis() as u64;
    }

    /// Lets the wall clock jump, by milliseconds forth or back; the monotonic clock does not notice.
    pub fn jump(&self, by_ms: i64) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.1 = at.1.saturating_add_signed(by_ms);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn unix_ms(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}
