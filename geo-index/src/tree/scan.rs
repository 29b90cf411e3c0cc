//! Scanning a box, in order of leaf and id.
//!
//! A depth-first walk over the cells that the box touches visits them in the order of their leaves, so results
//! come out sorted and a cursor is just the last key. A scan that has used up its page budget ends early with
//! a cursor to where it stood: nothing is left out, the caller goes on from there.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::query::{BoxKey, BoxQuery};
use super::{Hit, Progress, SearchLimits, SearchWork, atlas};
use crate::grid::{GridCell, h3::H3Cell};
use crate::page::{ChildCell, Page, PlacesPage};

/// A scan of a box; see the [module](super) for how to drive it.
#[derive(Debug)]
pub struct BoxScan {
    query: BoxQuery,
    limits: SearchLimits,
    /// Cells still to visit, the first of them last.
    ahead: Vec<H3Cell>,
    supplied: FxHashMap<H3Cell, Arc<Page>>,
    hits: Vec<Hit>,
    /// Whether rows of the last page are still to come.
    cut: bool,
    work: SearchWork,
}

/// The places found.
#[derive(Clone, Debug)]
pub struct BoxAnswer {
    /// By leaf and id. There may be fewer than the limit although more follow: `next` tells.
    pub hits: Vec<Hit>,
    /// Where to go on; absent at the end of the box.
    pub next: Option<BoxKey>,
    /// What it took.
    pub work: SearchWork,
}

impl BoxScan {
    /// Begins a scan at the roots that the box touches.
    pub fn new(query: BoxQuery, limits: SearchLimits) -> Self {
        let mut scan = Self {
            query,
            limits,
            ahead: Vec::new(),
            supplied: FxHashMap::default(),
            hits: Vec::new(),
            cut: false,
            work: SearchWork::default(),
        };
        let mut roots = Vec::new();
        let bbox = scan.query.bbox;
        atlas::roots(&|cap| bbox.may_touch(cap), &mut |root| roots.push(root));
        scan.push(roots.into_iter());
        scan
    }

    fn push<'a>(&mut self, cells: impl Iterator<Item = &'a ChildCell>) {
        let first_leaf = self.query.after.as_ref().map_or(0, |after| after.leaf);
        let touched = |child: &&ChildCell| {
            *child.cell.leaf_range().end() >= first_leaf && self.query.bbox.may_touch(&child.cap)
        };
        let cells: Vec<H3Cell> = cells.filter(touched).map(|child| child.cell).collect();
        self.ahead.extend(cells.into_iter().rev());
    }

    /// Goes on as far as the pages at hand allow: those supplied, and those that `local` has.
    pub fn advance(&mut self, mut local: impl FnMut(H3Cell) -> Option<Arc<Page>>) -> Progress {
        while let Some(&cell) = self.ahead.last() {
            if self.hits.len() >= self.query.limit || self.work.pages >= self.limits.page_budget {
                return Progress::Done;
            }
            let Some(page) = self.supplied.remove(&cell).or_else(|| local(cell)) else {
                return self.ask(&mut local);
            };
            self.ahead.pop();
            self.work.pages += 1;
            match &*page {
                Page::Split(split) => self.push(split.children().iter()),
                Page::Places(places) => self.collect(&page, places),
            }
        }
        Progress::Done
    }

    /// Asks for the missing pages among the next cells, twice as far ahead in each round.
    fn ask(&mut self, local: &mut impl FnMut(H3Cell) -> Option<Arc<Page>>) -> Progress {
        let window = (1 << self.work.rounds.min(8)).min(self.limits.fan_out);
        let budget = self.limits.page_budget - self.work.pages;
        let mut missing = Vec::new();
        for &cell in self.ahead.iter().rev().take(window.min(budget)) {
            if self.supplied.contains_key(&cell) {
                continue;
            }
            match local(cell) {
                Some(page) => drop(self.supplied.insert(cell, page)),
                None => missing.push(cell),
            }
        }
        self.work.rounds += 1;
        self.work.asked += missing.len();
        Progress::Need(missing)
    }

    /// Hands in a page that was asked for, or one that came along with it.
    pub fn supply(&mut self, cell: H3Cell, page: Arc<Page>) {
        self.supplied.insert(cell, page);
    }

    fn collect(&mut self, page: &Arc<Page>, places: &PlacesPage) {
        let wanted = |row: &usize| {
            let row = *row;
            let behind = self
                .query
                .after
                .as_ref()
                .is_none_or(|after| (places.leaf(row), places.id(row)) > (after.leaf, after.id.as_str()));
            let category = self.query.category.as_deref();
            behind
                && (category.is_none() || places.category(row) == category)
                && self.query.bbox.contains(places.position(row))
        };
        let room = self.query.limit - self.hits.len();
        let mut rows = (0..places.len()).filter(wanted);
        let found: Vec<usize> = rows.by_ref().take(room).collect();
        self.cut = found.len() == room && rows.next().is_some();
        self.hits.extend(found.into_iter().map(|row| Hit { page: Arc::clone(page), row, distance: None }));
    }

    /// The answer, once [`advance`](BoxScan::advance) has said that it is done.
    pub fn finish(self) -> BoxAnswer {
        let behind_last = self
            .hits
            .last()
            .filter(|_| self.cut || self.hits.len() >= self.query.limit)
            .map(|hit| BoxKey { leaf: hit.leaf(), id: hit.id().to_owned() });
        let next = match self.ahead.last() {
            None if self.cut => behind_last,
            None => None,
            Some(cell) => {
                behind_last.or_else(|| Some(BoxKey { leaf: *cell.leaf_range().start(), id: String::new() }))
            }
        };
        BoxAnswer { hits: self.hits, next, work: self.work }
    }
}
