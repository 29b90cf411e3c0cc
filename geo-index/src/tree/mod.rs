//! The page tree: exact search over pages that split where there are many places.
//!
//! Below the roots (H3 resolution 3) every cell has a page. It either holds all places keyed below the cell
//! or is a split that refers to the cell's children; the tree is as deep as the data is dense, and nothing
//! maintains it: a page becomes a split when reading it shows more than fits.
//!
//! Three state machines without I/O work on the tree:
//!
//! - [`NearbySearch`] finds the nearest places. The caller asks [`advance`](NearbySearch::advance) what to do, gets
//!   "I need these pages" or "done", supplies pages and asks again; all pages of one round can be fetched at once. Pages
//!   that are available locally are used without a round, through a closure.
//! - [`BoxScan`] finds the places in a box, in the same way.
//! - [`PageLoad`] tells which ranges of the index to read for a page, and which other pages the same rows are enough for;
//!   [`RunLoad`] does the same for a part of a leaf that has too many places for a page.
//!
//! [`AreaWalk`] names all pages that searches from within an area can need.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use std::sync::Arc;
//! use geo_index::{Leaf, Meters, Page, PlacesPage, Position, Row};
//! use geo_index::tree::{NearbyQuery, NearbySearch, Progress, SearchLimits};
//!
//! let position = Position::new(48.8566, 2.3522)?;
//! let row = Row { leaf: Leaf::at(position), id: "louvre".into(), position, category: None, payload: vec![] };
//! let query = NearbyQuery {
//!     origin: Position::new(48.85, 2.35)?,
//!     radius: Meters::new(5_000.0).unwrap(),
//!     limit: NonZeroUsize::new(10).unwrap(),
//!     category: None,
//!     after: None,
//! };
//! let mut search = NearbySearch::new(query, SearchLimits::default());
//! // (No leaf has so many places here that the search would ask for `Progress::NeedRuns`.)
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

mod begin;
mod load;
mod nearby;
mod query;
mod queue;
mod root_index;
mod scan;
mod selection;
mod walk;

pub use load::{LEAF_MAX, LEAF_MAX_BYTES, LeafRead, PAGE_MAX, PageLoad, RunLoad};
pub use nearby::{NearbyAnswer, NearbySearch};
pub use query::{BoxKey, BoxQuery, NearbyKey, NearbyQuery};
pub use scan::{BoxAnswer, BoxScan};
pub use selection::{Pace, PlaceFilter, PlaceView, Selection};
pub use walk::{AreaWalk, Visit};

pub use crate::page::ROOT_RESOLUTION;

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::grid::h3::{H3Cell, Leaf};
use crate::page::{Page, PlacesPage, RunRead};
use crate::point::Position;
use crate::units::Meters;

/// H3 resolutions above that of the roots of which a tree of few places may have pages, coarsest first.
pub const COARSE_RESOLUTIONS: RangeInclusive<u8> = 1..=2;

/// What a search wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The pages of these cells, in the order in which they matter.
    Need(Vec<H3Cell>),
    /// The places of these runs, in the order in which they matter: parts of leaves that have too many for a page. They
    /// are supplied with `supply_run`.
    NeedRuns(Vec<RunRead>),
    /// Nothing, but there is more to do: the caller may see to something else, look at its clock, and then goes on. Only
    /// where it has asked for it, by [`Pace`].
    Paused,
    /// Nothing: the answer is complete.
    Done,
}

/// Bounds on the work of one search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchLimits {
    /// Pages that a search may look at. One that would need more fails; a box scan that has found something ends early with
    /// a key to go on from.
    pub page_budget: NonZeroUsize,
    /// Pages that a search may ask for in one round.
    pub fan_out: NonZeroUsize,
}

impl Default for SearchLimits {
    /// 1,000 pages, 16 in one round.
    fn default() -> Self {
        const PAGE_BUDGET: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");
        const FAN_OUT: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");
        Self { page_budget: PAGE_BUDGET, fan_out: FAN_OUT }
    }
}

/// The work of a search, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchWork {
    /// How many times the search asked for pages.
    pub rounds: usize,
    /// Pages that the search looked at, splits included.
    pub pages: usize,
    /// Pages that the search asked for, because they were not available locally.
    pub asked: usize,
}

/// A place that a search found. It refers to its page, which it keeps alive.
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
            _ => unreachable!("hits are rows of places pages"),
        }
    }

    /// The place's id.
    pub fn id(&self) -> &str {
        self.places().id(self.row)
    }

    /// The place's position.
    pub fn position(&self) -> Position {
        self.places().position(self.row)
    }

    /// The place's categories, as its row had them; `None` if it has none.
    pub fn category(&self) -> Option<&str> {
        self.places().category(self.row)
    }

    /// The place's leaf.
    pub fn leaf(&self) -> Leaf {
        self.places().leaf(self.row)
    }

    /// The payload that the place was stored with.
    pub fn payload(&self) -> &[u8] {
        self.places().payload(self.row)
    }

    /// The distance from the origin of a nearby search; `None` in a box scan.
    pub const fn distance(&self) -> Option<Meters> {
        self.distance
    }
}
