//! Fills the caches around an area before its users come, and checks a sample of what they then hold.
//!
//! The job walks the page tree through a source of pages: whatever that keeps of what it fetches is warm
//! afterwards. In the end every nearby search from within the area, of a radius up to the margin, finds its pages.
//!
//! | module | what it holds |
//! |---|---|
//! | `cells`, `access_log`, `polygons` | areas as people have them: lists, logs, GeoJSON |
//! | `walk` | the job |
//! | `check` | pages beside what the store has |
//! | `predict` | what the job would read |
//! | `report` | what came of it |

mod access_log;
mod cells;
mod check;
mod lines;
mod polygons;
mod predict;
mod report;
mod walk;

pub use access_log::for_each_search;
pub use access_log::{LogCounts, read_log};
pub use cells::{BadLine, CellList, parse_cell, read_cells};
pub use lines::for_each_line;
pub use polygons::{AreaError, PolygonArea, read_polygons};
pub use predict::{Prediction, predict};
pub use report::Report;
pub use walk::warm;

use std::time::{Duration, Instant};

use cellar_model::PageTree;
use geo_index::{Area, Meters};

/// What to warm.
#[derive(Clone, Debug)]
pub struct Warm {
    /// The tree: that of a collection, or of one of its categories.
    pub tree: PageTree,
    /// Where users are.
    pub area: Area,
    /// How far they look.
    pub margin: Meters,
    /// Pages that are asked for at a time, at least 1.
    pub concurrency: usize,
    /// Pages to visit at most.
    pub max_pages: u64,
    /// Which part of the places pages is compared with the store, 0 to 1.
    pub verify: f64,
    /// When to stop: what is not visited by then is left out.
    pub until: Option<Instant>,
}

impl Warm {
    /// Whether there is time for more.
    fn goes_on(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    /// Until when a page that is asked for now may take.
    fn page_deadline(&self) -> Instant {
        let deadline = Instant::now() + PAGE_TIME_LIMIT;
        self.until.map_or(deadline, |until| deadline.min(until))
    }
}

/// Time for one page.
const PAGE_TIME_LIMIT: Duration = Duration::from_secs(30);
