//! Every key of the table, its index and the caches. The grammar, with worked examples, is in docs/KEYS.md.
//!
//! Nothing else builds or takes apart a key. Parsers accept exactly what the builders write.

mod category;
mod error;
mod name;
mod page;

pub use category::{CATEGORIES_PER_PLACE, Category, CategoryKey, Placement, SHARD_RESOLUTION};
pub use error::KeyError;
pub use name::{Collection, MAX_ID_BYTES, PlaceId};
pub use page::{PageKey, PageTree};

use std::fmt;
use std::str::FromStr;

use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{H3Cell, Leaf, Position};

/// Key of a place in the base table, `<collection>#<id>`: the same wherever the place is.
///
/// ```
/// use cellar_model::key::BaseKey;
///
/// let key: BaseKey = "wineries#château/7#a".parse()?;
/// assert_eq!(key.collection.as_str(), "wineries");
/// assert_eq!(key.id.as_str(), "château/7#a");
/// assert_eq!(key.to_string(), "wineries#château/7#a");
/// # Ok::<(), cellar_model::KeyError>(())
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
/// use cellar_model::key::IndexKey;
/// use geo_index::Position;
///
/// let key = IndexKey::new("wineries".parse()?, Position::new(48.8566, 2.3522).unwrap(), "w-1".parse()?);
/// assert_eq!(key.partition(), "wineries#831fb4fffffffff");
/// assert_eq!(key.sort(), "8f1fb46625550c3#w-1");
/// assert_eq!(IndexKey::parse(&key.partition(), &key.sort())?, key);
/// # Ok::<(), cellar_model::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKey {
    /// Collection of the place.
    pub collection: Collection,
    /// Finest cell that holds the place.
    pub leaf: Leaf,
    /// Its id.
    pub id: PlaceId,
}

impl IndexKey {
    /// Keys of a place at a position.
    pub fn new(collection: Collection, position: Position, id: PlaceId) -> Self {
        Self { collection, leaf: Leaf::at(position), id }
    }

    /// `<collection>#<root>`.
    pub fn partition(&self) -> String {
        partition(&self.collection, root(self.leaf.into()))
    }

    /// `<leaf>#<id>`.
    pub fn sort(&self) -> String {
        format!("{}#{}", self.leaf, self.id)
    }

    /// Takes both keys apart and checks that the leaf descends from the root.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] for keys that no place has.
    pub fn parse(partition: &str, sort: &str) -> Result<Self, KeyError> {
        let (collection, root_text) =
            partition.split_once('#').ok_or(KeyError::Malformed { what: "partition" })?;
        let (leaf, id) = parse_sort(sort)?;
        if root(leaf.into()).to_string() != root_text {
            return Err(KeyError::Malformed { what: "partition" });
        }
        Ok(Self { collection: collection.parse()?, leaf, id })
    }
}

/// Leaf and id of a sort key `<leaf>#<id>`.
///
/// # Errors
///
/// A [`KeyError`] for a text that is no such key.
pub fn parse_sort(sort: &str) -> Result<(Leaf, PlaceId), KeyError> {
    const MALFORMED: KeyError = KeyError::Malformed { what: "sort" };
    let (leaf, id) = sort.split_once('#').ok_or(MALFORMED)?;
    Ok((leaf.parse().map_err(|_| MALFORMED)?, id.parse()?))
}

/// First and last sort key, both inclusive, of the places whose leaves lie in a range. `$` follows `#`.
pub fn sort_range(first: Leaf, last: Leaf) -> (String, String) {
    (format!("{first}#"), format!("{last}$"))
}

/// The first sort key that can follow the place of an id in a leaf: no id holds a control character, and every other
/// character comes after them.
pub fn sort_after(leaf: Leaf, id: &str) -> String {
    format!("{leaf}#{id}\u{1}")
}

/// The sort key of an id in a leaf.
pub fn sort_of(leaf: Leaf, id: &str) -> String {
    format!("{leaf}#{id}")
}

/// What CloudFront is told of an answer and asked to forget: one tag for each collection and root.
///
/// ```
/// use cellar_model::key::edge_tag;
///
/// assert_eq!(edge_tag(&"wineries".parse()?, "831fb4fffffffff".parse()?), "wineries:831fb4fffffffff");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn edge_tag(collection: &Collection, root: H3Cell) -> String {
    format!("{collection}:{root}")
}

