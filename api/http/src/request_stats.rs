//! Counts of answers since they were last taken: for metrics that are written rather than read.
//!
//! Counted at the same point as the counters of `/metrics`, so that both say the same.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use cellar_search::Work;
use parking_lot::Mutex;

/// Durations that are kept for one route; beyond them only the counts go on. `CloudWatch` takes arrays of 100 values
/// (Embedded Metric Format, "Target members").
pub const MOST_DURATIONS: usize = 100;

/// The answers of one route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Answers.
    pub requests: u64,
    /// Those with a status of 400 to 499.
    pub client_errors: u64,
    /// Those with a status of 500 or more.
    pub server_errors: u64,
    /// How long each took, in milliseconds.
    pub durations_ms: Vec<f64>,
    /// Searches among them.
    pub searches: u64,
    /// Rounds that these waited for.
    pub rounds: u64,
    /// Pages that they looked at.
    pub pages: u64,
    /// Pages found in memory.
    pub l1_hits: u64,
    /// Pages not found there.
    pub l1_misses: u64,
    /// Pages found in Redis.
    pub l2_hits: u64,
    /// Pages not found there.
    pub l2_misses: u64,
    /// DynamoDB requests.
    pub queries: u64,
    /// Read units of these.
    pub read_units: f64,
}

/// Counts of answers by route, until they are taken.
#[derive(Debug, Default)]
pub struct RequestStats(Mutex<BTreeMap<String, Answers>>);

impl RequestStats {
    /// Takes note of an answer. `route` is a template: there are few of them.
    pub fn answered(&self, route: &str, status: StatusCode, took: Duration, work: Option<&Work>) {
        let mut routes = self.0.lock();
        if let Some(answers) = routes.get_mut(route) {
            answers.add(status, took, work);
        } else {
            routes.entry(route.to_owned()).or_default().add(status, took, work);
        }
    }

    /// What was answered since the last time.
    pub fn take(&self) -> BTreeMap<String, Answers> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Answers {
    fn add(&mut self, status: StatusCode, took: Duration, work: Option<&Work>) {
        self.requests += 1;
        self.client_errors += u64::from(status.is_client_error());
        self.server_errors += u64::from(status.is_server_error());
        if self.durations_ms.len() < MOST_DURATIONS {
            self.durations_ms.push(took.as_secs_f64() * 1_000.0);
        }
        let Some(Work { tree, cost, trace, .. }) = work else { return };
        self.searches += 1;
        self.rounds += tree.rounds as u64;
        self.pages += tree.pages as u64;
        self.l1_hits += u64::from(trace.memory.hits + trace.memory.stale);
        self.l1_misses += u64::from(trace.memory.misses);
        self.l2_hits += u64::from(trace.remote.hits + trace.remote.stale);
        self.l2_misses += u64::from(trace.remote.misses);
        self.queries += u64::from(cost.queries);
        self.read_units += cost.read_units;
    }
}

#[cfg(test)]
mod tests {
    use cellar_store::ReadCost;

    use super::*;

    #[test]
    fn what_is_taken_begins_anew() {
        let (stats, took) = (RequestStats::default(), Duration::from_millis(3));
        let cost = ReadCost { queries: 2, read_units: 1.5 };
        let work = Work { cost, ..Work::default() };
        stats.answered("/a", StatusCode::OK, took, Some(&work));
        stats.answered("/a", StatusCode::NOT_FOUND, took, None);
        stats.answered("/b", StatusCode::SERVICE_UNAVAILABLE, took, None);
        let taken = stats.take();
        let a = &taken["/a"];
        assert_eq!((a.requests, a.client_errors, a.server_errors, a.searches), (2, 1, 0, 1));
        assert_eq!((a.queries, a.durations_ms.len(), taken["/b"].server_errors), (2, 2, 1));
        assert!(stats.take().is_empty());
        for _ in 0..=MOST_DURATIONS {
            stats.answered("/a", StatusCode::OK, took, None);
        }
        let a = &stats.take()["/a"];
        assert_eq!((a.requests, a.durations_ms.len()), (MOST_DURATIONS as u64 + 1, MOST_DURATIONS));
    }
}
