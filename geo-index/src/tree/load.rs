//! Loading a page: which ranges of the index to read, and everything the rows are good for.
//!
//! One read with a limit just above a page's size either returns the whole page or proves a split. In the
//! second case the rows are not thrown away: leaves come in order, so every descendant that ends before the
//! last row is known completely and becomes a page of its own. Where all rows of a cut-off read lie in one
//! deep descendant (many places on one spot), the cells on the way down are splits without being read, and a
//! second read goes on *behind* that spot: its neighbours on every level are known after two reads, however
//! deep the spot lies.
//!
//! Where a cell surely holds many more places than a page, a load may begin in its middle
//! ([`beginning_at`](PageLoad::beginning_at)): the rows prove the splits of all cells on the way there just as well, and
//! make up the pages that are wanted instead of those at the cell's edge. If that was a mistake, what comes before is read,
//! too.
//!
//! A leaf cannot be split. Its places are read to the end, and where they are too many for a page, all that is kept of
//! them is how they can be read in parts: the page is a crowd.
//!
//! Invariant: a places page comes only of a range that was read to its end.

use std::ops::RangeInclusive;

use crate::grid::GridCell;
use crate::grid::h3::{H3Cell, Leaf};
use crate::page::{CrowdBuilder, Page, PlacesPage, RootsPage, Row, RunRead, SplitPage};

/// Most places in a page, except in that of a leaf. On 155,000 towns of all the world (GeoNames), a cold search within
/// 10 km takes 1.2 times the reads and 0.9 times the read units of DynamoDB with 64 places, and 0.9 times the reads and
/// 1.1 times the units with 256.
pub const PAGE_MAX: usize = 128;

/// Most places in the page of a leaf (about 1 m), which cannot be split: of more, the page is a crowd.
pub const LEAF_MAX: usize = 16_384;

/// Most bytes of ids and payloads in the page of a leaf.
pub const LEAF_MAX_BYTES: usize = 4 << 20;

/// Rows of one read of a leaf. DynamoDB cuts most such reads earlier, at 1 MB.
const LEAF_READ: usize = 8_192;

/// Rows of a read that begins in the middle of a cell: some pages.
const MIDDLE_READ: usize = 2 * PAGE_MAX + 1;

/// Resolution of a spot, 25 m across, and levels between a cell and the spot that fills it, for a read to go on behind the
/// spot. Less is a dense town, where a load that begins at the wanted page passes the same levels.
const SPOT_LEVEL: u8 = 11;
/// See [`SPOT_LEVEL`].
const DEEP_SPOT: u8 = 2;

/// Reads of one load, at most.
const MAX_READS: usize = 3;

/// One read of the index: rows between two leaves of one root, in order of leaf and id.
///
/// Fewer rows than the limit will do: a read that a store cuts off early, as DynamoDB does after 1 MB, is as good as one
/// cut off by the limit. Only a read that is not complete and has no rows would never end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRead {
    /// First leaf.
    pub first: Leaf,
    /// Of the first leaf, only places whose ids come after this one.
    pub after: Option<String>,
    /// Last leaf, inclusive.
    pub last: Leaf,
    /// Of the last leaf, only places whose ids do not come after this one.
    pub until: Option<String>,
    /// Most rows that are of use.
    pub limit: usize,
    /// Whether only leaf, id and position of the rows are of use.
    pub bare: bool,
}

/// The load of one page, as a state machine: [`next_read`](Self::next_read), [`accept`](Self::accept), and so on until
/// nothing is left to read, then [`finish`](Self::finish).
///
/// ```
/// use geo_index::tree::PageLoad;
/// use geo_index::{Leaf, Page, Position, Row};
///
/// let position = Position::new(48.8606, 2.3376)?;
/// let leaf = Leaf::at(position);
/// let index = [Row { leaf, id: "louvre".into(), position, category: None, payload: vec![] }];
///
/// let mut load = PageLoad::new(leaf.ancestor(5).unwrap());
/// while let Some(read) = load.next_read() {
///     let in_range = index.iter().filter(|row| (read.first..=read.last).contains(&row.leaf));
///     let rows: Vec<Row> = in_range.take(read.limit).cloned().collect();
///     let complete = rows.len() < read.limit;
///     load.accept(rows, complete);
/// }
/// let (cell, page) = load.finish().swap_remove(0);
/// assert!(cell.covers(leaf) && matches!(page, Page::Places(places) if places.len() == 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PageLoad {
    cell: H3Cell,
    pending: Option<LeafRead>,
    /// The cell within that the load began at.
    begin: H3Cell,
    reads: usize,
    rows: Vec<Row>,
    /// Of a leaf, how many rows there were after each read.
    ends: Vec<usize>,
    /// Bytes of ids and payloads of the rows.
    bytes: usize,
    /// Ranges of leaf indexes of which every row is in `rows`, ascending.
    known: Vec<RangeInclusive<u64>>,
    /// In place of the rows, once those of a leaf are too many.
    crowd: Option<CrowdBuilder>,
}

