//! Loading a page: which ranges of the index to read, and everything the rows are good for.
//!
//! One Query with a limit just above a page's size either returns the whole page or proves a split. In the
//! second case the rows are not thrown away: leaves come in order, so every descendant that ends before the
//! last row is known completely and becomes a page of its own. Where all rows of a cut-off read lie in one
//! deep descendant (many places on one spot), the cells on the way down are splits without being read, and a
//! second Query goes on *behind* that spot: its neighbours on every level are known after two Queries, however
//! deep the spot lies.
//!
//! Invariant: a places page comes only of a range that was read to its end.

use std::ops::RangeInclusive;

use crate::error::SearchError;
use crate::grid::{GridCell, h3::H3Cell};
use crate::page::{Page, PlacesPage, Row, SplitPage};

/// Places that fit in a page. On cities.csv (docs/BENCHMARKS.md), a cold search within 10 km takes 1.2 times the
/// Queries at 0.9 times the read units with 64, and 0.9 times the Queries at 1.1 times the units with 256.
pub const PAGE_MAX: usize = 128;

/// Places that one finest cell (about 1 m) may hold.
pub const CROWD_MAX: usize = 16_384;

/// Levels between a cell and the spot that fills it for a read to go on behind the spot.
const DEEP_SPOT: u8 = 2;

/// Queries that one load may issue.
const MAX_READS: usize = 3;

/// One read of the index, between two leaves of one root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafRead {
    /// First leaf.
    pub first: u64,
    /// Last leaf, inclusive.
    pub last: u64,
    /// Most rows that are of use. Unless [`whole`](LeafRead::whole), one Query is enough: a read cut off by
    /// DynamoDB's 1 MB is as good as one cut off by its limit.
    pub limit: usize,
    /// Whether the range has to be read to its end, over several Queries if need be.
    pub whole: bool,
}

/// The load of one page.
#[derive(Debug)]
pub struct PageLoad {
    cell: H3Cell,
    pending: Option<LeafRead>,
    reads: usize,
    rows: Vec<Row>,
    /// Leaf ranges of which every row is in `rows`, ascending and not adjacent.
    known: Vec<RangeInclusive<u64>>,
    crowded: bool,
}

impl PageLoad {
    /// Begins to load the page of a cell.
    pub fn new(cell: H3Cell) -> Self {
        let (first, last) = cell.leaf_range().into_inner();
        let whole = cell.level() == H3Cell::LEAF;
        let limit = if whole { CROWD_MAX } else { PAGE_MAX + 1 };
        let pending = Some(LeafRead { first, last, limit, whole });
        Self { cell, pending, reads: 0, rows: Vec::new(), known: Vec::new(), crowded: false }
    }

    /// The read to do now; `None` when the load can [`finish`](PageLoad::finish).
    pub const fn next_read(&self) -> Option<LeafRead> {
        self.pending
    }

    /// Takes what the read returned, in order of leaf and id; `complete` when nothing of its range is missing.
    pub fn accept(&mut self, rows: Vec<Row>, complete: bool) {
        let Some(read) = self.pending.take() else { return };
        self.reads += 1;
        if complete {
            self.learn(read.first..=read.last);
        } else if read.whole {
            self.crowded = true;
        } else if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            if read.first < last.leaf.index() {
                self.learn(read.first..=last.leaf.index() - 1);
            }
            self.pending = self.read_behind(first.leaf, last.leaf);
        }
        self.rows.extend(rows);
    }

    fn learn(&mut self, range: RangeInclusive<u64>) {
        match self.known.last_mut() {
            Some(previous) if *previous.end() + 1 == *range.start() => {
                *previous = *previous.start()..=*range.end();
            }
            _ => self.known.push(range),
        }
    }

    /// The read behind a deep spot that took up a whole read.
    fn read_behind(&self, first: H3Cell, last: H3Cell) -> Option<LeafRead> {
        let spot = first.common_ancestor(last)?;
        let (behind, end) = (*spot.leaf_range().end() + 1, *self.cell.leaf_range().end());
        let worthwhile =
            spot.level() >= self.cell.level() + DEEP_SPOT && self.reads < MAX_READS && behind <= end;
        worthwhile.then_some(LeafRead { first: behind, last: end, limit: PAGE_MAX + 1, whole: false })
    }

    /// The page of the cell, first, and those of descendants that the same rows make up.
    pub fn finish(mut self) -> Result<Vec<(H3Cell, Page)>, SearchError> {
        if self.crowded {
            return Err(SearchError::CrowdedPoint { max: CROWD_MAX });
        }
        let mut pages = Vec::new();
        let rows = std::mem::take(&mut self.rows);
        self.build(self.cell, rows, &mut pages);
        Ok(pages)
    }

    fn build(&self, cell: H3Cell, rows: Vec<Row>, pages: &mut Vec<(H3Cell, Page)>) {
        let range = cell.leaf_range();
        let complete = self.known.iter().any(|k| k.start() <= range.start() && range.end() <= k.end());
        if complete && (rows.len() <= PAGE_MAX || cell.level() == H3Cell::LEAF) {
            pages.push((cell, Page::Places(PlacesPage::new(rows))));
            return;
        }
        let proven = complete || cell == self.cell || rows.len() > PAGE_MAX;
        let Some(split) = SplitPage::new(cell).ok().filter(|_| proven) else { return };
        let split = split.with_estimate(rows.len() as f64 / self.known_share(cell));
        let children: Vec<H3Cell> = split.children().iter().map(|child| child.cell).collect();
        pages.push((cell, Page::Split(split)));
        let mut rest = rows.into_iter().peekable();
        for child in children {
            let end = *child.leaf_range().end();
            let mut mine = Vec::new();
            while let Some(row) = rest.next_if(|row| row.leaf.index() <= end) {
                mine.push(row);
            }
            self.build(child, mine, pages);
        }
    }

    /// Which part of a cell's leaves has been read, between 10⁻³ and 1: the count of rows divided by it
    /// estimates the places below the cell.
    fn known_share(&self, cell: H3Cell) -> f64 {
        let range = cell.leaf_range();
        let covered = self.known.iter().map(|k| {
            let (first, last) = (*k.start().max(range.start()), *k.end().min(range.end()));
            if first > last { 0.0 } else { share_before(cell, last) - share_before(cell, first) }
        });
        covered.sum::<f64>().clamp(1e-3, 1.0)
    }
}

