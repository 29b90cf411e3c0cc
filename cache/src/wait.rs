//! Waiting for a value that is on its way, and what there is instead if it is late or never comes.

use std::time::Instant;

use crate::flight::Landing;
use crate::load::{Landed, Outcome, Part};
use crate::memory::Kept;
use crate::metrics::{self, Tier};
use crate::model::{Key, Loader, Value};
use crate::tiered::{CacheError, Fetched, Inner};
use crate::trace::Trace;

/// A value to fall back on.
pub(crate) struct Fallback<V> {
    pub(crate) kept: Kept<V>,
    /// It is past its time, and serves when the new one is late; if not, it is not trusted, and serves only when there
    /// is no other.
    pub(crate) old: bool,
}

/// A key that a request waits for.
pub(crate) struct Wait<K: Key, V, L: Loader<K, V>> {
    pub(crate) key: K,
    pub(crate) fallback: Option<Fallback<V>>,
    pub(crate) landing: Landing<Outcome<K, V, L>>,
    pub(crate) led: bool,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Waits for one key, until the deadline or, with an old value to fall back on, the soft limit of the request.
    pub(crate) async fn wait(
        &self,
        wait: Wait<K, V, L>,
        deadline: Instant,
        before: &Trace,
        trace: &mut Trace,
        fetched: &mut Fetched<K, V, L::Cost>,
    ) -> Result<(), CacheError<L::Error>> {
        let Wait { key, fallback, landing, led } = wait;
        let until = match &fallback {
            Some(Fallback { old: true, .. }) => {
                let soft = *trace.soft_until.get_or_insert_with(|| Instant::now() + self.policy.soft_limit);
                soft.min(deadline)
            }
            _ => deadline,
        };
        let failure = match tokio::time::timeout_at(until.into(), landing).await {
            Ok(Ok(Ok(landed))) => {
                trace.memory.misses += 1;
                if fallback.is_some() {
                    self.metrics.count(Tier::Memory, metrics::Outcome::Miss, 1);
                }
                self.account(&landed, led, before, trace);
                if led {
                    fetched.cost += landed.cost;
                }
                fetched.values.extend(landed.others.iter().cloned());
                fetched.values.push((key, landed.value));
                return Ok(());
            }
            Ok(Ok(Err(failure))) => {
                trace.source.failures += 1;
                trace.remote_gave_up |= failure.remote.failed;
                failure.error
            }
            Ok(Err(_)) => CacheError::Panicked,
            Err(_) => CacheError::Deadline,
        };
        let Some(Fallback { kept, .. }) = fallback else {
            trace.memory.misses += 1;
            return Err(failure);
        };
        trace.memory.found(kept.ttl_ms(self.ticks()).min(-1));
        self.metrics.count(Tier::Memory, metrics::Outcome::Stale, 1);
        fetched.values.push((key, kept.value));
        Ok(())
    }

    /// Takes note of how a key was found. Keys of one batch share their round trips and their waits.
    fn account(&self, landed: &Landed<K, V, L::Cost>, led: bool, before: &Trace, trace: &mut Trace) {
        let used = &landed.remote;
        trace.remote_gave_up |= used.failed;
        if led {
            trace.remote.trips = trace.remote.trips.max(before.remote.trips + used.trips);
            trace.remote.waited = trace.remote.waited.max(before.remote.waited + used.waited);
        }
        match (landed.ttl_ms, used.part) {
            (Some(ttl_ms), _) => trace.remote.found(ttl_ms),
            (None, Part::Absent) => {}
            (None, Part::Spared) => trace.remote.skipped += 1,
            (None, Part::Asked) => trace.remote.misses += 1,
        }
        trace.unsettled += u32::from(!landed.settled);
        if landed.elsewhere {
            trace.remote.collapsed += 1;
        }
        if !led {
            trace.memory.collapsed += 1;
            self.metrics.collapsed.inc();
        }
        let Some(took) = landed.load else { return };
        trace.source.waited = trace.source.waited.max(before.source.waited + took);
        if led {
            trace.source.loads += 1;
        }
    }
}
