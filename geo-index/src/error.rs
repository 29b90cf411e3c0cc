//! What can be wrong with a caller's input. None of these know about HTTP: `api` maps them to problems.

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

/// A text or number that names no cell.
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

/// A key, or a part of one, that the grammar of docs/KEYS.md does not allow.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Collection name.
    #[error(
        "a collection name has 1 to 64 characters of a-z, 0-9, `-` and `_`, and begins with a letter or digit"
    )]
    Collection,
    /// Id of a place.
    #[error("an id has 1 to 512 bytes of UTF-8 without control characters, and is neither `.` nor `..`")]
    PlaceId,
    /// A partition, sort, page or cache key.
    #[error("malformed {what} key")]
    Malformed {
        /// Which kind of key.
        what: &'static str,
    },
}

/// A cursor that this search did not hand out.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CursorError {
    /// Not a cursor at all.
    #[error("malformed cursor")]
    Malformed,
    /// A cursor of another query.
    #[error("the cursor belongs to another query; repeat the parameters it was given for")]
    Foreign,
}

/// Why a search stopped without an answer. A search never returns a short list instead.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SearchError {
    /// More pages than the search may touch.
    #[error("the search needs more than {budget} pages; ask for a smaller radius or a broader category")]
    PageBudget {
        /// Pages that a search may touch.
        budget: usize,
    },
    /// More places in one finest cell than a page may hold.
    #[error("too many places share one point: a page holds at most {max}, and 64 MB of them")]
    CrowdedPoint {
        /// Places that one finest cell may hold.
        max: usize,
    },
}

/// Why bytes are not the page of a cell.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PageCodecError {
    /// Written by another version of this program.
    #[error("version {0} of an encoded page is not known")]
    Version(u8),
    /// They end too early.
    #[error("the encoded page is cut off")]
    Truncated,
    /// Bytes follow the page.
    #[error("{0} bytes follow the encoded page")]
    Trailing(usize),
    /// A part holds what no page of the cell does.
    #[error("the encoded page has an impossible {0}")]
    Malformed(&'static str),
}

/// Why rings of coordinates are not a polygon.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum PolygonError {
    /// Fewer than three corners.
    #[error("a ring has {0} corners; it needs at least 3")]
    Corners(usize),
    /// A latitude that is none.
    #[error("latitude {0} is not between -90 and 90")]
    Latitude(f64),
    /// A longitude too far beyond the antimeridian.
    #[error("longitude {0} is not between -360 and 360")]
    Longitude(f64),
    /// Wider than the sphere.
    #[error("a ring spans more than 360 degrees of longitude")]
    Width,
    /// It goes round a pole without the corners that tell which one is inside.
    #[error("a ring goes round a pole; add the corners of the pole at longitudes 180 and -180")]
    RoundPole,
}