/// The share of a cell's leaves that come before a leaf: its digits below the cell read as a number in base 7.
fn share_before(cell: H3Cell, leaf: u64) -> f64 {
    let digits = (cell.level() + 1..=H3Cell::LEAF).map(|level| leaf >> (3 * (H3Cell::LEAF - level)) & 7);
    let (share, _) =
        digits.fold((0.0, 1.0 / 7.0), |(share, weight), digit| (share + digit as f64 * weight, weight / 7.0));
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::Position;

    fn rows(count: usize, position: Position) -> Vec<Row> {
        let leaf = H3Cell::leaf(position);
        (0..count)
            .map(|i| Row { leaf, id: format!("{i:05}"), position, category: None, payload: Vec::new() })
            .collect()
    }

    fn here() -> Position {
        Position::new(40.0, -75.0).unwrap()
    }

    #[test]
    fn a_small_page_is_one_read() {
        let root = H3Cell::leaf(here()).ancestor(3).unwrap();
        let mut load = PageLoad::new(root);
        assert_eq!(load.next_read().unwrap().limit, 129);
        load.accept(rows(128, here()), true);
        assert_eq!(load.next_read(), None);
        let pages = load.finish().unwrap();
        assert!(matches!(&pages[..], [(cell, Page::Places(places))] if *cell == root && places.len() == 128));
    }

    #[test]
    fn one_place_too_many_is_a_split_even_if_all_are_known() {
        let root = H3Cell::leaf(here()).ancestor(3).unwrap();
        let mut load = PageLoad::new(root);
        load.accept(rows(129, here()), true);
        let pages = load.finish().unwrap();
        assert!(matches!(&pages[0], (cell, Page::Split(_)) if *cell == root));
        let leaf =
            pages.iter().find(|(cell, _)| cell.level() == H3Cell::LEAF && cell.covers(H3Cell::leaf(here())));
        assert!(matches!(leaf, Some((_, Page::Places(places))) if places.len() == 129));
    }

    #[test]
    fn a_deep_spot_costs_two_reads() {
        let leaf = H3Cell::leaf(here());
        let root = leaf.ancestor(3).unwrap();
        let mut load = PageLoad::new(root);
        load.accept(rows(129, here()), false);
        let behind = load.next_read().unwrap();
        assert_eq!(behind.first, leaf.index() + 1);
        assert_eq!(behind.last, *root.leaf_range().end());
        load.accept(Vec::new(), true);
        assert_eq!(load.next_read(), None);
        let pages = load.finish().unwrap();
        let splits = pages.iter().filter(|(_, page)| matches!(page, Page::Split(_))).count();
        assert_eq!(splits, 12);
        // All siblings on the way down, and nothing about the spot itself.
        assert_eq!(pages.len() - splits, 12 * 6);
        assert!(pages.iter().all(|(cell, _)| *cell != leaf));

        let mut floor = PageLoad::new(leaf);
        assert!(floor.next_read().unwrap().whole);
        floor.accept(rows(5_000, here()), true);
        let pages = floor.finish().unwrap();
        assert!(matches!(&pages[..], [(_, Page::Places(places))] if places.len() == 5_000));
    }

    #[test]
    fn a_crowd_beyond_bounds_is_an_error() {
        let mut floor = PageLoad::new(H3Cell::leaf(here()));
        floor.accept(rows(3, here()), false);
        assert_eq!(floor.finish(), Err(SearchError::CrowdedPoint { max: CROWD_MAX }));
    }

    #[test]
    fn shares_follow_the_digits() {
        let root = H3Cell::leaf(here()).ancestor(3).unwrap();
        let children = root.children();
        assert!(share_before(root, *root.leaf_range().start()).abs() < 1e-9);
        assert!((share_before(root, *root.leaf_range().end()) - 1.0).abs() < 1e-6);
        assert!((share_before(root, *children[3].leaf_range().start()) - 3.0 / 7.0).abs() < 1e-9);
    }
}
