//! What the handlers share.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use cellar_cache::clock::{Clock, SystemClock};
use cellar_cache::remote::Board;
use geo_index::{Collection, GeohashCell};

use crate::cells::Cells;
use crate::changes::Status;
use crate::config::{ApiConfig, EdgeConfig, HealthConfig, WriteConfig};
use crate::edge_map::EdgeMaps;
use crate::health::{Health, Readiness};
use crate::hot::HotCells;
use crate::instance::Instance;
use crate::middleware::shed::InFlight;
use crate::pages::PageCache;
use crate::purge::EdgePurges;
use crate::router;
use crate::search::{Search, Work};
use crate::store::{Store, StoreError};
use crate::tally::Tally;
use crate::telemetry::Telemetry;
use crate::tiers::Tiers;

/// State of the router. Clones are the same state: every layer of the router takes one for every request.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What clones of the state share.
#[derive(Clone)]
pub struct Shared {
    /// The table.
    pub store: Arc<dyn Store>,
    /// Searches over it.
    pub search: Search,
    /// Cell answers from these.
    pub cells: Arc<Cells>,
    /// Collections that are known to exist.
    pub collections: Arc<KnownCollections>,
    /// Density maps at hand.
    pub edge_maps: Arc<EdgeMaps>,
    /// Whether the store answers.
    pub readiness: Arc<Readiness>,
    /// Limits.
    pub config: Arc<ApiConfig>,
    /// What health checks may ask for, and what the last found.
    pub health: Arc<Health>,
    /// Which process this is.
    pub instance: Arc<Instance>,
    /// Who may write.
    pub writes: Arc<WriteConfig>,
    /// Room for requests.
    pub in_flight: Arc<InFlight>,
    /// Where searches come from; nobody asks without a cache.
    pub hot: Option<Arc<HotCells>>,
    /// How the change feed is doing, if there is one.
    pub feed: Option<Status>,
    /// The cache of pages, if there is one.
    pub cache: Option<PageCache>,
    /// What processes share beside pages, if there is a shared cache.
    pub board: Option<Arc<dyn Board>>,
    /// What tells the edge of changes, if there is one.
    pub purges: Option<EdgePurges>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// What is counted for who takes it, if somebody does.
    pub tally: Option<Arc<Tally>>,
    /// When the state was made.
    pub started: Instant,
}

impl AppState {
    /// State over a store and searches in it.
    pub fn new(store: Arc<dyn Store>, search: Search, config: ApiConfig, writes: WriteConfig) -> Self {
        Self::with_clock(store, search, config, writes, Arc::new(SystemClock))
    }

    /// The same, with another clock for what is remembered for a while.
    pub fn with_clock(
        store: Arc<dyn Store>,
        search: Search,
        config: ApiConfig,
        writes: WriteConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let cells = Arc::new(Cells::new(search.clone(), EdgeConfig::default()));
        let health = Health::new(HealthConfig::default(), Arc::clone(&clock));
        Self(Arc::new(Shared {
            collections: Arc::default(),
            edge_maps: Arc::new(EdgeMaps::new(Arc::clone(&store), Arc::clone(&clock))),
            readiness: Arc::new(Readiness::new(clock)),
            health: Arc::new(health),
            instance: Arc::new(Instance::new(&config.region)),
            in_flight: Arc::new(InFlight::new(config.max_in_flight)),
            config: Arc::new(config),
            writes: Arc::new(writes),
            started: Instant::now(),
            hot: None,
            feed: None,
            cache: None,
            board: None,
            purges: None,
            tally: None,
            telemetry: Arc::new(Telemetry::new(&router::paths(), None, None, None).with_cells(&cells)),
            cells,
            store,
            search,
        }))
    }

    /// Keeps cell answers as a configuration says.
    #[must_use]
    pub fn with_edge(self, config: EdgeConfig) -> Self {
        let cells = Arc::new(Cells::new(self.search.clone(), config));
        Self::counting(Shared { cells, ..Arc::unwrap_or_clone(self.0) })
    }

    /// Answers health checks as a configuration says.
    #[must_use]
    pub fn with_health(self, config: HealthConfig) -> Self {
        let health = Arc::new(Health::new(config, self.readiness.clock()));
        Self(Arc::new(Shared { health, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// What the collection's density map says of a geohash-3 cell, if there is one: the precision that certifies there.
    /// It never waits for the map, and names that are no collection's cost nothing.
    pub fn precision_hint(&self, collection: &Collection, cell: GeohashCell) -> Option<u8> {
        self.collections.knows(collection).then(|| self.edge_maps.hint(collection, cell))?
    }

    /// Says what the caches and the change feed do, too.
    #[must_use]
    pub fn with_tiers(self, tiers: &Tiers, feed: Option<Status>) -> Self {
        Self::counting(Shared {
            hot: Some(Arc::clone(&tiers.hot)),
            cache: Some(tiers.pages.cache().clone()),
            board: tiers.board.clone(),
            purges: tiers.edge.clone(),
            feed,
            ..Arc::unwrap_or_clone(self.0)
        })
    }

    /// Counts answers for somebody who takes them.
    #[must_use]
    pub fn with_tally(self) -> Self {
        Self(Arc::new(Shared { tally: Some(Arc::default()), ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Takes note of an answer.
    pub(crate) fn answered(&self, route: &str, status: StatusCode, took: Duration, work: Option<&Work>) {
        self.telemetry.answered(route, status, took, work);
        if let Some(tally) = &self.tally {
            tally.answered(route, status, took, work);
        }
    }

    /// A state that counts what all of its parts do.
    fn counting(shared: Shared) -> Self {
        let (cache, feed) = (shared.cache.as_ref(), shared.feed.clone());
        let telemetry = Telemetry::new(&router::paths(), cache, feed, shared.purges.as_ref());
        let telemetry = Arc::new(telemetry.with_cells(&shared.cells));
        Self(Arc::new(Shared { telemetry, ..shared }))
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Waits for the store, but not past a deadline.
pub async fn bounded<T>(
    deadline: Instant,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout_at(deadline.into(), call).await.unwrap_or(Err(StoreError::Deadline))
}

/// A memo of collections that exist, so that a warm search costs no read for it.
///
/// Invariant: only collections that the store has named are remembered, for good, since collections are never
/// deleted; that one does not exist is asked anew every time, so a collection is there for everybody as soon as it is
/// created.
#[derive(Default)]
pub struct KnownCollections(RwLock<HashSet<Collection>>);

impl KnownCollections {
    /// Whether a collection exists, from memory or from the store.
    pub async fn exists(
        &self,
        store: &dyn Store,
        name: &Collection,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        if self.knows(name) {
            return Ok(true);
        }
        let exists = bounded(deadline, store.collection(name)).await?.is_some();
        if exists {
            self.remember(name.clone());
        }
        Ok(exists)
    }

    /// Whether the store is known to have named a collection.
    pub fn knows(&self, name: &Collection) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Takes note that the store has named a collection.
    pub fn remember(&self, name: Collection) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}
