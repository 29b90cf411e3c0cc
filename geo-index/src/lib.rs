//! Cells, keys and exact nearby search over a tree of pages.
//!
//! This crate is pure: no I/O, no async, no clock. It decides *what* to read and *what the answer is*;
//! the `api` crate does the reading.
//!
//! | module | what it holds |
//! |---|---|
//! | [`point`], [`units`], [`mod@distance`], [`bbox`] | validated positions, metres, the one distance on the one sphere |
//! | [`grid`], [`cell`] | H3 and geohash cells, and the bounds that search rests on |
//! | [`area`] | parts of the sphere: cells, boxes, polygons |
//! | [`cover`] | the cells that a disc or a bounding box touches |
//! | [`key`] | every key of the table, the index and the caches, built and parsed here and nowhere else |
//! | [`page`] | a page of places, laid out so that a warm search is cheap |
//! | [`tree`] | best-first search and box scans over pages, as state machines without I/O |
//! | [`edge`] | answers that a whole snap cell shares, and the proof that they are exact for each user |
//!
//! Invariant: a search returns what a brute-force scan of the same places would return, in set, order and
//! distance. Everything that only saves work (pages, splits, bounds, rounds) may be wrong in one direction
//! only: it may cost reads, never results.

pub mod area;
pub mod bbox;
pub mod cell;
pub mod cover;
pub mod distance;
pub mod edge;
mod error;
pub mod grid;
pub mod key;
pub mod page;
pub mod point;
pub mod tree;
pub mod units;

pub use area::{Area, Polygon};
pub use bbox::BBox;
pub use cell::{Cell, Grid};
pub use distance::{EARTH_RADIUS_M, distance};
pub use error::{CellError, CursorError, KeyError, PageCodecError, PolygonError, PositionError, SearchError};
pub use grid::{GridCell, geohash::GeohashCell, h3::H3Cell};
pub use key::{Collection, PageKey, PlaceId};
pub use page::{Page, PlacesPage, Row, SplitPage};
pub use point::Position;
pub use units::Meters;
