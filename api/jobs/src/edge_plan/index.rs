//! The places in memory, searched as the API searches them, and the answers of cells.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;

use cellar_model::place::Place;
use geo_index::edge::{CacheCell, CellAnswer, CellPlace, certified_radius};
use geo_index::tree::{
    LeafRead, NearbyAnswer, NearbyQuery, NearbySearch, PageLoad, Progress, RunLoad, SearchLimits,
};
use geo_index::{H3Cell, Leaf, Page, Row, RunRead, SearchError};
use rustc_hash::FxHashMap;

/// Places of the answers that are kept for the next user; 100 bytes or so each.
const KEPT_PLACES: usize = 1_000_000;

/// A collection in memory.
pub struct Index {
    /// By leaf and id, as in the table's index.
    rows: Vec<Row>,
    pages: FxHashMap<H3Cell, Arc<Page>>,
    listed: NonZeroUsize,
    answers: FxHashMap<CacheCell, Option<Rc<CellAnswer<()>>>>,
    kept: usize,
}

impl Index {
    /// An index of places, whose answers list at most so many.
    pub fn new(places: &[Place], listed: NonZeroUsize) -> Self {
        let mut rows: Vec<Row> = places.iter().map(row).collect();
        rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        Self { rows, pages: FxHashMap::default(), listed, answers: FxHashMap::default(), kept: 0 }
    }

    /// The answer of a cell; `None` if the server would answer with a problem.
    pub(super) fn answer(&mut self, cell: CacheCell) -> Option<Rc<CellAnswer<()>>> {
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
    pub(super) fn places_of(&mut self, cell: CacheCell) -> Result<NearbyAnswer, SearchError> {
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
        self.nearby_over(query, |_, _| {})
    }

    /// The same; `looked_at` is told each page that the search goes by, once.
    pub(super) fn nearby_over(
        &mut self,
        query: NearbyQuery,
        mut looked_at: impl FnMut(H3Cell, &Page),
    ) -> Result<NearbyAnswer, SearchError> {
        let mut search = NearbySearch::new(query, SearchLimits::default());
        let mut seen: FxHashMap<H3Cell, Arc<Page>> = FxHashMap::default();
        loop {
            let note = |cell, page: &Arc<Page>| drop(seen.insert(cell, Arc::clone(page)));
            match search.advance_observed(|cell| self.pages.get(&cell).cloned(), note)? {
                Progress::Done => {
                    for (cell, page) in &seen {
                        looked_at(*cell, page);
                    }
                    return Ok(search.finish());
                }
                Progress::Need(cells) => {
                    let loaded: Vec<_> = cells.into_iter().flat_map(|cell| self.load(cell)).collect();
                    for (cell, page) in loaded {
                        let page = Arc::new(page);
                        self.pages.insert(cell, Arc::clone(&page));
                        search.supply(cell, page);
                    }
                }
                // It was not asked to pause.
                Progress::Paused => {}
                Progress::NeedRuns(runs) => {
                    for run in runs {
                        let page = Arc::new(self.load_run(&run));
                        search.supply_run(run, page);
                    }
                }
            }
        }
    }

    fn load(&self, cell: H3Cell) -> Vec<(H3Cell, Page)> {
        let mut load = PageLoad::new(cell);
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(&read);
            load.accept(rows, complete);
        }
        load.finish()
    }

    fn load_run(&self, run: &RunRead) -> Page {
        let mut load = RunLoad::new(run.clone());
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(&read);
            load.accept(rows, complete);
        }
        load.finish()
    }

    fn read(&self, read: &LeafRead) -> (Vec<Row>, bool) {
        let (after, until) = (read.after.as_ref(), read.until.as_ref());
        let start = self.rows.partition_point(|row| {
            row.leaf < read.first || (row.leaf == read.first && after.is_some_and(|after| row.id <= *after))
        });
        let end = self.rows.partition_point(|row| {
            row.leaf < read.last || (row.leaf == read.last && until.is_none_or(|until| row.id <= *until))
        });
        let rows: Vec<Row> = self.rows[start..end].iter().take(read.limit).cloned().collect();
        // As DynamoDB: it does not look past its limit.
        let complete = rows.len() < read.limit;
        (rows, complete)
    }
}

fn row(place: &Place) -> Row {
    Row {
        leaf: Leaf::at(place.position),
        payload: place.feature_tail().into_bytes(),
        category: place.properties.category(),
        position: place.position,
        id: place.id.to_string(),
    }
}

fn answer(cell: CacheCell, found: &NearbyAnswer) -> CellAnswer<()> {
    let last = found.hits.last().and_then(geo_index::tree::Hit::distance);
    let places = found.hits.iter().map(|hit| CellPlace {
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
