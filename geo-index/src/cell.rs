//! Cells of either grid in one type, for texts that can hold either: URLs, command lines.

use std::fmt;
use std::str::FromStr;

use crate::error::CellError;
use crate::grid::{GridCell, geohash::GeohashCell, h3::H3Cell};
use crate::point::Position;
use crate::units::Meters;

/// The grids that cells belong to.
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
    /// A geohash, written `gh:…`.
    Geohash(GeohashCell),
    /// An H3 cell, written `h3:…`.
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
    ///
    /// # Errors
    ///
    /// [`CellError::Level`] for a level that the grid does not have.
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
}

impl From<GeohashCell> for Cell {
    fn from(cell: GeohashCell) -> Self {
        Self::Geohash(cell)
    }
}

impl From<H3Cell> for Cell {
    fn from(cell: H3Cell) -> Self {
        Self::H3(cell)
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

    /// Accepts exactly what [`Display`](fmt::Display) writes, so that one cell has one text.
    fn from_str(text: &str) -> Result<Self, CellError> {
        match text.split_once(':') {
            Some(("gh", geohash)) => geohash.parse().map(Self::Geohash),
            Some(("h3", index)) => index.parse().map(Self::H3),
            _ => Err(CellError::Scheme),
        }
    }
}
