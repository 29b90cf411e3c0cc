//! What users ask for.

use std::fmt;

use geo_index::Grid;
use geo_index::edge::DEFAULT_PRECISION;

use crate::run::Snap;

/// How a user's position becomes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The coordinates as they are: a URL for each user.
    Raw,
    /// The answer of the cell of a grid's level: one URL for all in it.
    Cell(Snap),
}

const fn cell(grid: Grid, level: u8) -> Asking {
    Asking::Cell(Snap { grid, level })
}

impl Asking {
    /// Those that the experiment compares. Geohash 4 is what clients take as long as they know nothing of the density.
    pub const ALL: [Self; 8] = [
        Self::Raw,
        cell(Grid::Geohash, DEFAULT_PRECISION),
        cell(Grid::Geohash, 5),
        cell(Grid::Geohash, 6),
        cell(Grid::Geohash, 7),
        cell(Grid::H3, 7),
        cell(Grid::H3, 8),
        cell(Grid::H3, 9),
    ];

    /// The cells that it asks for.
    pub const fn snap(self) -> Option<Snap> {
        match self {
            Self::Raw => None,
            Self::Cell(snap) => Some(snap),
        }
    }
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("raw"),
            Self::Cell(Snap { grid: Grid::Geohash, level }) => write!(f, "geohash {level}"),
            Self::Cell(Snap { grid: Grid::H3, level }) => write!(f, "H3 {level}"),
        }
    }
}
