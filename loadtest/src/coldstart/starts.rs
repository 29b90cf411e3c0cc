//! Environments started one by one, those of all functions in turn, so that what disturbs the machine disturbs all.

use bytes::Bytes;
use serde::Serialize;

use super::contender::Contender;
use super::times::{Summary, Times};
use crate::lambda::{CpuShare, Fleet, Invocation, InvokeError, Limits, Memory};

/// What is done to each function.
#[derive(Clone, Debug)]
pub struct Starts {
    /// Environments of each function.
    pub rounds: usize,
    /// Invocations after the first one, in each environment.
    pub warm: usize,
    /// Invocations in one environment of each function before its memory is read.
    pub before_memory: usize,
    /// What they get.
    pub event: Bytes,
    /// Limits of the environments.
    pub limits: Limits,
}

/// Times of one function.
#[derive(Clone, Debug, Default)]
pub struct StartTimes {
    /// From the start of the process to its first request for an event.
    pub init: Times,
    /// The first invocation, without the init.
    pub first: Times,
    /// The others.
    pub warm: Times,
    /// From asking to the answer with an init.
    pub cold_total: Times,
    /// From asking to the answer without.
    pub warm_total: Times,
}

/// What is told of one function.
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
    /// The median of the init beside that of the function that is named first.
    pub init_ratio: Option<f64>,
    /// After the invocations that were asked for.
    pub memory: Option<Memory>,
    /// Invocations that failed, and the last one's error.
    pub errors: usize,
    /// The last error.
    pub last_error: Option<String>,
    /// What was done about the CPU.
    pub cpu: Option<CpuShare>,
}

/// All that was seen of one function.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    cold: Vec<Invocation>,
    warm: Vec<Invocation>,
    memory: Option<Memory>,
    errors: usize,
    last_error: Option<String>,
    cpu: Option<CpuShare>,
}

impl Starts {
    /// Measures; `done` is told after each environment.
    pub async fn run(&self, contenders: &[Contender], mut done: impl FnMut()) -> Vec<Seen> {
        let mut seen = vec![Seen::default(); contenders.len()];
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

    /// One environment with so many invocations.
    async fn environment(
        &self,
        contender: &Contender,
        count: usize,
        seen: &mut Seen,
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

impl Seen {
    /// Its times.
    pub fn times(&self) -> StartTimes {
        StartTimes {
            init: self.cold.iter().filter_map(|invocation| invocation.init).collect(),
            first: self.cold.iter().map(|invocation| invocation.took).collect(),
            warm: self.warm.iter().map(|invocation| invocation.took).collect(),
            cold_total: self.cold.iter().map(|invocation| invocation.total).collect(),
            warm_total: self.warm.iter().map(|invocation| invocation.total).collect(),
        }
    }

    /// The last answer, to see that it is one.
    pub fn last_answer(&self) -> Option<&Bytes> {
        self.warm.last().or(self.cold.last()).map(|invocation| &invocation.payload)
    }
}

/// What is told of all functions; the first one is what the others are compared with.
pub fn report(contenders: &[Contender], seen: &[Seen]) -> Vec<StartReport> {
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
