//! Exact search over a source of pages, and writes as far as searches have to know of them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::trace::Trace;
use cellar_model::{Category, Collection, PageTree, PlaceId, Placement};
use cellar_store::{ReadCost, StoreError};
use geo_index::tree::{
    BoxKey, BoxQuery, BoxScan, Hit, NearbyAnswer, NearbyKey, NearbyQuery, NearbySearch, Pace, SearchLimits,
    SearchWork, Selection,
};
use geo_index::{CategoryFilter, H3Cell, Page, RunRead};

use crate::instant::{Found, Machine, Used};
use crate::pages::{Fetched, FetchedRuns, PageError, PageSource};
use crate::side_by_side::SideBySide;
use crate::writes::{UnderWay, Writes};

/// Exact search over the pages of a source.
#[derive(Clone)]
pub struct Search {
    pages: Arc<dyn PageSource>,
    limits: Limits,
    writes: Arc<Writes>,
}

/// Bounds on the work of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A nearby search over its budget fails loudly.
    pub nearby: SearchLimits,
    /// A box scan over its budget ends early with a cursor.
    pub items: SearchLimits,
    /// A search whose pages change all the time ends up torn.
    pub patience: SnapshotLimits,
}

/// How long a search tries to have all its pages of one instant.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotLimits {
    /// In all, and at most half of what is left of the request's time.
    pub total: Duration,
    /// How long it waits for writes under way to end, while new ones wait for it. If that is in vain, no search holds
    /// writes back for as long again: one write that the store does not answer must not keep all others waiting.
    pub drain: Duration,
    /// How long it holds writes back once none is under way.
    pub hold: Duration,
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { total: ms(1_500), drain: ms(400), hold: ms(600) }
    }
}

/// Pages that one box scan looks at, once it has found something, before it ends with a cursor: as many as time allows,
/// but not so many that it would be busy for long with what is in memory.
const ITEMS_PAGE_BUDGET: NonZeroUsize = NonZeroUsize::new(50_000).expect("not zero");

impl Default for Limits {
    fn default() -> Self {
        let nearby = SearchLimits::default();
        let items = SearchLimits { page_budget: ITEMS_PAGE_BUDGET, ..nearby };
        Self { nearby, items, patience: SnapshotLimits::default() }
    }
}

/// Pages that a search with a filter looks at before it ends with a cursor: each of their places within reach is read as
/// JSON, where other searches only compare distances.
const FILTERED_PAGE_BUDGET: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// Steps of a filter, about bytes of properties gone through, after which a search ends with a cursor: a third of a second
/// for the most expensive patterns.
const FILTER_STEPS: usize = 32 << 20;

/// Steps after which a search of a selection lets others have the thread, and looks at its clock: some milliseconds.
const PAUSE_STEPS: usize = 512 << 10;

/// The pace of a search of a selection; of each of so many that share an answer.
fn pace(searches: usize) -> Pace {
    Pace { budget: FILTER_STEPS / searches.max(1), pause: PAUSE_STEPS }
}

impl Limits {
    /// Limits of searches of a selection.
    fn selected(limits: SearchLimits, selection: &Selection) -> SearchLimits {
        let budget = limits.page_budget;
        let page_budget = if selection.filter.is_none() { budget } else { budget.min(FILTERED_PAGE_BUDGET) };
        SearchLimits { page_budget, ..limits }
    }
}

/// How many times a search begins anew because a category has come up that the collection did not have, at most.
const MOST_PLANS: u32 = 3;

/// The answer to a nearby search.
#[derive(Debug, Default)]
pub struct Nearby {
    /// Nearest first, ties by id.
    pub hits: Vec<Hit>,
    /// Where to go on; absent when there is surely nothing more.
    pub next: Option<NearbyKey>,
    /// Whether a category that was asked for is one that the collection does not have: no page tells when that changes.
    pub lacks_category: bool,
    /// What it took.
    pub work: Work,
}

/// A page that a search looked at.
#[derive(Clone, Debug)]
pub struct UsedPage {
    /// The tree that it belongs to.
    pub tree: Arc<PageTree>,
    /// Its cell.
    pub cell: H3Cell,
    /// The page.
    pub page: Arc<Page>,
}

