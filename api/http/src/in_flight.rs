//! How many requests are worked on at a time: a limit that follows how long they take.
//!
//! What is waited for, the table most of all, has a capacity that nobody tells. Requests beyond it do not get more
//! answers out of it, they only wait longer, until all of them are too late. So the limit is found by trying, as TCP finds
//! its window (AIMD: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer
//! Networks", 1989): it grows by one with each round of requests in good time while it is made use of, and shrinks by a tenth
//! when one took too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use parking_lot::Mutex;

/// What the limit is multiplied with when a request took too long.
const DECREASE: f64 = 0.9;

/// The least time between two decreases: requests that were late together count once.
const PAUSE: Duration = Duration::from_millis(100);

/// Bounds of a limit, and what it follows.
#[derive(Clone, Copy, Debug)]
pub struct LimitPolicy {
    /// The limit never falls below this.
    pub least: usize,
    /// The limit at the start, and at most.
    pub most: usize,
    /// A request that takes longer than this took too long; without it the limit stays as it is.
    pub target: Option<Duration>,
}

/// How many requests are worked on, and how many may be. Nobody waits, so this is no semaphore.
pub struct InFlight {
    policy: LimitPolicy,
    clock: Arc<dyn Clock>,
    count: AtomicUsize,
    /// The limit, rounded down.
    limit: AtomicUsize,
    exact: Mutex<Exact>,
    turned_away: AtomicU64,
}

struct Exact {
    limit: f64,
    decreased: Option<Instant>,
}

/// Counts a request until it is dropped.
pub struct Permit<'a> {
    of: &'a InFlight,
    /// When it was let in; `None` if it was not.
    since: Option<Instant>,
}

impl InFlight {
    /// Room for as many as the policy has at most.
    pub fn new(policy: LimitPolicy, clock: Arc<dyn Clock>) -> Self {
        let exact = Exact { limit: policy.most as f64, decreased: None };
        Self {
            policy,
            clock,
            count: AtomicUsize::new(0),
            limit: AtomicUsize::new(policy.most),
            exact: Mutex::new(exact),
            turned_away: AtomicU64::new(0),
        }
    }

    /// A permit to work on a request, if there is room for it.
    pub fn enter(&self) -> Option<Permit<'_>> {
        // Leaves again when dropped, whether there was room or not.
        let mut permit = Permit { of: self, since: None };
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        permit.since = Some(self.clock.now());
        Some(permit)
    }

    /// How many are worked on.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many may be.
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// How many were turned away so far.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Takes note of how long a request took.
    fn took(&self, since: Instant) {
        let Some(target) = self.policy.target else { return };
        let (limit, now) = (self.limit(), self.clock.now());
        if now.saturating_duration_since(since) > target {
            let mut exact = self.exact.lock();
            let again = exact.decreased.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
            // Those that began before the last decrease say nothing about what it has done.
            let new = exact.decreased.is_none_or(|at| since >= at);
            if again && new {
                exact.decreased = Some(now);
                self.set(&mut exact, |limit| limit * DECREASE);
            }
        } else if limit < self.policy.most && 2 * self.count() >= limit {
            self.set(&mut self.exact.lock(), |limit| limit + 1.0 / limit);
        }
    }

    fn set(&self, exact: &mut Exact, change: impl FnOnce(f64) -> f64) {
        let Exact { limit, .. } = exact;
        *limit = change(*limit).clamp(self.policy.least as f64, self.policy.most as f64);
        self.limit.store(*limit as usize, Ordering::Relaxed);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.of.count.fetch_sub(1, Ordering::Relaxed);
        if let Some(since) = self.since {
            self.of.took(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use cellar_cache::clock::ManualClock;

    use super::*;

    const TARGET: Duration = Duration::from_millis(500);

    fn limited(least: usize, most: usize) -> (InFlight, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::default());
        let policy = LimitPolicy { least, most, target: Some(TARGET) };
        (InFlight::new(policy, clock.clone()), clock)
    }

    /// As many requests as there is room for, all of which take so long.
    fn round(in_flight: &InFlight, clock: &ManualClock, took: Duration) -> usize {
        let permits: Vec<_> = std::iter::from_fn(|| in_flight.enter()).collect();
        clock.advance(took);
        permits.len()
    }

    #[test]
    fn room_comes_back() {
        let (in_flight, _) = limited(2, 2);
        let (first, second) = (in_flight.enter(), in_flight.enter());
        assert!(first.is_some() && second.is_some() && in_flight.enter().is_none());
        assert!(in_flight.enter().is_none(), "who was turned away takes no room");
        drop(first);
        assert!(in_flight.enter().is_some());
        assert_eq!((in_flight.count(), in_flight.turned_away()), (1, 2));
    }

    #[test]
    fn slow_requests_shrink_the_limit_once_a_round() {
        let (in_flight, clock) = limited(10, 1_000);
        assert_eq!(round(&in_flight, &clock, TARGET * 2), 1_000);
        assert_eq!(in_flight.limit(), 900, "by a tenth, though a thousand were late");
        for _ in 0..200 {
            round(&in_flight, &clock, TARGET * 2);
        }
        assert_eq!(in_flight.limit(), 10);
    }

    /// A table that answers so many requests in the target's time: the more there are, the longer each takes.
    #[test]
    fn the_limit_finds_the_capacity_and_stays_there() {
        let (in_flight, clock) = limited(4, 1_000);
        let mut most = 0;
        for at in 0..2_000 {
            let permits: Vec<_> = std::iter::from_fn(|| in_flight.enter()).collect();
            clock.advance(TARGET.mul_f64(permits.len() as f64 / 100.0));
            if at > 200 {
                most = most.max(permits.len());
                assert!((80..=110).contains(&permits.len()), "{}", permits.len());
            }
        }
        assert!(most > 95, "{most}");
    }

    #[test]
    fn the_limit_comes_back_only_while_it_is_made_use_of() {
        let (in_flight, clock) = limited(10, 1_000);
        for _ in 0..200 {
            round(&in_flight, &clock, TARGET * 2);
        }
        for _ in 0..10_000 {
            drop(in_flight.enter());
        }
        assert_eq!(in_flight.limit(), 10, "one at a time says nothing about eleven");
        for _ in 0..2_000 {
            round(&in_flight, &clock, Duration::from_millis(10));
        }
        assert_eq!(in_flight.limit(), 1_000);
    }

    #[test]
    fn without_a_target_it_stays() {
        let clock = Arc::new(ManualClock::default());
        let in_flight = InFlight::new(LimitPolicy { least: 1, most: 9, target: None }, clock.clone());
        for _ in 0..100 {
            assert_eq!(round(&in_flight, &clock, TARGET * 9), 9);
        }
    }
}
