//! The bus: processes tell each other of invalidations at once, over the remote tier's pub/sub.
//!
//! A heartbeat says "every change up to now has been sent before this". The bus repeats nothing, so a lost message has
//! to be noticed: a stream that ended, or a gap in a sender's numbers, invalidates everything in memory.
//!
//! Invariant: memory counts as trusted only while heartbeats arrive.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use rustc_hash::FxHashMap;

use crate::backoff::Backoff;
use crate::inner::Inner;
use crate::message::{Message, decode};
use crate::metrics::Source;
use crate::model::{Key, Loader, Value};
use crate::remote::RemoteError;
use crate::tiered::Cache;
use crate::watch::{Ticks, millis};

/// Pauses between attempts to listen, and between attempts to send what is pending.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };
/// How often to check whether something is pending, while nothing fails.
const CHECK_PAUSE: Duration = Duration::from_millis(50);
/// How long a subscription may be silent before it is made anew.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);
/// How long subscribing may take.
const SUBSCRIBE_LIMIT: Duration = Duration::from_secs(5);

impl<K: Key, V: Value<K>, L: Loader<K, V>> Cache<K, V, L> {
    /// Listens to the bus, sends pending invalidations again, and tries whether a remote tier that was left alone works
    /// again, until the last handle on the cache is gone. Without a remote tier it returns at once.
    pub fn run(&self) -> impl Future<Output = ()> + Send + use<K, V, L> {
        let cache = Arc::downgrade(&self.inner);
        async move {
            futures::join!(listen(cache.clone()), retry(cache));
        }
    }
}

/// Listens, again and again, until the cache is gone.
async fn listen<K: Key, V: Value<K>, L: Loader<K, V>>(cache: Weak<Inner<K, V, L>>) {
    let mut failures = 0;
    loop {
        let Some(inner) = cache.upgrade() else { return };
        let Some(shared) = &inner.shared else { return };
        let remote = Arc::clone(&shared.remote);
        drop(inner);
        let subscribed = tokio::time::timeout(SUBSCRIBE_LIMIT, remote.subscribe()).await;
        let subscribed = subscribed.unwrap_or(Err(RemoteError::TimedOut));
        let Some(inner) = cache.upgrade() else { return };
        inner.shared.iter().for_each(|shared| shared.report_subscription(&subscribed));
        match subscribed {
            Ok(messages) => {
                // What was sent before this subscription has not been heard.
                inner.invalidate_memory();
                drop(inner);
                failures = 0;
                if !hear(&cache, messages).await {
                    return;
                }
                tracing::warn!("the invalidation bus is lost");
            }
            Err(error) => {
                drop(inner);
                tracing::debug!(%error, "no invalidation bus");
            }
        }
        failures += 1;
        tokio::time::sleep(BACKOFF.after(failures)).await;
    }
}

/// What was heard over a subscription.
struct Heard {
    since: Ticks,
    /// Number of each sender's last message.
    last: FxHashMap<u64, u64>,
}

/// Takes messages until they end. False when the cache is gone.
async fn hear<K: Key, V: Value<K>, L: Loader<K, V>>(
    cache: &Weak<Inner<K, V, L>>,
    mut messages: BoxStream<'static, Bytes>,
) -> bool {
    let Some(since) = cache.upgrade().map(|inner| inner.ticks()) else { return false };
    let mut heard = Heard { since, last: FxHashMap::default() };
    // Heartbeats come several times a second: a connection that is silent for long may exist on our side only.
    while let Ok(Some(message)) = tokio::time::timeout(LONGEST_SILENCE, messages.next()).await {
        let Some(inner) = cache.upgrade() else { return false };
        inner.receive(&message, &mut heard);
    }
    let inner = cache.upgrade();
    inner.inspect(|inner| inner.forget_heartbeats()).is_some()
}

/// Sends pending invalidations again, and tries a remote tier that is left alone, until the cache is gone.
async fn retry<K: Key, V: Value<K>, L: Loader<K, V>>(cache: Weak<Inner<K, V, L>>) {
    let mut failures = 0;
    loop {
        tokio::time::sleep(if failures == 0 { CHECK_PAUSE } else { BACKOFF.after(failures + 1) }).await;
        let Some(inner) = cache.upgrade() else { return };
        let Some(shared) = &inner.shared else { return };
        failures = if inner.retry_pending(shared).await { 0 } else { failures.saturating_add(1) };
        shared.probe().await;
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Does what a message says.
    fn receive(&self, message: &[u8], heard: &mut Heard) {
        let Some((origin, number, message)) = decode(message) else {
            tracing::warn!("the invalidation bus carries a message of unknown form");
            return self.invalidate_memory();
        };
        if origin == self.origin {
            return;
        }
        let previous = heard.last.insert(origin, number);
        // A sender that is first heard a while after the subscription may have sent something before, unheard.
        let missed = match previous {
            Some(previous) => number != previous + 1,
            None => number != 1 && self.ticks() > heard.since + millis(self.policy.heartbeat_timeout),
        };
        if missed {
            tracing::warn!("messages of the invalidation bus were missed");
            self.invalidate_memory();
        }
        match message {
            Message::Heartbeat { at_unix_ms, invalid_before_unix_ms } => {
                self.invalidate_older_than(invalid_before_unix_ms);
                self.record_heartbeat(Duration::from_millis(self.clock.unix_ms().saturating_sub(at_unix_ms)));
            }
            Message::Pending(groups) => {
                let news =
                    self.shared.as_ref().is_some_and(|shared| shared.pending.hear(&groups, self.clock.now()));
                if news {
                    // Something outdated may have come from the remote tier before this was heard.
                    self.invalidate_memory();
                }
            }
            Message::Invalidated(names) => {
                let keys: Option<Vec<K>> = names.iter().map(|name| K::parse_remote(name)).collect();
                match keys {
                    Some(keys) => self.invalidate_keys(&keys, Source::Bus),
                    None => self.invalidate_memory(),
                }
            }
        }
    }
}
