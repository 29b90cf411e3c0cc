//! Environments started one by one, with all functions in turn, so that disturbances of the machine affect all of them.

use bytes::Bytes;
use serde::Serialize;

use super::contender::Contender;
use super::times::{Summary, Times};
use crate::lambda::{CpuShare, Fleet, Invocation, InvokeError, Limits, Memory};

/// What is measured of each function.
#[derive(Clone, Debug)]
pub struct Starts {
    /// Environments of each function.
    pub rounds: usize,
    /// Invocations of each environment after its first one.
    pub warm: usize,
    /// Invocations of one environment of each function before its memory is read.
    pub before_memory: usize,
    /// The event of the invocations.
    pub event: Bytes,
    /// Limits of the environments.
    pub limits: Limits,
}

/// Measured times of a function.
#[derive(Clone, Debug, Default)]
pub struct StartTimes {
    /// Inits: from the start of the process to its first request for an event.
    pub init: Times,
    /// First invocations, without the init.
    pub first: Times,
    /// Later invocations.
    pub warm: Times,
    /// From invoking to the answer, with an init.
    pub cold_total: Times,
    /// From invoking to the answer, without an init.
    pub warm_total: Times,
}

/// The report of a function.
#[derive(Clone, Debug, Serialize)]
pub struct StartReport {
    /// Its name.
    pub name: String,
    /// See [`StartTimes::init`].
    pub init: Option<Summary>,
    /// See [`StartTimes::first`].
    pub first: Option<Summary>,
    /// See [`StartTimes::warm`].
    pub warm: Option<Summary>,
    /// The median init relative to that of the first function.
    pub init_ratio: Option<f64>,
    /// Memory after `before_memory` invocations.
    pub memory: Option<Memory>,
    /// Number of failed invocations.
    pub errors: usize,
    /// The last error.
    pub last_error: Option<String>,
    /// How the CPU was limited.
    pub cpu: Option<CpuShare>,
}

/// The observations of a function.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    cold: Vec<Invocation>,
    warm: Vec<Invocation>,
    memory: Option<Memory>,
    errors: usize,
    last_error: Option<String>,
    cpu: Option<CpuShare>,
}

impl Starts {
    /// Measures; calls `done` after each environment.
    pub async fn run(&self, contenders: &[Contender], mut done: impl FnMut()) -> Vec<Observed> {
        let mut seen = vec![Observed::default(); contenders.len()];
        for round in 0..self.rounds {
            for (contender, seen) in contenders.iter().zip(&mut seen) {
                let count = if round == 0 { self.before_memory.max(self.warm + 1) } else { self.warm + 1 };
                if let Err(error) = self.environment(contender, count, seen).await {
                    seen.errors += 1;
                    seen.last_error = Some(error.to_string());
                }
                done();
            }
        }
        seen
    }

    /// One environment with a number of invocations.
    async fn environment(
        &self,
        contender: &Contender,
        count: usize,
        seen: &mut Observed,
    ) -> Result<(), InvokeError> {
        let fleet = Fleet::start(contender.function.clone(), self.limits.clone()).await?;
        seen.cpu = Some(fleet.cpu());
        for _ in 0..count {
            let invocation = fleet.invoke(self.event.clone()).await?;
            let kind = if invocation.is_cold() { &mut seen.cold } else { &mut seen.warm };
            kind.push(invocation);
        }
        if count >= self.before_memory {
            seen.memory = fleet.environments().first().and_then(|environment| environment.memory);
        }
        fleet.shutdown().await;
        Ok(())
    }
}

impl Observed {
    /// The measured times.
    pub fn times(&self) -> StartTimes {
        StartTimes {
            init: self.cold.iter().filter_map(|invocation| invocation.init).collect(),
            first: self.cold.iter().map(|invocation| invocation.took).collect(),
            warm: self.warm.iter().map(|invocation| invocation.took).collect(),
            cold_total: self.cold.iter().map(|invocation| invocation.total).collect(),
            warm_total: self.warm.iter().map(|invocation| invocation.total).collect(),
        }
    }

    /// The last answer.
    pub fn last_answer(&self) -> Option<&Bytes> {
        self.warm.last().or(self.cold.last()).map(|invocation| &invocation.payload)
    }
}

/// The reports of all functions; the first one is the baseline.
pub fn report(contenders: &[Contender], seen: &[Observed]) -> Vec<StartReport> {
    let mut base = None;
    let reports = contenders.iter().zip(seen).map(|(contender, seen)| {
        let times = seen.times();
        let init = times.init.summary();
        base = base.or(init);
        StartReport {
            name: contender.name.clone(),
            init,
            first: times.first.summary(),
            warm: times.warm.summary(),
            init_ratio: init.zip(base).map(|(init, base)| init.p50_ms / base.p50_ms),
            memory: seen.memory,
            errors: seen.errors,
            last_error: seen.last_error.clone(),
            cpu: seen.cpu.clone(),
        }
    });
    reports.collect()
}