/// What a search goes over.
enum Plan {
    /// All places, and the query filters them.
    Whole,
    /// The trees of categories.
    Categories {
        trees: Vec<PageTree>,
        /// Those that have no tree, for the collection does not have them.
        lacking: Vec<Category>,
    },
}

/// The answer to a box scan.
#[derive(Debug, Default)]
pub struct Items {
    /// By leaf and id.
    pub hits: Vec<Hit>,
    /// Where to go on; absent at the end.
    pub next: Option<BoxKey>,
    /// What it took.
    pub work: Work,
}

/// Counted work of one search.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Rounds, pages looked at, pages asked for.
    pub tree: SearchWork,
    /// Queries and read units.
    pub cost: ReadCost,
    /// What the tiers of the cache had.
    pub trace: Trace,
    /// How many times the search went over its pages again, because some of them had changed meanwhile.
    pub repeats: u32,
    /// The pages were not all from one instant even so: a place that moved meanwhile may be missing.
    pub torn: bool,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.tree.rounds += other.tree.rounds;
        self.tree.pages += other.tree.pages;
        self.tree.asked += other.tree.asked;
        self.cost += other.cost;
        self.trace += other.trace;
        self.repeats += other.repeats;
        self.torn |= other.torn;
    }
}

impl Search {
    /// Search over a source of pages.
    pub fn new(pages: Arc<dyn PageSource>, limits: Limits) -> Self {
        Self { pages, limits, writes: Arc::default() }
    }

    /// The places nearest to a point.
    pub async fn nearby(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        deadline: Instant,
    ) -> Result<Nearby, PageError> {
        self.nearby_of(collection, query, Selection::default(), deadline).await
    }

    /// The places of a selection that are nearest to a point. Where few are selected among many, there may be fewer than
    /// the limit, and a key to go on from.
    pub async fn nearby_of(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        selection: Selection,
        deadline: Instant,
    ) -> Result<Nearby, PageError> {
        Ok(self.find(collection, query, selection, deadline).await?.0)
    }

    /// The same, and the pages that it was found in: as long as these stay, so does the answer.
    pub async fn nearby_in_pages(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        selection: Selection,
        deadline: Instant,
    ) -> Result<(Nearby, Vec<UsedPage>), PageError> {
        let (nearby, trees, used) = self.find(collection, query, selection, deadline).await?;
        let trees: Vec<Arc<PageTree>> = trees.into_iter().map(Arc::new).collect();
        let used = used.into_iter().filter_map(|(spot, page)| {
            Some(UsedPage { tree: Arc::clone(trees.get(spot.tree)?), cell: spot.cell, page })
        });
        Ok((nearby, used.collect()))
    }

    /// The places nearest to a point, the trees that were searched, and the pages of these that were used.
    async fn find(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        selection: Selection,
        deadline: Instant,
    ) -> Result<(Nearby, Vec<PageTree>, Used), PageError> {
        let mut plans = 0;
        loop {
            let plan = self.plan(collection, query.category.as_ref(), deadline).await?;
            let Plan::Categories { trees, lacking } = plan else {
                return self.find_in_whole(collection, query, selection, deadline).await;
            };
            let (mut nearby, used) = match self.find_in_trees(&trees, &query, &selection, deadline).await {
                Err(PageError::Store(StoreError::NoCategoryIndex)) => {
                    return self.find_in_whole(collection, query, selection, deadline).await;
                }
                found => found?,
            };
            nearby.lacks_category = !lacking.is_empty();
            plans += 1;
            // A place may have left a category that was searched for one that was not there yet.
            if trees.is_empty() || self.has_none(collection, &lacking, deadline).await? {
                return Ok((nearby, trees, used));
            }
            if plans == MOST_PLANS {
                nearby.work.torn = true;
                return Ok((nearby, trees, used));
            }
        }
    }

    async fn find_in_whole(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        selection: Selection,
        deadline: Instant,
    ) -> Result<(Nearby, Vec<PageTree>, Used), PageError> {
        let trees = vec![collection.into()];
        let filters = query.category.is_some() || !selection.is_everything();
        let limits = Limits::selected(self.limits.nearby, &selection);
        let begin = || {
            let search = NearbySearch::new(query.clone(), limits);
            let search = search.selecting(selection.clone()).at_pace(pace(1));
            if filters { search.ending_early() } else { search }
        };
        let (nearby, used) = self.find_by(&trees, begin, deadline).await?;
        Ok((nearby, trees, used))
    }