/// Key of a row of a collection's density map in CloudFront's `KeyValueStore`, which holds the maps of all collections.
///
/// ```
/// use cellar_model::key::density_row_key;
///
/// assert_eq!(density_row_key(&"wineries".parse()?, "u0"), "wineries:u0");
/// # Ok::<(), cellar_model::KeyError>(())
/// ```
pub fn density_row_key(collection: &Collection, geohash: &str) -> String {
    format!("{collection}:{geohash}")
}

/// Key of the base table for what is not a place. It begins with `#`, which no collection name does.
pub mod registry {
    use super::{Category, Collection, KeyError};

    /// Partition of the index that lists the collections, in order of their names.
    pub const PARTITION: &str = "#collections";

    /// Partition, in the index by category, that lists the categories of a collection in order of their texts.
    pub fn categories_partition(collection: &Collection) -> String {
        format!("#categories#{collection}")
    }

    const CATEGORY: &str = "#category#";
    const COUNTS: &str = "#category-counts#";
    const IMPORT: &str = "#import#";
    const EDGE_MAP: &str = "#edge-map#";
    const ANSWER: &str = "#answer#";

    /// Base key of a collection's own item.
    pub fn base_key(collection: &Collection) -> String {
        format!("#collection#{collection}")
    }

    /// Base key of the item that says that a collection has, or had, places of a category.
    pub fn category_key(collection: &Collection, category: &Category) -> String {
        format!("{CATEGORY}{collection}#{category}")
    }

    /// Base key of how many places of a collection each category has.
    pub fn category_counts_key(collection: &Collection) -> String {
        format!("{COUNTS}{collection}")
    }

    /// Base key of an import's checkpoint; without a collection, of a restore of all of them.
    pub fn checkpoint_key(collection: Option<&Collection>, input: &str) -> String {
        format!("{IMPORT}{}#{input}", collection.map_or("", Collection::as_str))
    }

    /// Base key of an import that is kept in the table, by its id. No checkpoint's key is like it: names of files have no `/`.
    ///
    /// ```
    /// use cellar_model::key::registry::{import_cancel_key, import_job_key, import_jobs_key};
    ///
    /// let name = "wineries".parse()?;
    /// assert_eq!(import_job_key(&name, "0f"), "#import#wineries#/job/0f");
    /// assert_eq!(import_cancel_key(&name, "0f"), "#import#wineries#/cancel/0f");
    /// assert_eq!(import_jobs_key(&name), "#import#wineries#/jobs");
    /// # Ok::<(), cellar_model::KeyError>(())
    /// ```
    pub fn import_job_key(collection: &Collection, id: &str) -> String {
        format!("{IMPORT}{collection}#/job/{id}")
    }

    /// Base key of the wish that such an import ends.
    pub fn import_cancel_key(collection: &Collection, id: &str) -> String {
        format!("{IMPORT}{collection}#/cancel/{id}")
    }

    /// Base key of the list of a collection's imports that are kept in the table.
    pub fn import_jobs_key(collection: &Collection) -> String {
        format!("{IMPORT}{collection}#/jobs")
    }

    /// Base key of a collection's density map.
    pub fn edge_map_key(collection: &Collection) -> String {
        format!("{EDGE_MAP}{collection}")
    }

    /// Base key of the instant before which nobody reads a collection for its density map.
    pub fn edge_map_reading_key(collection: &Collection) -> String {
        format!("{IMPORT}{collection}#/edge-map")
    }

    /// Base key of the answer to a batch with an idempotency key, which is part of it as a hash.
    ///
    /// ```
    /// use cellar_model::key::registry::answer_key;
    ///
    /// let key = answer_key(&"wineries".parse()?, "8e03978e-40d5-43dd-bc93-6894a57f9324");
    /// assert!(key.starts_with("#answer#wineries#") && key.len() == "#answer#wineries#".len() + 32);
    /// # Ok::<(), cellar_model::KeyError>(())
    /// ```
    pub fn answer_key(collection: &Collection, idempotency_key: &str) -> String {
        format!("{ANSWER}{collection}#{:032x}", xxhash_rust::xxh3::xxh3_128(idempotency_key.as_bytes()))
    }

