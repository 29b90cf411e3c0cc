//! What users ask for.

use std::fmt;

use geo_index::edge::{CellUrl, SnapCell};
use geo_index::{Collection, Grid, Position};

/// How a user's position becomes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The coordinates as they are: a URL for each user.
    Raw,
    /// The answer of the cell of this grid and level: one URL for all in it.
    Cell(Grid, u8),
}

impl Asking {
    /// Those that the experiment compares.
    pub const ALL: [Self; 7] = [
        Self::Raw,
        Self::Cell(Grid::Geohash, 5),
        Self::Cell(Grid::Geohash, 6),
        Self::Cell(Grid::Geohash, 7),
        Self::Cell(Grid::H3, 7),
        Self::Cell(Grid::H3, 8),
        Self::Cell(Grid::H3, 9),
    ];

    /// The path and the query for a user at a position who wants so many places within a radius in metres. A cell's
    /// answer is the same for all radii and limits.
    ///
    /// ```
    /// use cellar_loadtest::matrix::Asking;
    /// use geo_index::{Grid, Position};
    ///
    /// let (bars, paris) = ("bars".parse()?, Position::new(48.8566, 2.3522)?);
    /// let path = |asking: Asking| asking.path(&bars, paris, 5_000.0, 20);
    /// assert_eq!(path(Asking::Cell(Grid::Geohash, 5)), "/v1/collections/bars/cells/gh:u09tv/nearby");
    /// assert!(path(Asking::Raw).starts_with("/v1/collections/bars/nearby?lat=48.8566&lon=2.3522&"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path(self, collection: &Collection, position: Position, radius_m: f64, limit: usize) -> String {
        match self {
            Self::Raw => format!(
                "/v1/collections/{collection}/nearby?lat={}&lon={}&radius={radius_m}&limit={limit}",
                position.lat(),
                position.lon()
            ),
            Self::Cell(grid, level) => {
                let cell = SnapCell::at(grid, position, level).expect("a level that the edge serves");
                CellUrl { collection: collection.clone(), cell, category: None }.to_string()
            }
        }
    }
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("raw"),
            Self::Cell(Grid::Geohash, level) => write!(f, "geohash {level}"),
            Self::Cell(Grid::H3, level) => write!(f, "H3 {level}"),
        }
    }
}
