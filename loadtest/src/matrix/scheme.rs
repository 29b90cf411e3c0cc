//! What users ask for.

use std::fmt;

use geo_index::Grid;
use geo_index::edge::DEFAULT_PRECISION;

use crate::run::CellLevel;

/// How a position becomes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The coordinates as they are: a URL of its own for each position.
    Raw,
    /// The cell of a level: one URL for all positions in it.
    Cell(CellLevel),
    /// Through the client of cell answers: the cell that the density map says, a second one if the first does not certify the
    /// result, at last the exact endpoint.
    Adaptive,
}

const fn cell(grid: Grid, level: u8) -> Scheme {
    Scheme::Cell(CellLevel { grid, level })
}

impl Scheme {
    /// The schemes that the experiment compares. Geohash 4 is what clients begin with when they know nothing about densities.
    pub const ALL: [Self; 10] = [
        Self::Raw,
        cell(Grid::Geohash, DEFAULT_PRECISION),
        cell(Grid::Geohash, 5),
        cell(Grid::Geohash, 6),
        cell(Grid::Geohash, 7),
        Self::Adaptive,
        cell(Grid::H3, 5),
        cell(Grid::H3, 7),
        cell(Grid::H3, 8),
        cell(Grid::H3, 9),
    ];

    /// The level of its cells; `None` for raw coordinates, and where clients choose it.
    pub const fn cell_level(self) -> Option<CellLevel> {
        match self {
            Self::Raw | Self::Adaptive => None,
            Self::Cell(cell_level) => Some(cell_level),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("raw"),
            Self::Adaptive => f.write_str("adaptive"),
            Self::Cell(CellLevel { grid: Grid::Geohash, level }) => write!(f, "geohash {level}"),
            Self::Cell(CellLevel { grid: Grid::H3, level }) => write!(f, "H3 {level}"),
        }
    }
}
