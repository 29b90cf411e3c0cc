//! What a warm-up did.

use cellar_cache::trace::Trace;
use cellar_model::grouped;
use cellar_store::ReadCost;
use geo_index::Page;
use serde::Serialize;

/// Examples of differences that are listed.
const MAX_EXAMPLES: usize = 5;

/// The account of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Pages visited.
    pub pages: u64,
    /// Those that the memory of this process had.
    pub in_memory: u64,
    /// Those that the shared cache had.
    pub in_remote: u64,
    /// Those that were loaded from the store.
    pub loaded: u64,
    /// Those that came along with others.
    pub came_along: u64,
    /// Pages that refer to their children.
    pub splits: u64,
    /// Pages without places.
    pub empty: u64,
    /// Places in all pages.
    pub places: u64,
    /// DynamoDB Queries of the loads.
    pub queries: u64,
    /// Read units of the loads.
    pub read_units: f64,
    /// Places pages that were compared with the store.
    pub verified: u64,
    /// Those that differed.
    pub differences: u64,
    /// Cells of the first few of those.
    pub differing: Vec<String>,
    /// Queries of the comparison.
    pub verify_queries: u64,
    /// Pages that could not be had, or not be compared.
    pub failures: u64,
    /// Why, of the first.
    pub first_failure: Option<String>,
    /// Pages that were known and not visited: the budget was used up, or too much failed. There is more below them.
    pub left_out: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Report {
    /// Whether everything was visited and nothing failed or differed.
    pub const fn is_good(&self) -> bool {
        self.differences == 0 && self.failures == 0 && self.left_out == 0
    }

    pub(super) fn visited(&mut self, page: &Page, came_along: bool, trace: &Trace, cost: ReadCost) {
        self.pages += 1;
        self.came_along += u64::from(came_along);
        self.in_memory += u64::from(trace.memory.hits + trace.memory.stale);
        self.in_remote += u64::from(trace.remote.hits + trace.remote.stale);
        self.loaded += u64::from(trace.source.loads + trace.memory.collapsed);
        self.queries += u64::from(cost.queries);
        self.read_units += cost.read_units;
        match page {
            Page::Split(_) => self.splits += 1,
            Page::Places(places) => {
                self.places += places.len() as u64;
                self.empty += u64::from(places.is_empty());
            }
            Page::Crowd(crowd) => self.places += crowd.places(),
            Page::Roots(_) => {}
        }
    }

    pub(super) fn compared(&mut self, cell: geo_index::H3Cell, differs: bool) {
        self.verified += 1;
        self.differences += u64::from(differs);
        if differs && self.differing.len() < MAX_EXAMPLES {
            self.differing.push(cell.to_string());
        }
    }

    pub(super) fn failed(&mut self, reason: &str) {
        self.failures += 1;
        self.first_failure.get_or_insert_with(|| reason.to_owned());
    }

    /// The account as lines of a name and a number.
    pub fn lines(&self) -> Vec<String> {
        let line = |name: &str, value: String| format!("{name:<18}{value:>12}");
        let count = |name: &str, value: u64| line(name, grouped(value));
        let mut lines = vec![
            count("pages", self.pages),
            count("  in memory", self.in_memory),
            count("  in remote", self.in_remote),
            count("  loaded", self.loaded),
            count("  came along", self.came_along),
            count("splits", self.splits),
            count("empty pages", self.empty),
            count("places", self.places),
            count("queries", self.queries),
            line("read units", format!("{:.1}", self.read_units)),
            count("verified", self.verified),
            count("differences", self.differences),
            line("seconds", format!("{:.1}", self.seconds)),
        ];
        if self.failures > 0 {
            lines.push(count("failures", self.failures));
        }
        if self.left_out > 0 {
            lines.push(count("pages left out", self.left_out));
        }
        lines.extend(self.differing.iter().map(|cell| format!("differs from the store: the page of {cell}")));
        lines
    }
}
