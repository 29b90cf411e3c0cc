//! Every key of the table, its index and the caches. The grammar, with worked examples, is in docs/KEYS.md.
//!
//! Nothing else builds or takes apart a key. Parsers accept exactly what the builders write.

mod name;
mod page;

pub use name::{Collection, MAX_ID_BYTES, PlaceId};
pub use page::PageKey;

use std::fmt;
use std::str::FromStr;

use crate::error::KeyError;
use crate::grid::{GridCell, h3::H3Cell};
use crate::point::Position;

/// H3 resolution of roots, the cells that partition the index. On cities.csv (docs/BENCHMARKS.md), resolution 2
/// takes more of both: 1.6 Queries and 4.2 read units already within 100 m; resolution 4 takes 1.3 times the
/// Queries of 3 within 10 km, at 0.7 times the units.
pub const ROOT_RESOLUTION: u8 = 3;

/// Key of a place in the base table, `<collection>#<id>`: the same wherever the place is.
///
/// ```
/// use geo_index::key::BaseKey;
///
/// let key: BaseKey = "wineries#château/7#a".parse()?;
/// assert_eq!(key.collection.as_str(), "wineries");
/// assert_eq!(key.id.as_str(), "château/7#a");
/// assert_eq!(key.to_string(), "wineries#château/7#a");
/// # Ok::<(), geo_index::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseKey {
    /// Collection of the place.
    pub collection: Collection,
    /// Its id.
    pub id: PlaceId,
}

/// What the base keys of all places of a collection begin with, and no others do.
pub fn base_prefix(collection: &Collection) -> String {
    format!("{collection}#")
}

impl fmt::Display for BaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.collection, self.id)
    }
}

impl FromStr for BaseKey {
    type Err = KeyError;

    fn from_str(key: &str) -> Result<Self, KeyError> {
        let (collection, id) = key.split_once('#').ok_or(KeyError::Malformed { what: "base" })?;
        Ok(Self { collection: collection.parse()?, id: id.parse()? })
    }
}

/// Keys of a place in the index `by_cell`: partition `<collection>#<root>`, sort `<leaf>#<id>`.
///
/// ```
/// use geo_index::{Position, key::IndexKey};
///
/// let key = IndexKey::new("wineries".parse()?, Position::new(48.8566, 2.3522).unwrap(), "w-1".parse()?);
/// assert_eq!(key.partition(), "wineries#831fb4fffffffff");
/// assert_eq!(key.sort(), "8f1fb46625550c3#w-1");
/// assert_eq!(IndexKey::parse(&key.partition(), &key.sort())?, key);
/// # Ok::<(), geo_index::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKey {
    /// Collection of the place.
    pub collection: Collection,
    /// H3 cell of resolution 15 that holds the place.
    pub leaf: H3Cell,
    /// Its id.
    pub id: PlaceId,
}

impl IndexKey {
    /// Keys of a place at a position.
    pub fn new(collection: Collection, position: Position, id: PlaceId) -> Self {
        Self { collection, leaf: H3Cell::leaf(position), id }
    }

    /// `<collection>#<root>`.
    pub fn partition(&self) -> String {
        partition(&self.collection, root(self.leaf))
    }

    /// `<leaf>#<id>`.
    pub fn sort(&self) -> String {
        format!("{}#{}", self.leaf, self.id)
    }

    /// Takes both keys apart and checks that the leaf descends from the root.
    pub fn parse(partition: &str, sort: &str) -> Result<Self, KeyError> {
        let (collection, root_text) =
            partition.split_once('#').ok_or(KeyError::Malformed { what: "partition" })?;
        let (leaf, id) = parse_sort(sort)?;
        if root(leaf).to_string() != root_text {
            return Err(KeyError::Malformed { what: "partition" });
        }
        Ok(Self { collection: collection.parse()?, leaf, id })
    }
}

/// Leaf and id of a sort key `<leaf>#<id>`.
pub fn parse_sort(sort: &str) -> Result<(H3Cell, PlaceId), KeyError> {
    const MALFORMED: KeyError = KeyError::Malformed { what: "sort" };
    let (leaf, id) = sort.split_once('#').ok_or(MALFORMED)?;
    let leaf: H3Cell = leaf.parse().map_err(|_| MALFORMED)?;
    if leaf.level() != H3Cell::LEAF {
        return Err(MALFORMED);
    }
    Ok((leaf, id.parse()?))
}

/// First and last sort key, both inclusive, of the places whose leaves lie in a range. `$` follows `#`.
pub fn sort_range(first_leaf: u64, last_leaf: u64) -> (String, String) {
    (format!("{first_leaf:015x}#"), format!("{last_leaf:015x}$"))
}

/// What CloudFront is told of an answer and asked to forget: one tag for each collection and root.
///
/// ```
/// use geo_index::key::edge_tag;
///
/// assert_eq!(edge_tag(&"wineries".parse()?, "831fb4fffffffff".parse()?), "wineries:831fb4fffffffff");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn edge_tag(collection: &Collection, root: H3Cell) -> String {
    format!("{collection}:{root}")
}

/// Key of the base table for what is not a place. It begins with `#`, which no collection name does.
pub mod registry {
    use super::{Collection, KeyError};

    /// Partition of the index that lists the collections, in order of their names.
    pub const PARTITION: &str = "#collections";

    const IMPORT: &str = "#import#";
    const EDGE_MAP: &str = "#edge-map#";

