//! The snap cells that may be asked for: geohash precision 3 to 7 and H3 resolution 3 to 9, each with a horizon.
//!
//! A horizon bounds what a cell answer in a sparse region costs the origin. It is about as many times the cell's
//! size as keeps D − δ useful (see [`super::certificate`]), and no more than 200 km, the largest
//! radius of a search: a disc of 200 km touches some 25 roots (H3 resolution 3, 12,400 km² each), and CloudFront
//! takes at most 50 tags for an answer.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use crate::cell::{Cell, Grid};
use crate::error::CellError;
use crate::grid::geohash::GeohashCell;
use crate::point::Position;
use crate::units::Meters;

/// Places in a cell answer, at most (M). With limits of up to 100 the k-th place is nearer than the last one
/// listed by a share that leaves room for δ; 128 places are 6 to 12 KB compressed.
pub const SNAP_PLACES: usize = 128;

/// Geohash precisions of snap cells.
pub const PRECISIONS: RangeInclusive<u8> = 3..=7;

/// H3 resolutions of snap cells: the sizes between geohash 3 and 7.
pub const RESOLUTIONS: RangeInclusive<u8> = 3..=9;

/// Precision where nothing is known of the density: the coarsest at which 97 % of the searches of docs/EDGE.md
/// are certified at the first try.
pub const DEFAULT_PRECISION: u8 = 4;

/// Horizons of geohash 3 to 7, in km. A cell reaches at most 111, 22, 3.5, 0.7 and 0.11 km from its centre.
const GEOHASH_HORIZONS_KM: [f64; 5] = [200.0, 100.0, 50.0, 25.0, 15.0];

/// Horizons of H3 3 to 9, in km. A cell reaches at most 77, 29, 11, 4.2, 1.6, 0.6 and
/// 0.23 km from its centre.
const H3_HORIZONS_KM: [f64; 7] = [200.0, 100.0, 75.0, 50.0, 35.0, 25.0, 15.0];

/// A cell that may be asked for at the edge.
///
/// ```
/// use geo_index::edge::SnapCell;
///
/// let cell: SnapCell = "gh:u09t".parse()?;
/// assert_eq!(cell.horizon().get(), 100_000.0);
/// assert!("gh:u".parse::<SnapCell>().is_err());
/// assert!("h3:871fb4662ffffff".parse::<SnapCell>().is_ok());
/// # Ok::<(), geo_index::edge::SnapCellError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapCell(Cell);

/// A text that names no snap cell.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SnapCellError {
    /// No cell at all.
    #[error(transparent)]
    NotACell(#[from] CellError),
    /// A cell of a level that the edge does not serve.
    #[error("cells are of geohash precision 3 to 7 or H3 resolution 3 to 9, not {level}")]
    Level {
        /// The level asked for.
        level: u8,
    },
}

impl SnapCell {
    /// A cell, if its level is on the ladder.
    pub fn new(cell: Cell) -> Result<Self, SnapCellError> {
        let levels = match cell.grid() {
            Grid::Geohash => PRECISIONS,
            Grid::H3 => RESOLUTIONS,
        };
        let level = cell.level();
        if levels.contains(&level) { Ok(Self(cell)) } else { Err(SnapCellError::Level { level }) }
    }

    /// The cell of a level that holds a position.
    pub fn at(grid: Grid, position: Position, level: u8) -> Result<Self, SnapCellError> {
        Self::new(Cell::at(grid, position, level)?)
    }

    /// The cell.
    pub const fn cell(self) -> Cell {
        self.0
    }

    /// Geohash precision or H3 resolution.
    pub fn level(self) -> u8 {
        self.0.level()
    }

    /// The cell's centre, from which its answer is measured.
    pub fn centre(self) -> Position {
        self.0.centre()
    }

    /// How far from the centre its answer looks: fixed by grid and level.
    pub fn horizon(self) -> Meters {
        let km = match self.0.grid() {
            Grid::Geohash => GEOHASH_HORIZONS_KM[usize::from(self.level() - PRECISIONS.start())],
            Grid::H3 => H3_HORIZONS_KM[usize::from(self.level() - RESOLUTIONS.start())],
        };
        Meters::from_valid(km * 1_000.0)
    }

    /// The geohash cell, if it is one.
    pub const fn geohash(self) -> Option<GeohashCell> {
        match self.0 {
            Cell::Geohash(cell) => Some(cell),
            Cell::H3(_) => None,
        }
    }
}

impl fmt::Display for SnapCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SnapCell {
    type Err = SnapCellError;

    fn from_str(text: &str) -> Result<Self, SnapCellError> {
        Self::new(text.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far cells reach from their centres, in km, as docs/EDGE.md has it.
    const GEOHASH_REACH_KM: [f64; 5] = [111.0, 22.0, 3.5, 0.7, 0.11];
    const H3_REACH_KM: [f64; 7] = [77.0, 29.0, 11.0, 4.2, 1.6, 0.6, 0.23];

    #[test]
    fn cells_reach_as_far_as_documented_and_leave_most_of_their_horizons() {
        let mut farthest_km = [[0.0_f64; 7]; 2];
        for i in 0..4_000_u32 {
            let lat = (f64::from(i) / 2_000.0 - 1.0).asin().to_degrees();
            let lon = (f64::from(i) * 137.507_764).rem_euclid(360.0) - 180.0;
            let position = Position::new(if i == 2_000 { 0.0 } else { lat }, lon).unwrap();
            let geohashes = PRECISIONS.map(|level| (Grid::Geohash, level));
            for (grid, level) in geohashes.chain(RESOLUTIONS.map(|level| (Grid::H3, level))) {
                let cell = SnapCell::at(grid, position, level).unwrap();
                let reach_m = cell.cell().circumradius().get();
                assert!(reach_m <= 0.56 * cell.horizon().get(), "{cell}");
                let km = &mut farthest_km[usize::from(grid == Grid::H3)][usize::from(level - 3)];
                *km = km.max(reach_m / 1_000.0);
            }
        }
        for (seen, documented) in farthest_km.iter().zip([&GEOHASH_REACH_KM[..], &H3_REACH_KM[..]]) {
            for (seen, documented) in seen.iter().zip(documented) {
                assert!((0.9..=1.0).contains(&(seen / documented)), "{farthest_km:?}");
            }
        }
    }

    #[test]
    fn other_levels_are_refused() {
        for text in ["gh:u0", "gh:u09tvw5f", "h3:821fb7fffffffff", "h3:8a1fb46622dffff"] {
            assert!(matches!(text.parse::<SnapCell>(), Err(SnapCellError::Level { .. })), "{text}");
        }
        for text in ["u09", "gh:", "gh:U09", "gh:u0a", "h3:831FB4FFFFFFFFF", "s2:u09"] {
            assert!(matches!(text.parse::<SnapCell>(), Err(SnapCellError::NotACell(_))), "{text}");
        }
    }
}