impl PageLoad {
    /// Begins to load the page of a cell. Which roots exist below a base cell is not in the index: where
    /// it is known, [`RootsPage::new`] makes that page. A load of it reads nothing, and takes all roots to exist.
    pub fn new(cell: H3Cell) -> Self {
        let (first, last) = cell.leaves().into_inner();
        let limit = if cell.level() == H3Cell::FINEST { LEAF_READ } else { PAGE_MAX + 1 };
        let read = LeafRead { first, after: None, last, until: None, limit, bare: false };
        let pending = (cell.level() != H3Cell::COARSEST).then_some(read);
        Self {
            cell,
            pending,
            begin: cell,
            reads: 0,
            rows: Vec::new(),
            ends: Vec::new(),
            bytes: 0,
            known: Vec::new(),
            crowd: None,
        }
    }

    /// Begins at a cell within, from which on there are surely more places than a page holds: one read then has the pages
    /// there. Where there are not, it takes one read more.
    #[must_use]
    pub fn beginning_at(mut self, begin: H3Cell) -> Self {
        let is_within = self.cell != begin && self.cell.covers(begin);
        if let Some(read) = self.pending.as_mut().filter(|_| is_within) {
            read.first = *begin.leaves().start();
            read.limit = MIDDLE_READ;
            self.begin = begin;
        }
        self
    }

    /// The read to do now; `None` once the load can [`finish`](PageLoad::finish).
    pub fn next_read(&self) -> Option<LeafRead> {
        self.pending.clone()
    }

