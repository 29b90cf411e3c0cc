//! Pages through the read cache: memory and Redis before the store.
//!
//! A page in memory is the page that search uses: columns for the filter, and the ready-made bytes of each Feature. A
//! hit parses nothing and writes no JSON.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use cellar_cache::clock::Clock;
use cellar_cache::model::{Key, Loaded, Loader, Value};
use cellar_cache::remote::Remote;
use cellar_cache::trace::Trace;
use cellar_cache::{Cache, CacheError, Look, Moment, Policy};
use geo_index::{Collection, H3Cell, Page, PageKey};
use rustc_hash::FxHashSet;

use super::{Fetched, PageError, PageSource, StorePages};
use crate::store::{ReadCost, Store, StoreError};

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
        self.0.partition()
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
pub struct StoreLoader(StorePages);

#[async_trait]
impl Loader<PageId, Page> for StoreLoader {
    type Error = PageError;
    type Cost = ReadCost;

    async fn load(
        &self,
        PageId(key): &PageId,
        deadline: Instant,
    ) -> Result<Loaded<PageId, Page, ReadCost>, PageError> {
        let (pages, cost) = self.0.load(key.collection(), key.cell(), deadline).await?;
        let mut pages = pages.into_iter();
        let (_, value) =
            pages.next().ok_or_else(|| StoreError::Failed("a load without its page".to_owned()))?;
        let id = |(cell, page)| Some((PageId(PageKey::new(key.collection().clone(), cell)?), page));
        Ok(Loaded { value, others: pages.filter_map(id).collect(), cost })
    }
}

/// Pages through the cache.
#[derive(Clone)]
pub struct CachedPages {
    cache: PageCache,
    /// One text for each name, which all keys in memory share: a look-up compares it, and finds it at hand.
    names: Arc<Mutex<FxHashSet<Collection>>>,
}

impl CachedPages {
    /// Pages of the places in a store, kept as a policy says, in memory and, if there is one, in a remote tier.
    pub fn new(
        store: Arc<dyn Store>,
        policy: Policy,
        remote: Option<Arc<dyn Remote>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let loader = StoreLoader(StorePages::new(store));
        Self { cache: Cache::new(policy, loader, remote, clock), names: Arc::default() }
    }

    /// The cache behind them.
    pub const fn cache(&self) -> &PageCache {
        &self.cache
    }

    fn ids(&self, collection: &Collection, cells: &[H3Cell]) -> Vec<PageId> {
        let name = self.shared(collection);
        cells.iter().filter_map(|cell| PageKey::new(name.clone(), *cell).map(PageId)).collect()
    }

    fn shared(&self, collection: &Collection) -> Collection {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get(collection) {
            return name.clone();
        }
        names.insert(collection.clone());
        collection.clone()
    }
}

#[async_trait]
impl PageSource for CachedPages {
    fn at_hand(&self, collection: &Collection, cell: H3Cell, trace: &mut Trace) -> Option<Arc<Page>> {
        self.cache.at_hand(&PageId(PageKey::new(collection.clone(), cell)?), trace)
    }

    fn look(&self) -> Option<Look> {
        Some(self.cache.look())
    }

    fn lasts(&self, moment: Moment) -> bool {
        self.cache.lasts(moment)
    }

    async fn fetch(
        &self,
        collection: &Collection,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError> {
        let fetched = self.cache.get_many_or_load(&self.ids(collection, cells), deadline, trace).await?;
        let pages = fetched.values.into_iter().map(|(PageId(key), page)| (key.cell(), page));
        Ok(Fetched { pages: pages.collect(), cost: fetched.cost })
    }

    async fn look_around(&self, collection: &Collection, cells: &[H3Cell]) -> usize {
        self.cache.look_around(&self.ids(collection, cells)).await
    }

    async fn changed(&self, collection: &Collection, leaves: &[H3Cell]) {
        let pages = leaves.iter().flat_map(|leaf| PageKey::holding(collection, *leaf));
        let mut ids: Vec<_> = pages.map(PageId).collect();
        ids.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        ids.dedup();
        if let Err(error) = self.cache.invalidate_soon(&ids).await {
            tracing::warn!(%error, pages = ids.len(), "an invalidation is pending");
        }
    }
}

impl From<CacheError<PageError>> for PageError {
    fn from(error: CacheError<PageError>) -> Self {
        match error {
            CacheError::Load(error) => error,
            CacheError::Deadline => StoreError::Deadline.into(),
            CacheError::Panicked => StoreError::Failed("loading a page panicked".to_owned()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use cellar_cache::clock::SystemClock;
    use geo_index::{GridCell as _, Position};

    use super::*;
    use crate::store::{Embedded, StoreConfig};

    #[tokio::test]
    async fn keys_share_the_text_of_their_name() {
        let engine = Embedded::memory().await.unwrap();
        let store = engine.store(&StoreConfig::default()).await.unwrap();
        let pages = CachedPages::new(Arc::new(store), Policy::default(), None, Arc::new(SystemClock));
        let cell = H3Cell::at(Position::new(1.0, 2.0).unwrap(), 3).unwrap();
        let text = |name: &str| {
            let ids = pages.ids(&name.parse().unwrap(), &[cell]);
            ids[0].0.collection().as_str().as_ptr()
        };
        assert_eq!(text("places"), text("places"));
        assert_ne!(text("places"), text("others"));
    }
}
