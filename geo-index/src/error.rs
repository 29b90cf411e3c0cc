//! What can be wrong with a caller's input, and why a search ends without an answer.

use thiserror::Error;

/// A coordinate outside the sphere's ranges.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum PositionError {
    /// Latitude, in degrees, as given.
    #[error("latitude {0} is not between -90 and 90")]
    Latitude(f64),
    /// Longitude, in degrees, as given.
    #[error("longitude {0} is not between -180 and 180")]
    Longitude(f64),
}

/// A text or number that does not name a cell.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CellError {
    /// Neither `gh:…` nor `h3:…`.
    #[error("a cell is `gh:` and a geohash, or `h3:` and an H3 index of 15 lower-case hexadecimal digits")]
    Scheme,
    /// Not a geohash of 1 to 12 characters.
    #[error("a geohash has 1 to 12 characters of 0123456789bcdefghjkmnpqrstuvwxyz")]
    Geohash,
    /// Not a valid H3 cell index.
    #[error("not an H3 cell index")]
    H3,
    /// An H3 cell coarser than leaves.
    #[error("an H3 cell of resolution {resolution} is not a leaf: leaves have resolution 15")]
    NotALeaf {
        /// The cell's resolution.
        resolution: u8,
    },
    /// A resolution or precision that the grid does not have.
    #[error("{grid} has no level {level}: it goes from {min} to {max}")]
    Level {
        /// Name of the grid.
        grid: &'static str,
        /// The level asked for.
        level: u8,
        /// Coarsest level.
        min: u8,
        /// Finest level.
        max: u8,
    },
}

/// Why a search ended without an answer. A search never returns an incomplete list instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SearchError {
    /// More pages than the search may touch.
    #[error("the search needs more than {budget} pages; ask for a smaller radius or a broader category")]
    PageBudget {
        /// Pages that a search may touch.
        budget: usize,
    },
}

/// Why bytes are not the page of a cell.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PageCodecError {
    /// Encoded in another version of the format.
    #[error("version {0} of an encoded page is not known")]
    Version(u8),
    /// The bytes end too early.
    #[error("the encoded page is cut off")]
    Truncated,
    /// More bytes follow the page.
    #[error("{0} bytes follow the encoded page")]
    Trailing(usize),
    /// A part of the page holds what no page of this cell can hold.
    #[error("the encoded page has an impossible {0}")]
    Malformed(&'static str),
}

/// Why rings of coordinates are not a polygon.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum PolygonError {
    /// Fewer than three corners.
    #[error("a ring has {0} corners; it needs at least 3")]
    Corners(usize),
    /// A latitude out of range.
    #[error("latitude {0} is not between -90 and 90")]
    Latitude(f64),
    /// A longitude more than a turn away from the prime meridian.
    #[error("longitude {0} is not between -360 and 360")]
    Longitude(f64),
    /// Wider than the sphere.
    #[error("a ring spans more than 360 degrees of longitude")]
    Width,
    /// It goes around a pole without the corners that tell which pole is inside.
    #[error("a ring goes around a pole; add the corners of the pole at longitudes 180 and -180")]
    RoundPole,
}
