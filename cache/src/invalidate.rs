//! Invalidation: in memory at once, then in the remote tier and, over the bus, in all other processes.
//!
//! Invariant: when [`Cache::invalidate`] returns, no later read of this process returns what was loaded before the
//! call, whatever became of the remote tier: a key whose invalidation has not reached it is not looked for there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use rustc_hash::FxHashMap;

use crate::breaker::BreakerState;
use crate::bus::{self, Message};
use crate::envelope::tombstone;
use crate::metrics::Source;
use crate::model::{Key, Loader, Value};
use crate::pending::Grouped;
use crate::remote::RemoteError;
use crate::shared::Shared;
use crate::tiered::{Cache, Inner};
use crate::watch::millis;

/// Groups whose invalidations are under way at a time: each has the write limit for itself.
const GROUPS_AT_ONCE: usize = 16;

/// Keys that are sent again at a time.
const RETRY_KEYS: usize = 2_000;

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Invalidates keys in every tier and process. On an error this process is up to date and goes on trying to
    /// reach the remote tier in the background, if [`run`](Cache::run) runs; who has to be certain calls again.
    pub async fn invalidate(&self, keys: &[K]) -> Result<(), RemoteError> {
        let inner = &self.inner;
        let Some(shared) = &inner.shared else {
            self.invalidate_memory(keys);
            return Ok(());
        };
        let grouped: Vec<_> = keys.iter().map(|key| (key.group(), key.remote())).collect();
        // First this: a read that still asks the remote tier has then begun before the fence in memory moves.
        let mut flying = shared.pending.begin(grouped, inner.clock.now(), inner.policy.longest_life());
        self.invalidate_memory(keys);
        let (through, outcome) = inner.send_invalidations(shared, flying.keys()).await;
        flying.through(&through);
        drop(flying);
        if outcome.is_ok() && shared.pending.has_failed() {
            // It works again: for a process in which nothing runs between requests.
            inner.retry_some(shared).await;
        }
        outcome
    }

    /// The same for who must not wait: while the remote tier is left alone, it is told in the background.
    pub async fn invalidate_soon(&self, keys: &[K]) -> Result<(), RemoteError> {
        let inner = &self.inner;
        match &inner.shared {
            Some(shared) if shared.breaker() == BreakerState::Open => {
                let grouped = keys.iter().map(|key| (key.group(), key.remote())).collect();
                drop(shared.pending.begin(grouped, inner.clock.now(), inner.policy.longest_life()));
                self.invalidate_memory(keys);
                Err(RemoteError::Unavailable("it is left alone for a while".to_owned()))
            }
            _ => self.invalidate(keys).await,
        }
    }

    /// Invalidates keys in this process's memory only.
    pub fn invalidate_memory(&self, keys: &[K]) {
        self.inner.invalidate_memory(keys, Source::Own);
    }

    /// Gives up everything in memory, and all loads that have begun: changes may have been missed.
    pub fn distrust(&self) {
        self.inner.distrust();
    }

    /// Gives up everything that was loaded before a time, in milliseconds since 1970, in every tier. This process
    /// does so at once, and tells it with each beat; others that the bus does not reach go on trusting the remote tier
    /// for as long as its values live, unless they are told otherwise.
    pub fn doubt(&self, before_unix_ms: u64) {
        self.inner.doubt(before_unix_ms);
    }

    /// Tells all processes that the bus reaches that every change that was made until so long ago has been told: they
    /// trust their memory for a while. What this process knows itself it says with [`attend`](Cache::attend).
    pub async fn beat(&self, ago: Duration) -> Result<(), RemoteError> {
        let inner = &self.inner;
        let Some(shared) = &inner.shared else { return Ok(()) };
        if shared.pending.has_failed() {
            return Err(RemoteError::Unavailable("invalidations are pending".to_owned()));
        }
        let at_unix_ms = inner.clock.unix_ms().saturating_sub(millis(ago));
        let doubted_unix_ms = inner.doubted.load(Ordering::Acquire);
        shared
            .publish(|number| {
                bus::encode(inner.origin, number, &Message::Beat { at_unix_ms, doubted_unix_ms })
            })
            .await
    }

    /// Invalidations that have not reached the remote tier.
    pub fn pending(&self) -> usize {
        self.inner.shared.as_ref().map_or(0, |shared| shared.pending.len())
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    pub(crate) fn invalidate_memory(&self, keys: &[K], source: Source) {
        let settles = self.ticks() + millis(self.policy.settle);
        for key in keys {
            self.fence.invalidate(key, settles, || self.memory.remove(key));
        }
        self.metrics.count_invalidated(source, keys.len());
    }

    pub(crate) fn distrust(&self) {
        self.fence.raise(|| self.memory.clear());
        self.metrics.distrusts.inc();
    }

    pub(crate) fn doubt(&self, before_unix_ms: u64) {
        // Nobody's clock makes us doubt what is loaded from now on.
        let before_unix_ms = before_unix_ms.min(self.clock.unix_ms());
        if self.doubted.fetch_max(before_unix_ms, Ordering::AcqRel) < before_unix_ms {
            self.distrust();
        }
    }

    /// Sends again what has failed, until nothing is left or it fails again; tells which.
    pub(crate) async fn retry_pending(&self, shared: &Shared) -> bool {
        while shared.pending.has_failed() {
            if !self.retry_some(shared).await {
                return false;
            }
        }
        true
    }

    /// Sends some of what has failed again; tells whether all of that is through.
    async fn retry_some(&self, shared: &Shared) -> bool {
        let failed = shared.pending.failed(RETRY_KEYS);
        let keys: Vec<_> = failed.iter().map(|(grouped, _)| grouped.clone()).collect();
        let (through, outcome) = self.send_invalidations(shared, &keys).await;
        let mended = failed.iter().filter(|((group, _), _)| through.contains(group));
        shared.pending.mended(mended.map(|((_, key), times)| (key.as_str(), *times)));
        outcome.is_ok()
    }

    /// Sends invalidations; returns the groups for which they are through, told to all, and the first failure.
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
        let (mut through, mut gone, mut outcome) = (Vec::new(), Vec::new(), Ok(()));
        while let Some(sent) = sending.next().await {
            match sent {
                Ok((group, keys)) => {
                    through.push(group);
                    gone.extend(keys);
                }
                Err(error) => outcome = Err(error),
            }
        }
        for message in bus::invalidations(gone.iter().map(String::as_str)) {
            if let Err(error) = shared.publish(|number| bus::encode(self.origin, number, &message)).await {
                return (Vec::new(), Err(error));
            }
        }
        (through, outcome)
    }

    fn tombstone(&self) -> Option<(Bytes, Duration)> {
        let settle = self.policy.settle;
        let now = self.clock.unix_ms();
        (!settle.is_zero()).then(|| (tombstone(now, now + millis(settle)), settle))
    }
}

async fn send_group(
    shared: &Shared,
    group: String,
    keys: Vec<String>,
    tombstone: Option<(Bytes, Duration)>,
) -> Result<(String, Vec<String>), RemoteError> {
    shared.invalidate(&group, &keys, tombstone).await?;
    Ok((group, keys))
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Listens to the bus and sends pending invalidations again, until the last handle on the cache is gone. Without a
    /// remote tier it returns at once.
    pub fn run(&self) -> impl Future<Output = ()> + Send + use<K, V, L> {
        let cache = Arc::downgrade(&self.inner);
        async move {
            futures::join!(bus::listen(cache.clone()), bus::retry(cache));
        }
    }
}
