//! Pages: what a read of the index becomes, in the form that makes a warm search cheap.
//!
//! Invariant: a places page is complete. A split page may be out of date without harm: its children hold the
//! same places as the cell itself. Pages live long, so no column is allocated longer than it is.

mod bytes;
mod codec;
mod crowd;
mod roots;
mod split;
mod texts;

pub(crate) use crowd::{CrowdBuilder, Run};
pub use crowd::{CrowdPage, RunRead};
pub use roots::{ROOT_RESOLUTION, RootsPage};
pub(crate) use split::ChildCell;
pub use split::SplitPage;

use std::collections::BTreeMap;
use std::mem::size_of;
use std::ops::Range;

use crate::category::CategoryFilter;
use crate::grid::h3::{H3Cell, Leaf};
use crate::point::{Position, UnitVector};
use texts::Texts;

/// A page of the tree: all places keyed below one H3 cell, or a reference to the pages of the cell's children.
///
/// Between processes a page travels as [`Page::encode`] writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// All places keyed below the cell.
    Places(PlacesPage),
    /// Too many places are keyed below the cell for one page: the pages of its children have them.
    Split(SplitPage),
    /// Of a leaf with too many places for one page: the runs that its list of places is read in.
    Crowd(CrowdPage),
    /// Of a base cell: the roots below it that exist.
    Roots(RootsPage),
}

impl Page {
    /// Whether this is a page of no places. A split never is, even if its children turn out to be empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Places(places) if places.is_empty())
    }

    /// Bytes that the page takes in memory: its own size, its columns, and what the allocator adds to those. For caches
    /// that are bounded in bytes.
    ///
    /// ```
    /// use geo_index::{Page, PlacesPage};
    ///
    /// let empty = Page::Places(PlacesPage::new(Vec::new()));
    /// assert_eq!(empty.weight(), size_of::<Page>());
    /// ```
    pub fn weight(&self) -> usize {
        let heap = match self {
            Self::Places(places) => places.heap_bytes(),
            Self::Split(split) => split.heap_bytes(),
            Self::Crowd(crowd) => crowd.heap_bytes(),
            Self::Roots(roots) => roots.heap_bytes(),
        };
        size_of::<Self>() + heap
    }
}

/// What glibc's malloc adds to a block: 8 bytes of header, and 8 on average to fill up 16.
const BLOCK_OVERHEAD_BYTES: usize = 16;

/// Bytes of a heap block for a number of bytes; nothing is allocated for none.
const fn block_bytes(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + BLOCK_OVERHEAD_BYTES }
}

/// Bytes of the heap block of a vector.
fn heap_bytes<T>(vec: &Vec<T>) -> usize {
    block_bytes(vec.capacity() * size_of::<T>())
}

/// A place as the index has it, from which pages are built.
///
/// ```
/// use geo_index::{Leaf, PlacesPage, Position, Row};
///
/// let position = Position::new(48.8606, 2.3376)?;
/// let row = Row {
///     leaf: Leaf::at(position),
///     id: "louvre".into(),
///     position,
///     category: Some("museum".into()),
///     payload: br#"{"name":"Louvre"}"#.to_vec(),
/// };
/// let page = PlacesPage::new(vec![row]);
/// assert_eq!((page.id(0), page.category(0)), ("louvre", Some("museum")));
/// assert_eq!(page.payload(0), br#"{"name":"Louvre"}"#);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The leaf that the place is keyed by: the one at its position.
    pub leaf: Leaf,
    /// The place's id, unique among all places that are searched together.
    pub id: String,
    /// The place's position.
    pub position: Position,
    /// The categories that searches can filter by, with [`CATEGORY_SEPARATOR`](crate::CATEGORY_SEPARATOR) between them;
    /// `None` if the place has none.
    pub category: Option<String>,
    /// What the caller wants back with a hit. Search never looks into it.
    pub payload: Vec<u8>,
}

/// All places keyed below a cell, ordered by leaf and id.
///
/// They are kept in columns: unit vectors for the distance filter, interned categories, and each place's payload as bytes.
/// A place is addressed by its row, from 0 to [`len`](Self::len).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlacesPage {
    units: Vec<UnitVector>,
    positions: Vec<Position>,
    leaves: Vec<Leaf>,
    ids: Texts,
    payloads: Texts,
    /// Index into `categories`, or [`NO_CATEGORY`].
    category: Vec<u32>,
    categories: Vec<String>,
}

