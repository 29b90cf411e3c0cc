//! All environments at once: every invocation is asked for before any is answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use serde::Serialize;

use super::contender::Contender;
use super::times::{Summary, Times};
use crate::lambda::{Fleet, InvokeError, Limits};

/// What came of it.
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
    /// From the start of each process to its first request for an event.
    pub init: Option<Summary>,
    /// From asking to the answer.
    pub total: Option<Summary>,
    /// From the first question to the last answer.
    pub elapsed: Duration,
}

/// Asks for so many at once.
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