    /// Takes the rows that the read returned, in order of leaf and id. `complete` says that no row of its range is missing.
    /// Without a pending read, nothing happens.
    pub fn accept(&mut self, rows: Vec<Row>, complete: bool) {
        let Some(read) = self.pending.take() else { return };
        if let Ok(leaf) = Leaf::try_from(self.cell) {
            return self.accept_of_leaf(leaf, rows, complete);
        }
        self.reads += 1;
        let before = *self.cell.leaves().start();
        if read.last < *self.cell.leaves().end() {
            return self.accept_of_beginning(&read, rows, complete);
        }
        if complete {
            self.known.push(read.first.index()..=read.last.index());
            if self.reads == 1 && before < read.first && rows.len() <= PAGE_MAX {
                self.pending = self.read_before(read.first);
            }
        } else if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            // Of the last leaf itself more rows may follow.
            if read.first < last.leaf {
                self.known.push(read.first.index()..=last.leaf.index() - 1);
            }
            self.pending = self.read_behind(first.leaf, last.leaf);
        }
        self.rows.extend(rows);
    }

    /// What comes before the cell that the load began at.
    fn accept_of_beginning(&mut self, read: &LeafRead, rows: Vec<Row>, complete: bool) {
        let rest = std::mem::replace(&mut self.rows, rows);
        if complete {
            // Behind it, all is known already.
            self.known = vec![read.first.index()..=self.cell.leaves().end().index()];
        } else if let Some(last) = self.rows.last().filter(|last| read.first < last.leaf) {
            self.known.insert(0, read.first.index()..=last.leaf.index() - 1);
        }
        self.rows.extend(rest);
    }

    /// The read of what comes before a leaf.
    fn read_before(&self, leaf: Leaf) -> Option<LeafRead> {
        let last = last_leaf_before(leaf, self.cell)?;
        let first = *self.cell.leaves().start();
        Some(LeafRead { first, after: None, last, until: None, limit: PAGE_MAX + 1, bare: false })
    }

    /// A leaf is read to its end. What is too much for a page is not kept.
    fn accept_of_leaf(&mut self, leaf: Leaf, mut rows: Vec<Row>, complete: bool) {
        let last = rows.last().map(|row| row.id.clone());
        self.bytes += rows.iter().map(|row| row.id.len() + row.payload.len()).sum::<usize>();
        if let Some(crowd) = &mut self.crowd {
            crowd.add(&rows);
        } else if self.rows.len() + rows.len() > LEAF_MAX || self.bytes > LEAF_MAX_BYTES {
            let (mut crowd, mut begin) = (CrowdBuilder::default(), 0);
            for end in std::mem::take(&mut self.ends) {
                crowd.add(&self.rows[begin..end]);
                begin = end;
            }
            crowd.add(&rows);
            self.rows = Vec::new();
            self.crowd = Some(crowd);
        } else {
            self.rows.append(&mut rows);
            self.ends.push(self.rows.len());
        }
        if complete {
            self.known.push(leaf.index()..=leaf.index());
        } else if last.is_some() {
            let bare = self.crowd.is_some();
            self.pending =
                Some(LeafRead { first: leaf, after: last, last: leaf, until: None, limit: LEAF_READ, bare });
        }
    }

    /// The read behind a deep spot that took up a whole read.
    fn read_behind(&self, first: Leaf, last: Leaf) -> Option<LeafRead> {
        let spot = H3Cell::from(first).common_ancestor(last.into())?;
        let is_deep = spot.level() >= SPOT_LEVEL.max(self.begin.level() + DEEP_SPOT);
        let worthwhile = is_deep && self.reads < MAX_READS;
        let first = first_leaf_behind(spot, self.cell).filter(|_| worthwhile)?;
        let last = *self.cell.leaves().end();
        Some(LeafRead { first, after: None, last, until: None, limit: PAGE_MAX + 1, bare: false })
    }

    /// The page of the cell, and behind it the pages of all descendants that the same rows are enough for.
    pub fn finish(mut self) -> Vec<(H3Cell, Page)> {
        if let Some(crowd) = self.crowd.take() {
            return vec![(self.cell, Page::Crowd(crowd.finish()))];
        }
        if self.cell.level() == H3Cell::COARSEST {
            return vec![(self.cell, Page::Roots(RootsPage::all(self.cell)))];
        }
        let mut pages = Vec::new();
        let rows = std::mem::take(&mut self.rows);
        self.build(self.cell, rows, &mut pages);
        pages
    }

    fn build(&self, cell: H3Cell, rows: Vec<Row>, pages: &mut Vec<(H3Cell, Page)>) {
        let (first, last) = leaf_indexes(cell);
        let complete = self.known.iter().any(|known| known.contains(&first) && known.contains(&last));
        if complete && (rows.len() <= PAGE_MAX || cell.level() == H3Cell::FINEST) {
            pages.push((cell, Page::Places(PlacesPage::new(rows))));
            return;
        }
        let proven = complete || cell == self.cell || rows.len() > PAGE_MAX;
        let Some(split) = SplitPage::new(cell).ok().filter(|_| proven) else { return };
        let split = split.with_estimate(rows.len() as f64 / self.known_share(cell));
        let children: Vec<H3Cell> = split.children().collect();
        pages.push((cell, Page::Split(split)));
        let mut rest = rows.into_iter().peekable();
        for child in children {
            let end = *child.leaves().end();
            let mut mine = Vec::new();
            while let Some(row) = rest.next_if(|row| row.leaf <= end) {
                mine.push(row);
            }
            self.build(child, mine, pages);
        }
    }

    /// Which part of a cell's leaves has been read, between 10⁻³ and 1: the count of rows divided by it
    /// estimates the places below the cell.
    fn known_share(&self, cell: H3Cell) -> f64 {
        let (first, last) = leaf_indexes(cell);
        let covered = self.known.iter().map(|known| {
            let (first, last) = (first.max(*known.start()), last.min(*known.end()));
            if first > last { 0.0 } else { share_before(cell, last) - share_before(cell, first) }
        });
        covered.sum::<f64>().clamp(1e-3, 1.0)
    }
}

/// The load of a run of a crowd, as a state machine like [`PageLoad`].
#[derive(Debug)]
pub struct RunLoad {
    run: RunRead,
    pending: Option<LeafRead>,
    rows: Vec<Row>,
}

