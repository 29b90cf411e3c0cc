//! A fleet under load: how many requests wait for an init, compared with Little's law and the simulation.
//!
//! Open model: arrivals have planned instants and do not wait for answers; latencies are measured from the planned instants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::arrivals::{Arrival, Arrivals};
use super::simulate::{Outcome, Simulation};
use super::starts::StartTimes;
use super::times::{Summary, Times};
use crate::lambda::{CpuShare, Fleet, Function, Invocation, InvokeError, Limits};

/// What a warmer sends.
const PING: &str = r#"{"instruction":"warmer"}"#;

/// A load to measure.
#[derive(Clone, Debug)]
pub struct Load {
    /// What arrives.
    pub arrivals: Arrivals,
    /// Memory of the function, in MiB.
    pub memory_mib: u32,
    /// Limits of the fleet.
    pub limits: Limits,
}

/// The report of a load.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// What arrived.
    pub arrivals: Arrivals,
    /// Memory of the function, in MiB.
    pub memory_mib: u32,
    /// How long an environment was idle before it was stopped.
    pub idle: Duration,
    /// Provisioned environments.
    pub provisioned: usize,
    /// How the CPU was limited.
    pub cpu: CpuShare,
    /// The measured outcome.
    pub measured: Outcome,
    /// 99th percentile of how much later than planned requests were sent, in milliseconds. Where it exceeds the latencies, the machine
    /// could not keep the rate.
    pub send_delay_p99_ms: f64,
    /// From invoking to the answer: the latency without the send delay.
    pub answer: Option<Summary>,
    /// Mean number of busy environments by Little's law: the planned rate times the mean times measured one by one, with the share of
    /// cold starts measured here.
    pub little_busy_mean: f64,
    /// The simulated outcome over the same arrivals, with times measured one by one.
    pub simulated: Outcome,
    /// The last error.
    pub last_error: Option<String>,
}

/// One answer.
struct Done {
    is_ping: bool,
    delay: Duration,
    latency: Duration,
    outcome: Result<Invocation, InvokeError>,
}

impl Load {
    /// Measures; `times` are those of the same function with the same memory, measured one by one.
    ///
    /// # Errors
    ///
    /// The fleet cannot start.
    pub async fn run(
        &self,
        function: &Function,
        event: &Bytes,
        times: &StartTimes,
    ) -> Result<LoadReport, InvokeError> {
        let function = Function { memory_mib: self.memory_mib, ..function.clone() };
        let fleet = Arc::new(Fleet::start(function, self.limits.clone()).await?);
        let plan = self.arrivals.plan();
        let done = drive(&fleet, &plan, event).await;
        let measured = self.outcome(&fleet, &done);
        let simulated = self.simulation(times).run(&plan, self.arrivals.duration);
        let delays: Times = done.iter().map(|done| done.delay).collect();
        Ok(LoadReport {
            arrivals: self.arrivals,
            memory_mib: self.memory_mib,
            idle: self.limits.idle,
            provisioned: self.limits.provisioned,
            cpu: fleet.cpu(),
            answer: answers(&done).summary(),
            send_delay_p99_ms: delays.quantile(0.99).as_secs_f64() * 1_000.0,
            little_busy_mean: little(&self.arrivals, measured.cold_share, times),
            measured,
            simulated,
            last_error: done.iter().rev().find_map(|done| Some(done.outcome.as_ref().err()?.to_string())),
        })
    }

    fn simulation<'a>(&self, times: &'a StartTimes) -> Simulation<'a> {
        Simulation {
            times,
            idle: self.limits.idle,
            provisioned: self.limits.provisioned,
            concurrency: self.limits.concurrency,
            seed: self.arrivals.seed,
        }
    }

    fn outcome(&self, fleet: &Fleet, done: &[Done]) -> Outcome {
        let requests = || done.iter().filter(|done| !done.is_ping);
        let answered = requests().filter(|done| done.outcome.is_ok()).count();
        let cold =
            requests().filter_map(|done| done.outcome.as_ref().ok()).filter(|one| one.is_cold()).count();
        let usage = fleet.usage();
        let latencies = requests().filter(|done| done.outcome.is_ok()).map(|done| done.latency);
        Outcome {
            answered,
            failed: requests().count() - answered,
            cold,
            cold_share: cold as f64 / answered.max(1) as f64,
            environments: fleet.environments().len(),
            busy_peak: usage.busy_peak,
            busy_mean: usage.busy_total.as_secs_f64() / self.arrivals.duration.as_secs_f64(),
            latency: latencies.collect::<Times>().summary(),
        }
    }
}

fn answers(done: &[Done]) -> Times {
    let requests = done.iter().filter(|done| !done.is_ping);
    requests.filter_map(|done| done.outcome.as_ref().ok()).map(|answered| answered.total).collect()
}

/// Mean number of busy environments: rate times mean time. Pings occupy environments, too.
fn little(arrivals: &Arrivals, cold_share: f64, times: &StartTimes) -> f64 {
    let (cold, warm) = (times.cold_total.mean().as_secs_f64(), times.warm_total.mean().as_secs_f64());
    let pings = arrivals.warmer.map_or(0.0, |warmer| warmer.width as f64 / warmer.every.as_secs_f64());
    (arrivals.rate + pings) * (cold_share * cold + (1.0 - cold_share) * warm)
}

/// Sends each arrival in a task of its own, and collects the answers.
async fn drive(fleet: &Arc<Fleet>, plan: &[Arrival], event: &Bytes) -> Vec<Done> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let (fleet, plan, event) = (fleet.clone(), plan.to_vec(), event.clone());
    let runtime = Handle::current();
    // A thread sleeps more precisely than the runtime's timer, whose resolution is a millisecond.
    let pacer = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        for arrival in plan {
            let planned = start + arrival.at;
            std::thread::sleep(planned.saturating_duration_since(Instant::now()));
            let delay = planned.elapsed();
            let (fleet, sender) = (fleet.clone(), sender.clone());
            let event = if arrival.is_ping { Bytes::from_static(PING.as_bytes()) } else { event.clone() };
            runtime.spawn(async move {
                let outcome = fleet.invoke(event).await;
                let latency = planned.elapsed();
                let _ = sender.send(Done { is_ping: arrival.is_ping, delay, latency, outcome });
            });
        }
    });
    let mut done = Vec::new();
    while let Some(one) = receiver.recv().await {
        done.push(one);
    }
    let _ = pacer.await;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn littles_law_counts_cold_and_warm_times() {
        let one = |ms| std::iter::once(Duration::from_millis(ms)).collect::<Times>();
        let times = StartTimes { cold_total: one(100), warm_total: one(10), ..StartTimes::default() };
        let arrivals =
            Arrivals { rate: 50.0, burst: 1, duration: Duration::from_secs(1), warmer: None, seed: 1 };
        assert!((little(&arrivals, 0.1, &times) - 50.0 * 0.019).abs() < 1e-9);
    }
}
