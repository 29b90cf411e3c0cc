//! The bus: what processes tell each other at once, over the remote tier's pub/sub.
//!
//! A message is text: the sender, the number of the message among the sender's, and either `beat` or keys, one to a
//! line. A beat says "every change up to now has been sent before this". Nothing is repeated by the bus, so what was
//! missed has to be noticed: a stream that ended, or a gap in a sender's numbers, makes memory untrusted.
//!
//! Invariant: memory counts as attended only while beats come in.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use rustc_hash::FxHashMap;

use crate::memory::Ticks;
use crate::metrics::Source;
use crate::model::{Key, Loader, Value};
use crate::remote::RemoteError;
use crate::tiered::{Cache, Inner};
use crate::watch::millis;

/// Keys in a message, at most.
const MESSAGE_KEYS: usize = 500;

/// Pauses between tries to listen, and between tries to send what is pending.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a subscription may be silent before it is made anew.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

/// How long subscribing may take.
const SUBSCRIBE_LIMIT: Duration = Duration::from_secs(5);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// Every change up to a time has been sent.
    Beat {
        /// That time, in milliseconds since 1970.
        at_unix_ms: u64,
        /// Nothing that was loaded before this time can be trusted; 0 if nothing is wrong.
        doubted_unix_ms: u64,
    },
    /// These keys are invalidated.
    Invalidated(Vec<&'a str>),
}

/// Messages for keys.
pub(crate) fn invalidations<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<Message<'a>> {
    let keys: Vec<_> = keys.collect();
    keys.chunks(MESSAGE_KEYS).map(|chunk| Message::Invalidated(chunk.to_vec())).collect()
}

pub(crate) fn encode(origin: u64, number: u64, message: &Message<'_>) -> Bytes {
    let head = format!("{origin:016x} {number} ");
    match message {
        Message::Beat { at_unix_ms, doubted_unix_ms } => format!("{head}beat {at_unix_ms} {doubted_unix_ms}"),
        Message::Invalidated(keys) => head + "gone\n" + &keys.join("\n"),
    }
    .into()
}