impl RunLoad {
    /// Begins to load a run.
    pub fn new(run: RunRead) -> Self {
        let mut load = Self { run, pending: None, rows: Vec::new() };
        load.pending = Some(load.read_behind(load.run.after.as_deref().map(str::to_owned)));
        load
    }

    fn read_behind(&self, after: Option<String>) -> LeafRead {
        let RunRead { leaf, ref last, .. } = self.run;
        let until = last.as_deref().map(str::to_owned);
        LeafRead { first: leaf, after, last: leaf, until, limit: LEAF_READ, bare: false }
    }

    /// The read to do now; `None` once the load can [`finish`](Self::finish).
    pub fn next_read(&self) -> Option<LeafRead> {
        self.pending.clone()
    }

    /// Takes the rows that the read returned, in order of their ids. `complete` says that no row of its range is missing.
    /// Without a pending read, nothing happens.
    pub fn accept(&mut self, rows: Vec<Row>, complete: bool) {
        if self.pending.take().is_none() {
            return;
        }
        let last = rows.last().map(|row| row.id.clone());
        self.rows.extend(rows);
        if !complete && last.is_some() {
            self.pending = Some(self.read_behind(last));
        }
    }

    /// The page of the run.
    pub fn finish(self) -> Page {
        Page::Places(PlacesPage::new(self.rows))
    }
}

/// Indexes of the first and the last leaf below a cell.
fn leaf_indexes(cell: H3Cell) -> (u64, u64) {
    (cell.leaves().start().index(), cell.leaves().end().index())
}

/// The first leaf that follows those of a cell among those of its ancestor `within`.
fn first_leaf_behind(cell: H3Cell, within: H3Cell) -> Option<Leaf> {
    let upwards = std::iter::successors(Some(cell), |at| at.parent()).take_while(|at| *at != within);
    let sibling_behind = |at: H3Cell| at.parent()?.children().into_iter().find(|sibling| *sibling > at);
    upwards.into_iter().find_map(sibling_behind).map(|next| *next.leaves().start())
}

/// The last leaf that comes before those of a cell's ancestor `within` that begin with this one.
fn last_leaf_before(leaf: Leaf, within: H3Cell) -> Option<Leaf> {
    let upwards = std::iter::successors(Some(H3Cell::from(leaf)), |at| at.parent());
    let sibling_before = |at: H3Cell| at.parent()?.children().into_iter().rev().find(|sibling| *sibling < at);
    let before = upwards.take_while(|at| *at != within).find_map(sibling_before)?;
    Some(*before.leaves().end())
}