const NO_CATEGORY: u32 = u32::MAX;

fn units(positions: &[Position]) -> Vec<UnitVector> {
    positions.iter().map(|position| position.unit()).collect()
}

/// The different names in order of first use, and the number of each row's name among them, or [`NO_CATEGORY`].
///
/// A page of one crowded leaf can have as many names as rows, and callers choose them: so the look-up is by comparison, in
/// O(log n) for any names, rather than by a scan or by a hash that crafted names could defeat.
fn intern<N: Ord + Copy>(rows: impl ExactSizeIterator<Item = Option<N>>) -> (Vec<N>, Vec<u32>) {
    let (mut numbers, mut names) = (BTreeMap::new(), Vec::new());
    let number = |name: Option<N>| {
        name.map_or(NO_CATEGORY, |name| {
            *numbers.entry(name).or_insert_with(|| {
                names.push(name);
                names.len() as u32 - 1
            })
        })
    };
    let column = rows.map(number).collect();
    (names, column)
}

impl PlacesPage {
    /// A page of rows, in whatever order they come.
    ///
    /// # Panics
    ///
    /// If the ids or the payloads of all rows add up to 4 GiB.
    pub fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        let positions: Vec<Position> = rows.iter().map(|row| row.position).collect();
        let (categories, category) = intern(rows.iter().map(|row| row.category.as_deref()));
        Self {
            units: units(&positions),
            positions,
            leaves: rows.iter().map(|row| row.leaf).collect(),
            ids: Texts::new(rows.iter().map(|row| row.id.as_bytes())),
            payloads: Texts::new(rows.iter().map(|row| &row.payload[..])),
            category,
            categories: categories.into_iter().map(str::to_owned).collect(),
        }
    }

    fn heap_bytes(&self) -> usize {
        let Self { units, positions, leaves, ids, payloads, category, categories } = self;
        let names = categories.iter().map(|name| block_bytes(name.capacity())).sum::<usize>();
        heap_bytes(units)
            + heap_bytes(positions)
            + heap_bytes(leaves)
            + ids.heap_bytes()
            + payloads.heap_bytes()
            + heap_bytes(category)
            + heap_bytes(categories)
            + names
    }

    /// Number of places.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether nothing is keyed below the cell.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The id of a place.
    ///
    /// # Panics
    ///
    /// As all accessors of rows: if there is no such row.
    pub fn id(&self, row: usize) -> &str {
        std::str::from_utf8(self.ids.get(row)).expect("ids are texts")
    }

    /// The position of a place.
    pub fn position(&self, row: usize) -> Position {
        self.positions[row]
    }

    /// The leaf of a place.
    pub fn leaf(&self, row: usize) -> Leaf {
        self.leaves[row]
    }

    /// The categories of a place, as its row had them; `None` if it has none.
    pub fn category(&self, row: usize) -> Option<&str> {
        self.categories.get(self.category[row] as usize).map(String::as_str)
    }

    /// The payload of a place.
    pub fn payload(&self, row: usize) -> &[u8] {
        self.payloads.get(row)
    }

    /// The rows of the places keyed below a cell.
    pub(crate) fn rows_below(&self, cell: H3Cell) -> Range<usize> {
        let (first, last) = cell.leaves().into_inner();
        let start = self.leaves.partition_point(|leaf| *leaf < first);
        start..start + self.leaves[start..].partition_point(|leaf| *leaf <= last)
    }

    pub(crate) fn units(&self) -> &[UnitVector] {
        &self.units
    }

    /// Looks each different text of categories up once.
    pub(crate) fn allowed<'a>(&'a self, filter: &CategoryFilter) -> Allowed<'a> {
        let by_number = self.categories.iter().map(|text| filter.allows(Some(text))).collect();
        Allowed { column: &self.category, by_number, without: filter.allows(None) }
    }
}

/// Which rows of a page a filter allows.
pub(crate) struct Allowed<'a> {
    column: &'a [u32],
    by_number: Box<[bool]>,
    /// Rows without a category.
    without: bool,
}

