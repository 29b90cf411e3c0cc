//! Invalidation: in memory at once, then in the remote tier and, over the bus, in all other processes.
//!
//! Invariant: when [`Cache::invalidate`] returns, no later read of this process returns what was loaded before the
//! call, whatever became of the remote tier: a key whose invalidation has not reached it is not looked up there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use rustc_hash::FxHashMap;
use tokio::sync::watch;

use crate::breaker::BreakerState;
use crate::envelope::tombstone;
use crate::inner::Inner;
use crate::message::{self, Message};
use crate::metrics::Source;
use crate::model::{Key, Loader, Value};
use crate::pending::{Grouped, Sending};
use crate::remote::RemoteError;
use crate::shared::Shared;
use crate::tiered::Cache;
use crate::watch::millis;

/// Groups whose invalidations are sent at a time: each has the write limit for itself.
const GROUPS_AT_ONCE: usize = 16;

/// Keys that are sent again at a time.
const RETRY_KEYS: usize = 2_000;

/// Groups with pending invalidations that others are told of by name.
const PENDING_GROUPS: usize = 500;

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Invalidates keys in every tier and process.
    ///
    /// # Errors
    ///
    /// If the remote tier or the bus fails. This process is up to date all the same, and while [`run`](Cache::run) runs it
    /// goes on trying in the background; a caller that has to be certain calls again.
    pub async fn invalidate(&self, keys: &[K]) -> Result<(), RemoteError> {
        let inner = &self.inner;
        let Some(shared) = &inner.shared else {
            inner.invalidate_keys(keys, Source::Own);
            return Ok(());
        };
        // First this: a read that still asks the remote tier has then begun before the fence in memory moves.
        let mut sending = begin_sending(shared, keys);
        inner.invalidate_keys(keys, Source::Own);
        let (delivered, outcome) = inner.send_invalidations(shared, sending.keys()).await;
        sending.delivered(&delivered);
        drop(sending);
        if outcome.is_ok() && shared.pending.has_failed() {
            // It works again: for a process in which nothing runs between requests.
            inner.retry_some(shared).await;
        }
        outcome
    }

    /// The same for a caller that must not wait: while the circuit breaker is open, the remote tier is told in the
    /// background.
    ///
    /// # Errors
    ///
    /// As [`invalidate`](Cache::invalidate), and if the circuit breaker is open.
    pub async fn invalidate_soon(&self, keys: &[K]) -> Result<(), RemoteError> {
        let inner = &self.inner;
        match &inner.shared {
            Some(shared) if shared.breaker() == BreakerState::Open => {
                drop(begin_sending(shared, keys));
                inner.invalidate_keys(keys, Source::Own);
                Err(RemoteError::Unavailable("its circuit breaker is open".to_owned()))
            }
            _ => self.invalidate(keys).await,
        }
    }

    /// Invalidates everything in this process's memory, and all loads in flight: changes may have been missed.
    pub fn invalidate_memory(&self) {
        self.inner.invalidate_memory();
    }

    /// Invalidates everything that was loaded before a time, in milliseconds since 1970, in every tier. This process
    /// does so at once, and tells it with each heartbeat; others that the bus does not reach go on trusting the remote tier
    /// for as long as its values live, unless they are told in another way.
    pub fn invalidate_older_than(&self, unix_ms: u64) {
        self.inner.invalidate_older_than(unix_ms);
    }

    /// Tells all processes that the bus reaches that every change made until `ago` has been told: they trust their
    /// memory for a while. For this process itself there is [`record_heartbeat`](Cache::record_heartbeat).
    ///
    /// # Errors
    ///
    /// If invalidations are pending, or the bus fails.
    pub async fn send_heartbeat(&self, ago: Duration) -> Result<(), RemoteError> {
        let inner = &self.inner;
        let Some(shared) = &inner.shared else { return Ok(()) };
        if shared.pending.has_failed() {
            return Err(RemoteError::Unavailable("invalidations are pending".to_owned()));
        }
        let at_unix_ms = inner.clock.unix_ms().saturating_sub(millis(ago));
        let invalid_before_unix_ms = inner.invalid_before.load(Ordering::Acquire);
        let heartbeat = Message::Heartbeat { at_unix_ms, invalid_before_unix_ms };
        shared.publish(|number| message::encode(inner.origin, number, &heartbeat)).await
    }

    /// The times, in milliseconds since 1970, before which this process has invalidated everything because more
    /// invalidations had failed than it can remember. Processes that start later have to be told in another way.
    pub fn flushed(&self) -> watch::Receiver<u64> {
        self.inner.flushed.subscribe()
    }

    /// How many keys have invalidations that have not reached the remote tier.
    pub fn pending(&self) -> usize {
        self.inner.shared.as_ref().map_or(0, |shared| shared.pending.len())
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    pub(crate) fn invalidate_keys(&self, keys: &[K], source: Source) {
        let settles = self.ticks() + millis(self.policy.settle);
        for key in keys {
            self.fence.invalidate(key, settles, || self.memory.remove(key));
        }
        self.metrics.count_invalidated(source, keys.len());
    }

    pub(crate) fn invalidate_memory(&self) {
        self.fence.raise(|| self.memory.clear());
        self.metrics.memory_invalidations.inc();
    }

    pub(crate) fn invalidate_older_than(&self, unix_ms: u64) {
        // Another process's clock must not invalidate what is loaded from now on.
        let unix_ms = unix_ms.min(self.clock.unix_ms());
        if self.invalid_before.fetch_max(unix_ms, Ordering::AcqRel) < unix_ms {
            self.invalidate_memory();
        }
    }

    /// Sends again what has failed, until nothing is left or it fails again; returns whether nothing is left.
    pub(crate) async fn retry_pending(&self, shared: &Shared) -> bool {
        while shared.pending.has_failed() {
            if !self.retry_some(shared).await {
                return false;
            }
        }
        true
    }

    /// Sends some of what has failed again; returns whether all of that is delivered.
    async fn retry_some(&self, shared: &Shared) -> bool {
        if let Some(overflow) = shared.pending.overflow() {
            return self.flush(shared, overflow).await;
        }
        let failed = shared.pending.failed(RETRY_KEYS);
        let keys: Vec<_> = failed.iter().map(|(grouped, _)| grouped.clone()).collect();
        let (delivered, outcome) = self.send_invalidations(shared, &keys).await;
        let resolved = failed.iter().filter(|((group, _), _)| delivered.contains(group));
        shared.pending.resolve(resolved.map(|((_, key), times)| (key.as_str(), *times)));
        outcome.is_ok()
    }

    /// Invalidates everything in the remote tier, since more invalidations have failed than can be sent one by one:
    /// nobody believes any more what was loaded before now. Returns whether the others know.
    async fn flush(&self, shared: &Shared, overflow: u64) -> bool {
        let now = self.clock.unix_ms();
        self.invalidate_older_than(now);
        // Of a time that is long past: it says what is invalid, and nothing is trusted because of it.
        let message = Message::Heartbeat { at_unix_ms: 0, invalid_before_unix_ms: now };
        let told = shared.publish(|number| message::encode(self.origin, number, &message)).await.is_ok();
        if told {
            shared.pending.flushed(overflow);
            self.metrics.flushes.inc();
            self.flushed.send_replace(now);
            tracing::warn!(
                "too many invalidations had failed: everything in the remote cache is loaded anew"
            );
        }
        told
    }

    /// Sends invalidations; returns the groups for which they are delivered, to all processes, and a failure. Others are told
    /// to forget keys that the remote tier does not let go of, too, and not to believe what it has of their groups.
    async fn send_invalidations(
        &self,
        shared: &Shared,
        keys: &[Grouped],
    ) -> (Vec<String>, Result<(), RemoteError>) {
        let mut groups: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for (group, key) in keys {
            groups.entry(group.clone()).or_default().push(key.clone());
        }
        let tombstone = self.tombstone();
        let mut sending = futures::stream::iter(groups)
            .map(|(group, keys)| send_group(shared, group, keys, tombstone.clone()))
            .buffer_unordered(GROUPS_AT_ONCE);
        let (mut delivered, mut gone, mut outcome) = (Vec::new(), Vec::new(), Ok(()));
        let mut is_there = false;
        while let Some((group, keys, sent)) = sending.next().await {
            is_there |= matches!(sent, Ok(()) | Err(RemoteError::Refused(_)));
            gone.extend(keys);
            match sent {
                Ok(()) => delivered.push(group),
                Err(error) => outcome = Err(error),
            }
        }
        if !is_there {
            return (delivered, outcome);
        }
        let pending = outcome.is_err().then(|| shared.pending.groups(PENDING_GROUPS).unwrap_or_default());
        let pending =
            pending.as_ref().map(|groups| Message::Pending(groups.iter().map(String::as_str).collect()));
        // First what is not to be believed: who forgets a key asks for it again.
        let messages = pending.into_iter().chain(message::invalidations(gone.iter().map(String::as_str)));
        for message in messages {
            let sent = shared.publish(|number| message::encode(self.origin, number, &message)).await;
            if let Err(error) = sent {
                return (Vec::new(), Err(error));
            }
        }
        (delivered, outcome)
    }

    fn tombstone(&self) -> Option<(Bytes, Duration)> {
        let settle = self.policy.settle;
        let now = self.clock.unix_ms();
        (!settle.is_zero()).then(|| (tombstone(now, now + millis(settle)), settle))
    }
}

fn begin_sending<'a, K: Key>(shared: &'a Shared, keys: &[K]) -> Sending<'a> {
    shared.pending.begin(keys.iter().map(|key| (key.group(), key.remote())).collect())
}

async fn send_group(
    shared: &Shared,
    group: String,
    keys: Vec<String>,
    tombstone: Option<(Bytes, Duration)>,
) -> (String, Vec<String>, Result<(), RemoteError>) {
    let sent = shared.invalidate(&group, &keys, tombstone).await;
    (group, keys, sent)
}
