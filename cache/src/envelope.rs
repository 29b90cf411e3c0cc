//! The envelope: how a value travels through the remote tier.
//!
//! 48 bytes of header, then the value's bytes, compressed if that saves something. All numbers are little-endian.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | `CLRV`, or `CLRT` for a tombstone |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | flags: 1 compressed, 2 negative |
//! | 6 | 2 | zero |
//! | 8 | 8 | when the load began, ms since 1970 |
//! | 16 | 8 | end of its fresh time; of a tombstone: end of the settling time |
//! | 24 | 4 | how long the load took, µs |
//! | 28 | 4 | length of the value's bytes before compression |
//! | 32 | 8 | zero |
//! | 40 | 8 | XXH3 of everything else |
//! | 48 | | the value's bytes (LZ4 block if compressed) |
//!
//! Invariant: what does not open is a miss. Nothing in a foreign or damaged value can make opening panic or
//! allocate more than [`MAX_RAW_BYTES`].

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3Default;

use crate::remote::TOMBSTONE_MAGIC;

const VALUE_MAGIC: [u8; 4] = *b"CLRV";
const VERSION: u8 = 1;
const HEADER: usize = 48;
const COMPRESSED: u8 = 1;
const NEGATIVE: u8 = 2;
/// Shorter values gain nothing from compression, in bytes.
const COMPRESS_FROM: usize = 256;
/// Longer values are not opened, in bytes before compression.
const MAX_RAW_BYTES: usize = 128 << 20;

/// What is known of a value beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When its load began.
    pub(crate) loaded_unix_ms: u64,
    /// End of its fresh time.
    pub(crate) fresh_until_unix_ms: u64,
    /// How long the load took.
    pub(crate) load_us: u32,
    /// Whether it says that there is nothing.
    pub(crate) negative: bool,
}

/// What came out of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// A value.
    Value(Stamp, Vec<u8>),
    /// The key was invalidated recently; what is loaded before this time may be the old value.
    Tombstone {
        /// End of the settling time.
        until_unix_ms: u64,
    },
    /// An envelope of a version that this program does not know, perhaps a later one.
    Foreign,
    /// Bytes that are not an envelope, or a damaged one.
    Damaged,
}

/// Puts a value into an envelope.
pub(crate) fn seal(stamp: Stamp, raw: &[u8]) -> Bytes {
    let compressed = (raw.len() >= COMPRESS_FROM).then(|| lz4_flex::block::compress(raw));
    let (flag, body) = match &compressed {
        Some(small) if small.len() < raw.len() => (COMPRESSED, small.as_slice()),
        _ => (0, raw),
    };
    let flags = flag | if stamp.negative { NEGATIVE } else { 0 };
    write(VALUE_MAGIC, flags, stamp, raw.len() as u32, body)
}

/// An envelope that says that its key was invalidated.
pub(crate) fn tombstone(now_unix_ms: u64, until_unix_ms: u64) -> Bytes {
    let stamp = Stamp {
        loaded_unix_ms: now_unix_ms,
        fresh_until_unix_ms: until_unix_ms,
        load_us: 0,
        negative: false,
    };
    write(TOMBSTONE_MAGIC, 0, stamp, 0, &[])
}

fn write(magic: [u8; 4], flags: u8, stamp: Stamp, raw_len: u32, body: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&[VERSION, flags, 0, 0]);
    bytes.extend_from_slice(&stamp.loaded_unix_ms.to_le_bytes());
    bytes.extend_from_slice(&stamp.fresh_until_unix_ms.to_le_bytes());
    bytes.extend_from_slice(&stamp.load_us.to_le_bytes());
    bytes.extend_from_slice(&raw_len.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    let sum = checksum(&bytes, body);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.into()
}

fn checksum(header: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(header);
    hash.update(body);
    hash.digest()
}

/// Opens an envelope.
pub(crate) fn open(bytes: &[u8]) -> Opened {
    let Some((header, body)) = bytes.split_at_checked(HEADER) else { return Opened::Damaged };
    let tombstone = header[..4] == TOMBSTONE_MAGIC;
    if !tombstone && header[..4] != VALUE_MAGIC {
        return Opened::Damaged;
    }
    if header[4] != VERSION {
        return Opened::Foreign;
    }
    if checksum(&header[..HEADER - 8], body) != number(header, 40) {
        return Opened::Damaged;
    }
    let flags = header[5];
    let stamp = Stamp {
        loaded_unix_ms: number(header, 8),
        fresh_until_unix_ms: number(header, 16),
        load_us: number(header, 24) as u32,
        negative: flags & NEGATIVE != 0,
    };
    if tombstone {
        return Opened::Tombstone { until_unix_ms: stamp.fresh_until_unix_ms };
    }
    let raw_len = (number(header, 24) >> 32) as usize;
    match unpack(flags, raw_len, body) {
        Some(raw) => Opened::Value(stamp, raw),
        None => Opened::Damaged,
    }
}

fn unpack(flags: u8, raw_len: usize, body: &[u8]) -> Option<Vec<u8>> {
    if raw_len > MAX_RAW_BYTES {
        return None;
    }
    let raw = if flags & COMPRESSED == 0 {
        body.to_vec()
    } else {
        lz4_flex::block::decompress(body, raw_len).ok()?
    };
    (raw.len() == raw_len).then_some(raw)
}

/// Eight bytes of the header as a number.
fn number(header: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(header[at..at + 8].try_into().expect("the header has 48 bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> Stamp {
        Stamp { loaded_unix_ms: 1_000, fresh_until_unix_ms: 301_000, load_us: 4_200, negative: true }
    }

    #[test]
    fn what_is_sealed_opens() {
        for raw in [vec![], b"short".to_vec(), vec![7; 100_000]] {
            let sealed = seal(stamp(), &raw);
            assert_eq!(open(&sealed), Opened::Value(stamp(), raw));
        }
        assert!(seal(stamp(), &vec![7; 100_000]).len() < 1_000);
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(5_000).collect();
        assert_eq!(
            seal(stamp(), &noise).len(),
            HEADER + noise.len(),
            "what does not shrink is kept as it is"
        );
    }

    #[test]
    fn a_tombstone_is_told_from_a_value() {
        assert_eq!(open(&tombstone(5, 2_005)), Opened::Tombstone { until_unix_ms: 2_005 });
    }

    #[test]
    fn another_version_is_foreign_whatever_follows() {
        let mut sealed = seal(stamp(), b"value").to_vec();
        sealed[4] = 2;
        assert_eq!(open(&sealed), Opened::Foreign);
    }

    #[test]
    fn a_length_that_lies_is_damage() {
        let mut stamped = seal(stamp(), &vec![7; 1_000]).to_vec();
        stamped[28..32].copy_from_slice(&u32::MAX.to_le_bytes());
        let sum = checksum(&stamped[..40], &stamped[48..]);
        stamped[40..48].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(open(&stamped), Opened::Damaged);
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(raw in proptest::collection::vec(any::<u8>(), 0..600), at: usize, bit in 0..8u8) {
            let mut sealed = seal(stamp(), &raw).to_vec();
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert!(matches!(open(&sealed), Opened::Damaged | Opened::Foreign));
        }

        #[test]
        fn cut_or_foreign_bytes_do_not_open(raw in proptest::collection::vec(any::<u8>(), 0..600), cut: usize) {
            let sealed = seal(stamp(), &raw);
            prop_assert!(matches!(open(&sealed[..cut % sealed.len()]), Opened::Damaged));
            prop_assert!(!matches!(open(&raw), Opened::Value(..)));
        }
    }
}
