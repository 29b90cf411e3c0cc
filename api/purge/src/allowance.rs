//! How much may be sent: a rate for the sake of the API, a budget for the sake of the bill.
//!
//! Invariant: no more paths are spent in a month than the budget says, as far as this process and, with a coordination
//! store, all that share it know. A store that cannot be reached is no reason not to purge: what was spent is counted here
//! until it can be added there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_coordination::CoordinationStore;
use time::OffsetDateTime;
use tokio::time::timeout;

/// How long the coordination store may take.
const COORDINATION_LIMIT: Duration = Duration::from_secs(1);

/// Months that the coordination store remembers.
const MONTHS: usize = 12;

/// How long after the last purge.
const KEPT: Duration = Duration::from_hours(24 * 400);

/// A bucket of paths that fills at a rate. One purge may empty it below zero, so that none is too large for it.
#[derive(Debug)]
pub(super) struct Bucket {
    per_minute: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(per_minute: u64, now: Instant) -> Self {
        Self { per_minute: per_minute as f64, level: per_minute as f64, at: now }
    }

    /// How long until something may be sent.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / 60.0;
        self.level = (self.level + minutes * self.per_minute).min(self.per_minute);
        self.at = now;
        if self.level > 0.0 {
            return Duration::ZERO;
        }
        // To one whole path.
        Duration::from_secs_f64((1.0 - self.level) / self.per_minute * 60.0)
    }

    pub(super) fn spend(&mut self, paths: u64) {
        self.level -= paths as f64;
    }
}

/// What was spent in the calendar month (UTC).
pub(super) struct Month {
    coordination: Option<Arc<dyn CoordinationStore>>,
    name: String,
    spent: u64,
    /// Not in the coordination store yet.
    unsaved: u64,
}

/// Table of the coordination store with the paths of each month.
const TABLE: &str = "edge-purge-paths";

impl Month {
    pub(super) fn new(coordination: Option<Arc<dyn CoordinationStore>>) -> Self {
        Self { coordination, name: String::new(), spent: 0, unsaved: 0 }
    }

    /// Paths spent in the month of an instant.
    pub(super) async fn spent(&mut self, unix_ms: u64) -> u64 {
        let name = name_of(unix_ms);
        if self.name != name {
            (self.name, self.spent, self.unsaved) = (name, 0, 0);
        }
        if let Some(coordination) = &self.coordination {
            match timeout(COORDINATION_LIMIT, coordination.top(TABLE, MONTHS)).await {
                Ok(Ok(months)) => {
                    let found = months.iter().find(|(month, _)| *month == self.name);
                    self.spent = found.map_or(0, |(_, paths)| *paths as u64) + self.unsaved;
                }
                failed => tracing::debug!(?failed, "the month's purges are counted here alone"),
            }
        }
        self.spent
    }

    /// Adds to the month that was asked for last.
    pub(super) async fn add(&mut self, paths: u64) {
        self.spent += paths;
        self.unsaved += paths;
        let Some(coordination) = &self.coordination else { return };
        let scores = [(self.name.clone(), self.unsaved)];
        if let Ok(Ok(())) =
            timeout(COORDINATION_LIMIT, coordination.add_scores(TABLE, &scores, MONTHS, KEPT)).await
        {
            self.unsaved = 0;
        }
    }
}

/// A month as in `2026-11`.
fn name_of(unix_ms: u64) -> String {
    let date = OffsetDateTime::from_unix_timestamp((unix_ms / 1_000) as i64);
    // A clock beyond the year 9999 has one long month.
    date.map(|date| format!("{:04}-{:02}", date.year(), u8::from(date.month()))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_at_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(60, start);
        let wait_ms = |bucket: &mut Bucket, after_s: u64| {
            (bucket.wait(start + Duration::from_secs(after_s)).as_secs_f64() * 1e3).round() as u64
        };
        assert_eq!(wait_ms(&mut bucket, 0), 0);
        bucket.spend(90);
        assert_eq!(wait_ms(&mut bucket, 0), 31_000, "large orders are paid for afterwards");
        assert_eq!(wait_ms(&mut bucket, 31), 0);
        bucket.spend(3);
        assert_eq!(wait_ms(&mut bucket, 31), 3_000);
        assert_eq!(wait_ms(&mut bucket, 3_600), 0);
        bucket.spend(60);
        assert_eq!(wait_ms(&mut bucket, 3_600), 1_000, "it holds a minute's worth");
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (unix_s, month) in
            [(0, "1970-01"), (951_782_400, "2000-02"), (1_796_083_199, "2026-11"), (1_796_083_200, "2026-12")]
        {
            assert_eq!(name_of(unix_s * 1_000), month);
        }
    }
}
