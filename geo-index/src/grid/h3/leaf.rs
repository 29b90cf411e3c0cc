//! Leaves: the H3 cells of the finest resolution, one of which every place is keyed by.

use std::fmt;
use std::str::FromStr;

use super::H3Cell;
use crate::error::CellError;
use crate::grid::GridCell;
use crate::point::Position;

/// An H3 cell of resolution 15, some 1 m wide: the finest cell that holds a place, and what the place is keyed by.
///
/// Leaves are ordered, and those below any coarser cell follow each other: [`H3Cell::leaves`] is their range.
///
/// ```
/// use geo_index::{H3Cell, Leaf, Position};
///
/// let leaf = Leaf::at(Position::new(48.8566, 2.3522)?);
/// let cell = leaf.ancestor(5).unwrap();
/// assert_eq!(leaf.to_string(), "8f1fb46625550c3");
/// assert_eq!(cell.to_string(), "851fb467fffffff");
/// assert!(cell.leaves().contains(&leaf));
/// // Only cells of the finest resolution are leaves.
/// assert!(Leaf::try_from(cell).is_err());
/// assert_eq!(Leaf::try_from(H3Cell::from(leaf)), Ok(leaf));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Leaf(H3Cell);

impl Leaf {
    /// The H3 resolution of leaves.
    pub const RESOLUTION: u8 = 15;

    /// The leaf that contains a position.
    pub fn at(position: Position) -> Self {
        Self(H3Cell::finest(position))
    }

    /// The leaf with a given H3 index.
    ///
    /// # Errors
    ///
    /// [`CellError::H3`] if the number is no H3 cell index, [`CellError::NotALeaf`] if it is that of a coarser cell.
    pub fn from_index(index: u64) -> Result<Self, CellError> {
        H3Cell::from_index(index)?.try_into()
    }

    /// The H3 index.
    pub fn index(self) -> u64 {
        self.0.index()
    }

    /// The ancestor at a resolution from 0 to 15 (at 15, the leaf itself as a cell); `None` for any other.
    pub fn ancestor(self, resolution: u8) -> Option<H3Cell> {
        self.0.ancestor(resolution)
    }

    /// For the ends of a cell's range, which are leaves by construction.
    pub(super) const fn from_valid(cell: H3Cell) -> Self {
        Self(cell)
    }
}

impl From<Leaf> for H3Cell {
    fn from(leaf: Leaf) -> Self {
        leaf.0
    }
}

impl TryFrom<H3Cell> for Leaf {
    type Error = CellError;

    /// Fails with [`CellError::NotALeaf`] for a cell of a coarser resolution.
    fn try_from(cell: H3Cell) -> Result<Self, CellError> {
        let resolution = cell.level();
        if resolution == Self::RESOLUTION { Ok(Self(cell)) } else { Err(CellError::NotALeaf { resolution }) }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Leaf {
    type Err = CellError;

    /// Accepts exactly what [`Display`](fmt::Display) writes: 15 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, CellError> {
        text.parse::<H3Cell>()?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_finest_cells_are_leaves() {
        let leaf = Leaf::at(Position::new(48.8566, 2.3522).unwrap());
        assert_eq!(Leaf::from_index(leaf.index()), Ok(leaf));
        assert_eq!(leaf.to_string().parse(), Ok(leaf));
        for resolution in 0..Leaf::RESOLUTION {
            let cell = leaf.ancestor(resolution).unwrap();
            assert_eq!(Leaf::from_index(cell.index()), Err(CellError::NotALeaf { resolution }));
            assert_eq!(cell.to_string().parse::<Leaf>(), Err(CellError::NotALeaf { resolution }));
        }
        assert_eq!(Leaf::from_index(17), Err(CellError::H3));
    }

    /// Cells of every resolution, pentagons included: the ends of their ranges are their first and last descendants.
    #[test]
    fn ranges_end_at_leaves() {
        let anywhere = [(48.8566, 2.3522), (64.7, 10.5), (-90.0, 0.0), (0.0, 180.0)];
        let anywhere = anywhere.map(|(lat, lon)| Leaf::at(Position::new(lat, lon).unwrap()));
        for resolution in 0..=Leaf::RESOLUTION {
            let pentagons = h3o::Resolution::try_from(resolution).unwrap().pentagons().map(H3Cell);
            for cell in pentagons.chain(anywhere.map(|leaf| leaf.ancestor(resolution).unwrap())) {
                let end = |last: bool| {
                    let mut at = cell;
                    while let [first, .., final_child] = at.children()[..] {
                        at = if last { final_child } else { first };
                    }
                    Leaf::try_from(at).unwrap()
                };
                assert_eq!(cell.leaves(), end(false)..=end(true), "{cell}");
                for leaf in [cell.leaves().start(), cell.leaves().end()] {
                    assert_eq!(Leaf::from_index(leaf.index()), Ok(*leaf));
                }
            }
        }
    }
}
