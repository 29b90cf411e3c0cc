//! A distribution of durations.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Resolution, in nanoseconds.
const LEAST_NS: u64 = 64;
/// Longest duration, in nanoseconds: anything longer is recorded as an hour.
const MOST_NS: u64 = 3_600_000_000_000;
/// Significant digits: values are accurate to 0.1 %.
const DIGITS: u8 = 3;

/// An HDR histogram of durations: of the same relative precision everywhere, and of about 200 KB whatever it holds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(LEAST_NS, MOST_NS, DIGITS);
        Self(histogram.expect("the bounds are far apart and the digits few"))
    }
}

impl Latencies {
    /// Adds a duration.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cellar_loadtest::record::Latencies;
    ///
    /// let mut latencies = Latencies::default();
    /// (1..=100).for_each(|ms| latencies.record(Duration::from_millis(ms)));
    /// assert_eq!(latencies.quantile(0.99).as_millis(), 99);
    /// ```
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(MOST_NS));
    }

    /// Adds the durations of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many durations there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The quantile of a share from 0 to 1; zero without any duration.
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share)).min(self.max())
    }

    /// The longest duration.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(if self.0.is_empty() { 0 } else { self.0.mean() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_latency_and_too_much_is_an_hour() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.quantile(0.5), latencies.mean()), (Duration::ZERO, Duration::ZERO));
        latencies.record(Duration::MAX);
        assert!(latencies.max() >= Duration::from_hours(1));
        assert_eq!(latencies.count(), 1);
    }
}
