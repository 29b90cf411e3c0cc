//! What one request met on its way through the tiers: plain counters, for the headers of its answer.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// The account of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The tier in memory.
    pub memory: TierTrace,
    /// The remote tier.
    pub remote: TierTrace,
    /// Loads from the source.
    pub source: SourceTrace,
    /// Until when this request waits for new values although it has old ones.
    pub soft_until: Option<Instant>,
    /// The same where what it has may have been invalidated: half of its time.
    pub half_until: Option<Instant>,
    /// Values used that were loaded too soon after an invalidation, or invalidated while they were loaded: they may be
    /// older than what caches elsewhere have been told to forget.
    pub unsettled: u32,
    /// The remote tier did not answer in time once: this request does not ask it again.
    pub remote_gave_up: bool,
}

/// What one tier did for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierTrace {
    /// Fresh values found.
    pub hits: u32,
    /// Values found past their fresh time and used.
    pub stale: u32,
    /// Keys that the tier did not have.
    pub misses: u32,
    /// Keys that the tier was not asked for because it is switched off, failing or slow.
    pub skipped: u32,
    /// Least remaining fresh time of a value found; negative when stale. In milliseconds.
    pub ttl_ms: Option<i64>,
    /// Least time for which a value found in memory is certain to be served without being refreshed, in milliseconds.
    pub valid_ms: Option<i64>,
    /// Keys that somebody else was already loading: another request (memory) or another process (remote).
    pub collapsed: u32,
    /// Round trips.
    pub trips: u32,
    /// Time spent waiting for the tier.
    pub waited: Duration,
}

/// What loading did for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceTrace {
    /// Keys whose load this request led.
    pub loads: u32,
    /// Loads that failed.
    pub failures: u32,
    /// Time spent waiting for loads.
    pub waited: Duration,
}

impl Trace {
    /// The account of a part of the request that goes its way side by side with others: it counts from zero, and has what
    /// the request knows already.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { soft_until: self.soft_until, remote_gave_up: self.remote_gave_up, ..Self::default() }
    }
}

/// Of work done side by side for one request.
impl AddAssign for Trace {
    fn add_assign(&mut self, more: Self) {
        self.memory += more.memory;
        self.remote += more.remote;
        self.source += more.source;
        self.soft_until = self.soft_until.into_iter().chain(more.soft_until).min();
        self.unsettled += more.unsettled;
        self.remote_gave_up |= more.remote_gave_up;
    }
}

impl AddAssign for TierTrace {
    fn add_assign(&mut self, more: Self) {
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        self.hits += more.hits;
        self.stale += more.stale;
        self.misses += more.misses;
        self.skipped += more.skipped;
        self.ttl_ms = least(self.ttl_ms, more.ttl_ms);
        self.valid_ms = least(self.valid_ms, more.valid_ms);
        self.collapsed += more.collapsed;
        self.trips += more.trips;
        self.waited += more.waited;
    }
}

impl AddAssign for SourceTrace {
    fn add_assign(&mut self, more: Self) {
        self.loads += more.loads;
        self.failures += more.failures;
        self.waited += more.waited;
    }
}

impl TierTrace {
    /// Counts a value that was found, with its remaining fresh time.
    pub(crate) fn found(&mut self, ttl_ms: i64) {
        if ttl_ms < 0 {
            self.stale += 1;
        } else {
            self.hits += 1;
        }
        self.ttl_ms = Some(self.ttl_ms.map_or(ttl_ms, |least| least.min(ttl_ms)));
    }

    pub(crate) fn valid_for(&mut self, valid_ms: i64) {
        self.valid_ms = Some(self.valid_ms.map_or(valid_ms, |least| least.min(valid_ms)));
    }
}
