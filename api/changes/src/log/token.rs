//! How far somebody has read, as an opaque text.
//!
//! A token holds a position for each shard that has not been read to its end, in some 20 bytes each. Shards are told by
//! hashes of their ids; the list of shards has the ids. Invariant: whoever reads on from a token misses nothing, or is
//! told so.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use super::sequence::{MAX_DIGITS, Sequence};

/// The first byte of every token.
const VERSION: u8 = 1;

/// Shards of a token, at most: with more of them it would not fit into a URL.
pub const MAX_SHARDS: usize = 256;

/// Bytes of the text of a token, at most.
pub const MAX_BYTES: usize = 12_000;

/// A shard, by a hash of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey(u64);

/// Bytes of a [`ShardKey`]: two of a few hundred shards are the same once in a hundred million lists.
const KEY_BYTES: usize = 6;

impl ShardKey {
    /// Of a shard's id.
    pub fn of(id: &str) -> Self {
        Self(xxh3_64(id.as_bytes()) >> 16)
    }
}

/// How far a shard has been read. Later positions are greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// Not at all.
    Beginning,
    /// Up to and with a record.
    After(Sequence),
    /// All of it: it is closed.
    Ended,
}

/// Positions of the shards of a stream. What is not there has been read to its end, or is new.
pub type Positions = BTreeMap<ShardKey, Position>;

/// How far a stream has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// A hash of the stream's name: a table that is made anew has another stream.
    pub(super) stream: u64,
    /// When it was made, in milliseconds since 1970.
    pub(super) made_ms: u64,
    /// Records that were created before this are of no concern, in milliseconds since 1970.
    pub(super) floor_ms: u64,
    /// How far each shard has been read.
    pub(super) positions: Positions,
}

/// A text that is no token of this version, or is damaged.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("malformed token")]
pub struct MalformedToken;

/// A stream with more shards than a token can hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the table's stream has {0} shards; at most {MAX_SHARDS} can be followed")]
pub struct TooManyShards(pub usize);

impl Token {
    /// The text.
    ///
    /// # Errors
    ///
    /// [`TooManyShards`] if it would be too long.
    pub fn encode(&self) -> Result<String, TooManyShards> {
        let count =
            u16::try_from(self.positions.len()).ok().filter(|&count| usize::from(count) <= MAX_SHARDS);
        let count = count.ok_or(TooManyShards(self.positions.len()))?;
        let mut bytes = vec![VERSION];
        for number in [self.stream, self.made_ms, self.floor_ms] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(count.to_be_bytes());
        for (ShardKey(key), position) in &self.positions {
            bytes.extend(&key.to_be_bytes()[8 - KEY_BYTES..]);
            put(&mut bytes, position);
        }
        bytes.extend(checksum(&bytes));
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// [`MalformedToken`] for anything that [`encode`](Self::encode) has not made.
    pub fn decode(text: &str) -> Result<Self, MalformedToken> {
        Self::read(text).ok_or(MalformedToken)
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = (text.len() <= MAX_BYTES).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        let (bytes, sum) = bytes.split_last_chunk()?;
        if *sum != checksum(bytes) {
            return None;
        }
        let (&[version], rest) = bytes.split_first_chunk()?;
        if version != VERSION {
            return None;
        }
        let (stream, rest) = rest.split_first_chunk()?;
        let (made_ms, rest) = rest.split_first_chunk()?;
        let (floor_ms, rest) = rest.split_first_chunk()?;
        let (count, mut rest) = rest.split_first_chunk()?;
        let mut positions = Positions::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (key, after) = rest.split_first_chunk::<KEY_BYTES>()?;
            let key = key.iter().fold(0, |key, &byte| key << 8 | u64::from(byte));
            let position;
            (position, rest) = take(after)?;
            positions.insert(ShardKey(key), position);
        }
        rest.is_empty().then(|| Self {
            stream: u64::from_be_bytes(*stream),
            made_ms: u64::from_be_bytes(*made_ms),
            floor_ms: u64::from_be_bytes(*floor_ms),
            positions,
        })
    }
}

/// Of a position that is the end.
const ENDED: u8 = u8::MAX;

/// One byte that says what follows, which for a number is how many digits there are; then two digits in each byte.
fn put(bytes: &mut Vec<u8>, position: &Position) {
    match position {
        Position::Beginning => bytes.push(0),
        Position::Ended => bytes.push(ENDED),
        Position::After(number) => {
            let digits = number.as_str().as_bytes();
            bytes.push(digits.len() as u8);
            let nibble = |digit: Option<&u8>| digit.map_or(0, |digit| digit - b'0');
            bytes.extend(digits.chunks(2).map(|two| nibble(two.first()) << 4 | nibble(two.get(1))));
        }
    }
}

fn take(bytes: &[u8]) -> Option<(Position, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    match usize::from(tag) {
        0 => Some((Position::Beginning, rest)),
        _ if tag == ENDED => Some((Position::Ended, rest)),
        digits @ 1..=MAX_DIGITS => {
            let (packed, rest) = rest.split_at_checked(digits.div_ceil(2))?;
            let both = |byte: &u8| [byte >> 4, byte & 15];
            let text: String =
                packed.iter().flat_map(both).take(digits).map(|digit| char::from(b'0' + digit)).collect();
            Some((Position::After(text.parse().ok()?), rest))
        }
        _ => None,
    }
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    (xxh3_64(bytes) as u32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        prop_oneof![
            Just(Position::Beginning),
            Just(Position::Ended),
            "[0-9]{1,40}".prop_map(|digits| Position::After(digits.parse().unwrap())),
        ]
    }

    fn token() -> impl Strategy<Value = Token> {
        let positions = proptest::collection::btree_map("[a-z]{1,20}", position(), 0..20);
        (any::<u64>(), any::<u64>(), any::<u64>(), positions).prop_map(
            |(stream, made_ms, floor_ms, positions)| {
                let keyed = positions.into_iter().map(|(id, position)| (ShardKey::of(&id), position));
                Token { stream, made_ms, floor_ms, positions: keyed.collect() }
            },
        )
    }

    #[test]
    fn a_token_has_a_bounded_length() {
        let full = |count: usize| Token {
            stream: 1,
            made_ms: 2,
            floor_ms: 3,
            positions: (0..count)
                .map(|i| (ShardKey::of(&i.to_string()), Position::After("9".repeat(40).parse().unwrap())))
                .collect(),
        };
        assert!(full(MAX_SHARDS).encode().unwrap().len() <= MAX_BYTES);
        assert_eq!(full(MAX_SHARDS + 1).encode(), Err(TooManyShards(MAX_SHARDS + 1)));
    }

    proptest! {
        #[test]
        fn tokens_are_read_as_they_were(token in token()) {
            prop_assert_eq!(Token::decode(&token.encode().unwrap()), Ok(token));
        }

        #[test]
        fn a_token_that_was_altered_is_refused(token in token(), at: prop::sample::Index, with in "[A-Za-z0-9_-]") {
            let text = token.encode().unwrap();
            let at = at.index(text.len());
            let mut altered = text.clone();
            altered.replace_range(at..=at, &with);
            prop_assert!(altered == text || Token::decode(&altered).is_err());
            prop_assert!(Token::decode(&text[..at]).is_err());
        }

        #[test]
        fn anything_else_is_refused(text in any::<String>()) {
            prop_assert!(Token::decode(&text).is_err());
        }
    }
}
