//! Pages straight from the store.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use cellar_cache::trace::Trace;
use cellar_model::place::Place;
use cellar_model::{Category, Collection, PageTree, PlaceId};
use cellar_store::{CategoryIndex, RangeRead, ReadCost, RootsRead, Store, StoreError, bounded};
use futures::stream::{FuturesUnordered, StreamExt};
use geo_index::tree::{COARSE_RESOLUTIONS, LeafRead, PAGE_MAX, PageLoad, ROOT_RESOLUTION, RunLoad};
use geo_index::{GridCell as _, H3Cell, Leaf, Page, RootsPage, Row, RunRead};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Semaphore;

use super::{Fetched, FetchedRuns, PageError, PageSource};

/// Reads of the table at a time: some ten thousand a second at the latency of DynamoDB. What searches need beyond that waits
/// here, where it costs nothing, and takes nothing from reads by id, from writes and from the change feed.
const READS_AT_ONCE: usize = 128;

/// Pages of which it is known where to begin their loads, at most; beyond that, all are forgotten.
const MOST_BEGINS: usize = 4_096;

/// Bytes of pages of crowded leaves that are kept; beyond that, all are forgotten.
const CROWDS_MAX_BYTES: usize = 256 << 20;

/// Pages straight from the store; nothing is kept.
pub struct StorePages {
    store: Arc<dyn Store>,
    /// A permit for each read of the table.
    reads: Semaphore,
    /// Where the next loads of pages should begin. Whether one does makes no difference to the page.
    begins: Mutex<FxHashMap<(PageTree, H3Cell), H3Cell>>,
    crowds: Option<Mutex<Crowds>>,
}

/// Pages of leaves that took many reads.
#[derive(Default)]
struct Crowds {
    pages: FxHashMap<(PageTree, H3Cell), Arc<Page>>,
    bytes: usize,
}

impl StorePages {
    /// Pages of the places in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, reads: Semaphore::new(READS_AT_ONCE), begins: Mutex::default(), crowds: None }
    }

    /// The same for many searches of places that rest: the page of a leaf with many places, which takes a read of all of
    /// them, is read once.
    pub fn keeping_crowds(store: Arc<dyn Store>) -> Self {
        Self { crowds: Some(Mutex::default()), ..Self::new(store) }
    }

    fn keep(&self, tree: &PageTree, cell: H3Cell, page: &Arc<Page>) {
        let Some(crowds) = &self.crowds else { return };
        let many = match &**page {
            Page::Places(places) => cell.level() == H3Cell::FINEST && places.len() > PAGE_MAX,
            Page::Crowd(_) => true,
            Page::Split(_) | Page::Roots(_) => false,
        };
        if many {
            let mut crowds = crowds.lock();
            crowds.bytes += page.weight();
            if crowds.bytes > CROWDS_MAX_BYTES {
                *crowds = Crowds { bytes: page.weight(), ..Crowds::default() };
            }
            crowds.pages.insert((tree.clone(), cell), Arc::clone(page));
        }
    }

    /// Reads what the page of a cell needs; it comes first, and then those of other cells that the same rows make up.
    pub(super) async fn load(
        &self,
        tree: &PageTree,
        cell: H3Cell,
        deadline: Instant,
    ) -> Result<(Vec<(H3Cell, Page)>, ReadCost), PageError> {
        if cell.level() == H3Cell::COARSEST {
            return self.load_roots(&tree.collection, cell, deadline).await;
        }
        let begin = self.begins.lock().remove(&(tree.clone(), cell));
        let mut load = PageLoad::new(cell);
        if let Some(begin) = begin {
            load = load.beginning_at(begin);
        }
        let mut cost = ReadCost::default();
        while let Some(next) = load.next_read() {
            let (rows, complete) = self.read(tree, next, deadline, &mut cost).await?;
            load.accept(rows, complete);
        }
        Ok((load.finish(), cost))
    }

    /// Lists the roots that exist: one list has those below all base cells.
    async fn load_roots(
        &self,
        collection: &Collection,
        cell: H3Cell,
        deadline: Instant,
    ) -> Result<(Vec<(H3Cell, Page)>, ReadCost), PageError> {
        let RootsRead { roots, cost } = self.store.roots(collection, deadline).await?;
        let mut bases = H3Cell::coarsest();
        bases.sort_by_key(|base| *base != cell);
        let page = |base: H3Cell| {
            let below = |roots: &Vec<H3Cell>| {
                let first = roots.partition_point(|root| root.leaves().end() < base.leaves().start());
                RootsPage::new(base, roots[first..].iter().copied().take_while(|root| base.covers(*root)))
            };
            (base, Page::Roots(roots.as_ref().map_or_else(|| RootsPage::all(base), below)))
        };
        Ok((bases.into_iter().map(page).collect(), cost))
    }

    async fn load_run(
        &self,
        tree: &PageTree,
        run: &RunRead,
        deadline: Instant,
    ) -> Result<(Page, ReadCost), PageError> {
        let (mut load, mut cost) = (RunLoad::new(run.clone()), ReadCost::default());
        while let Some(next) = load.next_read() {
            let (rows, complete) = self.read(tree, next, deadline, &mut cost).await?;
            load.accept(rows, complete);
        }
        Ok((load.finish(), cost))
    }

    async fn read(
        &self,
        tree: &PageTree,
        next: LeafRead,
        deadline: Instant,
        cost: &mut ReadCost,
    ) -> Result<(Vec<Row>, bool), PageError> {
        let first = H3Cell::from(next.first);
        // Pages of a category above the roots are of several roots.
        let mut above =
            (*COARSE_RESOLUTIONS.start()..=ROOT_RESOLUTION).rev().filter_map(|level| first.ancestor(level));
        let root = above.find(|cell| cell.covers(next.last)).unwrap_or(first);
        let read = RangeRead {
            collection: tree.collection.clone(),
            category: tree.category.clone(),
            root,
            first_leaf: next.first,
            after: next.after,
            last_leaf: next.last,
            until: next.until,
            bare: next.bare,
            limit: Some(next.limit),
            cap: next.limit,
        };
        let permit = tokio::time::timeout_at(deadline.into(), self.reads.acquire()).await;
        // The semaphore is never closed.
        let _permit = permit.map_err(|_| StoreError::Deadline)?;
        let found = self.store.read_range(&read, deadline).await?;
        *cost += found.cost;
        Ok((found.places.into_iter().map(row).collect(), found.complete))
    }
}