    /// The places nearest to a point that are in any of some trees of categories.
    async fn find_in_trees(
        &self,
        trees: &[PageTree],
        query: &NearbyQuery,
        selection: &Selection,
        deadline: Instant,
    ) -> Result<(Nearby, Used), PageError> {
        let query = NearbyQuery { category: None, ..query.clone() };
        let limits = Limits::selected(self.limits.nearby, selection);
        let begin = || {
            let search = NearbySearch::new(query.clone(), limits);
            let search = search.selecting(selection.clone()).at_pace(pace(trees.len()));
            search.with_coarse_pages().ending_early()
        };
        match trees {
            [] => Ok((Nearby::default(), Used::new())),
            [_] => self.find_by(trees, begin, deadline).await,
            _ => {
                let searches = || SideBySide::new(trees.iter().map(|_| begin()).collect(), query.limit);
                self.find_by(trees, searches, deadline).await
            }
        }
    }

    async fn find_by<M: Machine<Answer = NearbyAnswer>>(
        &self,
        trees: &[PageTree],
        begin: impl Fn() -> M,
        deadline: Instant,
    ) -> Result<(Nearby, Used), PageError> {
        let Found { answer, work, used } = self.at_an_instant(trees, begin, deadline).await?;
        Ok((Nearby { hits: answer.hits, next: answer.next, lacks_category: false, work }, used))
    }

    /// Which trees hold what is asked for. A collection whose places are not all in the indexes by category is searched as
    /// a whole, and so is one of which categories are excluded.
    async fn plan(
        &self,
        collection: &Collection,
        category: Option<&CategoryFilter>,
        deadline: Instant,
    ) -> Result<Plan, PageError> {
        let Some(filter) = category.filter(|filter| !filter.excludes()) else { return Ok(Plan::Whole) };
        if !self.pages.category_index(collection, deadline).await?.complete {
            return Ok(Plan::Whole);
        }
        let (mut trees, mut lacking) = (Vec::with_capacity(1), Vec::new());
        for category in filter.names().filter_map(|name| name.parse::<Category>().ok()) {
            if self.pages.has_category(collection, &category, deadline).await? {
                trees.push(PageTree::of_category(collection.clone(), category));
            } else {
                lacking.push(category);
            }
        }
        Ok(Plan::Categories { trees, lacking })
    }

