//! What can be wrong with a key.

use thiserror::Error;

/// A key, or a part of one, that the grammar of docs/KEYS.md does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Collection name.
    #[error(
        "a collection name has 1 to 64 characters of a-z, 0-9, `-` and `_`, and begins with a letter or digit"
    )]
    Collection,
    /// Id of a place.
    #[error("an id has 1 to 512 bytes of UTF-8 without control characters, and is neither `.` nor `..`")]
    PlaceId,
    /// Category.
    #[error(
        "a category has 1 to 200 bytes of UTF-8 without control characters and without white space around them"
    )]
    Category,
    /// A partition, sort, page or cache key.
    #[error("malformed {what} key")]
    Malformed {
        /// Which kind of key.
        what: &'static str,
    },
}
