//! A queueing simulation of a fleet, for rates, idle times and durations beyond what one machine can measure.
//!
//! It is event-driven: requests arrive according to a plan; each takes the most recently used idle environment or starts one, and holds it
//! for a time drawn from the measured ones, with or without an init. Environments that were idle for too long are stopped.
//!
//! Invariant: the rules are those of [`Fleet`](crate::lambda::Fleet); only the times are random. It does not model that environments
//! which share a machine slow each other down, which those of Lambda do not.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::arrivals::Arrival;
use super::starts::StartTimes;
use super::times::{Summary, Times};

/// A simulated fleet.
#[derive(Clone, Copy, Debug)]
pub struct Simulation<'a> {
    /// Times from invoking to the answer, with and without an init.
    pub times: &'a StartTimes,
    /// How long an environment may be idle before it is stopped.
    pub idle: Duration,
    /// Provisioned environments.
    pub provisioned: usize,
    /// Most concurrent requests; those beyond are throttled.
    pub concurrency: usize,
    /// Seed of the times drawn.
    pub seed: u64,
}

/// The outcome, measured or simulated. Pings of a warmer are not counted, but occupy environments.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Requests that were answered.
    pub answered: usize,
    /// Requests that were throttled or failed.
    pub failed: usize,
    /// Answered requests that waited for an init.
    pub cold: usize,
    /// `cold` as a share of `answered`, from 0 to 1.
    pub cold_share: f64,
    /// Environments that were started.
    pub environments: usize,
    /// Most busy environments at a time.
    pub busy_peak: usize,
    /// Mean number of busy environments.
    pub busy_mean: f64,
    /// From the instant of the arrival to the answer.
    pub latency: Option<Summary>,
}

#[derive(Debug)]
struct Fleet<'a> {
    rules: Simulation<'a>,
    random: ChaCha8Rng,
    /// When each busy environment becomes idle, and whether it is provisioned.
    busy: BinaryHeap<Reverse<(Duration, bool)>>,
    /// Since when each idle environment is idle, longest first.
    idle: Vec<Duration>,
    provisioned_idle: usize,
    started: usize,
    busy_peak: usize,
    held: Duration,
}

impl Simulation<'_> {
    /// Runs the simulation over a plan of arrivals.
    pub fn run(&self, plan: &[Arrival], duration: Duration) -> Outcome {
        let mut fleet = Fleet::new(*self);
        let mut latencies = Vec::with_capacity(plan.len());
        let (mut cold, mut failed) = (0, 0);
        for arrival in plan {
            match fleet.arrive(arrival.at) {
                _ if arrival.is_ping => {}
                None => failed += 1,
                Some((latency, is_cold)) => {
                    latencies.push(latency);
                    cold += usize::from(is_cold);
                }
            }
        }
        Outcome {
            answered: latencies.len(),
            failed,
            cold,
            cold_share: cold as f64 / latencies.len().max(1) as f64,
            environments: fleet.started,
            busy_peak: fleet.busy_peak,
            busy_mean: fleet.held.as_secs_f64() / duration.as_secs_f64(),
            latency: latencies.into_iter().collect::<Times>().summary(),
        }
    }
}

impl<'a> Fleet<'a> {
    fn new(rules: Simulation<'a>) -> Self {
        Self {
            rules,
            random: ChaCha8Rng::seed_from_u64(rules.seed),
            busy: BinaryHeap::new(),
            idle: Vec::new(),
            provisioned_idle: rules.provisioned,
            started: rules.provisioned,
            busy_peak: 0,
            held: Duration::ZERO,
        }
    }

    /// How long it takes, and whether it is cold; `None` if it is turned away.
    fn arrive(&mut self, now: Duration) -> Option<(Duration, bool)> {
        self.catch_up(now);
        if self.busy.len() >= self.rules.concurrency {
            return None;
        }
        let provisioned = self.provisioned_idle > 0;
        let cold = !provisioned && self.idle.pop().is_none();
        self.provisioned_idle -= usize::from(provisioned);
        self.started += usize::from(cold);
        let times = if cold { &self.rules.times.cold_total } else { &self.rules.times.warm_total };
        let hold = times.draw(&mut self.random);
        self.busy.push(Reverse((now + hold, provisioned)));
        self.busy_peak = self.busy_peak.max(self.busy.len());
        self.held += hold;
        Some((hold, cold))
    }

