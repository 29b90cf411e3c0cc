//! What the edge is asked for, by numbers: by which roots each answer is forgotten, and which pages it takes to make it.

use cellar_search::cells::representation;
use geo_index::tree::{NearbyQuery, ROOT_RESOLUTION};
use geo_index::{H3Cell, Meters, Position};
use rustc_hash::FxHashMap;

use super::Plan;
use super::changes::{Roots, Write};
use super::index::Index;
use super::scheme::Key;

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// Numbers of those roots whose changes forget it; only such as do change.
    pub(super) roots: Box<[u32]>,
    /// Centre and extent of a cell's answer: no change outside has a part in it.
    pub(super) disc: Option<(Position, Meters)>,
    /// Numbers of the pages that a search for it goes by, coarse ones first.
    pub(super) pages: Box<[u32]>,
}

/// What a load of a page brings.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    pub(super) pages: Box<[u32]>,
    pub(super) queries: u32,
}

/// Answers and pages of one scheme, by number.
pub(super) struct Book<'a> {
    job: &'a Plan,
    /// Numbers of the roots that change.
    roots: &'a Roots,
    numbers: FxHashMap<Key, u32>,
    answers: Vec<Answer>,
    pages: FxHashMap<H3Cell, u32>,
}

impl<'a> Book<'a> {
    pub(super) fn new(job: &'a Plan, roots: &'a Roots) -> Self {
        Self { job, roots, numbers: FxHashMap::default(), answers: Vec::new(), pages: FxHashMap::default() }
    }

    /// The number of an answer; a new one if it was not asked for before.
    pub(super) fn number(&mut self, key: Key, index: &mut Index) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = self.answers.len() as u32;
        self.numbers.insert(key, number);
        let answer = self.describe(key, index);
        self.answers.push(answer);
        number
    }

    fn describe(&mut self, key: Key, index: &mut Index) -> Answer {
        let disc = match key {
            Key::Cell(cell) => index.answer(cell).map(|answered| (cell.centre(), answered.extent)),
            Key::Position(..) | Key::Page(_) => None,
        };
        let roots = match (key, disc) {
            _ if self.roots.is_empty() => Vec::new(),
            (Key::Cell(cell), Some((_, extent))) => representation::roots(cell, extent),
            // Pages above the roots tell which roots there are: that does not change.
            (Key::Page(page), _) => page.ancestor(ROOT_RESOLUTION).into_iter().collect(),
            _ => Vec::new(),
        };
        let roots = roots.iter().filter_map(|root| self.roots.get(root).copied()).collect();
        let pages = if self.job.looks_at_pages() { self.pages_of(key, index) } else { Box::default() };
        Answer { roots, disc, pages }
    }

    fn pages_of(&mut self, key: Key, index: &mut Index) -> Box<[u32]> {
        let cells = match key {
            Key::Cell(cell) => index.pages_of(index.query_of(cell)),
            Key::Page(page) => vec![page],
            Key::Position(lat, lon) => {
                let Ok(origin) = Position::new(f64::from_bits(lat), f64::from_bits(lon)) else {
                    return Box::default();
                };
                let (radius, limit) = (self.job.radius, self.job.limit);
                index.pages_of(NearbyQuery { origin, radius, limit, category: None, after: None })
            }
        };
        cells.into_iter().map(|cell| self.page(cell)).collect()
    }

    fn page(&mut self, cell: H3Cell) -> u32 {
        let new = self.pages.len() as u32;
        *self.pages.entry(cell).or_insert(new)
    }

    /// The number of the exact endpoint's answer at a position, which nobody keeps.
    pub(super) fn exact(&mut self, position: Position, index: &mut Index) -> u32 {
        self.number(Key::raw(position), index)
    }

    /// How many answers there are.
    pub(super) fn answers(&self) -> usize {
        self.answers.len()
    }

    pub(super) fn answer(&self, number: u32) -> &Answer {
        &self.answers[number as usize]
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// The loads of all pages, by number.
    pub(super) fn loads(&self, index: &Index) -> Vec<Load> {
        let mut loads = vec![Load::default(); self.pages.len()];
        for (cell, &number) in &self.pages {
            let (pages, queries) = index.load_of(*cell);
            let pages = pages.iter().filter_map(|page| self.pages.get(page).copied()).collect();
            loads[number as usize] = Load { pages, queries };
        }
        loads
    }

    /// The pages that a write makes out of date, by number: those of all ancestors of its leaf.
    pub(super) fn pages_with(&self, write: &Write) -> Vec<u32> {
        let ancestors = (ROOT_RESOLUTION..=15).filter_map(|resolution| write.leaf.ancestor(resolution));
        ancestors.filter_map(|cell| self.pages.get(&cell).copied()).collect()
    }
}
