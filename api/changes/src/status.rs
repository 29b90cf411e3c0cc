//! What the feed says about itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use parking_lot::{Mutex, MutexGuard};

/// What a consumer is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not polled yet.
    Starting,
    /// It reads the stream.
    Running,
    /// Another process has the role.
    StandingBy,
    /// It cannot do its work, and tries again.
    Failing {
        /// Why, for logs.
        reason: String,
    },
    /// It has ended.
    Stopped,
}

/// How a consumer is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// What it is doing.
    pub state: State,
    /// For how long.
    pub state_for: Duration,
    /// Time since a poll succeeded on all shards; `None` if none has.
    pub since_poll: Option<Duration>,
    /// Time since all that the stream held had been handed over; `None` if that never was.
    pub since_caught_up: Option<Duration>,
    /// When the last record was created, in milliseconds since 1970, to about a second.
    pub last_created_ms: Option<u64>,
    /// How old the last record was when it had been handed over.
    pub last_delay: Option<Duration>,
    /// Records handed over or passed over.
    pub records: u64,
    /// Pages of records.
    pub batches: u64,
    /// Polls that failed.
    pub failures: u64,
    /// Times that changes may have been missed, so that the sink was told to invalidate everything.
    pub gaps: u64,
}

/// A handle on a consumer's [`Lag`]. Clones show the same.
#[derive(Clone)]
pub struct Status {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    state: State,
    since: Instant,
    polled: Option<Instant>,
    caught_up: Option<Instant>,
    last_created_ms: Option<u64>,
    last_delay: Option<Duration>,
    records: u64,
    batches: u64,
    failures: u64,
    gaps: u64,
}

impl Status {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let inner = Inner {
            state: State::Starting,
            since: clock.now(),
            polled: None,
            caught_up: None,
            last_created_ms: None,
            last_delay: None,
            records: 0,
            batches: 0,
            failures: 0,
            gaps: 0,
        };
        Self { clock, inner: Arc::new(Mutex::new(inner)) }
    }

    /// How the consumer is doing now.
    pub fn lag(&self) -> Lag {
        let now = self.clock.now();
        let age = |at: Instant| now.saturating_duration_since(at);
        let inner = self.inner();
        Lag {
            state: inner.state.clone(),
            state_for: age(inner.since),
            since_poll: inner.polled.map(age),
            since_caught_up: inner.caught_up.map(age),
            last_created_ms: inner.last_created_ms,
            last_delay: inner.last_delay,
            records: inner.records,
            batches: inner.batches,
            failures: inner.failures,
            gaps: inner.gaps,
        }
    }

    /// Tells whether the state is another than before.
    pub(super) fn set(&self, state: State) -> bool {
        let now = self.clock.now();
        let mut inner = self.inner();
        let changed = inner.state != state;
        // One failure after another is one state.
        if std::mem::discriminant(&inner.state) != std::mem::discriminant(&state) {
            inner.since = now;
        }
        inner.state = state;
        changed
    }

    pub(super) fn polled(&self, at: Instant) {
        self.inner().polled = Some(at);
    }

    pub(super) fn caught_up(&self, at: Instant) {
        self.inner().caught_up = Some(at);
    }

    pub(super) fn failed(&self) {
        self.inner().failures += 1;
    }

    pub(super) fn found_gap(&self) {
        self.inner().gaps += 1;
    }

    pub(super) fn handed_over(&self, records: usize, created_ms: Option<u64>, now_ms: u64) {
        let mut inner = self.inner();
        inner.records += records as u64;
        inner.batches += 1;
        if let Some(created_ms) = created_ms {
            inner.last_created_ms = Some(created_ms);
            inner.last_delay = Some(Duration::from_millis(now_ms.saturating_sub(created_ms)));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}
