//! Parsers that are private, for fuzz targets.

use crate::{envelope, message};

/// A value of the remote tier.
pub fn envelope(data: &[u8]) {
    let _ = envelope::open(data);
}

/// A message of the bus: refused, or read as the same when it is written again.
pub fn message(data: &[u8]) {
    if let Some((origin, number, message)) = message::decode(data) {
        let again = message::encode(origin, number, &message);
        assert_eq!(message::decode(&again), Some((origin, number, message)));
    }
}
