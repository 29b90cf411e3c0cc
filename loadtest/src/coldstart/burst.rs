//! All environments at once: all invocations are made before any is answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use serde::Serialize;

use super::contender::Contender;
use super::times::{Summary, Times};
use crate::lambda::{Fleet, InvokeError, Limits};

/// The report of a burst.
#[derive(Clone, Debug, Serialize)]
pub struct BurstReport {
    /// The function's name.
    pub name: String,
    /// Invocations.
    pub asked: usize,
    /// Environments that were started for them.
    pub environments: usize,
    /// Invocations that were answered.
    pub answered: usize,
    /// The last error.
    pub last_error: Option<String>,
    /// Inits: from the start of each process to its first request for an event.
    pub init: Option<Summary>,
    /// From invoking to the answer.
    pub total: Option<Summary>,
    /// From the first invocation to the last answer.
    pub elapsed: Duration,
}

/// Makes a number of concurrent invocations.
///
/// # Errors
///
/// The fleet cannot start.
pub async fn run(
    contender: &Contender,
    count: usize,
    event: &Bytes,
    limits: &Limits,
) -> Result<BurstReport, InvokeError> {
    let fleet = Fleet::start(contender.function.clone(), limits.clone()).await?;
    let start = Instant::now();
    let outcomes = join_all((0..count).map(|_| fleet.invoke(event.clone()))).await;
    let elapsed = start.elapsed();
    let environments = fleet.shutdown().await.len();
    let answered: Vec<_> = outcomes.iter().flatten().collect();
    Ok(BurstReport {
        name: contender.name.clone(),
        asked: count,
        environments,
        answered: answered.len(),
        last_error: outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .last()
            .map(ToString::to_string),
        init: answered.iter().filter_map(|one| one.init).collect::<Times>().summary(),
        total: answered.iter().map(|one| one.total).collect::<Times>().summary(),
        elapsed,
    })
}