    fn catch_up(&mut self, now: Duration) {
        while let Some(Reverse((at, provisioned))) = self.busy.peek().copied().filter(|next| next.0.0 <= now)
        {
            self.busy.pop();
            if provisioned {
                self.provisioned_idle += 1;
            } else {
                self.idle.push(at);
            }
        }
        let limit = self.rules.idle;
        let gone = self.idle.partition_point(|since| now.saturating_sub(*since) >= limit);
        self.idle.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrivals::Arrivals;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn times(cold_ms: u32, warm_ms: u32) -> StartTimes {
        let one = |ms| std::iter::once(MS * ms).collect::<Times>();
        StartTimes { cold_total: one(cold_ms), warm_total: one(warm_ms), ..StartTimes::default() }
    }

    fn at(ms: &[u32]) -> Vec<Arrival> {
        ms.iter().map(|ms| Arrival { at: MS * *ms, is_ping: false }).collect()
    }

    fn simulation(times: &StartTimes) -> Simulation<'_> {
        Simulation { times, idle: MS * 100, provisioned: 0, concurrency: 1_000, seed: 1 }
    }

    /// By hand: 0 is cold and busy until 50; 10 finds it busy: cold; 60 is warm; 70 is warm on the other; 179 is warm
    /// on the one that was free at 70; 400 is cold.
    #[test]
    fn a_plan_worked_out_by_hand() {
        let times = times(50, 10);
        let outcome = simulation(&times).run(&at(&[0, 10, 60, 70, 179, 400]), MS * 1_000);
        assert_eq!((outcome.cold, outcome.environments, outcome.busy_peak), (3, 3, 2));
        assert_eq!((outcome.answered, outcome.failed), (6, 0));
        assert!((outcome.busy_mean - 0.18).abs() < 1e-9, "{outcome:?}");
        assert!((outcome.latency.unwrap().mean_ms - 30.0).abs() < 1e-9);
    }

    #[test]
    fn an_environment_is_gone_at_its_time_and_not_before() {
        let times = times(50, 10);
        let cold = |second| simulation(&times).run(&at(&[0, second]), MS * 1_000).cold;
        assert_eq!((cold(149), cold(150)), (1, 2));
    }

    #[test]
    fn provisioned_environments_are_warm_and_stay_and_limits_turn_away() {
        let times = times(50, 10);
        let rules = Simulation { provisioned: 1, ..simulation(&times) };
        let outcome = rules.run(&at(&[0, 900]), MS * 1_000);
        assert_eq!((outcome.cold, outcome.environments), (0, 1));
        let rules = Simulation { concurrency: 1, ..simulation(&times) };
        assert_eq!(rules.run(&at(&[0, 10, 60]), MS * 1_000).failed, 1);
    }

    /// The mean number of busy environments of M/G/∞ is the rate times the mean time (Little's law), and its
    /// distribution is Poisson's whatever the times are, so the peak stays near the mean.
    #[test]
    fn littles_law_holds() {
        let times = times(20, 20);
        let duration = Duration::from_mins(10);
        let plan = Arrivals { rate: 500.0, burst: 1, duration, warmer: None, seed: 7 }.plan();
        let outcome = simulation(&times).run(&plan, duration);
        assert!((outcome.busy_mean - 10.0).abs() < 0.1, "{outcome:?}");
        assert!((20..=32).contains(&outcome.busy_peak), "{outcome:?}");
    }

    /// One environment at a time: a request is cold if the last one was answered longer than the idle time ago.
    #[test]
    fn rare_requests_are_cold_as_often_as_their_gaps_are_long() {
        let times = times(1, 1);
        let duration = Duration::from_hours(1);
        let plan = Arrivals { rate: 5.0, burst: 1, duration, warmer: None, seed: 3 }.plan();
        let outcome = simulation(&times).run(&plan, duration);
        let expected = (-5.0_f64 * 0.101).exp();
        assert!((outcome.cold_share - expected).abs() < 0.02, "{} {expected}", outcome.cold_share);
    }
}