/// The share of a cell's leaves that come before a leaf index: its digits below the cell read as a number in base 7.
fn share_before(cell: H3Cell, leaf: u64) -> f64 {
    let digits = (cell.level() + 1..=H3Cell::FINEST).map(|level| leaf >> (3 * (H3Cell::FINEST - level)) & 7);
    let (share, _) =
        digits.fold((0.0, 1.0 / 7.0), |(share, weight), digit| (share + digit as f64 * weight, weight / 7.0));
    share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::Position;

    fn rows(count: usize, position: Position) -> Vec<Row> {
        let leaf = Leaf::at(position);
        (0..count)
            .map(|i| Row { leaf, id: format!("{i:05}"), position, category: None, payload: Vec::new() })
            .collect()
    }

    fn here() -> Position {
        Position::new(40.0, -75.0).unwrap()
    }

    #[test]
    fn a_small_page_is_one_read() {
        let root = Leaf::at(here()).ancestor(3).unwrap();
        let mut load = PageLoad::new(root);
        assert_eq!(load.next_read().unwrap().limit, 129);
        load.accept(rows(128, here()), true);
        assert_eq!(load.next_read(), None);
        let pages = load.finish();
        assert!(matches!(&pages[..], [(cell, Page::Places(places))] if *cell == root && places.len() == 128));
    }

    #[test]
    fn one_place_too_many_is_a_split_even_if_all_are_known() {
        let root = Leaf::at(here()).ancestor(3).unwrap();
        let mut load = PageLoad::new(root);
        load.accept(rows(129, here()), true);
        let pages = load.finish();
        assert!(matches!(&pages[0], (cell, Page::Split(_)) if *cell == root));
        let leaf =
            pages.iter().find(|(cell, _)| cell.level() == H3Cell::FINEST && cell.covers(Leaf::at(here())));
        assert!(matches!(leaf, Some((_, Page::Places(places))) if places.len() == 129));
    }

    #[test]
    fn a_deep_spot_costs_two_reads() {
        let leaf = Leaf::at(here());
        let root = leaf.ancestor(3).unwrap();
        let mut load = PageLoad::new(root);
        load.accept(rows(129, here()), false);
        let behind = load.next_read().unwrap();
        assert_eq!(behind.first.index(), leaf.index() + 1);
        assert_eq!(behind.last, *root.leaves().end());
        load.accept(Vec::new(), true);
        assert_eq!(load.next_read(), None);
        let pages = load.finish();
        let splits = pages.iter().filter(|(_, page)| matches!(page, Page::Split(_))).count();
        assert_eq!(splits, 12);
        // All siblings on the way down, and nothing about the spot itself.
        assert_eq!(pages.len() - splits, 12 * 6);
        assert!(pages.iter().all(|(cell, _)| *cell != leaf.into()));

        let mut floor = PageLoad::new(leaf.into());
        floor.accept(rows(5_000, here()), true);
        let pages = floor.finish();
        assert!(matches!(&pages[..], [(_, Page::Places(places))] if places.len() == 5_000));
    }

    /// Reads the whole of a leaf, as much at a time as a store returns, and counts the rows with payloads.
    fn load_leaf(rows: &[Row], at_once: usize) -> (Page, usize, usize) {
        let mut load = PageLoad::new(Leaf::at(here()).into());
        let (mut reads, mut whole) = (0, 0);
        while let Some(read) = load.next_read() {
            let behind = rows.iter().filter(|row| read.after.as_ref().is_none_or(|after| row.id > *after));
            let found: Vec<Row> = behind.take(read.limit.min(at_once)).cloned().collect();
            let complete = found.last().map(|row| &row.id) == rows.last().map(|row| &row.id);
            reads += 1;
            whole += if read.bare { 0 } else { found.len() };
            load.accept(found, complete);
        }
        let mut pages = load.finish();
        assert_eq!(pages.len(), 1);
        (pages.swap_remove(0).1, reads, whole)
    }

    #[test]
    fn a_leaf_beyond_a_page_is_a_crowd() {
        let (page, reads, _) = load_leaf(&rows(LEAF_MAX, here()), 3_000);
        assert!(matches!(page, Page::Places(places) if places.len() == LEAF_MAX));
        assert_eq!(reads, 6);
        let (page, _, whole) = load_leaf(&rows(40_000, here()), 3_000);
        assert!(matches!(page, Page::Crowd(crowd) if crowd.places() == 40_000));
        assert!(whole < LEAF_MAX + 3_000, "{whole} rows were read with payloads that nobody keeps");
        let large: Vec<Row> =
            rows(100, here()).into_iter().map(|row| Row { payload: vec![b'x'; 60_000], ..row }).collect();
        let (page, _, _) = load_leaf(&large, 17);
        let Page::Crowd(crowd) = page else { panic!("6 MB are too much for a page") };
        let reads: Vec<_> = crowd.reads(Leaf::at(here())).collect();
        assert_eq!(reads.len(), 6);
        assert!(large.iter().all(|row| reads.iter().filter(|read| read.holds(&row.id)).count() == 1));
    }

    /// The next leaf is found on whatever level it branches off, around pentagons too, which lack a child.
    #[test]
    fn leaves_follow_each_other() {
        for root in ["831fb4fffffffff", "830800fffffffff"].map(|text| text.parse::<H3Cell>().unwrap()) {
            let mut level = vec![root];
            for _ in 0..3 {
                level = level.into_iter().flat_map(GridCell::children).collect();
                for pair in level.windows(2) {
                    assert_eq!(first_leaf_behind(pair[0], root), Some(*pair[1].leaves().start()));
                }
                assert_eq!(first_leaf_behind(*level.last().unwrap(), root), None);
            }
        }
    }

    #[test]
    fn shares_follow_the_digits() {
        let root = Leaf::at(here()).ancestor(3).unwrap();
        let children = root.children();
        let (first, last) = leaf_indexes(root);
        assert!(share_before(root, first).abs() < 1e-9);
        assert!((share_before(root, last) - 1.0).abs() < 1e-6);
        assert!((share_before(root, leaf_indexes(children[3]).0) - 3.0 / 7.0).abs() < 1e-9);
    }
}
