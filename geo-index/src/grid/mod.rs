//! Hierarchical grids: the sphere cut into cells, each with children one level finer.

pub(crate) mod geohash;
pub(crate) mod h3;

use std::fmt::{Debug, Display};
use std::hash::Hash;

use crate::cap::Cap;
use crate::error::CellError;
use crate::point::Position;
use crate::units::Meters;

/// Keeps other crates from adding grids: what holds of the two is proven or tested for each.
pub trait Sealed {}

/// A cell of a hierarchical grid.
///
/// Everything *keyed below* a cell (every position whose finest cell descends from it) lies within
/// [`reach`](GridCell::reach) of its [`centre`](GridCell::centre). In H3 that is more than the cell's own outline, because
/// H3 children do not lie inside their parents.
///
/// The trait is sealed: [`H3Cell`](crate::H3Cell) and [`GeohashCell`](crate::GeohashCell) are its only implementors.
///
/// ```
/// use geo_index::{GridCell, Position};
///
/// /// The coarsest cell around a position that fits into a circle of 1 km.
/// fn neighbourhood<C: GridCell>(position: Position) -> C {
///     let mut cells = (C::COARSEST..=C::FINEST).filter_map(|level| C::at(position, level).ok());
///     cells.find(|cell| cell.circumradius().get() <= 1_000.0).unwrap()
/// }
///
/// let paris = Position::new(48.8566, 2.3522)?;
/// assert_eq!(neighbourhood::<geo_index::GeohashCell>(paris).level(), 6);
/// assert_eq!(neighbourhood::<geo_index::H3Cell>(paris).level(), 8);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub trait GridCell: Sealed + Copy + Debug + Display + Eq + Hash + Ord {
    /// Coarsest level of the grid.
    const COARSEST: u8;
    /// Finest level of the grid.
    const FINEST: u8;

    /// All cells of the coarsest level, in ascending order: 122 of H3, 32 geohashes.
    fn coarsest() -> Vec<Self>;

    /// The cell of a level that contains a position.
    ///
    /// # Errors
    ///
    /// [`CellError::Level`] for a level that the grid does not have.
    fn at(position: Position, level: u8) -> Result<Self, CellError>;

    /// Level of this cell: H3 resolution or geohash precision.
    fn level(self) -> u8;

    /// The cell's centre.
    fn centre(self) -> Position;

    /// Distance from the centre to the farthest point of the cell's outline.
    fn circumradius(self) -> Meters;

    /// A distance from the centre within which everything lies that is keyed below this cell.
    fn reach(self) -> Meters;

    /// A lower bound of the distance from `position` to everything keyed below this cell.
    fn min_distance(self, position: Position) -> Meters;

    /// The cell one level coarser; `None` at the coarsest.
    fn parent(self) -> Option<Self>;

    /// The cells one level finer, in ascending order; empty at the finest.
    fn children(self) -> Vec<Self>;
}

/// The cap around everything keyed below a cell.
pub(crate) fn cap<C: GridCell>(cell: C) -> Cap {
    Cap::new(cell.centre(), cell.reach())
}