#[async_trait]
impl PageSource for StorePages {
    fn get_if_present(&self, tree: &PageTree, cell: H3Cell, _: &mut Trace) -> Option<Arc<Page>> {
        let crowds = self.crowds.as_ref().filter(|_| cell.level() == H3Cell::FINEST)?;
        let crowds = crowds.lock();
        crowds.pages.get(&(tree.clone(), cell)).cloned()
    }

    async fn fetch(
        &self,
        tree: &PageTree,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError> {
        trace.source.loads += cells.len() as u32;
        let mut loads: FuturesUnordered<_> =
            cells.iter().map(|cell| self.load(tree, *cell, deadline)).collect();
        let mut fetched = Fetched::default();
        while let Some(loaded) = loads.next().await {
            let (pages, cost) = loaded?;
            for (cell, page) in pages {
                let page = Arc::new(page);
                self.keep(tree, cell, &page);
                fetched.pages.push((cell, page));
            }
            fetched.cost += cost;
        }
        Ok(fetched)
    }

    fn begin_loads_at(&self, tree: &PageTree, begins: &[(H3Cell, H3Cell)]) {
        if begins.is_empty() {
            return;
        }
        let mut known = self.begins.lock();
        // What a cache had after all stays here.
        if known.len() + begins.len() > MOST_BEGINS {
            known.clear();
        }
        known.extend(begins.iter().map(|(cell, begin)| ((tree.clone(), *cell), *begin)));
    }

    async fn fetch_runs(
        &self,
        tree: &PageTree,
        runs: &[RunRead],
        deadline: Instant,
    ) -> Result<FetchedRuns, PageError> {
        let mut loads: FuturesUnordered<_> =
            runs.iter().map(|run| async move { (run, self.load_run(tree, run, deadline).await) }).collect();
        let mut fetched = FetchedRuns::default();
        while let Some((run, loaded)) = loads.next().await {
            let (page, cost) = loaded?;
            fetched.pages.push((run.clone(), Arc::new(page)));
            fetched.cost += cost;
        }
        Ok(fetched)
    }

    async fn place(
        &self,
        collection: &Collection,
        id: &PlaceId,
        deadline: Instant,
    ) -> Result<Option<Row>, PageError> {
        let place = bounded(deadline, self.store.get(collection, id)).await?;
        Ok(place.map(|place| row((Leaf::at(place.position), place))))
    }

    async fn category_index(
        &self,
        collection: &Collection,
        deadline: Instant,
    ) -> Result<CategoryIndex, PageError> {
        Ok(bounded(deadline, self.store.category_index(collection)).await?)
    }

    async fn has_category(
        &self,
        collection: &Collection,
        category: &Category,
        deadline: Instant,
    ) -> Result<bool, PageError> {
        Ok(bounded(deadline, self.store.has_category(collection, category)).await?)
    }
}

/// A place as a row of a page: its payload is the rest of its Feature, ready to be sent.
pub fn row((leaf, place): (Leaf, Place)) -> Row {
    Row {
        leaf,
        id: place.id.as_str().to_owned(),
        position: place.position,
        category: place.properties.category(),
        payload: place.feature_tail().into_bytes(),
    }
}
