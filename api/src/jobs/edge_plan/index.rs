//! The places in memory, searched as the API searches them, and the answers of cells.

use std::rc::Rc;
use std::sync::Arc;

use geo_index::edge::{CellAnswer, SnapCell, SnapPlace, certified_radius};
use geo_index::tree::{LeafRead, NearbyAnswer, NearbyQuery, NearbySearch, PageLoad, Progress, SearchLimits};
use geo_index::{H3Cell, Page, Row, SearchError};
use rustc_hash::FxHashMap;

use crate::place::Place;

/// Places of the answers that are kept for the next user; 100 bytes or so each.
const KEPT_PLACES: usize = 1_000_000;

/// A collection in memory.
pub struct Index {
    /// By leaf and id, as in the table's index.
    rows: Vec<Row>,
    pages: FxHashMap<H3Cell, Arc<Page>>,
    listed: usize,
    answers: FxHashMap<SnapCell, Option<Rc<CellAnswer<()>>>>,
    kept: usize,
}

impl Index {
    /// An index of places, whose answers list at most so many.
    pub fn new(places: &[Place], listed: usize) -> Self {
        let mut rows: Vec<Row> = places.iter().map(row).collect();
        rows.sort_by(|a, b| (a.leaf.index(), &a.id).cmp(&(b.leaf.index(), &b.id)));
        Self { rows, pages: FxHashMap::default(), listed, answers: FxHashMap::default(), kept: 0 }
    }

    /// The answer of a cell; `None` if the server would answer with a problem.
    pub(super) fn answer(&mut self, cell: SnapCell) -> Option<Rc<CellAnswer<()>>> {
        if let Some(answer) = self.answers.get(&cell) {
            return answer.clone();
        }
        let answer = self.places_of(cell).ok().map(|found| Rc::new(answer(cell, &found)));
        let places = answer.as_ref().map_or(0, |answer| answer.places.len());
        if self.kept + places > KEPT_PLACES {
            self.answers.clear();
            self.kept = 0;
        }
        self.kept += places + 1;
        self.answers.insert(cell, answer.clone());
        answer
    }

    /// The places that the answer of a cell lists.
    pub(super) fn places_of(&mut self, cell: SnapCell) -> Result<NearbyAnswer, SearchError> {
        self.nearby(NearbyQuery {
            origin: cell.centre(),
            radius: cell.horizon(),
            limit: self.listed,
            category: None,
            after: None,
        })
    }

    /// The exact search.
    pub(super) fn nearby(&mut self, query: NearbyQuery) -> Result<NearbyAnswer, SearchError> {
        let mut search = NearbySearch::new(query, SearchLimits::default());
        while let Progress::Need(cells) = search.advance(|cell| self.pages.get(&cell).cloned())? {
            for cell in cells {
                for (cell, page) in self.load(cell)? {
                    let page = Arc::new(page);
                    self.pages.insert(cell, Arc::clone(&page));
                    search.supply(cell, page);
                }
            }
        }
        Ok(search.finish())
    }

    fn load(&self, cell: H3Cell) -> Result<Vec<(H3Cell, Page)>, SearchError> {
        let mut load = PageLoad::new(cell);
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(&read);
            load.accept(rows, complete);
        }
        load.finish()
    }

    fn read(&self, read: &LeafRead) -> (Vec<Row>, bool) {
        let start = self.rows.partition_point(|row| row.leaf.index() < read.first);
        let end = self.rows.partition_point(|row| row.leaf.index() <= read.last);
        let rows: Vec<Row> = self.rows[start..end].iter().take(read.limit).cloned().collect();
        // As DynamoDB: it does not look past its limit.
        let complete = rows.len() < read.limit;
        (rows, complete)
    }
}

fn row(place: &Place) -> Row {
    Row {
        leaf: H3Cell::leaf(place.position),
        payload: place.feature_tail().into_bytes(),
        category: place.properties.category(),
        position: place.position,
        id: place.id.to_string(),
    }
}

fn answer(cell: SnapCell, found: &NearbyAnswer) -> CellAnswer<()> {
    let last = found.hits.last().and_then(geo_index::tree::Hit::distance);
    let places = found.hits.iter().map(|hit| SnapPlace {
        id: hit.id().to_owned(),
        position: hit.position(),
        payload: (),
    });
    CellAnswer {
        cell,
        certified_radius: certified_radius(cell, last, found.next.is_some()),
        places: places.collect(),
    }
}
