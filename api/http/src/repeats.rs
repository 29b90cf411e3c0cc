//! Failures that are alike, in the log: the first few of each kind, and then a line in a while that says how many there were.
//!
//! A table that is away would otherwise fill the log with as many lines as there are requests, which says nothing more and
//! costs more than the answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use parking_lot::Mutex;

/// How long a kind is counted before its next lines.
const WINDOW: Duration = Duration::from_secs(30);

/// Lines of a kind in that time.
const LINES: u32 = 5;

/// What has been logged lately, by kind.
pub struct Repeats {
    clock: Arc<dyn Clock>,
    kinds: Mutex<HashMap<&'static str, Kind>>,
}

struct Kind {
    since: Instant,
    lines: u32,
    unlogged: u64,
}

impl Repeats {
    /// Nothing has been logged.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kinds: Mutex::default() }
    }

    /// Whether to log another failure of a kind, and how many have not been since the last line.
    pub fn admit(&self, kind: &'static str) -> Option<u64> {
        let now = self.clock.now();
        let mut kinds = self.kinds.lock();
        let seen = kinds.entry(kind).or_insert(Kind { since: now, lines: 0, unlogged: 0 });
        if now.saturating_duration_since(seen.since) >= WINDOW {
            (seen.since, seen.lines) = (now, 0);
        }
        if seen.lines >= LINES {
            seen.unlogged += 1;
            return None;
        }
        seen.lines += 1;
        Some(std::mem::take(&mut seen.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use cellar_cache::clock::ManualClock;

    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_with_a_count() {
        let clock = Arc::new(ManualClock::default());
        let repeats = Repeats::new(clock.clone());
        let logged: Vec<_> = (0..1_000).filter_map(|_| repeats.admit("overloaded")).collect();
        assert_eq!(logged, [0; LINES as usize]);
        assert_eq!(repeats.admit("internal"), Some(0), "another kind has lines of its own");
        clock.advance(WINDOW);
        assert_eq!(repeats.admit("overloaded"), Some(995));
        assert_eq!(repeats.admit("overloaded"), Some(0));
    }
}
