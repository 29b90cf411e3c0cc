//! The ladder of cache cells: geohash precision 3 to 7 and H3 resolution 3 to 9, each with a horizon.
//!
//! A horizon bounds what a cell answer in a sparse region costs the origin. It is as many times the cell's size as it takes
//! for D − δ to be useful (see [`CellAnswer`](super::CellAnswer)), and no more than 200 km, since a disc of 200 km touches
//! some 25 roots (H3 resolution 3, 12,400 km² each), and CloudFront takes at most 50 tags for an answer.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;

use thiserror::Error;

use crate::cell::{Cell, Grid};
use crate::error::CellError;
use crate::point::Position;
use crate::units::Meters;

/// Most places in a cell answer (M). With limits of up to 100 results, the k-th place is so much nearer than the last one
/// listed that room is left for δ; 128 places with their properties are 6 to 12 KB when compressed.
pub const ANSWER_MAX: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");

/// The geohash precisions of cache cells.
pub const PRECISIONS: RangeInclusive<u8> = 3..=7;

/// The H3 resolutions of cache cells: about the sizes of geohash precision 3 to 7.
pub const RESOLUTIONS: RangeInclusive<u8> = 3..=9;

/// The geohash precision to begin with where nothing is known of the density of places: the coarsest at which 97 % of
/// sampled searches for 20 places within 10 km, over 155,000 towns, were certified at the first try.
pub const DEFAULT_PRECISION: u8 = 4;

/// Horizons of geohash 3 to 7, in km. A cell reaches at most 111, 22, 3.5, 0.7 and 0.11 km from its centre.
const GEOHASH_HORIZONS_KM: [f64; 5] = [200.0, 100.0, 50.0, 25.0, 15.0];

/// Horizons of H3 3 to 9, in km. A cell reaches at most 77, 29, 11, 4.2, 1.6, 0.6 and
/// 0.23 km from its centre.
const H3_HORIZONS_KM: [f64; 7] = [200.0, 100.0, 75.0, 50.0, 35.0, 25.0, 15.0];

/// A cell that answers are cached for: geohash precision 3 to 7 or H3 resolution 3 to 9.
///
/// A user's position is quantized to one, and its [answer](super::CellAnswer) is shared by everyone in it.
///
/// ```
/// use geo_index::edge::CacheCell;
///
/// let cell: CacheCell = "gh:u09t".parse()?;
/// assert_eq!(cell.horizon().get(), 100_000.0);
/// assert!("gh:u".parse::<CacheCell>().is_err());
/// assert!("h3:871fb4662ffffff".parse::<CacheCell>().is_ok());
/// # Ok::<(), geo_index::edge::CacheCellError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheCell(Cell);

/// A cell, or a text, that is not a cache cell.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CacheCellError {
    /// Not a cell at all.
    #[error(transparent)]
    NotACell(#[from] CellError),
    /// A cell that is too coarse or too fine.
    #[error("cells are of geohash precision 3 to 7 or H3 resolution 3 to 9, not {level}")]
    Level {
        /// The level asked for.
        level: u8,
    },
}

impl CacheCell {
    /// A cell as a cache cell.
    ///
    /// # Errors
    ///
    /// [`CacheCellError::Level`] for a cell that is too coarse or too fine.
    pub fn new(cell: Cell) -> Result<Self, CacheCellError> {
        let levels = match cell.grid() {
            Grid::Geohash => PRECISIONS,
            Grid::H3 => RESOLUTIONS,
        };
        let level = cell.level();
        if levels.contains(&level) { Ok(Self(cell)) } else { Err(CacheCellError::Level { level }) }
    }

    /// The cell of a level that contains a position.
    ///
    /// # Errors
    ///
    /// [`CacheCellError::Level`] for a level that cache cells do not have, [`CacheCellError::NotACell`] for one that the
    /// grid does not have either.
    pub fn at(grid: Grid, position: Position, level: u8) -> Result<Self, CacheCellError> {
        Self::new(Cell::at(grid, position, level)?)
    }

    /// The cell itself.
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

    /// How far from the centre the places of its answer are looked for: fixed by grid and level, 15 to 200 km.
    pub fn horizon(self) -> Meters {
        let km = match self.0.grid() {
            Grid::Geohash => GEOHASH_HORIZONS_KM[usize::from(self.level() - PRECISIONS.start())],
            Grid::H3 => H3_HORIZONS_KM[usize::from(self.level() - RESOLUTIONS.start())],
        };
        Meters::from_valid(km * 1_000.0)
    }
}

impl From<CacheCell> for Cell {
    fn from(cell: CacheCell) -> Self {
        cell.0
    }
}

impl TryFrom<Cell> for CacheCell {
    type Error = CacheCellError;

    fn try_from(cell: Cell) -> Result<Self, CacheCellError> {
        Self::new(cell)
    }
}

impl fmt::Display for CacheCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CacheCell {
    type Err = CacheCellError;

    fn from_str(text: &str) -> Result<Self, CacheCellError> {
        Self::new(text.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far cells reach from their centres, in km, as documented at the horizons above.
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
                let cell = CacheCell::at(grid, position, level).unwrap();
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
            assert!(matches!(text.parse::<CacheCell>(), Err(CacheCellError::Level { .. })), "{text}");
        }
        for text in ["u09", "gh:", "gh:U09", "gh:u0a", "h3:831FB4FFFFFFFFF", "s2:u09"] {
            assert!(matches!(text.parse::<CacheCell>(), Err(CacheCellError::NotACell(_))), "{text}");
        }
    }
}
