//! What a warm-up would read, without a read.

use cellar_cache::trace::Trace;
use cellar_model::grouped;
use cellar_search::pages::PageSource;
use geo_index::tree::{AreaWalk, PAGE_MAX, Visit};
use geo_index::{H3Cell, Page};
use serde::Serialize;

use super::Warm;

/// Bytes of an item, about: what those of GeoNames take in the index.
const ITEM_BYTES: f64 = 300.0;

/// Pages that are looked up at once.
const LOOKUP_BATCH: usize = 500;

/// Bytes that half a read unit pays for.
const HALF_UNIT_BYTES: f64 = 4_096.0;

/// What a job would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Prediction {
    /// Pages that memory or Redis has.
    pub cached: u64,
    /// Pages that would be asked for.
    pub asked: u64,
    /// Queries for them if no other tier has them, about.
    pub queries: f64,
    /// Read units for them, about.
    pub read_units: f64,
    /// Whether nothing is known below some of them, so that all figures are the least that it takes.
    pub at_least: bool,
}

impl Prediction {
    fn add(&mut self, visit: &Visit) {
        self.asked += 1;
        let Some(places) = visit.estimate else {
            self.at_least = true;
            self.queries += 1.0;
            self.read_units += 0.5;
            return;
        };
        let pages = Visit::pages_for(places);
        let rows = places.min(PAGE_MAX as f64 + 1.0);
        self.queries += pages;
        self.read_units += pages * 0.5 * (rows * ITEM_BYTES / HALF_UNIT_BYTES).ceil().max(1.0);
    }

    /// The prediction as lines of a name and a number.
    pub fn lines(&self) -> Vec<String> {
        let least = if self.at_least { "at least " } else { "about " };
        let line = |name: &str, value: String| format!("{name:<18}{value:>21}");
        let about = |name: &str, value: f64| line(name, format!("{least}{}", grouped(value.round() as u64)));
        vec![
            line("pages cached", grouped(self.cached)),
            about("pages to ask for", self.asked as f64),
            about("queries", self.queries),
            about("read units", self.read_units.ceil()),
        ]
    }
}

/// Walks as far as the pages go that can be had without a read of the store.
pub async fn predict(job: &Warm, pages: &dyn PageSource) -> Prediction {
    loop {
        let (prediction, missing) = walk_present(job, pages);
        let mut found = 0;
        for cells in missing.chunks(LOOKUP_BATCH) {
            found += pages.prefetch(&job.tree, cells).await;
        }
        if found == 0 {
            return prediction;
        }
    }
}

fn walk_present(job: &Warm, pages: &dyn PageSource) -> (Prediction, Vec<H3Cell>) {
    let mut walk = AreaWalk::new(&job.area, job.margin);
    let (mut prediction, mut missing) = (Prediction::default(), Vec::new());
    while let Some(visit) = walk.next() {
        match pages.get_if_present(&job.tree, visit.cell, &mut Trace::default()).as_deref() {
            None => {
                prediction.add(&visit);
                missing.push(visit.cell);
            }
            Some(page) => {
                prediction.cached += 1;
                if let Page::Split(split) = page {
                    walk.below(&visit, split);
                }
            }
        }
    }
    (prediction, missing)
}