    async fn has_none(
        &self,
        collection: &Collection,
        categories: &[Category],
        deadline: Instant,
    ) -> Result<bool, PageError> {
        for category in categories {
            if self.pages.has_category(collection, category, deadline).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Where the pages come from.
    pub fn source(&self) -> &dyn PageSource {
        &*self.pages
    }

    /// The places in a box. The answer has as many as could be found in time, up to the limit, and a key to go on from;
    /// while there is more it has at least one.
    pub async fn items(
        &self,
        collection: &Collection,
        query: BoxQuery,
        deadline: Instant,
    ) -> Result<Items, PageError> {
        self.items_of(collection, query, Selection::default(), deadline).await
    }

    /// The places of a selection in a box. There may be none of them in the answer, and a key to go on from.
    pub async fn items_of(
        &self,
        collection: &Collection,
        query: BoxQuery,
        selection: Selection,
        deadline: Instant,
    ) -> Result<Items, PageError> {
        let limits = Limits::selected(self.limits.items, &selection);
        let plan = self.plan(collection, query.category.as_ref(), deadline).await?;
        match plan {
            Plan::Categories { trees, .. } if trees.is_empty() => return Ok(Items::default()),
            Plan::Categories { trees, .. } if trees.len() == 1 => {
                let of_tree = BoxQuery { category: None, ..query.clone() };
                let begin = || {
                    let scan = BoxScan::from_coarse_pages(of_tree.clone(), limits);
                    scan.selecting(selection.clone()).at_pace(pace(1))
                };
                match self.scan(&trees, begin, deadline).await {
                    Err(PageError::Store(StoreError::NoCategoryIndex)) => {}
                    scanned => return scanned,
                }
            }
            // Several categories in one order: a scan ends with a cursor, so filtering always comes to an end.
            Plan::Categories { .. } | Plan::Whole => {}
        }
        let begin = || BoxScan::new(query.clone(), limits).selecting(selection.clone()).at_pace(pace(1));
        self.scan(&[collection.into()], begin, deadline).await
    }

    async fn scan(
        &self,
        trees: &[PageTree],
        begin: impl Fn() -> BoxScan,
        deadline: Instant,
    ) -> Result<Items, PageError> {
        let Found { answer, work, .. } = self.at_an_instant(trees, begin, deadline).await?;
        Ok(Items { hits: answer.hits, next: answer.next, work })
    }

    /// Announces a write of places, each with where it will be; without that it is removed. To be called before
    /// the store is asked: searches then know of it. Waits while a search holds writes back.
    pub async fn begin_write(
        &self,
        collection: &Collection,
        places: Vec<(PlaceId, Option<Placement>)>,
    ) -> Writing {
        let under_way = self.writes.begin(collection, places).await;
        Writing { pages: Arc::clone(&self.pages), collection: collection.clone(), under_way }
    }

    /// Takes note that places that are or were here were written, moved or removed by somebody else.
    pub async fn changed(&self, collection: &Collection, placements: &[Placement]) {
        self.pages.changed(collection, placements).await;
    }

    pub(crate) const fn patience(&self) -> SnapshotLimits {
        self.limits.patience
    }

    pub(crate) fn writes(&self) -> &Writes {
        &self.writes
    }

    pub(crate) fn begin_loads_at(&self, tree: &PageTree, begins: &[(H3Cell, H3Cell)]) {
        self.pages.begin_loads_at(tree, begins);
    }

    pub(crate) async fn fetch(
        &self,
        tree: &PageTree,
        cells: &[H3Cell],
        deadline: Instant,
        cost: &mut ReadCost,
        trace: &mut Trace,
    ) -> Result<Vec<(H3Cell, Arc<Page>)>, PageError> {
        if Instant::now() >= deadline {
            return Err(StoreError::Deadline.into());
        }
        let Fetched { pages, cost: spent } = self.pages.fetch(tree, cells, deadline, trace).await?;
        *cost += spent;
        Ok(pages)
    }

    pub(crate) async fn fetch_runs(
        &self,
        tree: &PageTree,
        runs: &[RunRead],
        deadline: Instant,
        cost: &mut ReadCost,
        trace: &mut Trace,
    ) -> Result<Vec<(RunRead, Arc<Page>)>, PageError> {
        if Instant::now() >= deadline {
            return Err(StoreError::Deadline.into());
        }
        trace.source.loads += runs.len() as u32;
        let FetchedRuns { pages, cost: spent } = self.pages.fetch_runs(tree, runs, deadline).await?;
        *cost += spent;
        Ok(pages)
    }
}

/// A write under way: it ends with [`end`](Writing::end), once the store has answered.
#[must_use = "searches wait for its end"]
pub struct Writing {
    pages: Arc<dyn PageSource>,
    collection: Collection,
    under_way: UnderWay,
}

impl Writing {
    /// Takes note that places that are or were here may have been written, moved or removed: from now on no search of this
    /// process returns anything older.
    pub async fn end(self, placements: &[Placement]) {
        self.pages.changed(&self.collection, placements).await;
        drop(self.under_way);
    }
}

#[cfg(test)]
mod tests {
    use geo_index::tree::{PlaceFilter, PlaceView};

    use super::*;

    #[derive(Debug)]
    struct All;

    impl PlaceFilter for All {
        fn allows(&self, _: &PlaceView<'_>) -> bool {
            true
        }
    }

    #[test]
    fn a_filter_has_a_budget_of_its_own() {
        let Limits { nearby, items, .. } = Limits::default();
        let filtered = Selection { filter: Some(Arc::new(All)), region: None };
        let shaped = Selection { filter: None, region: Some(Arc::default()) };
        for limits in [nearby, items] {
            assert_eq!(Limits::selected(limits, &filtered).page_budget.get(), 256);
            assert_eq!(Limits::selected(limits, &shaped), limits);
            assert_eq!(Limits::selected(limits, &Selection::default()), limits);
        }
        let small = SearchLimits { page_budget: NonZeroUsize::MIN, ..nearby };
        assert_eq!(Limits::selected(small, &filtered), small);
    }
}
