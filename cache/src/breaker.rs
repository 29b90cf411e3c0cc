//! The circuit breaker in front of the remote tier, or of the source: after some consecutive failures nobody waits for it
//! any more, until one call has found it working again.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A circuit breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    /// Longest pause, in multiples of the first one.
    most_pauses: u32,
    /// Calls that try at a time.
    tries: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Everybody may call.
    Closed { failures: u32 },
    /// Nobody may call before `until`; then one may.
    Open { until: Instant, pauses: u32 },
    /// Some calls are being made; if none has reported by `until`, others may be.
    Trying { until: Instant, pauses: u32, left: u32 },
}

/// State of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// No calls are made.
    Open,
    /// One call is tried.
    HalfOpen,
}

impl Breaker {
    /// Opens after so many consecutive failures, for a pause that doubles with each failed try, up to so many times. Then so
    /// many calls may try.
    pub(crate) fn new(failures: u32, pause: Duration, most_pauses: u32, tries: u32) -> Self {
        let state = Mutex::new(State::Closed { failures: 0 });
        Self { failures: failures.max(1), pause, most_pauses, tries, state }
    }

    /// Whether a call may be made now. The caller then makes it and reports how it went.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        match &mut *state {
            State::Closed { .. } => true,
            State::Trying { until, left, .. } if now < *until && *left > 0 => {
                *left -= 1;
                true
            }
            State::Open { until, .. } | State::Trying { until, .. } if now < *until => false,
            State::Open { pauses, .. } | State::Trying { pauses, .. } => {
                let (until, pauses, left) = (now + self.pause, *pauses, self.tries.saturating_sub(1));
                *state = State::Trying { until, pauses, left };
                true
            }
        }
    }

    pub(crate) fn succeeded(&self) {
        *self.state.lock() = State::Closed { failures: 0 };
    }

    /// Returns whether this failure has opened the breaker.
    pub(crate) fn failed(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let pauses = match *state {
            State::Closed { failures } if failures + 1 < self.failures => {
                *state = State::Closed { failures: failures + 1 };
                return false;
            }
            State::Closed { .. } => 1,
            // Calls that began before it opened say nothing new.
            State::Open { .. } => return false,
            State::Trying { pauses, .. } => (pauses * 2).min(self.most_pauses),
        };
        *state = State::Open { until: now + self.pause * pauses, pauses };
        true
    }

    /// Whether no call may be made now; unlike [`allows`](Self::allows), asking changes nothing.
    pub(crate) fn rests(&self, now: Instant) -> bool {
        match *self.state.lock() {
            State::Closed { .. } => false,
            State::Open { until, .. } => now < until,
            State::Trying { until, left, .. } => now < until && left == 0,
        }
    }

    /// Whether it has opened, and a call has failed so lately that what is behind it surely does not work yet.
    pub(crate) fn is_surely_open(&self, now: Instant) -> bool {
        match *self.state.lock() {
            State::Closed { .. } => false,
            State::Open { until, .. } | State::Trying { until, .. } => now < until + self.pause,
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match *self.state.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Trying { .. } => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let (breaker, now) = (Breaker::new(3, PAUSE, 16, 1), Instant::now());
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
        let (breaker, now) = (Breaker::new(1, PAUSE, 16, 1), Instant::now());
        breaker.failed(now);
        assert!(!breaker.allows(now + PAUSE / 2));
        assert!(breaker.allows(now + PAUSE));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(!breaker.allows(now + PAUSE), "only one");
        breaker.succeeded();
        assert!(breaker.allows(now + PAUSE));
    }

    #[test]
    fn what_was_found_open_long_ago_may_work_again() {
        let (breaker, now) = (Breaker::new(1, PAUSE, 1, 1), Instant::now());
        assert!(!breaker.is_surely_open(now));
        breaker.failed(now);
        assert!(breaker.is_surely_open(now) && breaker.is_surely_open(now + PAUSE));
        assert!(!breaker.is_surely_open(now + PAUSE * 2));
        assert!(breaker.allows(now + PAUSE));
        assert!(breaker.is_surely_open(now + PAUSE * 2));
        breaker.succeeded();
        assert!(!breaker.is_surely_open(now + PAUSE * 2));
    }

    #[test]
    fn several_may_try_where_a_request_needs_several() {
        let (breaker, now) = (Breaker::new(1, PAUSE, 1, 3), Instant::now());
        breaker.failed(now);
        let later = now + PAUSE;
        assert_eq!((0..9).filter(|_| breaker.allows(later)).count(), 3);
        assert!(breaker.failed(later), "one failure ends the try");
        assert!(!breaker.failed(later) && !breaker.allows(later));
    }

    #[test]
    fn each_failed_try_doubles_the_pause_up_to_a_bound() {
        let (breaker, mut now) = (Breaker::new(1, PAUSE, 16, 1), Instant::now());
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
        let (breaker, now) = (Breaker::new(1, PAUSE, 16, 1), Instant::now());
        breaker.failed(now);
        assert!(breaker.allows(now + PAUSE));
        assert!(!breaker.allows(now + PAUSE));
        assert!(breaker.allows(now + PAUSE * 2));
    }
}
