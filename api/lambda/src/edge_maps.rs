//! Density maps, made anew on a schedule: within the time of one invocation, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::SystemClock;
use cellar_search::edge_map::Refresh;
use cellar_search::edge_map::refresh::Outcome;

use super::function::Function;
use super::{Budget, Refusal};

/// What making and storing a map takes after its places are read.
const MAKE_LIMIT: Duration = Duration::from_secs(5);

impl Function {
    /// Makes the maps that are old, as far as time allows; what came of each collection.
    pub(super) async fn edge_maps(&self, budget: Budget) -> Result<BTreeMap<String, Outcome>, Refusal> {
        self.state.instance.use_now();
        let store = Arc::clone(&self.state.store);
        let refresh = Refresh::new(store, Arc::new(SystemClock), self.maps);
        let until = budget.by.checked_sub(MAKE_LIMIT).unwrap_or(budget.by);
        match tokio::time::timeout_at(budget.by.into(), refresh.run(Some(until))).await {
            Ok(Ok(outcomes)) => Ok(outcomes
                .into_iter()
                .map(|(collection, outcome)| (collection.to_string(), outcome))
                .collect()),
            Ok(Err(error)) => Err(Refusal::new(format!("density maps are put off: {error}"))),
            Err(_) => Err(Refusal::new("density maps are put off: the table does not answer in time")),
        }
    }
}
