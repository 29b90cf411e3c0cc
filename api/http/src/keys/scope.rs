//! What a key allows: a right, in a collection or in all of them.

use std::fmt;
use std::str::FromStr;

use cellar_model::Collection;
use serde::{Deserialize, Serialize};

/// What may be done with a collection. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Search and read.
    Read,
    /// Create the collection, write and delete its places.
    Write,
    /// Delete the collection.
    Admin,
}

impl Right {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A right in a collection, `write:places`, or in all of them, `read:*`.
///
/// ```
/// use cellar_http::keys::{Right, Scope};
///
/// let scope: Scope = "write:places".parse()?;
/// let places = "places".parse().map_err(|error| format!("{error}"))?;
/// assert!(scope.permits(Right::Read, Some(&places)) && !scope.permits(Right::Admin, Some(&places)));
/// assert!(!scope.permits(Right::Read, None), "that is all collections");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    right: Right,
    collection: Option<Collection>,
}

impl Scope {
    /// A right in a collection; `None` is all of them.
    pub const fn new(right: Right, collection: Option<Collection>) -> Self {
        Self { right, collection }
    }

    /// Whether it allows something in a collection; `None` is what concerns all of them.
    pub fn permits(&self, right: Right, collection: Option<&Collection>) -> bool {
        self.right >= right && (self.collection.is_none() || self.collection.as_ref() == collection)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.right.name(), self.collection.as_ref().map_or("*", Collection::as_str))
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "{text:?} is no scope; a scope is read, write or admin, a colon, and a collection or *: write:places"
            )
        };
        let (right, collection) = text.split_once(':').ok_or_else(error)?;
        let right = Right::ALL.into_iter().find(|known| known.name() == right).ok_or_else(error)?;
        let collection =
            if collection == "*" { None } else { Some(collection.parse().map_err(|_| error())?) };
        Ok(Self { right, collection })
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_includes_those_below_and_a_collection_no_other() {
        let [a, b]: [Collection; 2] = ["a", "b"].map(|name| name.parse().unwrap());
        for (scope, right, collection, permitted) in [
            ("read:*", Right::Read, Some(&a), true),
            ("read:*", Right::Read, None, true),
            ("read:*", Right::Write, Some(&a), false),
            ("write:a", Right::Read, Some(&a), true),
            ("write:a", Right::Write, Some(&b), false),
            ("write:a", Right::Write, None, false),
            ("write:*", Right::Admin, Some(&a), false),
            ("admin:a", Right::Write, Some(&a), true),
        ] {
            let parsed: Scope = scope.parse().unwrap();
            assert_eq!(parsed.to_string(), scope);
            assert_eq!(parsed.permits(right, collection), permitted, "{scope} {right:?} {collection:?}");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for wrong in
            ["", "read", "read:", ":a", "Read:a", "write: a", "write:A", "all:*", "read:a:b", "read:**"]
        {
            let error = wrong.parse::<Scope>().unwrap_err();
            assert!(error.contains("a scope is read, write or admin"), "{error}");
        }
    }
}
