//! Keys of pages.

use std::fmt;
use std::str::FromStr;

use super::{Collection, ROOT_RESOLUTION, partition, root, sort_range};
use crate::error::KeyError;
use crate::grid::{GridCell, h3::H3Cell};

/// A page: all places of a collection keyed below one cell, of the roots' resolution or finer.
///
/// Its text, `<collection>/<cell>`, names it in logs and messages; [`cache_key`](PageKey::cache_key) is its key in Redis.
///
/// ```
/// use geo_index::PageKey;
///
/// let page: PageKey = "wineries/851fb467fffffff".parse()?;
/// assert_eq!(page.partition(), "wineries#831fb4fffffffff");
/// assert_eq!(page.sort_range(), ("8f1fb4640000000#".into(), "8f1fb4676db6db6$".into()));
/// assert_eq!(page.cache_key(), "page:{wineries#831fb4fffffffff}:851fb467fffffff");
/// # Ok::<(), geo_index::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageKey {
    collection: Collection,
    cell: H3Cell,
}

impl PageKey {
    /// The page of a cell; `None` for a cell coarser than the roots.
    pub fn new(collection: Collection, cell: H3Cell) -> Option<Self> {
        (cell.level() >= ROOT_RESOLUTION).then_some(Self { collection, cell })
    }

    /// Collection of the page.
    pub const fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Cell of the page.
    pub const fn cell(&self) -> H3Cell {
        self.cell
    }

    /// Partition of the index that holds the page whole.
    pub fn partition(&self) -> String {
        partition(&self.collection, root(self.cell))
    }

    /// First and last sort key of the page, both inclusive.
    pub fn sort_range(&self) -> (String, String) {
        let range = self.cell.leaf_range();
        sort_range(*range.start(), *range.end())
    }

    /// Key in the shared cache. The braces make a Redis cluster keep all pages of a root in one slot, so that
    /// one `MGET` fetches them.
    pub fn cache_key(&self) -> String {
        format!("page:{{{}}}:{}", self.partition(), self.cell)
    }

    /// Takes a cache key apart.
    pub fn parse_cache_key(key: &str) -> Result<Self, KeyError> {
        const MALFORMED: KeyError = KeyError::Malformed { what: "cache" };
        let rest = key.strip_prefix("page:{").ok_or(MALFORMED)?;
        let (partition, cell) = rest.split_once("}:").ok_or(MALFORMED)?;
        let (collection, _) = partition.split_once('#').ok_or(MALFORMED)?;
        let page: Self = format!("{collection}/{cell}").parse().map_err(|_| MALFORMED)?;
        (page.partition() == partition).then_some(page).ok_or(MALFORMED)
    }

    /// The pages that hold a leaf, from its root to the finest.
    pub fn holding(collection: &Collection, leaf: H3Cell) -> impl Iterator<Item = Self> + use<> {
        let collection = collection.clone();
        (ROOT_RESOLUTION..=leaf.level())
            .filter_map(move |level| Self::new(collection.clone(), leaf.ancestor(level)?))
    }
}

impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.cell)
    }
}

impl FromStr for PageKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        const MALFORMED: KeyError = KeyError::Malformed { what: "page" };
        let (collection, cell) = text.split_once('/').ok_or(MALFORMED)?;
        let cell = cell.parse().map_err(|_| MALFORMED)?;
        Self::new(collection.parse()?, cell).ok_or(MALFORMED)
    }
}
