//! Measured times, and their summary.

use std::time::Duration;

use rand::{Rng, RngExt};
use serde::Serialize;

/// Times in order, shortest first. All are kept, because the simulation draws from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times(Vec<Duration>);

/// A summary of times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of times.
    pub count: usize,
    /// The mean.
    pub mean_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }
}

impl Times {
    /// Number of times.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quantile of a share from 0 to 1; zero if there are no times.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cellar_loadtest::coldstart::Times;
    ///
    /// let times: Times = (1..=100).map(Duration::from_millis).collect();
    /// assert_eq!(times.quantile(0.99), Duration::from_millis(99));
    /// ```
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (share * self.0.len() as f64).ceil().max(1.0) as usize - 1;
        self.0.get(rank.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// The mean; zero if there are none.
    pub fn mean(&self) -> Duration {
        let sum: Duration = self.0.iter().sum();
        sum.checked_div(self.0.len() as u32).unwrap_or_default()
    }

    /// One of them, uniformly at random; zero if there are none.
    pub fn draw(&self, random: &mut impl Rng) -> Duration {
        if self.0.is_empty() { Duration::ZERO } else { self.0[random.random_range(0..self.0.len())] }
    }

    /// Their summary; `None` if there are none.
    pub fn summary(&self) -> Option<Summary> {
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        (!self.is_empty()).then(|| Summary {
            count: self.len(),
            mean_ms: ms(self.mean()),
            p50_ms: ms(self.quantile(0.5)),
            p90_ms: ms(self.quantile(0.9)),
            p99_ms: ms(self.quantile(0.99)),
            max_ms: ms(self.quantile(1.0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_seen() {
        let times: Times = [30, 10, 20].map(Duration::from_millis).into_iter().collect();
        let ms = |share| times.quantile(share).as_millis();
        assert_eq!((ms(0.0), ms(0.34), ms(0.5), ms(0.67), ms(1.0)), (10, 20, 20, 30, 30));
        assert_eq!(times.mean().as_millis(), 20);
        assert_eq!((Times::default().quantile(0.5), Times::default().summary()), (Duration::ZERO, None));
    }
}
