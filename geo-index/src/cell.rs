//! Cells of either grid under one name: what a URL, a command line or a density map can hold.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::CellError;
use crate::grid::{GridCell, geohash::GeohashCell, h3::H3Cell};
use crate::point::Position;
use crate::units::Meters;

/// The grids that Cellar knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grid {
    /// Geohash, precision 1 to 12.
    Geohash,
    /// H3, resolution 0 to 15.
    H3,
}

/// A cell of one of the grids, written `gh:<geohash>` or `h3:<index>`.
///
/// ```
/// use geo_index::{Cell, Grid, Position};
///
/// let here = Position::new(48.8566, 2.3522)?;
/// assert_eq!(Cell::at(Grid::Geohash, here, 5)?.to_string(), "gh:u09tv");
/// assert_eq!(Cell::at(Grid::H3, here, 7)?.to_string(), "h3:871fb4662ffffff");
/// assert!("u09tv".parse::<Cell>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cell {
    /// A geohash.
    Geohash(GeohashCell),
    /// An H3 cell.
    H3(H3Cell),
}

/// Calls the same method on whichever cell it is.
macro_rules! either {
    ($cell:expr, $inner:ident => $call:expr) => {
        match $cell {
            Cell::Geohash($inner) => $call,
            Cell::H3($inner) => $call,
        }
    };
}

impl Cell {
    /// The cell of a grid's level that contains a position.
    pub fn at(grid: Grid, position: Position, level: u8) -> Result<Self, CellError> {
        match grid {
            Grid::Geohash => GeohashCell::at(position, level).map(Self::Geohash),
            Grid::H3 => H3Cell::at(position, level).map(Self::H3),
        }
    }

    /// The grid it belongs to.
    pub const fn grid(self) -> Grid {
        match self {
            Self::Geohash(_) => Grid::Geohash,
            Self::H3(_) => Grid::H3,
        }
    }

    /// H3 resolution or geohash precision.
    pub fn level(self) -> u8 {
        either!(self, cell => cell.level())
    }

    /// The cell's centre.
    pub fn centre(self) -> Position {
        either!(self, cell => cell.centre())
    }

    /// Distance from the centre to the farthest point of the outline.
    pub fn circumradius(self) -> Meters {
        either!(self, cell => cell.circumradius())
    }

    /// Lower bound of the distance to everything keyed below the cell.
    pub fn min_distance(self, position: Position) -> Meters {
        either!(self, cell => cell.min_distance(position))
    }

    /// The cell one level coarser; `None` at the coarsest.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Geohash(cell) => cell.parent().map(Self::Geohash),
            Self::H3(cell) => cell.parent().map(Self::H3),
        }
    }

    /// The cells one level finer; empty at the finest.
    pub fn children(self) -> Vec<Self> {
        match self {
            Self::Geohash(cell) => cell.children().into_iter().map(Self::Geohash).collect(),
            Self::H3(cell) => cell.children().into_iter().map(Self::H3).collect(),
        }
    }

    /// First and last leaf keyed below the cell.
    pub fn leaf_range(self) -> RangeInclusive<u64> {
        either!(self, cell => cell.leaf_range())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Geohash(cell) => write!(f, "gh:{cell}"),
            Self::H3(cell) => write!(f, "h3:{cell}"),
        }
    }
}

impl FromStr for Cell {
    type Err = CellError;

    fn from_str(text: &str) -> Result<Self, CellError> {
        match text.split_once(':') {
            Some(("gh", geohash)) => geohash.parse().map(Self::Geohash),
            Some(("h3", index)) => index.parse().map(Self::H3),
            _ => Err(CellError::Scheme),
        }
    }
}
