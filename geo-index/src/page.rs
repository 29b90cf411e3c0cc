//! Pages: what a read of the index becomes, in the form that makes a warm search cheap.
//!
//! A [`PlacesPage`] holds all places keyed below a cell in columns: unit vectors for the distance filter,
//! interned categories, and each place's payload as ready-made bytes that search never looks into. A
//! [`SplitPage`] says only "too many places here, look at my children" and brings their shapes with it.
//!
//! Invariant: a places page is complete. A split page may be out of date without harm: its children hold the
//! same places as the cell itself.

use std::ops::Range;

use crate::error::CellError;
use crate::grid::{Cap, GridCell, h3::H3Cell};
use crate::point::{Position, UnitVector};

/// A page of the tree.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "pages live behind an Arc, and most of them hold places")]
pub enum Page {
    /// Everything keyed below the cell.
    Places(PlacesPage),
    /// Too much is keyed below the cell for one page.
    Split(SplitPage),
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
    units: Units,
    positions: Vec<Position>,
    leaves: Vec<u64>,
    ids: Texts,
    payloads: Texts,
    /// Index into `categories`, or [`NO_CATEGORY`].
    category: Vec<u32>,
    categories: Vec<String>,
}

/// Unit vectors by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    pub(crate) z: Vec<f64>,
}

const NO_CATEGORY: u32 = u32::MAX;

impl PlacesPage {
    /// A page of these rows, whatever their order.
    pub fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        let mut page = Self::default();
        for row in &rows {
            page.push(row);
        }
        page
    }

    fn push(&mut self, row: &Row) {
        let unit = row.position.unit();
        self.units.x.push(unit.x);
        self.units.y.push(unit.y);
        self.units.z.push(unit.z);
        self.positions.push(row.position);
        self.leaves.push(row.leaf.index());
        self.ids.push(row.id.as_bytes());
        self.payloads.push(&row.payload);
        let category = row.category.as_ref().map_or(NO_CATEGORY, |name| self.intern(name));
        self.category.push(category);
    }

    fn intern(&mut self, name: &str) -> u32 {
        let known = self.category_index(name);
        known.unwrap_or_else(|| {
            self.categories.push(name.to_owned());
            self.categories.len() as u32 - 1
        })
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
        std::str::from_utf8(self.ids.get(row)).expect("ids are pushed as texts")
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

    pub(crate) const fn units(&self) -> &Units {
        &self.units
    }

    pub(crate) fn category_index(&self, name: &str) -> Option<u32> {
        self.categories.iter().position(|known| known == name).map(|index| index as u32)
    }

    pub(crate) fn category_indexes(&self) -> &[u32] {
        &self.category
    }
}

/// Byte strings of many rows in one buffer.
#[derive(Clone, Debug, Default, PartialEq)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).expect("a page holds far less than 4 GiB"));
    }

    fn get(&self, row: usize) -> &[u8] {
        &self.bytes[self.range(row)]
    }

    fn range(&self, row: usize) -> Range<usize> {
        let start = row.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        start as usize..self.ends[row] as usize
    }
}

/// A cell whose places are found in its children's pages.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitPage {
    children: Box<[ChildCell]>,
    estimate: f64,
    area: f64,
}

/// A child of a split cell and the cap around everything keyed below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChildCell {
    /// The child.
    pub cell: H3Cell,
    /// Its shape.
    pub cap: Cap,
}

impl ChildCell {
    /// A cell with its shape.
    pub fn new(cell: H3Cell) -> Self {
        Self { cell, cap: Cap::of(cell) }
    }

    /// A lower bound of the angle from a point to anything keyed below the cell, in radians.
    pub(crate) fn min_angle(&self, from: UnitVector) -> f64 {
        self.cap.min_angle(from)
    }
}

impl SplitPage {
    /// The split of a cell; leaves cannot be split.
    pub fn new(cell: H3Cell) -> Result<Self, CellError> {
        let children = cell.children();
        if children.is_empty() {
            let (level, max) = (cell.level() + 1, H3Cell::FINEST);
            return Err(CellError::Level { grid: "H3", level, min: H3Cell::COARSEST, max });
        }
        // A hexagon's area is 3√3/2 of its squared circumradius; on the unit sphere, in steradians.
        let circumradius = crate::distance::angle(cell.circumradius());
        let area = 2.598 * circumradius * circumradius;
        Ok(Self { children: children.into_iter().map(ChildCell::new).collect(), estimate: 0.0, area })
    }

    /// Notes about how many places are keyed below the cell: a hint for how much to fetch at once.
    #[must_use]
    pub fn with_estimate(self, places: f64) -> Self {
        Self { estimate: places, ..self }
    }

    /// About how many places are keyed below the cell; 0 when nothing is known.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// Estimated places per steradian.
    pub(crate) fn density(&self) -> f64 {
        self.estimate / self.area
    }

    /// The children, in ascending order of their leaves.
    pub fn children(&self) -> &[ChildCell] {
        &self.children
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
