//! Waiting for a load in flight, and what there is instead if it is late or fails.

use std::time::Instant;

use crate::inner::Inner;
use crate::memory::Cached;
use crate::metrics::{self, Tier};
use crate::model::{Key, Loader, Value};
use crate::outcome::{CacheError, Fetched, LoadResult, Outcome, Part};
use crate::single_flight::PendingOutcome;
use crate::trace::Trace;

/// A value to fall back on.
pub(crate) struct Fallback<V> {
    pub(crate) cached: Cached<V>,
    /// It is stale, and serves when the new one is late; if not, it is not trusted, and serves only when there is
    /// no other after half of the request's time.
    pub(crate) stale: bool,
}

/// A key that a request waits for.
pub(crate) struct Wait<K: Key, V, L: Loader<K, V>> {
    pub(crate) key: K,
    pub(crate) fallback: Option<Fallback<V>>,
    pub(crate) pending: PendingOutcome<LoadResult<K, V, L>>,
    /// The request leads the load.
    pub(crate) leads: bool,
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Waits for one key, until the deadline or, with a value to fall back on, the soft limit of the request or half of
    /// its time.
    pub(crate) async fn wait(
        &self,
        wait: Wait<K, V, L>,
        deadline: Instant,
        before: &Trace,
        trace: &mut Trace,
        fetched: &mut Fetched<K, V, L::Cost>,
    ) -> Result<(), CacheError<L::Error>> {
        let Wait { key, fallback, pending, leads } = wait;
        let until = match &fallback {
            Some(Fallback { stale: true, .. }) => {
                let soft = *trace.soft_until.get_or_insert_with(|| Instant::now() + self.policy.soft_limit);
                soft.min(deadline)
            }
            // A slow source is waited for, but not until nothing can be made of the answer any more.
            Some(Fallback { stale: false, .. }) => *trace.half_until.get_or_insert_with(|| {
                let now = Instant::now();
                now + deadline.saturating_duration_since(now) / 2
            }),
            None => deadline,
        };
        let failure = match tokio::time::timeout_at(until.into(), pending).await {
            Ok(Ok(Ok(outcome))) => {
                trace.memory.misses += 1;
                if fallback.is_some() {
                    self.metrics.count(Tier::Memory, metrics::Outcome::Miss, 1);
                }
                self.account(&outcome, leads, before, trace);
                if leads {
                    fetched.cost += outcome.cost;
                }
                fetched.values.extend(outcome.others.iter().cloned());
                fetched.values.push((key, outcome.value));
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
        let Some(Fallback { cached, .. }) = fallback else {
            trace.memory.misses += 1;
            return Err(failure);
        };
        trace.memory.found(cached.ttl_ms(self.ticks()).min(-1));
        self.metrics.count(Tier::Memory, metrics::Outcome::Stale, 1);
        fetched.values.push((key, cached.value));
        Ok(())
    }

    /// Records how a key was found. Keys of one batch share their round trips and their waits.
    fn account(&self, outcome: &Outcome<K, V, L::Cost>, leads: bool, before: &Trace, trace: &mut Trace) {
        let used = &outcome.remote;
        trace.remote_gave_up |= used.failed;
        if leads {
            trace.remote.trips = trace.remote.trips.max(before.remote.trips + used.trips);
            trace.remote.waited = trace.remote.waited.max(before.remote.waited + used.waited);
        }
        match (outcome.ttl_ms, used.part) {
            (Some(ttl_ms), _) => trace.remote.found(ttl_ms),
            (None, Part::Absent) => {}
            (None, Part::Skipped) => trace.remote.skipped += 1,
            (None, Part::Asked) => trace.remote.misses += 1,
        }
        trace.unsettled += u32::from(!outcome.settled);
        if outcome.elsewhere {
            trace.remote.collapsed += 1;
        }
        if !leads {
            trace.memory.collapsed += 1;
            self.metrics.collapsed.inc();
        }
        let Some(took) = outcome.load else { return };
        trace.source.waited = trace.source.waited.max(before.source.waited + took);
        if leads {
            trace.source.loads += 1;
        }
    }
}
