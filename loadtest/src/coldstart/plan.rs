//! The whole measurement, in one run: environments one by one, all at once, under load, and the simulation.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Serialize;

use super::arrivals::Arrivals;
use super::burst::{self, BurstReport};
use super::contender::Contender;
use super::load::{Load, LoadReport};
use super::simulate::{Outcome, Simulation};
use super::starts::{self, StartReport, StartTimes, Starts};
use crate::lambda::{Function, InvokeError, Limits};

/// What is to be measured. Loads and simulations use the last function.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The functions; the first one is the baseline.
    pub contenders: Vec<Contender>,
    /// Environments one by one.
    pub starts: Starts,
    /// Concurrent invocations of each function; 0 to skip this part.
    pub burst: usize,
    /// Loads.
    pub loads: Vec<Load>,
    /// Simulations.
    pub simulations: Vec<SimulationPlan>,
}

/// A load that is only simulated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SimulationPlan {
    /// What arrives.
    pub arrivals: Arrivals,
    /// How long an environment may be idle before it is stopped.
    pub idle: Duration,
}

/// The report of the whole measurement.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Environments one by one.
    pub starts: Vec<StartReport>,
    /// All at once.
    pub bursts: Vec<BurstReport>,
    /// Under load.
    pub loads: Vec<LoadReport>,
    /// Simulated, not measured.
    pub simulated: Vec<SimulationReport>,
    /// Number of cores of the machine, shared by all environments.
    pub cores: usize,
}

/// The report of a simulation.
#[derive(Clone, Debug, Serialize)]
pub struct SimulationReport {
    /// What it simulates.
    pub plan: SimulationPlan,
    /// The outcome.
    pub outcome: Outcome,
}

impl Plan {
    /// Steps of the progress bar.
    fn steps(&self) -> u64 {
        let starts = self.starts.rounds * self.contenders.len();
        let bursts = if self.burst > 0 { self.contenders.len() } else { 0 };
        (starts + bursts + self.loads.len() + self.simulations.len()) as u64
    }

    /// Measures and simulates everything.
    ///
    /// # Errors
    ///
    /// A fleet cannot start.
    pub async fn run(&self, bar: &ProgressBar) -> Result<Report, InvokeError> {
        bar.set_length(self.steps());
        bar.set_message("one by one");
        let seen = self.starts.run(&self.contenders, || bar.inc(1)).await;
        let mut report = Report {
            starts: starts::report(&self.contenders, &seen),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            ..Report::default()
        };
        if self.burst > 0 {
            bar.set_message("all at once");
            for contender in &self.contenders {
                let limits = Limits { provisioned: 0, ..self.starts.limits.clone() };
                report.bursts.push(burst::run(contender, self.burst, &self.starts.event, &limits).await?);
                bar.inc(1);
            }
        }
        if let Some((last, times)) = self.contenders.last().zip(seen.last().map(starts::Observed::times)) {
            report.loads = self.loads(last, &times, bar).await?;
            report.simulated = self.simulate(&times, bar);
        }
        bar.finish_and_clear();
        Ok(report)
    }

    async fn loads(
        &self,
        contender: &Contender,
        times: &StartTimes,
        bar: &ProgressBar,
    ) -> Result<Vec<LoadReport>, InvokeError> {
        bar.set_message("under load");
        let mut known = BTreeMap::from([(contender.function.memory_mib, times.clone())]);
        let mut reports = Vec::new();
        for load in &self.loads {
            let times = match known.entry(load.memory_mib) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.calibrate(contender, load.memory_mib).await),
            };
            reports.push(load.run(&contender.function, &self.starts.event, times).await?);
            bar.inc(1);
        }
        Ok(reports)
    }

    /// The times of the same function with another memory size.
    async fn calibrate(&self, contender: &Contender, memory_mib: u32) -> StartTimes {
        let function = Function { memory_mib, ..contender.function.clone() };
        let other = [Contender { function, ..contender.clone() }];
        let starts = Starts { before_memory: 0, ..self.starts.clone() };
        starts.run(&other, || ()).await.first().map(starts::Observed::times).unwrap_or_default()
    }

    fn simulate(&self, times: &StartTimes, bar: &ProgressBar) -> Vec<SimulationReport> {
        bar.set_message("simulation");
        let run = |plan: &SimulationPlan| {
            let SimulationPlan { arrivals, idle } = *plan;
            let concurrency = self.starts.limits.concurrency;
            let simulation = Simulation { times, idle, provisioned: 0, concurrency, seed: arrivals.seed };
            let outcome = simulation.run(&arrivals.plan(), arrivals.duration);
            bar.inc(1);
            SimulationReport { plan: *plan, outcome }
        };
        self.simulations.iter().map(run).collect()
    }
}
