//! Statistics of a plan, and the hit ratios of caches by lifetime.

use std::time::Duration;

use cellar_model::edge_cache::{EdgeCache, hit_ratio};
use comfy_table::{CellAlignment, Table, presets};
use geo_index::{Cell, Grid};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use crate::plan::{Planned, Search};

/// Levels of cells: those of the experiment, and H3 6.
const LEVELS: [(Grid, u8); 8] = [
    (Grid::Geohash, 4),
    (Grid::Geohash, 5),
    (Grid::Geohash, 6),
    (Grid::Geohash, 7),
    (Grid::H3, 6),
    (Grid::H3, 7),
    (Grid::H3, 8),
    (Grid::H3, 9),
];

/// Searches by cell and category.
#[derive(Clone, Debug)]
struct CellStats {
    grid: Grid,
    level: u8,
    /// Indexes of answers, by cell and category.
    numbers: FxHashMap<(Cell, u32), u32>,
    counts: Vec<u64>,
    cells: FxHashSet<Cell>,
    edges: Vec<EdgeCache>,
    late_hits: Vec<u64>,
}

/// Statistics of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of searches.
    #[serde(rename = "asks")]
    pub searches: u64,
    /// Duration of the plan, in seconds.
    pub duration_s: f64,
    /// Users who search.
    pub users: usize,
    /// Requests for a further page.
    pub further_pages: u64,
    /// By level of cells.
    pub cells: Vec<CellRow>,
}

/// Searches by cells of one level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellRow {
    /// `geohash` or `h3`.
    pub grid: &'static str,
    /// Geohash precision or H3 resolution.
    pub level: u8,
    /// Cells with searches.
    pub cells: usize,
    /// Different answers: a cell and a category.
    pub answers: usize,
    /// Share of searches for the ten most requested answers.
    pub top_10: f64,
    /// Share of searches for the most requested hundredth of the answers.
    pub top_percent: f64,
    /// Hit ratios of a cache of such answers, by lifetime.
    pub caches: Vec<CacheRow>,
}

/// Hit ratios of a cache that keeps answers for a lifetime from their fetch and evicts nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CacheRow {
    /// Lifetime, in seconds.
    pub ttl_s: f64,
    /// By the formula, [`hit_ratio`], with each answer's mean rate over the plan.
    pub formula: f64,
    /// Simulated, with an initially empty cache.
    pub simulated: f64,
    /// Simulated, over the searches in the second half of the time.
    pub simulated_late: f64,
}

impl Summary {
    /// Reads a plan of known duration to its end. Memory grows with users and cells, some 100 bytes each.
    ///
    /// # Panics
    ///
    /// Never: every grid has these levels.
    pub fn of(plan: impl Iterator<Item = Planned>, duration: Duration, ttls_s: &[f64]) -> Self {
        let mut levels: Vec<CellStats> =
            LEVELS.iter().map(|(grid, level)| CellStats::new(*grid, *level, ttls_s)).collect();
        let (mut users, mut categories) = (FxHashSet::default(), FxHashMap::default());
        let (mut searches, mut late, mut further_pages) = (0, 0, 0);
        for Planned { at, search } in plan {
            users.insert(search.user);
            searches += 1;
            let is_late = at * 2 >= duration;
            late += u64::from(is_late);
            further_pages += u64::from(search.page > 0);
            let category = category(&mut categories, &search);
            for stats in &mut levels {
                stats.add(&search, category, at, is_late);
            }
        }
        let cells = levels.iter().map(|stats| stats.row(searches, late, duration)).collect();
        Self { searches, duration_s: duration.as_secs_f64(), users: users.len(), further_pages, cells }
    }

    /// The summary for people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let mut header: Vec<String> =
            ["cells of", "cells", "answers", "top 10", "top 1 %"].map(str::to_owned).to_vec();
        for cache in self.cells.first().map(|row| row.caches.as_slice()).unwrap_or_default() {
            header.push(format!("hits {} s", cache.ttl_s));
            header.extend(["late".to_owned(), "formula".to_owned()]);
        }
        table.set_header(header);
        for row in &self.cells {
            table.add_row(row.texts());
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "{} searches in {:.1} s by {} users; {} for a further page\n{}\n\
             There is an answer for each cell and category. hits: simulated, from an empty cache; late: in the second half \
             of the time; formula: Σ p·λT/(1+λT).",
            self.searches,
            self.duration_s,
            self.users,
            self.further_pages,
            table.trim_fmt()
        )
    }
}

fn category(numbers: &mut FxHashMap<Option<String>, u32>, search: &Search) -> u32 {
    if let Some(number) = numbers.get(&search.category) {
        return *number;
    }
    let number = numbers.len() as u32;
    numbers.insert(search.category.clone(), number);
    number
}

impl CellStats {
    fn new(grid: Grid, level: u8, ttls_s: &[f64]) -> Self {
        Self {
            grid,
            level,
            numbers: FxHashMap::default(),
            counts: Vec::new(),
            cells: FxHashSet::default(),
            edges: ttls_s.iter().map(|ttl_s| EdgeCache::new(*ttl_s)).collect(),
            late_hits: vec![0; ttls_s.len()],
        }
    }

    fn add(&mut self, search: &Search, category: u32, at: Duration, is_late: bool) {
        let cell = Cell::at(self.grid, search.position, self.level).expect("both grids have these levels");
        let new = self.counts.len() as u32;
        let number = *self.numbers.entry((cell, category)).or_insert(new);
        if number == new {
            self.counts.push(0);
            self.cells.insert(cell);
        }
        self.counts[number as usize] += 1;
        for (edge, late_hits) in self.edges.iter_mut().zip(&mut self.late_hits) {
            let hit = edge.request(number, at.as_secs_f64());
            *late_hits += u64::from(hit && is_late);
        }
    }

    fn row(&self, searches: u64, late: u64, duration: Duration) -> CellRow {
        let mut counts = self.counts.clone();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let top = |answers: usize| share(counts.iter().take(answers).sum(), searches);
        let seconds = duration.as_secs_f64().max(f64::MIN_POSITIVE);
        let rates = || counts.iter().map(|count| *count as f64 / seconds);
        let caches = self.edges.iter().zip(&self.late_hits).map(|(edge, late_hits)| CacheRow {
            ttl_s: edge.ttl_s,
            formula: hit_ratio(rates(), edge.ttl_s),
            simulated: share(edge.hits, searches),
            simulated_late: share(*late_hits, late),
        });
        CellRow {
            grid: if self.grid == Grid::Geohash { "geohash" } else { "h3" },
            level: self.level,
            cells: self.cells.len(),
            answers: counts.len(),
            top_10: top(10),
            top_percent: top(counts.len().div_ceil(100)),
            caches: caches.collect(),
        }
    }
}

impl CellRow {
    fn texts(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let mut texts = vec![
            format!("{} {}", self.grid, self.level),
            self.cells.to_string(),
            self.answers.to_string(),
            percent(self.top_10),
            percent(self.top_percent),
        ];
        for cache in &self.caches {
            texts.extend(
                [cache.simulated, cache.simulated_late, cache.formula].map(|ratio| format!("{ratio:.3}")),
            );
        }
        texts
    }
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}
