//! What processes tell each other over the bus.
//!
//! A message is text: the sender, the number of the message among the sender's, and `beat` (a heartbeat), `gone` and keys,
//! one to a line, or `pending` and groups, one to a line.

use bytes::Bytes;

/// Keys in a message, at most.
const MESSAGE_KEYS: usize = 500;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// Every change up to a time has been sent.
    Heartbeat {
        /// That time, in milliseconds since 1970.
        at_unix_ms: u64,
        /// Nothing that was loaded before this time is valid; 0 if nothing is wrong.
        invalid_before_unix_ms: u64,
    },
    /// These keys are invalidated.
    Invalidated(Vec<&'a str>),
    /// Invalidations of these groups have not reached the remote tier: what it has of them is not to be believed for a
    /// while. Of all groups, if there are none here.
    Pending(Vec<&'a str>),
}

/// Messages that invalidate keys.
pub(crate) fn invalidations<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<Message<'a>> {
    let keys: Vec<_> = keys.collect();
    keys.chunks(MESSAGE_KEYS).map(|chunk| Message::Invalidated(chunk.to_vec())).collect()
}

pub(crate) fn encode(origin: u64, number: u64, message: &Message<'_>) -> Bytes {
    let head = format!("{origin:016x} {number} ");
    match message {
        Message::Heartbeat { at_unix_ms, invalid_before_unix_ms } => {
            format!("{head}beat {at_unix_ms} {invalid_before_unix_ms}")
        }
        Message::Invalidated(keys) => head + "gone\n" + &keys.join("\n"),
        Message::Pending(groups) if groups.is_empty() => head + "pending",
        Message::Pending(groups) => head + "pending\n" + &groups.join("\n"),
    }
    .into()
}

/// Sender, number and message; `None` if it is something else.
pub(crate) fn decode(text: &[u8]) -> Option<(u64, u64, Message<'_>)> {
    let text = std::str::from_utf8(text).ok()?;
    let (head, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut words = head.split(' ');
    let origin = u64::from_str_radix(words.next()?, 16).ok()?;
    let number = words.next()?.parse().ok()?;
    let message = match (words.next()?, words.next(), words.next()) {
        ("beat", Some(at), Some(before)) if rest.is_empty() && words.next().is_none() => {
            Message::Heartbeat { at_unix_ms: at.parse().ok()?, invalid_before_unix_ms: before.parse().ok()? }
        }
        ("gone", None, None) if !rest.is_empty() => Message::Invalidated(rest.split('\n').collect()),
        ("pending", None, None) if rest.is_empty() => Message::Pending(Vec::new()),
        ("pending", None, None) => Message::Pending(rest.split('\n').collect()),
        _ => return None,
    };
    Some((origin, number, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let heartbeat = Message::Heartbeat { at_unix_ms: 5, invalid_before_unix_ms: 0 };
        let (some, all) = (Message::Pending(vec!["g", "h"]), Message::Pending(vec![]));
        for message in [heartbeat, Message::Invalidated(vec!["a:{g}:1", "b"]), some, all] {
            let bytes = encode(0xfeed, 7, &message);
            assert_eq!(decode(&bytes), Some((0xfeed, 7, message)));
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
            "1 1 pending more",
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn many_keys_make_several_messages() {
        let keys: Vec<_> = (0..1_001).map(|i| i.to_string()).collect();
        let sizes: Vec<_> = invalidations(keys.iter().map(String::as_str))
            .iter()
            .map(|message| match message {
                Message::Invalidated(keys) => keys.len(),
                Message::Heartbeat { .. } | Message::Pending(_) => 0,
            })
            .collect();
        assert_eq!(sizes, [500, 500, 1]);
    }
}