    /// What the base keys of a collection's notes begin with, its density map and the counts of its categories aside:
    /// checkpoints, answers and the list of categories.
    pub fn note_prefixes(collection: &Collection) -> [String; 3] {
        [IMPORT, ANSWER, CATEGORY].map(|kind| format!("{kind}{collection}#"))
    }

    /// Whether a base key is of what can be made again: a checkpoint, a density map, the answer to a batch, an entry of
    /// the list of categories, or the registry of roots.
    pub fn is_note(key: &str) -> bool {
        super::roots::is_registry(key)
            || [IMPORT, EDGE_MAP, ANSWER, CATEGORY, COUNTS].iter().any(|prefix| key.starts_with(prefix))
    }

    /// The collection that a base key of [`base_key`] names.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] for a text that is no such key.
    pub fn parse_base_key(key: &str) -> Result<Collection, KeyError> {
        key.strip_prefix("#collection#").ok_or(KeyError::Malformed { what: "collection" })?.parse()
    }
}

/// Keys of the registry of roots (docs/adr/0017): which roots of a collection exist.
///
/// ```
/// use cellar_model::key::roots;
///
/// let (name, root) = ("wineries".parse()?, "831fb4fffffffff".parse()?);
/// assert_eq!(roots::base_key(&name, root), "#root#wineries#831fb4fffffffff");
/// assert_eq!(roots::partition(&name), "#roots#wineries");
/// assert_eq!(roots::parse_base_key("#root#wineries#831fb4fffffffff")?, (name, root));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub mod roots {
    use geo_index::tree::ROOT_RESOLUTION;
    use geo_index::{GridCell, H3Cell};

    use super::{Collection, KeyError};

    /// What the partitions of the index begin with that list the roots of a collection.
    pub(super) const PARTITION: &str = "#roots#";

    const ROOT: &str = "#root#";
    const COMPLETE: &str = "#roots#";

    /// Sort key of the item that says that the list is complete: it comes before every root.
    pub const COMPLETE_SORT: &str = "#complete";

    /// Base key of a root.
    pub fn base_key(collection: &Collection, root: H3Cell) -> String {
        format!("{ROOT}{collection}#{root}")
    }

    /// Base key of the item that says that the list of a collection's roots is complete.
    pub fn complete_key(collection: &Collection) -> String {
        format!("{COMPLETE}{collection}")
    }

    /// Partition of the index that lists the roots of a collection, in ascending order.
    pub fn partition(collection: &Collection) -> String {
        format!("{PARTITION}{collection}")
    }

    /// The collection whose list a base key of [`complete_key`] says to be complete.
    pub fn parse_complete_key(key: &str) -> Option<Collection> {
        key.strip_prefix(COMPLETE)?.parse().ok()
    }

    /// The root that a base key of [`base_key`] names.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] for a text that is no such key.
    pub fn parse_base_key(key: &str) -> Result<(Collection, H3Cell), KeyError> {
        const MALFORMED: KeyError = KeyError::Malformed { what: "root" };
        let (collection, root) =
            key.strip_prefix(ROOT).and_then(|rest| rest.split_once('#')).ok_or(MALFORMED)?;
        let root: H3Cell = root.parse().map_err(|_| MALFORMED)?;
        if root.level() == ROOT_RESOLUTION { Ok((collection.parse()?, root)) } else { Err(MALFORMED) }
    }

    /// Whether a base key belongs to the registry, which is made anew as places are written.
    pub fn is_registry(key: &str) -> bool {
        key.starts_with(ROOT) || key.starts_with(COMPLETE)
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
    use geo_index::GridCell;
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
            "page:{#roots#wineries}:831fb4fffffffff",
            "page:{#roots#}:801ffffffffffff",
            "page:{wineries#831fb4fffffffff}:801ffffffffffff",
            "page:{#roots#wineries}:811fbffffffffff",
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

            let page = PageKey::new(&collection, key.leaf.ancestor(level).unwrap()).unwrap();
            prop_assert_eq!(&page.to_string().parse::<PageKey>().unwrap(), &page);
            prop_assert_eq!(&PageKey::parse_cache_key(&page.cache_key()).unwrap(), &page);
            prop_assert_eq!(page.partition(), key.partition());
            let (first, last) = page.sort_range();
            prop_assert!(first <= key.sort() && key.sort() <= last);
        }

        #[test]
        fn keys_of_categories_round_trip(
            lat in -90.0..=90.0, lon in -180.0..=180.0, category in "[^\\p{Cc}]{1,40}", level in 1..=15u8,
        ) {
            let Ok(category) = category.parse::<Category>() else { return Ok(()) };
            let collection: Collection = "places".parse().unwrap();
            let leaf = Leaf::at(Position::new(lat, lon).unwrap());
            let shard = CategoryKey::shard_of(leaf);
            let key = CategoryKey { collection: collection.clone(), shard, category: category.clone() };
            prop_assert_eq!(&key.to_string().parse::<CategoryKey>().unwrap(), &key);

            let tree = PageTree::of_category(collection, category);
            let page = PageKey::new(tree, leaf.ancestor(level).unwrap()).unwrap();
            prop_assert_eq!(&page.to_string().parse::<PageKey>().unwrap(), &page);
            prop_assert_eq!(&PageKey::parse_cache_key(&page.cache_key()).unwrap(), &page);
            prop_assert_eq!(page.partition(), key.to_string());
            let group = format!("{{{}}}", page.group());
            prop_assert!(page.cache_key().contains(&group));
        }

        #[test]
        fn siblings_do_not_share_keys(lat in -90.0..=90.0, lon in -180.0..=180.0, level in 3..15u8) {
            let parent = H3Cell::at(Position::new(lat, lon).unwrap(), level).unwrap();
            let mut behind = parent.leaves().start().index();
            for child in parent.children() {
                let leaves = child.leaves();
                prop_assert!(behind <= leaves.start().index() && leaves.end() <= parent.leaves().end());
                behind = leaves.end().index() + 1;
            }
        }
    }

    #[test]
    fn a_base_cell_has_a_page_of_the_roots_below_it() {
        let root: H3Cell = "831fb4fffffffff".parse().unwrap();
        let page = PageKey::listing(&"wineries".parse().unwrap(), root).unwrap();
        assert_eq!(page.cache_key(), "page:{#roots#wineries}:801ffffffffffff");
        assert_eq!(PageKey::parse_cache_key(&page.cache_key()), Ok(page.clone()));
        assert!(page.lists_roots());
        for level in 1..ROOT_RESOLUTION {
            assert!(PageKey::new(page.collection().clone(), root.ancestor(level).unwrap()).is_none());
        }
        for key in [
            "#root#wineries",
            "#root#wineries#821fb7fffffffff",
            "#roots#wineries",
            "wineries#831fb4fffffffff",
        ] {
            assert!(roots::parse_base_key(key).is_err(), "{key}");
        }
        assert!(roots::COMPLETE_SORT < root.to_string().as_str(), "it is found first");
    }

    #[test]
    fn a_sort_key_follows_an_id_and_nothing_else_does_before() {
        let leaf = Leaf::at(Position::new(1.0, 2.0).unwrap());
        let after = sort_after(leaf, "a");
        assert!(sort_of(leaf, "a") < after && after < sort_of(leaf, "a "));
        assert!(after < sort_of(leaf, "aa") && after < sort_of(leaf, "b"));
    }

    #[test]
    fn a_place_is_in_thirteen_pages() {
        let collection: Collection = "places".parse().unwrap();
        let leaf = Leaf::at(Position::new(1.0, 2.0).unwrap());
        let pages: Vec<_> = PageKey::holding(&collection, &leaf.into()).collect();
        assert_eq!(pages.len(), 13);
        assert!(pages.iter().all(|page| page.cell().covers(leaf)));
    }

    #[test]
    fn and_in_fifteen_for_each_category() {
        let collection: Collection = "places".parse().unwrap();
        let leaf = Leaf::at(Position::new(1.0, 2.0).unwrap());
        let categories: Vec<Category> = ["bar", "cafe"].map(|text| text.parse().unwrap()).into();
        let pages: Vec<_> = PageKey::holding(&collection, &Placement { leaf, categories }).collect();
        assert_eq!(pages.len(), 13 + 2 * 15);
        assert!(pages.iter().all(|page| page.cell().covers(leaf)));
        let of = |text: &str| pages.iter().filter(|page| page.to_string().ends_with(text)).count();
        assert_eq!((of("/bar"), of("/cafe")), (15, 15));
    }
}
