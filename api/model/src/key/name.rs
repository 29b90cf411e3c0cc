//! Names of collections and ids of places: the parts of keys that people choose.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::KeyError;

/// Longest id of a place, in bytes: the index's sort key holds it after 16 bytes of leaf, within DynamoDB's
/// 1,024 bytes for a sort key, and page cursors hold it in base64.
pub const MAX_ID_BYTES: usize = 512;

const MAX_COLLECTION_BYTES: usize = 64;

/// Name of a collection: 1 to 64 characters of `a-z`, `0-9`, `-` and `_`, the first a letter or digit.
///
/// ```
/// use cellar_model::Collection;
///
/// assert!("wineries".parse::<Collection>().is_ok());
/// assert!("Wineries#1".parse::<Collection>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Collection(Arc<str>);

impl Collection {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Collection {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = name.as_bytes();
        let valid = bytes.first().is_some_and(|&b| allowed(b))
            && bytes.len() <= MAX_COLLECTION_BYTES
            && bytes.iter().all(|&b| allowed(b) || b == b'-' || b == b'_');
        valid.then(|| Self(name.into())).ok_or(KeyError::Collection)
    }
}

impl Borrow<str> for Collection {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Id of a place within its collection: 1 to 512 bytes of UTF-8 without control characters. `/` and `#` are
/// allowed; `.` and `..` are not, for no URL can carry them.
///
/// ```
/// use cellar_model::PlaceId;
///
/// assert!("château/7#a".parse::<PlaceId>().is_ok());
/// assert!("".parse::<PlaceId>().is_err());
/// assert!("..".parse::<PlaceId>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceId(Box<str>);

impl PlaceId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlaceId {
    type Err = KeyError;

    fn from_str(id: &str) -> Result<Self, KeyError> {
        let valid = (1..=MAX_ID_BYTES).contains(&id.len())
            && !id.chars().any(char::is_control)
            && !matches!(id, "." | "..");
        valid.then(|| Self(id.into())).ok_or(KeyError::PlaceId)
    }
}

impl fmt::Display for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
