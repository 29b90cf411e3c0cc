//! What one request met on its way through the tiers: plain counters, for the headers of its answer.

use std::time::{Duration, Instant};

/// The account of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The tier in the process.
    pub memory: TierTrace,
    /// The shared tier.
    pub remote: TierTrace,
    /// Loads from the source.
    pub source: SourceTrace,
    /// Until when this request waits for new values although it has old ones.
    pub soft_until: Option<Instant>,
    /// Values used that were loaded too soon after an invalidation, or invalidated while they were loaded: they may be
    /// older than what caches elsewhere have been told to forget.
    pub unsettled: u32,
    /// The shared tier did not answer in time once: this request asks it no more.
    pub remote_gave_up: bool,
}

/// What one tier did for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierTrace {
    /// Fresh values found.
    pub hits: u32,
    /// Values found past their fresh time and used.
    pub stale: u32,
    /// Keys that it did not have.
    pub misses: u32,
    /// Keys that it was not asked for because it is switched off, failing or slow.
    pub skipped: u32,
    /// Least remaining fresh time of a value found; negative when stale. In milliseconds.
    pub ttl_ms: Option<i64>,
    /// Least time for which a value found in memory will be served without a question, in milliseconds.
    pub steady_ms: Option<i64>,
    /// Keys that somebody else was already getting: another request (memory) or another process (remote).
    pub collapsed: u32,
    /// Round trips.
    pub trips: u32,
    /// Time spent waiting for it.
    pub waited: Duration,
}

/// What loading did for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceTrace {
    /// Keys whose load this request began.
    pub loads: u32,
    /// Loads that failed.
    pub failures: u32,
    /// Time spent waiting for loads.
    pub waited: Duration,
}

impl TierTrace {
    /// Takes note of a value that was found, with its remaining fresh time.
    pub(crate) fn found(&mut self, ttl_ms: i64) {
        if ttl_ms < 0 {
            self.stale += 1;
        } else {
            self.hits += 1;
        }
        self.ttl_ms = Some(self.ttl_ms.map_or(ttl_ms, |least| least.min(ttl_ms)));
    }

    pub(crate) fn steady(&mut self, steady_ms: i64) {
        self.steady_ms = Some(self.steady_ms.map_or(steady_ms, |least| least.min(steady_ms)));
    }
}
