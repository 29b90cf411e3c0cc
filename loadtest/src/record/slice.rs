//! Observations over time: in slices of a second, or longer ones in long runs.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::events::Done;
use super::response::ResponseInfo;

/// Most slices of a run.
pub const MAX_SLICES: u64 = 600;
/// Two significant digits, for charts.
const DIGITS: u8 = 2;
const LEAST_NS: u64 = 1_000;
const MOST_NS: u64 = 3_600_000_000_000;

/// Requests that were due in one slice of the run.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Requests due.
    pub planned: u64,
    /// Requests that ended.
    pub done: u64,
    /// Requests that failed, or were never sent.
    pub failed: u64,
    /// Answers of cold instances.
    pub cold: u64,
    /// Lookups and hits by cache, in the order of [`Tier::CACHES`](super::Tier::CACHES).
    pub caches: [(u64, u64); 4],
    latency: Option<Box<Histogram<u32>>>,
}

/// The length of the slices of a run, in whole seconds.
pub fn slice_length(run: Duration) -> Duration {
    Duration::from_secs(run.as_secs().div_ceil(MAX_SLICES).max(1))
}

impl Slice {
    pub(super) fn done_with(&mut self, done: &Done) {
        self.done += 1;
        self.failed += u64::from(done.failure.is_some());
        let new =
            || Box::new(Histogram::new_with_bounds(LEAST_NS, MOST_NS, DIGITS).expect("bounds far apart"));
        let nanoseconds = u64::try_from(done.latency.as_nanos()).unwrap_or(MOST_NS);
        self.latency.get_or_insert_with(new).saturating_record(nanoseconds);
    }

    pub(super) fn response(&mut self, response: &ResponseInfo) {
        self.cold += u64::from(response.cold);
        for ((asked, hits), lookup) in self.caches.iter_mut().zip(response.caches) {
            *asked += u64::from(lookup.is_some());
            *hits += u64::from(lookup.is_some_and(|lookup| lookup.hit));
        }
    }

    /// The quantile of the latencies of a share from 0 to 1; `None` if no request ended.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let histogram = self.latency.as_ref()?;
        Some(Duration::from_nanos(histogram.value_at_quantile(share).min(histogram.max())))
    }

    /// Adds the requests of another slice.
    pub fn merge(&mut self, other: &Self) {
        self.planned += other.planned;
        self.done += other.done;
        self.failed += other.failed;
        self.cold += other.cold;
        for (mine, other) in self.caches.iter_mut().zip(other.caches) {
            *mine = (mine.0 + other.0, mine.1 + other.1);
        }
        match (&mut self.latency, &other.latency) {
            (Some(mine), Some(other)) => mine.add(&**other).expect("all have the same bounds"),
            (mine @ None, Some(other)) => *mine = Some(other.clone()),
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_whole_seconds_and_not_too_many() {
        for (run, length) in [(1, 1), (600, 1), (601, 2), (86_400, 144)] {
            assert_eq!(slice_length(Duration::from_secs(run)).as_secs(), length, "{run}");
        }
    }
}
