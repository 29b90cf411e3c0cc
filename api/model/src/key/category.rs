//! Categories of places, and the keys of the index that finds places by them.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use geo_index::tree::COARSE_RESOLUTIONS;
use geo_index::{H3Cell, Leaf, MAX_CATEGORY_BYTES};

use super::{Collection, KeyError};

/// Categories that a place may have, at most: each takes an index of its own.
pub const CATEGORIES_PER_PLACE: usize = 4;

/// H3 resolution of shards, the cells that the index by category is partitioned by.
pub const SHARD_RESOLUTION: u8 = *COARSE_RESOLUTIONS.start();

/// A category: 1 to 200 bytes of UTF-8 without control characters and without white space around them.
///
/// ```
/// use cellar_model::Category;
///
/// assert_eq!("wine bar".parse::<Category>()?.as_str(), "wine bar");
/// assert!("".parse::<Category>().is_err() && " bar".parse::<Category>().is_err());
/// assert!("a\nb".parse::<Category>().is_err() && "x".repeat(201).parse::<Category>().is_err());
/// # Ok::<(), cellar_model::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Category(Arc<str>);

impl Category {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Category {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let valid = (1..=MAX_CATEGORY_BYTES).contains(&text.len())
            && !text.chars().any(char::is_control)
            && text.trim() == text;
        valid.then(|| Self(text.into())).ok_or(KeyError::Category)
    }
}

impl Borrow<str> for Category {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in the indexes a place is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placement {
    /// Finest cell that holds it.
    pub leaf: Leaf,
    /// Its categories.
    pub categories: Vec<Category>,
}

impl From<Leaf> for Placement {
    fn from(leaf: Leaf) -> Self {
        Self { leaf, categories: Vec::new() }
    }
}

/// Key of a place's partition in an index by category, `<collection>#<shard>#<category>`. The sort key is that of the index
/// `by_cell`.
///
/// ```
/// use cellar_model::key::CategoryKey;
///
/// let leaf = "8f1fb46625550c3".parse()?;
/// let key = CategoryKey { collection: "wineries".parse()?, shard: CategoryKey::shard_of(leaf), category: "#1 bar".parse()? };
/// assert_eq!(key.to_string(), "wineries#811fbffffffffff##1 bar");
/// assert_eq!(key.to_string().parse(), Ok(key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryKey {
    /// Collection of the place.
    pub collection: Collection,
    /// The shard that it is in.
    pub shard: H3Cell,
    /// One of its categories.
    pub category: Category,
}

impl CategoryKey {
    /// The shard of a leaf.
    pub fn shard_of(leaf: Leaf) -> H3Cell {
        leaf.ancestor(SHARD_RESOLUTION).expect("leaves are finer than shards")
    }
}

impl fmt::Display for CategoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collection, shard, category } = self;
        write!(f, "{collection}#{shard}#{category}")
    }
}

impl FromStr for CategoryKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        const MALFORMED: KeyError = KeyError::Malformed { what: "category" };
        let mut parts = key.splitn(3, '#');
        let mut part = || parts.next().ok_or(MALFORMED);
        let collection = part()?.parse()?;
        let shard: H3Cell = part()?.parse().map_err(|_| MALFORMED)?;
        let category = part()?.parse()?;
        let is_shard = shard.ancestor(SHARD_RESOLUTION) == Some(shard);
        is_shard.then_some(Self { collection, shard, category }).ok_or(MALFORMED)
    }
}
