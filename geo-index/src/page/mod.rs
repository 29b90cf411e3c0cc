//! Pages: what a read of the index becomes, in the form that makes a warm search cheap.
//!
//! A [`PlacesPage`] holds all places keyed below a cell in columns: unit vectors for the distance filter,
//! interned categories, and each place's payload as ready-made bytes that search never looks into. A
//! [`SplitPage`] says only "too many places here, look at my children" and brings their shapes with it.
//!
//! Between processes a page travels as [`Page::encode`] writes it.
//!
//! Invariant: a places page is complete. A split page may be out of date without harm: its children hold the
//! same places as the cell itself. And pages live long: every column is allocated exactly as long as it is.

mod bytes;
mod codec;
mod split;
mod texts;

pub use split::{ChildCell, SplitPage};

use std::mem::size_of;

use crate::grid::h3::H3Cell;
use crate::point::{Position, UnitVector};
use texts::Texts;

/// A page of the tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    /// Everything keyed below the cell.
    Places(PlacesPage),
    /// Too much is keyed below the cell for one page.
    Split(SplitPage),
}

impl Page {
    /// Whether it says that nothing is keyed below the cell.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Places(places) if places.is_empty())
    }

    /// Bytes that the page takes in memory: its own, its columns', and what the allocator adds to those.
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
        };
        size_of::<Self>() + heap
    }
}

/// What glibc's malloc adds to a block: 8 bytes of header, and 8 on average to fill up 16.
const BLOCK_OVERHEAD_BYTES: usize = 16;

/// A heap block of a length.
const fn block_bytes(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + BLOCK_OVERHEAD_BYTES }
}

/// The heap block of a vector.
fn heap_bytes<T>(vec: &Vec<T>) -> usize {
    block_bytes(vec.capacity() * size_of::<T>())
}

/// A place on its way into a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Cell of resolution 15 that holds the place.
    pub leaf: H3Cell,
    /// Id of the place.
    pub id: String,
    /// Its position.
    pub position: Position,
    /// Its category, if it has one.
    pub category: Option<String>,
    /// Whatever the caller wants back with a hit.
    pub payload: Vec<u8>,
}

/// The places keyed below a cell, by leaf and id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlacesPage {
    units: Vec<UnitVector>,
    positions: Vec<Position>,
    leaves: Vec<u64>,
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

impl PlacesPage {
    /// A page of these rows, whatever their order.
    pub fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        let positions: Vec<Position> = rows.iter().map(|row| row.position).collect();
        let mut page = Self {
            units: units(&positions),
            positions,
            leaves: rows.iter().map(|row| row.leaf.index()).collect(),
            ids: Texts::new(rows.iter().map(|row| row.id.as_bytes())),
            payloads: Texts::new(rows.iter().map(|row| &row.payload[..])),
            category: Vec::with_capacity(rows.len()),
            categories: Vec::new(),
        };
        for row in &rows {
            let category = row.category.as_ref().map_or(NO_CATEGORY, |name| page.intern(name));
            page.category.push(category);
        }
        page.categories.shrink_to_fit();
        page
    }

    fn intern(&mut self, name: &str) -> u32 {
        let known = self.category_index(name);
        known.unwrap_or_else(|| {
            self.categories.push(name.to_owned());
            self.categories.len() as u32 - 1
        })
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

    /// Id of a place.
    pub fn id(&self, row: usize) -> &str {
        std::str::from_utf8(self.ids.get(row)).expect("ids are texts")
    }

    /// Position of a place.
    pub fn position(&self, row: usize) -> Position {
        self.positions[row]
    }

    /// Leaf of a place.
    pub fn leaf(&self, row: usize) -> u64 {
        self.leaves[row]
    }

    /// Category of a place.
    pub fn category(&self, row: usize) -> Option<&str> {
        self.categories.get(self.category[row] as usize).map(String::as_str)
    }

    /// Payload of a place.
    pub fn payload(&self, row: usize) -> &[u8] {
        self.payloads.get(row)
    }

    pub(crate) fn units(&self) -> &[UnitVector] {
        &self.units
    }

    pub(crate) fn category_index(&self, name: &str) -> Option<u32> {
        self.categories.iter().position(|known| known == name).map(|index| index as u32)
    }

    pub(crate) fn category_indexes(&self) -> &[u32] {
        &self.category
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, lat: f64, category: Option<&str>) -> Row {
        let position = Position::new(lat, 7.0).unwrap();
        Row {
            leaf: H3Cell::leaf(position),
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
        let cell = H3Cell::leaf(Position::new(1.0, 2.0).unwrap()).ancestor(5).unwrap();
        let split = SplitPage::new(cell).unwrap();
        let page = Page::Split(split.clone());
        assert!(!page.is_empty());
        let before = page.weight();
        // What searches leave there is counted from the beginning: the shapes of 7 children, and of 7 below each.
        let left: usize = split.children().iter().map(|child| size_of_val(child.finer())).sum();
        let shapes = size_of_val(split.children()) + left;
        assert_eq!(shapes, 56 * size_of::<ChildCell>());
        assert_eq!(before, size_of::<Page>() + shapes + 8 * BLOCK_OVERHEAD_BYTES);
        assert_eq!(Page::Split(split).weight(), before);
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
        assert_eq!(page.category_index("wine"), None);
    }

    #[test]
    fn leaves_are_not_split() {
        let leaf = row("a", 1.0, None).leaf;
        assert!(SplitPage::new(leaf).is_err());
        assert_eq!(SplitPage::new(leaf.ancestor(14).unwrap()).unwrap().children().len(), 7);
    }
}
