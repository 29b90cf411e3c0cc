//! Instants of a schedule: evenly spaced, or as those of many independent users.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Stage;

/// Sums of a million gaps are accurate to this share of a request.
const ROUNDING: f64 = 1e-6;

/// How arrivals are spaced.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Evenly spaced.
    Constant,
    /// A Poisson process: exponentially distributed gaps, as between requests of independent users.
    #[default]
    Poisson,
}

/// The instants of a schedule, in order.
#[derive(Clone, Debug)]
pub struct Instants {
    stages: std::vec::IntoIter<Stage>,
    stage: Option<Stage>,
    /// When the stage began, from the start of the schedule.
    began: Duration,
    /// The next request, counted from the beginning of the stage; a fraction for Poisson arrivals.
    next: f64,
    arrivals: Arrivals,
    random: ChaCha8Rng,
}

impl Instants {
    /// At a constant rate, in requests per second, for this long.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cellar_loadtest::schedule::{Arrivals, Instants};
    ///
    /// let week = Duration::from_hours(7 * 24);
    /// assert_eq!(Instants::constant(0.01, week, Arrivals::Constant, 1).count(), 6_048);
    /// ```
    pub fn constant(rate: f64, duration: Duration, arrivals: Arrivals, seed: u64) -> Self {
        Self::new(vec![Stage::constant(rate, duration)], arrivals, seed)
    }

    pub(super) fn new(stages: Vec<Stage>, arrivals: Arrivals, seed: u64) -> Self {
        let mut stages = stages.into_iter();
        let stage = stages.next();
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut instants = Self { stages, stage, began: Duration::ZERO, next: 0.0, arrivals, random };
        if arrivals == Arrivals::Poisson {
            instants.next = instants.gap();
        }
        instants
    }

    /// The gap to the next request, in multiples of the mean gap.
    fn gap(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Constant => 1.0,
            // 1 - u is in (0, 1], whose logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.random.random::<f64>()).ln(),
        }
    }
}

impl Iterator for Instants {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            let stage = self.stage?;
            if self.next < stage.requests() - ROUNDING {
                let at = self.began + Duration::from_secs_f64(stage.after(self.next)).min(stage.duration);
                self.next += self.gap();
                return Some(at);
            }
            self.next = (self.next - stage.requests()).max(0.0);
            self.began += stage.duration;
            self.stage = self.stages.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Schedule;
    use super::*;

    fn schedule(stages: &[(u64, f64, f64)]) -> Schedule {
        let stage = |&(seconds, from, to)| Stage { duration: Duration::from_secs(seconds), from, to };
        Schedule::new(Duration::ZERO, stages.iter().map(stage).collect()).unwrap()
    }

    #[test]
    fn constant_arrivals_are_as_many_as_the_rate_says() {
        for (rate, seconds) in [(300.0, 60), (2_000.0, 10), (0.5, 10), (333.333, 30)] {
            let count = schedule(&[(seconds, rate, rate)]).instants(Arrivals::Constant, 1).count();
            assert_eq!(count, (rate * seconds as f64 - 1e-6).ceil() as usize, "{rate}");
        }
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_theirs() {
        let at: Vec<f64> = schedule(&[(100, 200.0, 200.0)])
            .instants(Arrivals::Poisson, 7)
            .map(|at| at.as_secs_f64())
            .collect();
        let n = at.len() as f64;
        // Within four standard deviations, √20,000 each.
        assert!((n - 20_000.0).abs() < 4.0 * 20_000_f64.sqrt(), "{n}");
        let gaps: Vec<f64> = at.windows(2).map(|two| two[1] - two[0]).collect();
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "exponential gaps deviate by their mean");
    }

    #[test]
    fn a_ramp_sends_more_and_more_and_stages_join_without_a_gap() {
        let schedule = schedule(&[(10, 0.0, 100.0), (10, 100.0, 100.0)]);
        let at: Vec<Duration> = schedule.instants(Arrivals::Constant, 1).collect();
        assert!(at.is_sorted());
        let within = |from: u64, to: u64| at.iter().filter(|at| (from..to).contains(&at.as_secs())).count();
        assert_eq!((within(0, 5), within(5, 10)), (125, 375));
        assert!((999..=1_001).contains(&within(10, 20)));
    }

    #[test]
    fn the_seed_alone_decides() {
        let instants =
            |seed| schedule(&[(2, 50.0, 80.0)]).instants(Arrivals::Poisson, seed).collect::<Vec<_>>();
        assert_eq!(instants(3), instants(3));
        assert_ne!(instants(3), instants(4));
    }
}
