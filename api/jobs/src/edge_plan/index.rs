//! The places in memory, searched as the API searches them, and the answers of cells.

use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;

use cellar_model::place::{FEATURE_START, Place};
use geo_index::edge::{CacheCell, CellAnswer, CellPlace, certified_radius};
use geo_index::tree::{
    Hit, LeafRead, NearbyAnswer, NearbyQuery, NearbySearch, PageLoad, Progress, RunLoad, SearchLimits,
};
use geo_index::{GridCell as _, H3Cell, Leaf, Meters, Page, Row, RunRead, SearchError};
use rustc_hash::FxHashMap;

/// Places of the answers that are kept for the next user; 100 bytes or so each.
const KEPT_PLACES: usize = 1_000_000;

/// How long the list of a cell answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Places, at most.
    pub places: NonZeroUsize,
    /// Bytes that they take as JSON, at most; one place is listed whatever it takes.
    pub json_bytes: Option<usize>,
}

impl Length {
    /// So many places, whatever their bytes.
    pub const fn of(places: NonZeroUsize) -> Self {
        Self { places, json_bytes: None }
    }

    /// How many places have a part in an answer.
    fn cut(self, hits: &[Hit]) -> usize {
        let Some(most) = self.json_bytes else { return hits.len() };
        let mut bytes = 0;
        let fits = |hit: &&Hit| {
            bytes += feature_bytes(hit.payload());
            bytes <= most
        };
        hits.iter().take_while(fits).count().max(1).min(hits.len())
    }
}

/// Bytes of a place in an answer, with the comma after it.
const fn feature_bytes(payload: &[u8]) -> usize {
    FEATURE_START.len() + payload.len() + 1
}

/// A collection in memory.
pub struct Index {
    /// By leaf and id, as in the table's index.
    rows: Vec<Row>,
    pages: FxHashMap<H3Cell, Arc<Page>>,
    length: Length,
    answers: FxHashMap<CacheCell, Option<Rc<Answered>>>,
    kept: usize,
}

/// The answer of a cell.
pub(super) struct Answered {
    /// What clients make their results of.
    pub(super) answer: CellAnswer<()>,
    /// No place that is farther from the cell's centre than this has a part in it.
    pub(super) extent: Meters,
}

/// The list of a cell answer.
pub(super) struct Listed {
    pub(super) hits: Vec<Hit>,
    /// If there may be more places, none of them is nearer than this.
    pub(super) more: Option<Meters>,
}

impl Index {
    /// An index of places, whose answers have lists of this length.
    pub fn new(places: &[Place], length: Length) -> Self {
        let mut rows: Vec<Row> = places.iter().map(row).collect();
        rows.sort_by(|a, b| (a.leaf, &a.id).cmp(&(b.leaf, &b.id)));
        Self { rows, pages: FxHashMap::default(), length, answers: FxHashMap::default(), kept: 0 }
    }

    /// From now on answers have lists of another length.
    pub(super) fn set_length(&mut self, length: Length) {
        if self.length != length {
            self.length = length;
            self.answers.clear();
            self.kept = 0;
        }
    }

    /// How many places of the mean size fit into a list.
    pub(super) fn places_that_fit(&self, length: Length) -> NonZeroUsize {
        let bytes: usize = self.rows.iter().map(|row| feature_bytes(&row.payload)).sum();
        let fit = length.json_bytes.map_or(usize::MAX, |most| most * self.rows.len() / bytes.max(1));
        NonZeroUsize::new(fit).map_or(NonZeroUsize::MIN, |fit| fit.min(length.places))
    }

    /// The answer of a cell; `None` if the server would answer with a problem.
    pub(super) fn answer(&mut self, cell: CacheCell) -> Option<Rc<Answered>> {
        if let Some(answer) = self.answers.get(&cell) {
            return answer.clone();
        }
        let answer = self.places_of(cell).ok().map(|found| Rc::new(answer(cell, &found)));
        let places = answer.as_ref().map_or(0, |answered| answered.answer.places.len());
        if self.kept + places > KEPT_PLACES {
            self.answers.clear();
            self.kept = 0;
        }
        self.kept += places + 1;
        self.answers.insert(cell, answer.clone());
        answer
    }

    /// The places that the answer of a cell lists.
    pub(super) fn places_of(&mut self, cell: CacheCell) -> Result<Listed, SearchError> {
        let mut found = self.nearby(self.query_of(cell))?;
        let kept = self.length.cut(&found.hits);
        let mut more = found.next.map(|next| next.distance);
        if kept < found.hits.len() {
            found.hits.truncate(kept);
            more = found.hits.last().and_then(Hit::distance);
        }
        Ok(Listed { hits: found.hits, more })
    }

    /// The search for the answer of a cell.
    pub(super) fn query_of(&self, cell: CacheCell) -> NearbyQuery {
        NearbyQuery {
            origin: cell.centre(),
            radius: cell.horizon(),
            limit: self.length.places,
            category: None,
            after: None,
        }
    }

    /// The pages that a search goes by, coarse ones first.
    pub(super) fn pages_of(&mut self, query: NearbyQuery) -> Vec<H3Cell> {
        let mut pages = Vec::new();
        // One that fails tells of none: its answer is a problem, which nobody keeps.
        if self.nearby_over(query, |cell, _| pages.push(cell)).is_err() {
            pages.clear();
        }
        pages.sort_unstable_by_key(|cell| (cell.level(), *cell));
        pages
    }

    /// What a load of this page brings if memory does not have it, and the queries of the table that it takes.
    pub(super) fn load_of(&self, cell: H3Cell) -> (Vec<H3Cell>, u32) {
        let (pages, queries) = self.load(cell);
        (pages.into_iter().map(|(cell, _)| cell).collect(), queries)
    }

    /// The page of a cell as it would be sent; `None` if no search has gone by it.
    pub(super) fn page_bytes(&self, cell: H3Cell) -> Option<Vec<u8>> {
        self.pages.get(&cell).map(|page| page.encode(cell))
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
                    let loaded: Vec<_> = cells.into_iter().flat_map(|cell| self.load(cell).0).collect();
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

    /// The pages of a load, that of the cell first, and the queries that it takes.
    fn load(&self, cell: H3Cell) -> (Vec<(H3Cell, Page)>, u32) {
        let (mut load, mut queries) = (PageLoad::new(cell), 0);
        while let Some(read) = load.next_read() {
            let (rows, complete) = self.read(&read);
            load.accept(rows, complete);
            queries += 1;
        }
        (load.finish(), queries)
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

fn answer(cell: CacheCell, found: &Listed) -> Answered {
    let places = found.hits.iter().map(|hit| CellPlace {
        id: hit.id().to_owned(),
        position: hit.position(),
        payload: (),
    });
    let certified_radius = certified_radius(cell, found.more, found.more.is_some());
    Answered {
        answer: CellAnswer { cell, certified_radius, places: places.collect() },
        extent: found.more.unwrap_or(certified_radius),
    }
}
