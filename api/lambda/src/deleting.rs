//! Deletions of collections, a bit in each scheduled invocation: between invocations the process stands still.

use std::sync::Arc;
use std::time::Duration;

use cellar_search::deletions::Deletions;
use cellar_store::deletion::{Outcome, Settings};
use serde::Serialize;

use super::function::Function;
use super::{Budget, Refusal};

/// What a step of a deletion may take: it is not begun later than this before the end.
const STEP_LIMIT: Duration = Duration::from_secs(8);

/// A deletion that was worked on.
#[derive(Serialize)]
pub(super) struct Progress {
    collection: String,
    /// `deleted`, `deleting`, or `busy` if another process works on it.
    status: &'static str,
    deleted: u64,
}

impl Function {
    /// Goes on with all deletions, as told by an operator.
    pub(super) async fn delete(&self, budget: Budget) -> Result<Vec<Progress>, Refusal> {
        self.state.instance.use_now();
        self.carry_on_deletions(budget).await
    }

    /// Goes on with all deletions as far as time allows. What is cut off goes on with the next invocation.
    pub(super) async fn carry_on_deletions(&self, budget: Budget) -> Result<Vec<Progress>, Refusal> {
        let (store, search) = (Arc::clone(&self.state.store), self.state.search.clone());
        let deletions = Deletions::new(store, search, Settings::default());
        let until = budget.by.checked_sub(STEP_LIMIT).unwrap_or(budget.by);
        let done = tokio::time::timeout_at(budget.by.into(), deletions.carry_on(Some(until))).await;
        let outcomes = match done {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(error)) => return Err(Refusal::new(format!("a deletion is put off: {error}"))),
            Err(_) => return Err(Refusal::new("a deletion is put off: the table does not answer in time")),
        };
        let progress = outcomes.into_iter().filter_map(|(collection, outcome)| {
            let (status, deleted) = match outcome {
                Outcome::Gone(deleted) => ("deleted", deleted),
                Outcome::Unfinished(deleted) => ("deleting", deleted),
                Outcome::Busy(deleted) => ("busy", deleted),
                Outcome::Unknown => return None,
            };
            Some(Progress { collection: collection.to_string(), status, deleted: deleted.items })
        });
        Ok(progress.collect())
    }
}
