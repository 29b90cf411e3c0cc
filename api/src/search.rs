//! Drives the page tree of `geo-index` over a source of pages.

use std::sync::Arc;
use std::time::Instant;

use cellar_cache::trace::Trace;
use geo_index::tree::{
    BoxKey, BoxQuery, BoxScan, Hit, NearbyKey, NearbyQuery, NearbySearch, Progress, SearchLimits, SearchWork,
};
use geo_index::{Collection, H3Cell, Page};
use rustc_hash::FxHashMap;

use crate::pages::{Fetched, PageError, PageSource};
use crate::store::{ReadCost, StoreError};

/// Exact search over the pages of a source.
#[derive(Clone)]
pub struct Search {
    pages: Arc<dyn PageSource>,
    limits: Limits,
}

/// Bounds on the work of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A nearby search over its budget fails loudly.
    pub nearby: SearchLimits,
    /// A box scan over its budget ends early with a cursor.
    pub items: SearchLimits,
}

impl Default for Limits {
    fn default() -> Self {
        let nearby = SearchLimits::default();
        Self { nearby, items: SearchLimits { page_budget: 200, ..nearby } }
    }
}

/// The answer to a nearby search.
#[derive(Debug)]
pub struct Nearby {
    /// Nearest first, ties by id.
    pub hits: Vec<Hit>,
    /// Where to go on; absent when there is surely nothing more.
    pub next: Option<NearbyKey>,
    /// What it took.
    pub work: Work,
}

/// The answer to a box scan.
#[derive(Debug)]
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
}

impl Search {
    /// Search over a source of pages.
    pub fn new(pages: Arc<dyn PageSource>, limits: Limits) -> Self {
        Self { pages, limits }
    }

    /// The places nearest to a point.
    pub async fn nearby(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        deadline: Instant,
    ) -> Result<Nearby, PageError> {
        self.find(collection, query, deadline, |_, _| ()).await
    }

    /// The same, and the pages that it was found in: as long as these stay, so does the answer.
    pub async fn nearby_in_pages(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        deadline: Instant,
    ) -> Result<(Nearby, Vec<(H3Cell, Arc<Page>)>), PageError> {
        let mut pages = Vec::with_capacity(16);
        let used = |cell, page: &Arc<Page>| pages.push((cell, Arc::clone(page)));
        let found = self.find(collection, query, deadline, used).await?;
        Ok((found, pages))
    }

    async fn find(
        &self,
        collection: &Collection,
        query: NearbyQuery,
        deadline: Instant,
        mut used: impl FnMut(H3Cell, &Arc<Page>) + Send,
    ) -> Result<Nearby, PageError> {
        let (mut cost, mut trace) = (ReadCost::default(), Trace::default());
        let mut supplied: FxHashMap<H3Cell, Arc<Page>> = FxHashMap::default();
        let mut search = NearbySearch::new(query, self.limits.nearby);
        while let Progress::Need(cells) = search.advance(|cell| {
            let page = supplied.remove(&cell).or_else(|| self.pages.at_hand(collection, cell, &mut trace))?;
            used(cell, &page);
            Some(page)
        })? {
            supplied.extend(self.fetch(collection, &cells, deadline, &mut cost, &mut trace).await?);
        }
        let answer = search.finish();
        Ok(Nearby { hits: answer.hits, next: answer.next, work: Work { tree: answer.work, cost, trace } })
    }

    /// Where the pages come from.
    pub fn source(&self) -> &dyn PageSource {
        &*self.pages
    }

    /// The places in a box.
    pub async fn items(
        &self,
        collection: &Collection,
        query: BoxQuery,
        deadline: Instant,
    ) -> Result<Items, PageError> {
        let (mut cost, mut trace) = (ReadCost::default(), Trace::default());
        let mut scan = BoxScan::new(query, self.limits.items);
        while let Progress::Need(cells) =
            scan.advance(|cell| self.pages.at_hand(collection, cell, &mut trace))
        {
            for (cell, page) in self.fetch(collection, &cells, deadline, &mut cost, &mut trace).await? {
                scan.supply(cell, page);
            }
        }
        let answer = scan.finish();
        Ok(Items { hits: answer.hits, next: answer.next, work: Work { tree: answer.work, cost, trace } })
    }

    /// Takes note that places at these leaves were written, moved or removed.
    pub async fn changed(&self, collection: &Collection, leaves: &[H3Cell]) {
        self.pages.changed(collection, leaves).await;
    }

    async fn fetch(
        &self,
        collection: &Collection,
        cells: &[H3Cell],
        deadline: Instant,
        cost: &mut ReadCost,
        trace: &mut Trace,
    ) -> Result<Vec<(H3Cell, Arc<Page>)>, PageError> {
        if Instant::now() >= deadline {
            return Err(StoreError::Deadline.into());
        }
        let Fetched { pages, cost: spent } = self.pages.fetch(collection, cells, deadline, trace).await?;
        *cost += spent;
        Ok(pages)
    }
}