impl Allowed<'_> {
    pub(crate) fn none(&self) -> bool {
        !self.without && self.by_number.iter().all(|allowed| !allowed)
    }

    pub(crate) fn has(&self, row: usize) -> bool {
        self.by_number.get(self.column[row] as usize).copied().unwrap_or(self.without)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::*;

    fn row(id: &str, lat: f64, category: Option<&str>) -> Row {
        let position = Position::new(lat, 7.0).unwrap();
        Row {
            leaf: Leaf::at(position),
            id: id.into(),
            position,
            category: category.map(Into::into),
            payload: format!("<{id}>").into_bytes(),
        }
    }

    #[test]
    fn nothing_is_allocated_in_vain() {
        for count in [0, 1, 5, 100] {
            let rows = (0..count).map(|i| row(&format!("{i}"), 50.0, Some(["a", "bc"][i % 2]))).collect();
            let page = PlacesPage::new(rows);
            let columns = [page.units.capacity(), page.positions.capacity(), page.leaves.capacity()];
            assert_eq!(columns, [count; 3]);
            assert_eq!((page.category.capacity(), page.categories.capacity()), (count, count.min(2)));
        }
    }

    #[test]
    fn a_weight_is_what_the_columns_take() {
        let empty = Page::Places(PlacesPage::default());
        assert!(empty.is_empty());
        let weight = |payload: usize| {
            let rows =
                (0..100).map(|i| Row { payload: vec![b'x'; payload], ..row(&format!("{i:03}"), 50.0, None) });
            let page = Page::Places(PlacesPage::new(rows.collect()));
            assert!(!page.is_empty());
            page.weight()
        };
        // Unit vector, position, leaf, two ends, category, id: and then the payload.
        let row = 24 + 16 + 8 + 2 * 4 + 4 + 3;
        assert!((100 * row..100 * row + 1_000).contains(&weight(0)), "{}", weight(0));
        assert_eq!(weight(150) - weight(50), 100 * 100);
        let cell = Leaf::at(Position::new(1.0, 2.0).unwrap()).ancestor(5).unwrap();
        let split = SplitPage::new(cell).unwrap();
        let page = Page::Split(split.clone());
        assert!(!page.is_empty());
        let before = page.weight();
        // What searches leave there is counted from the beginning: the shapes of 7 children, and of 7 below each.
        let left: usize = split.shapes().iter().map(|child| size_of_val(child.finer())).sum();
        let shapes = size_of_val(split.shapes()) + left;
        assert_eq!(shapes, 56 * size_of::<ChildCell>());
        assert_eq!(before, size_of::<Page>() + shapes + 8 * BLOCK_OVERHEAD_BYTES);
        assert_eq!(Page::Split(split).weight(), before);
    }

    /// A name that counts how often it is compared.
    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Counted<'a>(u32, &'a Cell<u64>);

    impl Ord for Counted<'_> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted<'_> {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    #[test]
    fn different_categories_take_few_comparisons() {
        const ROWS: u32 = 16_384;
        for step in [1, 7_919] {
            let comparisons = Cell::new(0);
            let name = |i: u32| Some(Counted(i * step % ROWS, &comparisons));
            let (names, column) = intern((0..ROWS).map(name));
            assert_eq!(names.len(), ROWS as usize);
            assert!(column.iter().copied().eq(0..ROWS), "names are numbered in order of first use");
            // log₂ of 16,384 is 14, and a node of the tree is searched from one end. Each with each would be 134 million.
            assert!(comparisons.get() < u64::from(ROWS) * 60, "{} comparisons", comparisons.get());
        }
    }

    #[test]
    fn rows_come_back_by_leaf_and_id() {
        let page = PlacesPage::new(vec![
            row("b", 50.0, Some("bar")),
            row("", 50.0, None),
            row("ä", 50.0, Some("café")),
            row("c", 50.0, Some("bar")),
        ]);
        let ids: Vec<_> = (0..page.len()).map(|i| page.id(i)).collect();
        assert_eq!(ids, ["", "b", "c", "ä"]);
        assert_eq!(page.category(0), None);
        assert_eq!(page.category(2), Some("bar"));
        assert_eq!(page.payload(3), "<ä>".as_bytes());
        assert!(page.allowed(&"wine".into()).none());
        let bars = page.allowed(&"bar".into());
        assert_eq!((0..4).map(|row| bars.has(row)).collect::<Vec<_>>(), [false, true, true, false]);
        let others = page.allowed(&"!bar".parse().unwrap());
        assert_eq!((0..4).map(|row| others.has(row)).collect::<Vec<_>>(), [true, false, false, true]);
    }

    #[test]
    fn leaves_are_not_split() {
        let leaf = row("a", 1.0, None).leaf;
        assert!(SplitPage::new(leaf.into()).is_err());
        assert_eq!(SplitPage::new(leaf.ancestor(14).unwrap()).unwrap().children().len(), 7);
    }
}
