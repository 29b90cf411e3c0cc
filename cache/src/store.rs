//! Keeping what was loaded: in memory, and in the remote tier under the fence and the lease that the load began with.
//!
//! Invariant: what was loaded in the settling time after an invalidation is kept in memory no longer than that time,
//! and not in the remote tier: the source may still have returned the old value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::envelope::{Stamp, seal};
use crate::fence::Begun;
use crate::inner::Inner;
use crate::memory::Cached;
use crate::metrics::Reject;
use crate::model::{Key, Loaded, Loader, Value};
use crate::outcome::{Outcome, RemoteUse};
use crate::remote::{Entry, Finished, Ticket};
use crate::watch::{Ticks, millis};

/// The right to store what a load brings in the remote tier.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) ticket: Arc<Ticket>,
    /// The key whose lease is held.
    pub(crate) lease: Option<String>,
}

/// When a load began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// In the order of invalidations.
    pub(crate) begun: Begun,
    pub(crate) unix_ms: u64,
    pub(crate) ticks: Ticks,
    pub(crate) at: Instant,
}

/// What a load brought, as it is kept.
pub(crate) struct Brought<K, V, C> {
    values: Vec<(K, Cached<V>, Admission)>,
    cost: C,
    start: Start,
}

/// Whether a value was let into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// It may be kept everywhere.
    Admitted,
    /// It was loaded too soon after an invalidation.
    Settling,
    /// It was invalidated while it was loaded.
    Fenced,
}

impl<K: Clone, V, C: Copy> Brought<K, V, C> {
    /// For the requests that wait; the first value is the one that was asked for.
    pub(crate) fn outcome(&self, remote: RemoteUse, took: Duration) -> Outcome<K, V, C> {
        let (_, first, _) = &self.values[0];
        let others = self.values[1..].iter().map(|(key, cached, _)| (key.clone(), Arc::clone(&cached.value)));
        Outcome {
            value: Arc::clone(&first.value),
            others: others.collect(),
            cost: self.cost,
            ttl_ms: None,
            load: Some(took),
            settled: self.values.iter().all(|(_, _, admission)| *admission == Admission::Admitted),
            elsewhere: false,
            remote,
        }
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Keeps a value of the remote tier in memory, unless it was invalidated since; returns whether it was kept.
    pub(crate) fn keep(&self, key: &K, begun: Begun, started: Ticks, cached: &Cached<V>) -> bool {
        self.admit(key, begun, started, cached) != Admission::Fenced
    }

    fn admit(&self, key: &K, begun: Begun, started: Ticks, cached: &Cached<V>) -> Admission {
        let mut admission = Admission::Fenced;
        self.fence.admit(key, begun, |settles| {
            let settling = settles > started;
            admission = if settling { Admission::Settling } else { Admission::Admitted };
            if !settling {
                self.memory.insert(key.clone(), cached, cached.value.weight());
            } else if settles > self.ticks() {
                self.memory.insert(key.clone(), &cached.until(settles), cached.value.weight());
            }
        });
        admission
    }

    /// Keeps what a load brought in memory.
    pub(crate) fn keep_loaded(
        &self,
        key: &K,
        loaded: Loaded<K, V, L::Cost>,
        start: Start,
    ) -> Brought<K, V, L::Cost> {
        let Loaded { value, others, cost } = loaded;
        let load_us = u32::try_from(start.at.elapsed().as_micros()).unwrap_or(u32::MAX);
        let all = std::iter::once((key.clone(), value)).chain(others);
        let values = all.map(|(key, value)| {
            let fresh = millis(self.policy.fresh_for(value.is_negative(), fastrand::f64()));
            let (value, now) = (Arc::new(value), self.ticks());
            let cached = Cached::new(value, start.unix_ms, load_us, now, start.ticks + fresh, &self.policy);
            let admission = self.admit(&key, start.begun, start.ticks, &cached);
            match admission {
                Admission::Admitted => {}
                Admission::Settling => self.metrics.reject(Reject::Settling),
                Admission::Fenced => self.metrics.reject(Reject::Fenced),
            }
            (key, cached, admission)
        });
        Brought { values: values.collect(), cost, start }
    }

    /// Stores what a load brought in the remote tier, and gives the lease back.
    pub(crate) async fn fill(&self, fill: Option<Fill>, brought: &Brought<K, V, L::Cost>) {
        let (Some(Fill { ticket, lease }), Some(shared)) = (fill, &self.shared) else { return };
        let entries: Vec<_> =
            brought.values.iter().filter_map(|value| self.entry(value, &ticket, brought.start)).collect();
        let leases: Vec<_> = lease.into_iter().collect();
        match shared.finish(&ticket, &entries, &leases).await {
            Ok(Finished::Stored(count)) => {
                self.metrics.stored.inc_by(count as u64);
            }
            Ok(Finished::Fenced) => entries.iter().for_each(|_| self.metrics.reject(Reject::Fenced)),
            Err(error) => tracing::debug!(%error, "a value was not stored in the remote cache"),
        }
    }

    fn entry(&self, value: &(K, Cached<V>, Admission), ticket: &Ticket, start: Start) -> Option<Entry> {
        let (key, cached, admission) = value;
        let shared = self.shared.as_ref()?;
        match admission {
            Admission::Admitted if self.fence.holds(key, start.begun) => {}
            Admission::Admitted => return self.reject(Reject::Fenced),
            Admission::Settling | Admission::Fenced => return None,
        }
        let remote_key = key.remote();
        let group = || ticket.group.clone();
        if key.group() != ticket.group || shared.pending.holds(group, &remote_key, self.clock.now()) {
            return None;
        }
        let bytes = envelope(key, cached, start);
        if bytes.len() > shared.policy.max_value_bytes {
            return self.reject(Reject::TooLarge);
        }
        let left = cached.usable_until.saturating_sub(self.ticks());
        (left > 0).then(|| Entry { key: remote_key, bytes, ttl: Duration::from_millis(left) })
    }

    fn reject(&self, reason: Reject) -> Option<Entry> {
        self.metrics.reject(reason);
        None
    }

    /// Gives a lease back after a load that failed.
    pub(crate) async fn give_back(&self, fill: Option<Fill>) {
        let (Some(Fill { ticket, lease: Some(lease) }), Some(shared)) = (fill, &self.shared) else { return };
        if let Err(error) = shared.finish(&ticket, &[], &[lease]).await {
            tracing::debug!(%error, "a lease was not given back");
        }
    }
}

fn envelope<K, V: Value<K>>(key: &K, cached: &Cached<V>, start: Start) -> Bytes {
    let stamp = Stamp {
        loaded_unix_ms: cached.loaded_unix_ms,
        fresh_until_unix_ms: start.unix_ms + cached.fresh_until.saturating_sub(start.ticks),
        load_us: cached.load_us,
        negative: cached.value.is_negative(),
    };
    seal(stamp, &cached.value.encode(key))
}
