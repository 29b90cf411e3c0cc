//! A counter that many threads add to at once.
//!
//! With one atomic for all cores, each hit waits for the cache line to come over from another core. Here each thread adds
//! to one of a few lanes, on cache lines of their own, and a reader sums them up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use prometheus_client::metrics::counter::{Atomic, Counter};

/// Lanes of a counter; threads beyond that many share them.
const LANES: usize = 8;

/// A Prometheus counter for what happens with every request.
pub type BusyCounter = Counter<u64, Striped>;

/// The number behind a [`BusyCounter`].
#[derive(Debug, Default)]
pub struct Striped([Lane; LANES]);

/// Two cache lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane(AtomicU64);

thread_local! {
    static LANE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % LANES
    };
}

impl Atomic<u64> for Striped {
    fn inc(&self) -> u64 {
        self.inc_by(1)
    }

    /// Adds, and returns what this thread's lane held before.
    fn inc_by(&self, count: u64) -> u64 {
        // A thread that is ending has no lane any more.
        let lane = LANE.try_with(|lane| *lane).unwrap_or(0);
        self.0[lane].0.fetch_add(count, Ordering::Relaxed)
    }

    fn get(&self) -> u64 {
        self.0.iter().map(|lane| lane.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let counter = BusyCounter::default();
        std::thread::scope(|scope| {
            for _ in 0..3 * LANES {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counter.inc();
                    }
                });
            }
        });
        counter.inc_by(5);
        assert_eq!(counter.get(), 3 * LANES as u64 * 1_000 + 5);
    }
}
