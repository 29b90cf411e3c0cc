//! Keys of pages.

use std::fmt;
use std::str::FromStr;

use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{GridCell, H3Cell, Leaf};

use super::category::{Category, CategoryKey, Placement, SHARD_RESOLUTION};
use super::{Collection, KeyError, partition, root, roots, sort_range};

/// A tree of pages: that of all places of a collection, or that of those of one category.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageTree {
    /// The collection.
    pub collection: Collection,
    /// The category, if it is the tree of one.
    pub category: Option<Category>,
}

impl PageTree {
    /// The tree of a category.
    pub fn of_category(collection: Collection, category: Category) -> Self {
        Self { collection, category: Some(category) }
    }

    /// Resolution of the coarsest cells that have pages in it.
    fn coarsest(&self) -> u8 {
        if self.category.is_some() { SHARD_RESOLUTION } else { ROOT_RESOLUTION }
    }
}

impl From<Collection> for PageTree {
    fn from(collection: Collection) -> Self {
        Self { collection, category: None }
    }
}

impl From<&Collection> for PageTree {
    fn from(collection: &Collection) -> Self {
        collection.clone().into()
    }
}

impl From<&PageTree> for PageTree {
    fn from(tree: &PageTree) -> Self {
        tree.clone()
    }
}

/// A page: all places of a tree keyed below one cell. Trees of collections have pages of the roots' resolution and finer,
/// trees of categories of the shards' and finer. Or, of a base cell (resolution 0), the roots below it that exist: that
/// page belongs to the collection, and the trees of its categories go by it, too.
///
/// Its text, `<collection>/<cell>` or `<collection>/<cell>/<category>`, names it in logs and messages;
/// [`cache_key`](PageKey::cache_key) is its key in Redis.
///
/// ```
/// use cellar_model::PageKey;
///
/// let page: PageKey = "wineries/851fb467fffffff".parse()?;
/// assert_eq!(page.partition(), "wineries#831fb4fffffffff");
/// assert_eq!(page.sort_range(), ("8f1fb4640000000#".into(), "8f1fb4676db6db6$".into()));
/// assert_eq!(page.cache_key(), "page:{wineries#831fb4fffffffff}:851fb467fffffff");
///
/// let page: PageKey = "wineries/851fb467fffffff/wine bar".parse()?;
/// assert_eq!(page.partition(), "wineries#811fbffffffffff#wine bar");
/// assert_eq!(page.sort_range(), ("8f1fb4640000000#".into(), "8f1fb4676db6db6$".into()));
/// assert_eq!(page.cache_key(), "page:{wineries#831fb4fffffffff#wine bar}:851fb467fffffff");
/// # Ok::<(), cellar_model::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageKey {
    tree: PageTree,
    cell: H3Cell,
}

impl PageKey {
    /// The page of a cell; `None` for a cell between the base cells and those that have pages of places. That of a base cell
    /// is the collection's in every tree.
    pub fn new(tree: impl Into<PageTree>, cell: H3Cell) -> Option<Self> {
        let tree = tree.into();
        if cell.level() == H3Cell::COARSEST {
            return Some(Self { tree: tree.collection.into(), cell });
        }
        (cell.level() >= tree.coarsest()).then_some(Self { tree, cell })
    }

    /// The page that lists a root among those that exist.
    pub fn listing(collection: &Collection, root: H3Cell) -> Option<Self> {
        Self::new(collection, root.ancestor(H3Cell::COARSEST)?)
    }

    /// Whether the page lists roots rather than places.
    pub fn lists_roots(&self) -> bool {
        self.cell.level() == H3Cell::COARSEST
    }

    /// The tree that it belongs to.
    pub const fn tree(&self) -> &PageTree {
        &self.tree
    }

    /// Collection of the page.
    pub const fn collection(&self) -> &Collection {
        &self.tree.collection
    }

    /// Cell of the page.
    pub const fn cell(&self) -> H3Cell {
        self.cell
    }

