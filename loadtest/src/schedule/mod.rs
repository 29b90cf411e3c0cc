//! When requests are due: a rate over time, and the instants that follow from it.
//!
//! Invariant: instants depend on the schedule and the seed alone and are in order. Nothing that the server does moves them.

mod arrivals;
mod text;

use std::time::Duration;

pub use self::arrivals::{Arrivals, Instants};
pub use self::text::{ScheduleError, parse_stages};

/// Highest rate, in requests per second: ten times what a sender on one machine achieves.
pub const MAX_RATE: f64 = 1_000_000.0;
/// Longest run.
pub const MAX_LENGTH: Duration = Duration::from_hours(24);

/// A stage of the schedule, in which the rate changes linearly from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Its duration.
    pub duration: Duration,
    /// Requests per second at its beginning.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
}

impl Stage {
    /// A stage at a constant rate.
    pub const fn constant(rate: f64, duration: Duration) -> Self {
        Self { duration, from: rate, to: rate }
    }

    /// Requests of the whole stage.
    fn requests(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.duration.as_secs_f64()
    }

    /// When this many requests of the stage have been due, in seconds from its beginning: the inverse of
    /// `n = from · t + slope · t² / 2`, in the numerically stable form.
    fn after(&self, requests: f64) -> f64 {
        if requests <= 0.0 {
            return 0.0;
        }
        let slope = (self.to - self.from) / self.duration.as_secs_f64();
        let root = self.from.mul_add(self.from, 2.0 * requests * slope).max(0.0).sqrt();
        2.0 * requests / (self.from + root)
    }
}

/// A schedule: a warm-up that is not measured, then stages that are.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    warmup: Duration,
    stages: Vec<Stage>,
}

impl Schedule {
    /// Stages after a warm-up at the initial rate of the first (or its final rate, if it begins at 0).
    ///
    /// # Errors
    ///
    /// There is no stage, or a rate or a duration is out of range.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use cellar_loadtest::schedule::{Arrivals, Schedule, Stage};
    ///
    /// let schedule = Schedule::new(Duration::ZERO, vec![Stage::constant(4.0, Duration::from_secs(1))])?;
    /// let instants: Vec<u128> = schedule.instants(Arrivals::Constant, 1).map(|at| at.as_millis()).collect();
    /// assert_eq!(instants, [0, 250, 500, 750]);
    /// # Ok::<(), cellar_loadtest::schedule::ScheduleError>(())
    /// ```
    pub fn new(warmup: Duration, measured: Vec<Stage>) -> Result<Self, ScheduleError> {
        let Some(first) = measured.first() else { return Err(ScheduleError::Empty) };
        let rate = if first.from > 0.0 { first.from } else { first.to };
        let mut stages = measured;
        if !warmup.is_zero() {
            stages.insert(0, Stage::constant(rate, warmup));
        }
        let schedule = Self { warmup, stages };
        schedule.check()?;
        Ok(schedule)
    }

    fn check(&self) -> Result<(), ScheduleError> {
        for stage in &self.stages {
            let rates = [stage.from, stage.to];
            let bad = rates.into_iter().find(|rate| !rate.is_finite() || *rate < 0.0 || *rate > MAX_RATE);
            let idle = (stage.from + stage.to <= 0.0).then_some(0.0);
            if let Some(rate) = bad.or(idle) {
                return Err(ScheduleError::Rate(rate));
            }
            if stage.duration.is_zero() {
                return Err(ScheduleError::Length);
            }
        }
        // Added up without `sum`, which panics on overflow.
        let length =
            self.stages.iter().try_fold(Duration::ZERO, |all, stage| all.checked_add(stage.duration));
        match length {
            Some(length) if length <= MAX_LENGTH => Ok(()),
            _ => Err(ScheduleError::Length),
        }
    }

    /// Duration of the warm-up: requests due before are sent but not measured.
    pub const fn warmup(&self) -> Duration {
        self.warmup
    }

    /// Duration of the measured part.
    pub fn measured(&self) -> Duration {
        self.length().saturating_sub(self.warmup)
    }

    /// Warm-up and measured part.
    pub fn length(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// Expected number of requests in the measured part.
    pub fn requests(&self) -> f64 {
        let measured = &self.stages[usize::from(!self.warmup.is_zero())..];
        measured.iter().map(Stage::requests).sum()
    }

    /// The highest rate, in requests per second.
    pub fn peak(&self) -> f64 {
        self.stages.iter().flat_map(|stage| [stage.from, stage.to]).fold(0.0, f64::max)
    }

    /// All instants, from the start of the warm-up.
    pub fn instants(&self, arrivals: Arrivals, seed: u64) -> Instants {
        Instants::new(self.stages.clone(), arrivals, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_inverse_of_a_ramp_is_its_inverse() {
        for (from, to) in [(0.0, 100.0), (100.0, 0.0), (5.0, 5.0), (3.0, 900.0)] {
            let stage = Stage { duration: 10 * SECOND, from, to };
            for t in [0.01, 1.0, 5.0, 9.99] {
                let sent = from.mul_add(t, (to - from) / 10.0 * t * t / 2.0);
                assert!((stage.after(sent) - t).abs() < 1e-6, "{from}..{to} at {t}");
            }
        }
    }

    #[test]
    fn what_cannot_be_scheduled_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            let refused = Schedule::new(Duration::ZERO, vec![Stage::constant(rate, SECOND)]);
            assert!(matches!(refused, Err(ScheduleError::Rate(_))), "{rate}");
        }
        for duration in [Duration::ZERO, Duration::MAX, MAX_LENGTH + SECOND] {
            let refused = Schedule::new(SECOND, vec![Stage::constant(1.0, duration)]);
            assert_eq!(refused, Err(ScheduleError::Length), "{duration:?}");
        }
        assert_eq!(Schedule::new(SECOND, Vec::new()), Err(ScheduleError::Empty));
    }

    #[test]
    fn a_warm_up_goes_before_and_is_not_counted() {
        let ramp = Stage { duration: SECOND, from: 0.0, to: 10.0 };
        let schedule = Schedule::new(2 * SECOND, vec![ramp, Stage::constant(10.0, SECOND)]).unwrap();
        assert_eq!((schedule.length(), schedule.measured()), (4 * SECOND, 2 * SECOND));
        assert!((schedule.requests() - 15.0).abs() < 1e-9);
        let instants = schedule.instants(Arrivals::Constant, 1);
        assert_eq!(instants.filter(|&at| at < schedule.warmup()).count(), 20);
    }
}
