//! Crowds: leaves with more places than a page holds.
//!
//! A leaf is the finest cell, so there is nothing below it to split into. Its places are a list in order of their ids,
//! cut into runs of neighbouring ids; a crowd says where each run ends and where its places lie. Most crowds lie on one
//! spot (an address, the middle of a town), and then the first run is all that a search needs.
//!
//! Invariant: runs follow each other without gaps, the first from the first id on and the last without end, so that
//! every id belongs to one of them, whenever its place was written.

use std::sync::Arc;

use super::{Row, heap_bytes};
use crate::grid::h3::Leaf;
use crate::point::Position;

/// Most places in a run. A run also ends where a read of the store did: DynamoDB cuts a Query at 1 MB.
pub(crate) const RUN_MAX: usize = 512;

/// Most different positions that a run tells apart.
const SPOTS_MAX: usize = 8;

/// A leaf whose places are a list: the runs of the list, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct CrowdPage {
    runs: Vec<Run>,
}

/// Part of a crowd: the places whose ids follow one id, up to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// The run ends with this id; `None` if it has no end.
    pub(crate) last: Option<Arc<str>>,
    /// Places in it when it was read.
    pub(crate) places: u32,
    /// The different positions of its places, none if there are more than [`SPOTS_MAX`].
    pub(crate) spots: Vec<Position>,
}

/// A part of a crowd to read: the places of a leaf whose ids come after one id, up to another and with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunRead {
    /// The leaf.
    pub leaf: Leaf,
    /// The id before the first of the run; `None` from the first id of the leaf on.
    pub after: Option<Arc<str>>,
    /// The last id of the run; `None` up to the last of the leaf.
    pub last: Option<Arc<str>>,
}

impl CrowdPage {
    /// A crowd of runs, which are in order and of which only the last has no end.
    pub(super) fn from_runs(runs: Vec<Run>) -> Self {
        Self { runs }
    }

    /// About how many places there are: as many as there were when the leaf was read.
    pub fn places(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.places)).sum()
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What to read for a run.
    pub(crate) fn read(&self, leaf: Leaf, run: usize) -> RunRead {
        let after = run.checked_sub(1).and_then(|before| self.runs[before].last.clone());
        RunRead { leaf, after, last: self.runs[run].last.clone() }
    }

    /// What to read for all runs, in order.
    pub fn reads(&self, leaf: Leaf) -> impl Iterator<Item = RunRead> + '_ {
        (0..self.runs.len()).map(move |run| self.read(leaf, run))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let of_run = |run: &Run| {
            let last = run.last.as_ref().map_or(0, |last| super::block_bytes(last.len() + 16));
            last + heap_bytes(&run.spots)
        };
        heap_bytes(&self.runs) + self.runs.iter().map(of_run).sum::<usize>()
    }
}

/// Makes a crowd of the rows of a leaf as they are read.
#[derive(Debug, Default)]
pub(crate) struct CrowdBuilder {
    runs: Vec<Run>,
}

impl CrowdBuilder {
    /// Takes the rows of one read, in order of their ids and behind those of the reads before.
    pub(crate) fn add(&mut self, rows: &[Row]) {
        for run in rows.chunks(RUN_MAX) {
            let Some(last) = run.last() else { continue };
            self.runs.push(Run {
                last: Some(last.id.as_str().into()),
                places: u32::try_from(run.len()).unwrap_or(u32::MAX),
                spots: spots(run),
            });
        }
    }

    /// The crowd.
    pub(crate) fn finish(mut self) -> CrowdPage {
        if let Some(last) = self.runs.last_mut() {
            last.last = None;
        }
        self.runs.shrink_to_fit();
        CrowdPage::from_runs(self.runs)
    }
}

/// The different positions of rows, if they are few.
fn spots(rows: &[Row]) -> Vec<Position> {
    let mut spots: Vec<Position> = Vec::new();
    for row in rows {
        if !spots.contains(&row.position) {
            if spots.len() == SPOTS_MAX {
                return Vec::new();
            }
            spots.push(row.position);
        }
    }
    spots.shrink_to_fit();
    spots
}

impl RunRead {
    /// Whether an id belongs to the run.
    ///
    /// ```
    /// use geo_index::{Leaf, Position, RunRead};
    ///
    /// let leaf = Leaf::at(Position::new(48.8606, 2.3376)?);
    /// let run = RunRead { leaf, after: Some("b".into()), last: None };
    /// assert!(run.holds("ba") && run.holds("c") && !run.holds("b"));
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn holds(&self, id: &str) -> bool {
        self.after.as_deref().is_none_or(|after| id > after)
            && self.last.as_deref().is_none_or(|last| id <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(from: usize, count: usize, lat: impl Fn(usize) -> f64) -> Vec<Row> {
        let row = |i: usize| {
            let position = Position::new(lat(i), 7.0).unwrap();
            let leaf = Leaf::at(Position::new(50.0, 7.0).unwrap());
            Row { leaf, id: format!("{i:05}"), position, category: None, payload: Vec::new() }
        };
        (from..from + count).map(row).collect()
    }

    #[test]
    fn every_id_belongs_to_one_run() {
        let mut builder = CrowdBuilder::default();
        builder.add(&rows(0, 1_000, |_| 50.0));
        builder.add(&rows(1_000, 17, |_| 50.0));
        builder.add(&[]);
        let crowd = builder.finish();
        assert_eq!(crowd.places(), 1_017);
        let leaf = Leaf::at(Position::new(50.0, 7.0).unwrap());
        let reads: Vec<_> = crowd.reads(leaf).collect();
        assert_eq!(reads.len(), 3);
        for id in ["", "00000", "00511", "00512", "005115", "01016", "zzz"] {
            assert_eq!(reads.iter().filter(|read| read.holds(id)).count(), 1, "{id}");
        }
        assert!(reads[0].holds("00511") && reads[1].holds("00512") && reads[2].holds("01000"));
    }

    #[test]
    fn a_run_knows_a_few_positions_or_none() {
        let mut builder = CrowdBuilder::default();
        builder.add(&rows(0, 100, |i| 50.0 + (i % 8) as f64 * 1e-7));
        builder.add(&rows(100, 100, |i| 50.0 + (i % 9) as f64 * 1e-7));
        let crowd = builder.finish();
        assert_eq!(crowd.runs().iter().map(|run| run.spots.len()).collect::<Vec<_>>(), [8, 0]);
    }
}
