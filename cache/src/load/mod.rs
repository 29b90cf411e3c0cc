//! Carrying out loads: what memory lacks comes from the remote tier or from the loader.
//!
//! One task carries out the loads that one request leads: one `MGET` for all keys, one `begin` for each group of keys that
//! the remote tier lacks, then the loads side by side. Followers get each value as soon as it is there; storing it in the
//! remote tier comes after.

mod claims;
mod lookup;
mod source;

use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt as _};
use rustc_hash::FxHashMap;

pub(crate) use self::lookup::Found;
use self::lookup::Miss;
use crate::inner::Inner;
use crate::model::{Key, Loader, Value};
use crate::outcome::LeaderOf;

/// How a batch of loads is to be carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadOptions {
    /// Only a value newer than the one in memory counts.
    pub(crate) refresh: bool,
    /// The request has already waited for the remote tier in vain.
    pub(crate) skip_remote: bool,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Carries out loads.
    pub(crate) async fn run_loads(self: Arc<Self>, leaders: Vec<LeaderOf<K, V, L>>, options: LoadOptions) {
        let looked_up = self.look_up(leaders, options).await;
        for key in &looked_up.due {
            self.refresh(key);
        }
        let used = looked_up.used;
        let mut groups: FxHashMap<Option<String>, Vec<Miss<K, V, L>>> = FxHashMap::default();
        for miss in looked_up.misses {
            let shared = miss.shareable && !miss.settling && !used.failed;
            let group = shared.then(|| miss.leader.key.group());
            groups.entry(group).or_default().push(miss);
        }
        let loads: FuturesUnordered<_> =
            groups.into_iter().map(|(group, misses)| self.load_group(group, misses, used)).collect();
        loads.collect::<()>().await;
    }

    /// Refreshes a value in the background unless that is under way, or too many refreshes are.
    pub(crate) fn refresh(self: &Arc<Self>, key: &K) {
        if self.source_breaker.as_ref().is_some_and(|breaker| breaker.rests(self.clock.now())) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.refreshes).try_acquire_owned() else { return };
        let Some(leader) = self.in_flight.begin(key, &self.fence) else { return };
        self.metrics.refreshes.inc();
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            inner.run_loads(vec![leader], LoadOptions { refresh: true, skip_remote: false }).await;
            drop(permit);
        });
    }
}