    /// Partition of the index that holds the page whole.
    pub fn partition(&self) -> String {
        match &self.tree.category {
            None if self.lists_roots() => roots::partition(&self.tree.collection),
            None => partition(&self.tree.collection, root(self.cell)),
            Some(category) => CategoryKey {
                collection: self.tree.collection.clone(),
                shard: CategoryKey::shard_of(*self.cell.leaves().start()),
                category: category.clone(),
            }
            .to_string(),
        }
    }

    /// What it shares a fence with in the shared cache: the pages of its tree below the same root; a page of a category
    /// above the roots is a group of its own; the lists of roots are one group.
    pub fn group(&self) -> String {
        if self.lists_roots() {
            return roots::partition(&self.tree.collection);
        }
        let group =
            partition(&self.tree.collection, self.cell.ancestor(ROOT_RESOLUTION).unwrap_or(self.cell));
        match &self.tree.category {
            None => group,
            Some(category) => format!("{group}#{category}"),
        }
    }

    /// First and last sort key of the page, both inclusive.
    pub fn sort_range(&self) -> (String, String) {
        let (first, last) = self.cell.leaves().into_inner();
        sort_range(first, last)
    }

    /// Key in the shared cache. The braces make a Redis cluster keep all pages of a group in one slot, so that
    /// one `MGET` fetches them.
    pub fn cache_key(&self) -> String {
        format!("page:{{{}}}:{}", self.group(), self.cell)
    }

    /// Takes a cache key apart.
    ///
    /// # Errors
    ///
    /// [`KeyError::Malformed`] for any text that [`cache_key`](PageKey::cache_key) does not write.
    pub fn parse_cache_key(key: &str) -> Result<Self, KeyError> {
        const MALFORMED: KeyError = KeyError::Malformed { what: "cache" };
        let rest = key.strip_prefix("page:{").ok_or(MALFORMED)?;
        // A category may hold braces; a cell does not.
        let (group, cell) = rest.rsplit_once("}:").ok_or(MALFORMED)?;
        let (collection, category) = if let Some(collection) = group.strip_prefix(roots::PARTITION) {
            (collection, None)
        } else {
            let mut parts = group.splitn(3, '#');
            (parts.next().unwrap_or_default(), parts.nth(1))
        };
        let collection = collection.parse().map_err(|_| MALFORMED)?;
        let category = category.map(str::parse).transpose().map_err(|_| MALFORMED)?;
        let cell = cell.parse().map_err(|_| MALFORMED)?;
        let page = Self::new(PageTree { collection, category }, cell).ok_or(MALFORMED)?;
        (page.group() == group).then_some(page).ok_or(MALFORMED)
    }

    /// The pages that hold a place: for the collection and for each of its categories, from the coarsest to the finest.
    pub fn holding(collection: &Collection, placement: &Placement) -> impl Iterator<Item = Self> + use<> {
        let Placement { leaf, categories } = placement.clone();
        let of_category = |category| PageTree::of_category(collection.clone(), category);
        let trees: Vec<PageTree> =
            std::iter::once(collection.into()).chain(categories.into_iter().map(of_category)).collect();
        trees.into_iter().flat_map(move |tree| {
            (tree.coarsest()..=Leaf::RESOLUTION)
                .filter_map(move |level| Self::new(tree.clone(), leaf.ancestor(level)?))
        })
    }
}

impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tree.collection, self.cell)?;
        self.tree.category.as_ref().map_or(Ok(()), |category| write!(f, "/{category}"))
    }
}

impl FromStr for PageKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        const MALFORMED: KeyError = KeyError::Malformed { what: "page" };
        let mut parts = text.splitn(3, '/');
        let collection = parts.next().unwrap_or_default().parse()?;
        let cell = parts.next().ok_or(MALFORMED)?.parse().map_err(|_| MALFORMED)?;
        let category = parts.next().map(str::parse).transpose()?;
        let tree = PageTree { collection, category };
        Self::new(tree.clone(), cell).filter(|page| page.tree == tree).ok_or(MALFORMED)
    }
}