    /// Base key of a collection's own item.
    pub fn base_key(collection: &Collection) -> String {
        format!("#collection#{collection}")
    }

    /// Base key of an import's checkpoint; without a collection, of a restore of all of them.
    pub fn checkpoint_key(collection: Option<&Collection>, input: &str) -> String {
        format!("{IMPORT}{}#{input}", collection.map_or("", Collection::as_str))
    }

    /// Base key of a collection's density map.
    pub fn edge_map_key(collection: &Collection) -> String {
        format!("{EDGE_MAP}{collection}")
    }

    /// Whether a base key is of a note, which can be made again: a checkpoint or a density map.
    pub fn is_note(key: &str) -> bool {
        [IMPORT, EDGE_MAP].iter().any(|prefix| key.starts_with(prefix))
    }

    /// The collection that a base key of [`base_key`] names.
    pub fn parse_base_key(key: &str) -> Result<Collection, KeyError> {
        key.strip_prefix("#collection#").ok_or(KeyError::Malformed { what: "collection" })?.parse()
    }
}

/// The root of a cell no coarser than roots are.
fn root(cell: H3Cell) -> H3Cell {
    cell.ancestor(ROOT_RESOLUTION).expect("leaves and pages are no coarser than roots")
}

fn partition(collection: &Collection, root: H3Cell) -> String {
    format!("{collection}#{root}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_ids_have_bounds() {
        let long = "x".repeat(65);
        for bad in ["", "-a", "_a", "A", "a b", "a#b", "a/b", "é", &long] {
            assert_eq!(bad.parse::<Collection>(), Err(KeyError::Collection), "{bad}");
        }
        let kilobyte = "x".repeat(1024);
        for bad in ["", ".", "..", "a\nb", "\u{7f}", &kilobyte] {
            assert_eq!(bad.parse::<PlaceId>(), Err(KeyError::PlaceId), "{bad}");
        }
        assert!("x".repeat(512).parse::<PlaceId>().is_ok());
    }

    #[test]
    fn malformed_keys_are_refused() {
        assert!("wineries".parse::<BaseKey>().is_err());
        assert!("wineries#".parse::<BaseKey>().is_err());
        assert!("#collection#wineries".parse::<BaseKey>().is_err());
        for sort in
            ["8f1fb46625550c3", "8f1fb46625550c3#", "8F1FB466259DB81#a", "831fb4fffffffff#a", "#a", "x#a"]
        {
            assert!(parse_sort(sort).is_err(), "{sort}");
        }
        // Another root than the leaf's.
        assert!(IndexKey::parse("wineries#831fb0fffffffff", "8f1fb46625550c3#a").is_err());
        for page in [
            "wineries/821fb7fffffffff",
            "wineries/831FB4FFFFFFFFF",
            "wineries#831fb4fffffffff",
            "/831fb4fffffffff",
        ] {
            assert!(page.parse::<PageKey>().is_err(), "{page}");
        }
        for key in [
            "page:{wineries#831fb0fffffffff}:851fb467fffffff",
            "cellar:2:page:{wineries#831fb4fffffffff}:851fb467fffffff",
            "page:{wineries#831fb4fffffffff}",
        ] {
            assert!(PageKey::parse_cache_key(key).is_err(), "{key}");
        }
    }

    proptest! {
        #[test]
        fn keys_round_trip(lat in -90.0..=90.0, lon in -180.0..=180.0, id in "[^\\p{Cc}]{1,40}", level in 3..=15u8) {
            prop_assume!(id != "." && id != "..");
            let collection: Collection = "places".parse().unwrap();
            let id: PlaceId = id.parse().unwrap();
            let position = Position::new(lat, lon).unwrap();

            let base = BaseKey { collection: collection.clone(), id: id.clone() };
            prop_assert_eq!(base.to_string().parse::<BaseKey>().unwrap(), base);
            let key = IndexKey::new(collection.clone(), position, id);
            prop_assert_eq!(&IndexKey::parse(&key.partition(), &key.sort()).unwrap(), &key);

            let page = PageKey::new(collection, key.leaf.ancestor(level).unwrap()).unwrap();
            prop_assert_eq!(&page.to_string().parse::<PageKey>().unwrap(), &page);
            prop_assert_eq!(&PageKey::parse_cache_key(&page.cache_key()).unwrap(), &page);
            prop_assert_eq!(page.partition(), key.partition());
            let (first, last) = page.sort_range();
            prop_assert!(first <= key.sort() && key.sort() <= last);
        }

        #[test]
        fn siblings_do_not_share_keys(lat in -90.0..=90.0, lon in -180.0..=180.0, level in 3..15u8) {
            let parent = H3Cell::at(Position::new(lat, lon).unwrap(), level).unwrap();
            let mut last = *parent.leaf_range().start();
            for child in parent.children() {
                let range = child.leaf_range();
                prop_assert!(last <= *range.start() && range.end() <= parent.leaf_range().end());
                last = *range.end() + 1;
            }
        }
    }

    #[test]
    fn a_place_is_in_thirteen_pages() {
        let collection: Collection = "places".parse().unwrap();
        let leaf = H3Cell::leaf(Position::new(1.0, 2.0).unwrap());
        let pages: Vec<_> = PageKey::holding(&collection, leaf).collect();
        assert_eq!(pages.len(), 13);
        assert!(pages.iter().all(|page| page.cell().covers(leaf)));
    }
}
