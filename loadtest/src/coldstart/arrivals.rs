//! When requests arrive: a seeded Poisson process of bursts, and the pings of a warmer.

use std::time::Duration;

use serde::Serialize;

use crate::schedule::{self, Instants};

/// A warmer: a number of concurrent pings at regular intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Warmer {
    /// Interval of pings, from the start.
    pub every: Duration,
    /// Concurrent pings, which keep as many environments alive.
    pub width: usize,
}

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Arrivals {
    /// Requests per second, on average.
    pub rate: f64,
    /// Requests that arrive at the same instant. The bursts form a Poisson process.
    pub burst: usize,
    /// How long requests arrive.
    pub duration: Duration,
    /// The warmer, if any.
    pub warmer: Option<Warmer>,
    /// The same seed gives the same arrivals.
    pub seed: u64,
}

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// From the start.
    pub at: Duration,
    /// Whether it is a ping of the warmer.
    pub is_ping: bool,
}

impl Arrivals {
    /// All arrivals, in order.
    pub fn plan(&self) -> Vec<Arrival> {
        let mut plan: Vec<_> = self.requests().chain(self.pings()).collect();
        plan.sort_unstable();
        plan
    }

    fn requests(&self) -> impl Iterator<Item = Arrival> {
        let bursts_per_s = self.rate / self.burst as f64;
        let bursts = Instants::constant(bursts_per_s, self.duration, schedule::Arrivals::Poisson, self.seed);
        let burst = self.burst;
        bursts.flat_map(move |at| std::iter::repeat_n(Arrival { at, is_ping: false }, burst))
    }

    fn pings(&self) -> impl Iterator<Item = Arrival> {
        let Warmer { every, width } = self.warmer.unwrap_or(Warmer { every: Duration::MAX, width: 0 });
        let end = self.duration;
        let times = std::iter::successors(Some(Duration::ZERO), move |at| at.checked_add(every));
        times
            .take_while(move |at| *at < end)
            .flat_map(move |at| std::iter::repeat_n(Arrival { at, is_ping: true }, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(rate: f64, burst: usize, warmer: Option<Warmer>) -> Vec<Arrival> {
        Arrivals { rate, burst, duration: Duration::from_secs(100), warmer, seed: 1 }.plan()
    }

    #[test]
    fn the_rate_is_kept_and_gaps_are_exponential() {
        let plan = arrivals(100.0, 1, None);
        // Four standard deviations of a Poisson count of 10,000.
        assert!((9_600..=10_400).contains(&plan.len()), "{}", plan.len());
        let gaps: Vec<_> =
            plan.windows(2).map(|pair| pair[1].at.as_secs_f64() - pair[0].at.as_secs_f64()).collect();
        let long = gaps.iter().filter(|gap| **gap > 0.02).count() as f64 / gaps.len() as f64;
        assert!(
            (long - (-2.0_f64).exp()).abs() < 0.015,
            "{long}: e^-2 of all gaps are longer than two means"
        );
        assert_eq!(plan, arrivals(100.0, 1, None), "seeded");
    }

    #[test]
    fn bursts_come_at_one_instant_and_keep_the_rate() {
        let plan = arrivals(100.0, 20, None);
        assert!((8_000..=12_000).contains(&plan.len()), "{}", plan.len());
        assert!(plan.chunks(20).all(|burst| burst.iter().all(|one| one.at == burst[0].at)));
    }

    #[test]
    fn pings_come_at_even_times() {
        let plan = arrivals(0.001, 1, Some(Warmer { every: Duration::from_secs(30), width: 2 }));
        let pings: Vec<_> = plan.iter().filter(|one| one.is_ping).map(|one| one.at.as_secs()).collect();
        assert_eq!(pings, [0, 0, 30, 30, 60, 60, 90, 90]);
    }
}
