//! The page tree: exact search over pages that split where there are many places.
//!
//! Below the roots (H3 resolution 3) every cell has a page. It either holds all places keyed below the cell
//! or is a split that refers to the cell's children; the tree is as deep as the data is dense, and nothing
//! maintains it: a page becomes a split when reading it shows more than fits.
//!
//! [`NearbySearch`] and [`BoxScan`] walk the tree as state machines without I/O. The caller asks
//! [`advance`](NearbySearch::advance) what to do, gets "I need these pages" or "done", supplies pages and asks
//! again; all pages of one answer can be fetched in one round trip. Pages at hand are used at once, through a
//! closure, without a round. [`PageLoad`] is the third state machine: which ranges of the index to read for a
//! page, and which other pages the same rows are enough for. [`AreaWalk`] names all pages that searches from
//! within an area can need.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::Arc;
//! use geo_index::{H3Cell, Meters, Page, PlacesPage, Position, Row};
//! use geo_index::tree::{NearbyQuery, NearbySearch, Progress, SearchLimits};
//!
//! let position = Position::new(48.8566, 2.3522)?;
//! let row = Row { leaf: H3Cell::leaf(position), id: "louvre".into(), position, category: None, payload: vec![] };
//! let query = NearbyQuery {
//!     origin: Position::new(48.85, 2.35)?,
//!     radius: Meters::new(5_000.0).unwrap(),
//!     limit: 10,
//!     category: None,
//!     after: None,
//! };
//! let mut search = NearbySearch::new(query, SearchLimits::default());
//! while let Progress::Need(cells) = search.advance(|_| None)? {
//!     for cell in cells {
//!         let rows = if cell.covers(row.leaf) { vec![row.clone()] } else { vec![] };
//!         search.supply(cell, Arc::new(Page::Places(PlacesPage::new(rows))));
//!     }
//! }
//! let answer = search.finish();
//! assert_eq!(answer.hits[0].id(), "louvre");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atlas;
mod frontier;
mod load;
mod nearby;
mod query;
mod scan;
mod walk;

pub use load::{CROWD_MAX, LeafRead, PAGE_MAX, PageLoad};
pub use nearby::{NearbyAnswer, NearbySearch};
pub use query::{BoxKey, BoxQuery, NearbyKey, NearbyQuery};
pub use scan::{BoxAnswer, BoxScan};
pub use walk::{AreaWalk, Visit};

use std::sync::Arc;

use crate::grid::h3::H3Cell;
use crate::page::{Page, PlacesPage};
use crate::point::Position;
use crate::units::Meters;

/// What a search wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The pages of these cells, in the order in which they matter.
    Need(Vec<H3Cell>),
    /// Nothing: the answer is complete.
    Done,
}

/// Bounds on the work of one search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchLimits {
    /// Pages that a search may look at before it gives up loudly (a box scan stops early with a cursor).
    pub page_budget: usize,
    /// Pages that it may ask for in one round.
    pub fan_out: usize,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { page_budget: 1_000, fan_out: 16 }
    }
}

/// Counted work of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchWork {
    /// Times that the search had to wait for pages.
    pub rounds: usize,
    /// Pages it looked at, splits included.
    pub pages: usize,
    /// Pages among them that it had to ask for.
    pub asked: usize,
}

/// A place that a search found, still in its page.
#[derive(Clone, Debug)]
pub struct Hit {
    page: Arc<Page>,
    row: usize,
    distance: Option<Meters>,
}

impl Hit {
    fn places(&self) -> &PlacesPage {
        match &*self.page {
            Page::Places(places) => places,
            Page::Split(_) => unreachable!("hits are rows of places pages"),
        }
    }

    /// Id of the place.
    pub fn id(&self) -> &str {
        self.places().id(self.row)
    }

    /// Its position.
    pub fn position(&self) -> Position {
        self.places().position(self.row)
    }

    /// Its category.
    pub fn category(&self) -> Option<&str> {
        self.places().category(self.row)
    }

    /// Its leaf.
    pub fn leaf(&self) -> u64 {
        self.places().leaf(self.row)
    }

    /// The payload that it was stored with.
    pub fn payload(&self) -> &[u8] {
        self.places().payload(self.row)
    }

    /// Distance from the origin of a nearby search; `None` in a box scan.
    pub const fn distance(&self) -> Option<Meters> {
        self.distance
    }
}
