//! Where searches come from: the hot cells, so that a cache can be filled before they come again.
//!
//! Each process counts a sample of its searches' origins by cell, and adds its counts from time to time to tables
//! that all processes share, one for each collection and hour. What is lost on the way (a search that met a lock,
//! the counts of a process that ended, a table that could not be reached) makes a cell look a little cooler;
//! nothing else rests on it.
//!
//! Invariant: only cells are kept, never positions.

mod space_saving;

pub use space_saving::{Counted, SpaceSaving};

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cellar_cache::clock::Clock;
use cellar_coordination::{CoordinationStore, RemoteError};
use cellar_model::Collection;
use futures::future::try_join_all;
use geo_index::{GridCell, H3Cell, Position};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// H3 resolution of hot cells. Their edges are 3.7 km on average (<https://h3geo.org/docs/core-library/restable>):
/// coarse enough to say little about a person and for 10,000 of them to hold the towns of a continent, fine
/// enough that their pages are those that their users asked for.
pub const HOT_RESOLUTION: u8 = 6;

/// Of so many searches one is counted, and stands for all of them. Finding the cell of a position takes most of a
/// microsecond, as long as a warm search.
pub const ONE_IN: u32 = 8;

/// Cells that a process counts for each collection, in about 300 KB.
pub const CELLS_PER_COLLECTION: usize = 4_096;

/// Collections that a process counts cells for. More are passed over until the next flush.
pub const MAX_COLLECTIONS: usize = 64;

/// Cells that a shared table keeps.
pub const KEEP: usize = 10_000;

/// How long a shared table lives after the last addition: a day, and the hour in which it was begun.
pub const TABLE_TTL: Duration = Duration::from_hours(25);

/// Hours that there are tables of.
pub const MAX_HOURS: u64 = 24;

/// How often to [`flush`](HotCells::flush).
pub const FLUSH_EVERY: Duration = Duration::from_secs(30);

/// Counts of the cells that searches come from.
pub struct HotCells {
    clock: Arc<dyn Clock>,
    one_in: u32,
    counts: Mutex<Counts>,
    dropped: AtomicU64,
}

type Counts = FxHashMap<Collection, SpaceSaving<H3Cell>>;

impl HotCells {
    /// Nothing counted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::sampling(clock, ONE_IN)
    }

    /// The same, counting one search of so many.
    pub fn sampling(clock: Arc<dyn Clock>, one_in: u32) -> Self {
        Self { clock, one_in: one_in.max(1), counts: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// Takes note of a search's origin. It never waits: while another thread counts, it drops what it was told.
    pub fn offer(&self, collection: &Collection, origin: Position) {
        if fastrand::u32(..self.one_in) != 0 {
            return;
        }
        let Ok(cell) = H3Cell::at(origin, HOT_RESOLUTION) else { return };
        let Some(mut counts) = self.counts.try_lock() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if let Some(cells) = counts.get_mut(collection) {
            cells.offer(cell);
        } else if counts.len() < MAX_COLLECTIONS {
            let mut cells = SpaceSaving::new(CELLS_PER_COLLECTION);
            cells.offer(cell);
            counts.insert(collection.clone(), cells);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sampled searches that were not counted: another thread was at it, or there were too many collections.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Adds what was counted since the last time to the tables of this hour, and tells how many cells that were.
    /// Counts are added as they are at least, so that no cell is hotter than it was. On an error what was not yet
    /// added is lost.
    pub async fn flush(&self, coordination: &dyn CoordinationStore) -> Result<usize, RemoteError> {
        let counts = std::mem::take(&mut *self.counts.lock());
        let hour = hour(self.clock.unix_ms());
        let mut flushed = 0;
        for (collection, cells) in counts {
            let score = |cell: &Counted<H3Cell>| {
                (cell.at_least() > 0)
                    .then(|| (cell.key.to_string(), cell.at_least() * u64::from(self.one_in)))
            };
            let scores: Vec<_> = cells.counted().filter_map(score).collect();
            coordination.add_scores(&table(&collection, hour), &scores, KEEP, TABLE_TTL).await?;
            flushed += scores.len();
        }
        Ok(flushed)
    }
}

/// The hottest cells of a collection over this hour and the ones before it, `hours` in all, hottest first, each with
/// about how many searches came from it.
pub async fn top(
    coordination: &dyn CoordinationStore,
    collection: &Collection,
    now_unix_ms: u64,
    hours: u64,
    count: usize,
) -> Result<Vec<(H3Cell, f64)>, RemoteError> {
    let now = hour(now_unix_ms);
    let tables: Vec<String> = (0..hours.clamp(1, MAX_HOURS))
        .filter_map(|ago| Some(table(collection, now.checked_sub(ago)?)))
        .collect();
    let mut sums: HashMap<H3Cell, f64> = HashMap::new();
    for scores in try_join_all(tables.iter().map(|table| coordination.top(table, KEEP))).await? {
        for (cell, score) in scores {
            // What is no cell was written by something else.
            if let Ok(cell) = cell.parse() {
                *sums.entry(cell).or_default() += score;
            }
        }
    }
    let mut cells: Vec<_> = sums.into_iter().collect();
    cells.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    cells.truncate(count);
    Ok(cells)
}

/// Hours since 1970.
const fn hour(unix_ms: u64) -> u64 {
    unix_ms / 3_600_000
}

fn table(collection: &Collection, hour: u64) -> String {
    format!("hot:{collection}:{hour}")
}

#[cfg(test)]
mod tests;
