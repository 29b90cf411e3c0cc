//! Pages through the read cache: memory and Redis before the store.
//!
//! A page in memory is the page that search uses: columns for the filter, and the ready-made bytes of each Feature. A
//! hit parses nothing and writes no JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_cache::clock::Clock;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::remote::Remote;
use cellar_cache::trace::Trace;
use cellar_cache::{Cache, CacheError, InvalidationPoint, Policy, Snapshot, SnapshotVersion};
use cellar_model::{Category, Collection, PageKey, PageTree, PlaceId, Placement};
use cellar_store::{CategoryIndex, ReadCost, Store, StoreError};
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{GridCell as _, H3Cell, Page, Row, RunRead};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;

use super::{Fetched, FetchedRuns, PageError, PageSource, StorePages};

/// How long a leaf may take to be read.
const LEAF_LIMIT: Duration = Duration::from_mins(1);

/// Roots that are remembered as written below.
const MOST_WRITTEN_ROOTS: usize = 1 << 20;

/// Trees whose texts are shared, at most: beyond that they are forgotten, and keys in memory have texts of their own.
const SHARED_TREES: usize = 10_000;

/// The cache of pages.
pub type PageCache = Cache<PageId, Page, StoreLoader>;

/// A page's key, as the cache has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageId(pub PageKey);

impl Key for PageId {
    fn remote(&self) -> String {
        self.0.cache_key()
    }

    fn group(&self) -> String {
        self.0.group()
    }

    fn parse_remote(key: &str) -> Option<Self> {
        PageKey::parse_cache_key(key).ok().map(Self)
    }
}

impl Value<PageId> for Page {
    fn weight(&self) -> usize {
        Page::weight(self)
    }

    fn is_negative(&self) -> bool {
        self.is_empty()
    }

    fn encode(&self, key: &PageId) -> Vec<u8> {
        Page::encode(self, key.0.cell())
    }

    fn decode(key: &PageId, bytes: &[u8]) -> Option<Self> {
        Page::decode(key.0.cell(), bytes).ok()
    }
}

/// Loads pages from the store.
pub struct StoreLoader(Arc<StorePages>);

#[async_trait]
impl Loader<PageId, Page> for StoreLoader {
    type Error = PageError;
    type Cost = ReadCost;

    async fn load(
        &self,
        PageId(key): &PageId,
        deadline: Instant,
    ) -> Result<Loaded<PageId, Page, ReadCost>, PageError> {
        let (pages, cost) = self.0.load(key.tree(), key.cell(), deadline).await?;
        let mut pages = pages.into_iter();
        let (_, value) =
            pages.next().ok_or_else(|| StoreError::Failed("a load without its page".to_owned()))?;
        let id = |(cell, page)| Some((PageId(PageKey::new(key.tree(), cell)?), page));
        Ok(Loaded { value, others: pages.filter_map(id).collect(), cost })
    }

    /// Not what is wrong with one page, or with one collection.
    fn is_outage(&self, error: &PageError) -> bool {
        match error {
            PageError::Store(error) => {
                matches!(error, StoreError::Deadline | StoreError::Throttled | StoreError::Failed(_))
            }
            PageError::Search(_) | PageError::NothingInTime => false,
        }
    }

    /// A leaf is read to its end, however many places there are: were that cut off, it would begin anew for ever.
    fn limit(&self, PageId(key): &PageId, usual: Duration) -> Duration {
        if key.cell().level() == H3Cell::FINEST { usual.max(LEAF_LIMIT) } else { usual }
    }
}

/// Pages through the cache.
#[derive(Clone)]
pub struct CachedPages {
    cache: PageCache,
    /// What is behind the cache.
    source: Arc<StorePages>,
    /// Roots that this process has written below: the pages that list them are known to be out of date once.
    written: Arc<Mutex<FxHashSet<(Collection, H3Cell)>>>,
    /// Whether invalidations that have not reached Redis were told of in the log.
    behind: Arc<AtomicBool>,
    /// One text for each name and category, which all keys in memory share: a look-up compares it, and finds it in the CPU
    /// cache.
    trees: Arc<Mutex<FxHashSet<PageTree>>>,
}

impl CachedPages {
    /// Pages of the places in a store, kept as a policy says, in memory and, if there is one, in a remote tier.
    pub fn new(
        store: Arc<dyn Store>,
        policy: Policy,
        remote: Option<Arc<dyn Remote>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let source = Arc::new(StorePages::new(store));
        let loader = StoreLoader(Arc::clone(&source));
        let builder = Cache::builder(loader).policy(policy).clock(clock);
        let builder = match remote {
            Some(remote) => builder.remote(remote),
            None => builder,
        };
        Self {
            cache: builder.build(),
            source,
            written: Arc::default(),
            behind: Arc::default(),
            trees: Arc::default(),
        }
    }

    /// The cache behind them.
    pub const fn cache(&self) -> &PageCache {
        &self.cache
    }

    fn ids(&self, tree: &PageTree, cells: &[H3Cell]) -> Vec<PageId> {
        let tree = self.shared(tree);
        cells.iter().filter_map(|cell| PageKey::new(&tree, *cell).map(PageId)).collect()
    }

