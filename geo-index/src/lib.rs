//! Exact nearby search that is made to be cached: over pages of places by H3 cell, and over answers that everyone in a cell
//! shares.
//!
//! This crate is pure: no I/O, no async, no clock. It decides *what* to read and *what the answer is*; the caller does the
//! reading, from whatever store and through whatever caches.
//!
//! | | |
//! |---|---|
//! | [`Position`], [`Meters`], [`BBox`], [`distance`] | validated positions and distances, on one sphere |
//! | [`H3Cell`], [`Leaf`], [`GeohashCell`], [`Cell`] | cells of two grids, with the bounds that search rests on ([`GridCell`]) |
//! | [`Area`], [`Polygon`], [`cover`] | parts of the sphere, and the cells that they touch |
//! | [`Region`] | boxes, polygons and corridors to search within, on the sphere |
//! | [`Page`], [`PlacesPage`], [`SplitPage`] | pages of places, laid out so that a warm search is cheap |
//! | [`CrowdPage`], [`RootsPage`] | both ends of the tree: lists of places on one point, and the roots that exist |
//! | [`tree`] | best-first search and box scans over pages, and their loads, as state machines |
//! | [`edge`] | answers that a whole cell shares, and the proof that they are exact for each user |
//!
//! # Search over pages
//!
//! An index keeps its rows in order of leaf and id. The search says which pages it needs, the load of a page says which rows
//! to read, and pages can be kept: a search whose pages are all there reads nothing.
//!
//! ```
//! use std::collections::HashMap;
//! use std::num::NonZeroUsize;
//! use std::sync::Arc;
//! use geo_index::tree::{NearbyAnswer, NearbyQuery, NearbySearch, PageLoad, Progress, SearchLimits};
//! use geo_index::{H3Cell, Leaf, Meters, Page, Position, Row, SearchError};
//!
//! /// A store of rows, here in memory.
//! struct Index(Vec<Row>);
//!
//! impl Index {
//!     fn load(&self, cell: H3Cell) -> Vec<(H3Cell, Page)> {
//!         let mut load = PageLoad::new(cell);
//!         while let Some(read) = load.next_read() {
//!             let in_range = self.0.iter().filter(|row| (read.first..=read.last).contains(&row.leaf));
//!             let rows: Vec<Row> = in_range.take(read.limit).cloned().collect();
//!             let complete = rows.len() < read.limit;
//!             load.accept(rows, complete);
//!         }
//!         load.finish()
//!     }
//!
//!     fn nearby(
//!         &self,
//!         query: NearbyQuery,
//!         cache: &mut HashMap<H3Cell, Arc<Page>>,
//!     ) -> Result<NearbyAnswer, SearchError> {
//!         let mut search = NearbySearch::new(query, SearchLimits::default());
//!         while let Progress::Need(cells) = search.advance(|cell| cache.get(&cell).cloned())? {
//!             // All pages of a round can be fetched at the same time.
//!             for cell in cells {
//!                 cache.extend(self.load(cell).into_iter().map(|(cell, page)| (cell, Arc::new(page))));
//!             }
//!         }
//!         Ok(search.finish())
//!     }
//! }
//!
//! let row = |id: &str, lat, lon| {
//!     let position = Position::new(lat, lon).unwrap();
//!     Row { leaf: Leaf::at(position), id: id.into(), position, category: None, payload: vec![] }
//! };
//! let mut rows = vec![row("louvre", 48.8606, 2.3376), row("orsay", 48.86, 2.3266), row("prado", 40.4138, -3.6921)];
//! rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
//! let (index, mut cache) = (Index(rows), HashMap::new());
//!
//! let query = NearbyQuery {
//!     origin: Position::new(48.8566, 2.3522)?,
//!     radius: Meters::new(5_000.0).unwrap(),
//!     limit: NonZeroUsize::new(10).unwrap(),
//!     category: None,
//!     after: None,
//! };
//! let answer = index.nearby(query.clone(), &mut cache)?;
//! let ids: Vec<_> = answer.hits.iter().map(|hit| hit.id()).collect();
//! assert_eq!(ids, ["louvre", "orsay"]);
//! assert_eq!(answer.work.rounds, 1);
//!
//! // The pages are known by now.
//! assert_eq!(index.nearby(query, &mut cache)?.work.rounds, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Answers that a cell shares
//!
//! The answer for a cell comes with a certificate: how far around the cell's centre it is complete. A client sorts it for its
//! own user, and knows by the certificate whether the result is exact. [`edge`] has a whole example, from the answer to the
//! results of one user, and [`edge::Planner`] is the protocol of a client.
//!
//! # What holds
//!
//! A search returns what a brute-force scan of the same places would return, in set, order and distance. Everything that
//! only saves work (pages, splits, bounds, rounds) may be wrong in one direction only: it may cost reads, never results.

#![warn(missing_debug_implementations)]
#![warn(clippy::missing_errors_doc)]

mod area;
mod bbox;
mod cap;
mod category;
mod cell;
pub mod cover;
mod distance;
pub mod edge;
mod error;
mod grid;
mod page;
mod point;
mod region;
pub mod tree;
mod units;

pub use area::{Area, Polygon};
pub use bbox::BBox;
pub use category::{
    CATEGORY_SEPARATOR, CategoryFilter, CategoryFilterError, MAX_CATEGORIES, MAX_CATEGORY_BYTES,
};
pub use cell::{Cell, Grid};
pub use distance::{EARTH_RADIUS_M, HALF_CIRCUMFERENCE, destination, distance};
pub use error::{CellError, PageCodecError, PolygonError, PositionError, SearchError};
pub use grid::{GridCell, geohash::GeohashCell, h3::H3Cell, h3::Leaf};
pub use page::{CrowdPage, Page, PlacesPage, RootsPage, Row, RunRead, SplitPage};
pub use point::{Position, UnitVector};
pub use region::{MAX_WIDTH, Region, RegionError};
pub use units::Meters;

/// The examples of the README are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