/// Sender, number and message; `None` if it is something else.
fn decode(text: &str) -> Option<(u64, u64, Message<'_>)> {
    let (head, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut words = head.split(' ');
    let origin = u64::from_str_radix(words.next()?, 16).ok()?;
    let number = words.next()?.parse().ok()?;
    let message = match (words.next()?, words.next(), words.next()) {
        ("beat", Some(at), Some(doubted)) if rest.is_empty() && words.next().is_none() => {
            Message::Beat { at_unix_ms: at.parse().ok()?, doubted_unix_ms: doubted.parse().ok()? }
        }
        ("gone", None, None) if !rest.is_empty() => Message::Invalidated(rest.split('\n').collect()),
        _ => return None,
    };
    Some((origin, number, message))
}

/// Listens, again and again, until the cache is gone.
pub(crate) async fn listen<K: Key, V: Value<K>, L: Loader<K, V>>(cache: Weak<Inner<K, V, L>>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(inner) = cache.upgrade() else { return };
        let Some(shared) = &inner.shared else { return };
        let remote = Arc::clone(&shared.remote);
        drop(inner);
        let subscribed = tokio::time::timeout(SUBSCRIBE_LIMIT, remote.subscribe()).await;
        match subscribed.unwrap_or(Err(RemoteError::TimedOut)) {
            Ok(messages) => {
                let Some(inner) = cache.upgrade() else { return };
                // What was sent before this subscription has not been heard.
                inner.distrust();
                drop(inner);
                pause = FIRST_PAUSE;
                if !hear(&cache, messages).await {
                    return;
                }
                tracing::warn!("the invalidation bus is lost");
            }
            Err(error) => tracing::debug!(%error, "no invalidation bus"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What was heard over a subscription.
struct Heard {
    since: Ticks,
    /// Number of each sender's last message.
    last: FxHashMap<u64, u64>,
}

/// Takes messages to their end. False when the cache is gone.
async fn hear<K: Key, V: Value<K>, L: Loader<K, V>>(
    cache: &Weak<Inner<K, V, L>>,
    mut messages: futures::stream::BoxStream<'static, Bytes>,
) -> bool {
    let Some(since) = cache.upgrade().map(|inner| inner.ticks()) else { return false };
    let mut heard = Heard { since, last: FxHashMap::default() };
    // Beats come several times a second: a connection that is silent for long may be one only on our side.
    while let Ok(Some(message)) = tokio::time::timeout(LONGEST_SILENCE, messages.next()).await {
        let Some(inner) = cache.upgrade() else { return false };
        inner.take(&message, &mut heard);
    }
    if let Some(inner) = cache.upgrade() {
        inner.attended_until.store(0, std::sync::atomic::Ordering::Release);
        return true;
    }
    false
}

/// Sends pending invalidations again until the cache is gone.
pub(crate) async fn retry<K: Key, V: Value<K>, L: Loader<K, V>>(cache: Weak<Inner<K, V, L>>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = cache.upgrade() else { return };
        let Some(shared) = &inner.shared else { return };
        let through = inner.retry_pending(shared).await;
        pause = if through { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
    }
}

impl<K: Key, V: Value<K>, L: Loader<K, V>> Inner<K, V, L> {
    /// Does as a message says.
    fn take(self: &Arc<Self>, message: &[u8], heard: &mut Heard) {
        let Some((origin, number, message)) = std::str::from_utf8(message).ok().and_then(decode) else {
            tracing::warn!("the invalidation bus carries something that is not ours");
            return self.distrust();
        };
        if origin == self.origin {
            return;
        }
        let previous = heard.last.insert(origin, number);
        // Who is heard for the first time a while after the subscription may have spoken before, unheard.
        let missed = match previous {
            Some(previous) => number != previous + 1,
            None => number != 1 && self.ticks() > heard.since + millis(self.policy.attention),
        };
        if missed {
            tracing::warn!("messages of the invalidation bus were missed");
            self.distrust();
        }
        match message {
            Message::Beat { at_unix_ms, doubted_unix_ms } => {
                self.doubt(doubted_unix_ms);
                let ago = Duration::from_millis(self.clock.unix_ms().saturating_sub(at_unix_ms));
                Cache { inner: Arc::clone(self) }.attend(ago);
            }
            Message::Invalidated(names) => {
                let keys: Option<Vec<K>> = names.iter().map(|name| K::parse_remote(name)).collect();
                match keys {
                    Some(keys) => self.invalidate_memory(&keys, Source::Bus),
                    None => self.distrust(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let beat = Message::Beat { at_unix_ms: 5, doubted_unix_ms: 0 };
        for message in [beat, Message::Invalidated(vec!["a:{g}:1", "b"])] {
            let bytes = encode(0xfeed, 7, &message);
            assert_eq!(decode(std::str::from_utf8(&bytes).unwrap()), Some((0xfeed, 7, message)));
        }
    }

    #[test]
    fn what_is_no_message_is_not_taken_for_one() {
        for text in [
            "",
            "beat",
            "zz 1 beat",
            "1 x beat",
            "1 1 beat more",
            "1 1 beat 5",
            "1 1 beat 5 x",
            "1 1 gone",
            "1 1 gone\n",
            "1 1 beat\na",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    #[test]
    fn many_keys_make_several_messages() {
        let keys: Vec<_> = (0..1_001).map(|i| i.to_string()).collect();
        let sizes: Vec<_> = invalidations(keys.iter().map(String::as_str))
            .iter()
            .map(|message| match message {
                Message::Invalidated(keys) => keys.len(),
                Message::Beat { .. } => 0,
            })
            .collect();
        assert_eq!(sizes, [500, 500, 1]);
    }
}