    async fn invalidate(&self, ids: &[PageId]) {
        // A line when it begins and one when it is over: in between there may be hundreds a second.
        match self.cache.invalidate_soon(ids).await {
            Err(error) => {
                if !self.behind.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "invalidations do not reach Redis; they are kept and sent again");
                }
            }
            Ok(()) if self.behind.load(Ordering::Relaxed) && self.cache.pending() == 0 => {
                if self.behind.swap(false, Ordering::Relaxed) {
                    tracing::warn!("all invalidations have reached Redis again");
                }
            }
            Ok(()) => {}
        }
    }

    /// The pages that list the roots of these places, unless they were told to be out of date since those are written
    /// below: from then on every load of them finds the roots.
    fn listings(&self, collection: &Collection, placements: &[Placement]) -> Vec<PageKey> {
        let mut written = self.written.lock();
        if written.len() > MOST_WRITTEN_ROOTS {
            written.clear();
        }
        let roots = placements.iter().filter_map(|placement| placement.leaf.ancestor(ROOT_RESOLUTION));
        let new = roots.filter(|root| written.insert((collection.clone(), *root)));
        new.filter_map(|root| PageKey::listing(collection, root)).collect()
    }

    fn shared(&self, tree: &PageTree) -> PageTree {
        let mut trees = self.trees.lock();
        if let Some(shared) = trees.get(tree) {
            return shared.clone();
        }
        if trees.len() >= SHARED_TREES {
            trees.clear();
        }
        trees.insert(tree.clone());
        tree.clone()
    }
}

#[async_trait]
impl PageSource for CachedPages {
    fn get_if_present(&self, tree: &PageTree, cell: H3Cell, trace: &mut Trace) -> Option<Arc<Page>> {
        self.cache.get_if_present(&PageId(PageKey::new(tree, cell)?), trace)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.cache.snapshot())
    }

    fn is_still_valid(&self, version: SnapshotVersion) -> bool {
        self.cache.is_still_valid(version)
    }

    async fn fetch(
        &self,
        tree: &PageTree,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError> {
        let fetched = self.cache.get_many_or_load(&self.ids(tree, cells), deadline, trace).await?;
        let pages = fetched.values.into_iter().map(|(PageId(key), page)| (key.cell(), page));
        Ok(Fetched { pages: pages.collect(), cost: fetched.cost })
    }

    fn begin_loads_at(&self, tree: &PageTree, begins: &[(H3Cell, H3Cell)]) {
        self.source.begin_loads_at(tree, begins);
    }

    fn invalidation_point(&self) -> Option<InvalidationPoint> {
        Some(self.cache.invalidation_point())
    }

    fn holds_since(&self, tree: &PageTree, cell: H3Cell, point: InvalidationPoint) -> bool {
        PageKey::new(tree, cell).is_some_and(|key| self.cache.holds_since(&PageId(key), point))
    }

    async fn discard(&self, tree: &PageTree, cells: &[H3Cell]) {
        self.invalidate(&self.ids(tree, cells)).await;
    }

    async fn place(
        &self,
        collection: &Collection,
        id: &PlaceId,
        deadline: Instant,
    ) -> Result<Option<Row>, PageError> {
        self.source.place(collection, id, deadline).await
    }

    async fn fetch_runs(
        &self,
        tree: &PageTree,
        runs: &[RunRead],
        deadline: Instant,
    ) -> Result<FetchedRuns, PageError> {
        self.source.fetch_runs(tree, runs, deadline).await
    }

    async fn prefetch(&self, tree: &PageTree, cells: &[H3Cell]) -> usize {
        self.cache.prefetch(&self.ids(tree, cells)).await
    }

    async fn category_index(
        &self,
        collection: &Collection,
        deadline: Instant,
    ) -> Result<CategoryIndex, PageError> {
        self.source.category_index(collection, deadline).await
    }

    async fn has_category(
        &self,
        collection: &Collection,
        category: &Category,
        deadline: Instant,
    ) -> Result<bool, PageError> {
        self.source.has_category(collection, category, deadline).await
    }

    async fn changed(&self, collection: &Collection, placements: &[Placement]) {
        let pages = placements.iter().flat_map(|placement| PageKey::holding(collection, placement));
        let mut ids: Vec<_> = pages.chain(self.listings(collection, placements)).map(PageId).collect();
        ids.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        ids.dedup();
        self.invalidate(&ids).await;
    }
}

impl From<CacheError<PageError>> for PageError {
    fn from(error: CacheError<PageError>) -> Self {
        match error {
            CacheError::Load(error) => error,
            CacheError::Deadline => StoreError::Deadline.into(),
            error => StoreError::Failed(error.to_string()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use cellar_cache::clock::SystemClock;
    use cellar_store::{Embedded, StoreConfig};
    use geo_index::{Leaf, Position};

    use super::*;

    #[tokio::test]
    async fn keys_share_the_text_of_their_name() {
        let engine = Embedded::memory().await.unwrap();
        let store = engine.store(&StoreConfig::default()).await.unwrap();
        let pages = CachedPages::new(Arc::new(store), Policy::default(), None, Arc::new(SystemClock));
        let cell = H3Cell::at(Position::new(1.0, 2.0).unwrap(), 3).unwrap();
        let text = |name: &str| {
            let collection: Collection = name.parse().unwrap();
            let ids = pages.ids(&collection.into(), &[cell]);
            ids[0].0.collection().as_str().as_ptr()
        };
        assert_eq!(text("places"), text("places"));
        assert_ne!(text("places"), text("others"));
    }

    #[tokio::test]
    async fn a_leaf_may_take_longer_to_load() {
        let engine = Embedded::memory().await.unwrap();
        let store = engine.store(&StoreConfig::default()).await.unwrap();
        let loader = StoreLoader(Arc::new(StorePages::new(Arc::new(store))));
        let leaf = Leaf::at(Position::new(1.0, 2.0).unwrap());
        let usual = Duration::from_secs(2);
        let limit = |level| {
            let key =
                PageKey::new("places".parse::<Collection>().unwrap(), leaf.ancestor(level).unwrap()).unwrap();
            loader.limit(&PageId(key), usual)
        };
        assert_eq!([0, 3, 14].map(limit), [usual; 3]);
        assert!(limit(15) > 10 * usual);
    }
}
