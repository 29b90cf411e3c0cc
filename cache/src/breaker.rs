//! The circuit breaker before the shared tier: after some failures in a row nobody waits for it any more, until one
//! call has found it working again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest pause, in units of the first one.
const MAX_PAUSES: u32 = 16;

/// A breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// All may call.
    Closed { failures: u32 },
    /// Nobody may call before a time; then one.
    Open { until: Instant, pauses: u32 },
    /// One is calling; if nothing is heard of it until a time, another may.
    Trying { until: Instant, pauses: u32 },
}

/// What a breaker is doing, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are spared.
    Open,
    /// One call tries.
    HalfOpen,
}

impl Breaker {
    /// Opens after so many failures in a row, for a pause at a time.
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Whether a call may be made now. Whoever is told so reports how it went.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => true,
            State::Open { until, .. } | State::Trying { until, .. } if now < until => false,
            State::Open { pauses, .. } | State::Trying { pauses, .. } => {
                *state = State::Trying { until: now + self.pause, pauses };
                true
            }
        }
    }

    pub(crate) fn succeeded(&self) {
        *self.lock() = State::Closed { failures: 0 };
    }

    /// Tells whether this has opened it.
    pub(crate) fn failed(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let pauses = match *state {
            State::Closed { failures } if failures + 1 < self.failures => {
                *state = State::Closed { failures: failures + 1 };
                return false;
            }
            State::Closed { .. } => 1,
            // Calls that began before it opened say nothing new.
            State::Open { .. } => return false,
            State::Trying { pauses, .. } => (pauses * 2).min(MAX_PAUSES),
        };
        *state = State::Open { until: now + self.pause * pauses, pauses };
        true
    }

    pub(crate) fn state(&self) -> BreakerState {
        match *self.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Trying { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let (breaker, now) = (Breaker::new(3, PAUSE), Instant::now());
        assert!(!breaker.failed(now) && !breaker.failed(now));
        breaker.succeeded();
        assert!(!breaker.failed(now) && !breaker.failed(now));
        assert!(breaker.allows(now));
        assert!(breaker.failed(now));
        assert!(!breaker.allows(now));
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn after_the_pause_one_tries() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        breaker.failed(now);
        assert!(!breaker.allows(now + PAUSE / 2));
        assert!(breaker.allows(now + PAUSE));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(!breaker.allows(now + PAUSE), "only one");
        breaker.succeeded();
        assert!(breaker.allows(now + PAUSE));
    }

    #[test]
    fn each_failed_try_doubles_the_pause_up_to_a_bound() {
        let (breaker, mut now) = (Breaker::new(1, PAUSE), Instant::now());
        breaker.failed(now);
        for pause in [1, 2, 4, 8, 16, 16] {
            now += PAUSE * (pause - 1);
            assert!(!breaker.allows(now));
            now += PAUSE;
            assert!(breaker.allows(now));
            breaker.failed(now);
        }
    }

    #[test]
    fn a_try_that_never_reports_does_not_keep_others_out() {
        let (breaker, now) = (Breaker::new(1, PAUSE), Instant::now());
        breaker.failed(now);
        assert!(breaker.allows(now + PAUSE));
        assert!(!breaker.allows(now + PAUSE));
        assert!(breaker.allows(now + PAUSE * 2));
    }
}
