//! What the handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::http::StatusCode;
use cellar_cache::clock::{Clock, SystemClock};
use cellar_changes::Status;
use cellar_coordination::CoordinationStore;
use cellar_model::Collection;
use cellar_purge::EdgePurges;
use cellar_search::cells::Cells;
use cellar_search::cells::EdgeConfig;
use cellar_search::edge_map::EdgeMaps;
use cellar_search::hot::HotCells;
use cellar_search::pages::PageCache;
use cellar_search::tiers::Tiers;
use cellar_search::{Search, Work};
use cellar_store::Store;
use geo_index::GeohashCell;
use tokio::sync::Notify;

use crate::access::Access;
use crate::config::{AccessConfig, ApiConfig, HealthConfig, WriteConfig};
use crate::health::{Health, Readiness};
use crate::imports::{Importer, Imports};
use crate::in_flight::{InFlight, LimitPolicy};
use crate::instance::Instance;
use crate::known::KnownCollections;
use crate::live::Live;
use crate::paths;
use crate::rate::RateLimiter;
use crate::repeats::Repeats;
use crate::request_stats::RequestStats;
use crate::telemetry::Telemetry;

/// Reading requests that are worked on at a time, however slow they are.
const LEAST_IN_FLIGHT: usize = 32;

/// State of the router. Clones are the same state: every layer of the router takes one for every request.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What clones of the state share.
pub struct Shared {
    /// The table.
    pub store: Arc<dyn Store>,
    /// Searches over it.
    pub search: Search,
    /// Cell answers from these.
    pub cells: Arc<Cells>,
    /// Collections that are known to exist.
    pub collections: Arc<KnownCollections>,
    /// Told of each deletion that is asked for. Who carries them out listens.
    pub deletions: Arc<Notify>,
    /// Who carries imports out, if anybody does.
    pub imports: Importer,
    /// Who tells of changes, if anybody does.
    pub live: Option<Arc<Live>>,
    /// Density maps in memory.
    pub edge_maps: Arc<EdgeMaps>,
    /// Whether the store answers.
    pub readiness: Arc<Readiness>,
    /// Limits.
    pub config: Arc<ApiConfig>,
    /// What health checks may ask for, and what the last found.
    pub health: Arc<Health>,
    /// Which process this is.
    pub instance: Arc<Instance>,
    /// Who may do what.
    pub access: Access,
    /// How often each client may ask, if that is limited.
    pub limiter: Option<RateLimiter>,
    /// Requests that read.
    pub in_flight: Arc<InFlight>,
    /// Requests that write.
    pub writes_in_flight: Arc<InFlight>,
    /// Searches that are asked for in a body, being worked on: as many as writes. Bodies that come slowly keep neither
    /// readers nor writers waiting.
    pub posted_in_flight: Arc<InFlight>,
    /// Where searches come from, with a cache.
    pub hot: Option<Arc<HotCells>>,
    /// How the change feed is doing, if there is one.
    pub feed: Option<Status>,
    /// The cache of pages, if there is one.
    pub cache: Option<PageCache>,
    /// What processes share beside pages, if there is a shared cache.
    pub coordination: Option<Arc<dyn CoordinationStore>>,
    /// What tells the edge of changes, if there is one.
    pub purges: Option<EdgePurges>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// What was answered since the last time that it was taken, if there is a reader.
    pub request_stats: Option<Arc<RequestStats>>,
    /// Failures in the log.
    pub repeats: Repeats,
    /// When the state was made.
    pub started: Instant,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

/// Puts a state together; [`build`](Self::build) makes it. What is not set has its default, and there is no cache.
#[must_use]
pub struct AppStateBuilder {
    store: Arc<dyn Store>,
    search: Search,
    config: ApiConfig,
    writes: WriteConfig,
    access: AccessConfig,
    edge: EdgeConfig,
    health: HealthConfig,
    clock: Arc<dyn Clock>,
    tiers: Option<Tiers>,
    feed: Option<Status>,
    request_stats: Option<Arc<RequestStats>>,
    imports: Importer,
    live: Option<Arc<Live>>,
}

impl AppStateBuilder {
    /// Limits of requests.
    pub fn config(self, config: ApiConfig) -> Self {
        Self { config, ..self }
    }

    /// Who may write; by default only local callers.
    pub fn writes(self, writes: WriteConfig) -> Self {
        Self { writes, ..self }
    }

    /// API keys; by default there are none.
    pub fn access(self, access: AccessConfig) -> Self {
        Self { access, ..self }
    }

    /// How cell answers are kept.
    pub fn edge(self, edge: EdgeConfig) -> Self {
        Self { edge, ..self }
    }

    /// How health checks are answered.
    pub fn health(self, health: HealthConfig) -> Self {
        Self { health, ..self }
    }

    /// Another clock than the system's, for what is remembered for a while.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The caches and the change feed, if there is one, to report on.
    pub fn tiers(self, tiers: &Tiers, feed: Option<Status>) -> Self {
        Self { tiers: Some(tiers.clone()), feed, ..self }
    }

    /// Counts answers in [`RequestStats`] as well, for a reader that takes them.
    pub fn request_stats(self) -> Self {
        Self { request_stats: Some(Arc::default()), ..self }
    }

    /// Who carries imports out; by default nobody does.
    pub fn imports(self, imports: Option<Arc<dyn Imports>>) -> Self {
        self.importer(imports.map(Importer::from).unwrap_or_default())
    }

    /// The same, if who it is may be known later only.
    pub fn importer(self, imports: Importer) -> Self {
        Self { imports, ..self }
    }

    /// Who tells of changes; by default nobody does.
    pub fn live(self, live: Option<Arc<Live>>) -> Self {
        Self { live, ..self }
    }

    /// The state.
    pub fn build(self) -> AppState {
        let Self { store, search, config, writes, access, edge, health, clock, tiers, feed, .. } = self;
        let Self { request_stats, imports, live, .. } = self;
        let cells = Arc::new(Cells::new(search.clone(), edge));
        let cache = tiers.as_ref().map(|tiers| tiers.pages.cache().clone());
        let purges = tiers.as_ref().and_then(|tiers| tiers.edge.clone());
        let telemetry = Telemetry::new(&paths::ALL, cache.as_ref(), feed.clone(), purges.as_ref());
        let target = config.adaptive_limit.then(|| config.read_time_limit / 4);
        let of_reads = LimitPolicy {
            least: LEAST_IN_FLIGHT.min(config.max_in_flight),
            most: config.max_in_flight,
            target,
        };
        let of_writes = LimitPolicy {
            least: config.max_writes_in_flight,
            most: config.max_writes_in_flight,
            target: None,
        };
        let [in_flight, writes_in_flight, posted_in_flight] = [of_reads, of_writes, of_writes]
            .map(|policy| Arc::new(InFlight::new(policy, Arc::clone(&clock))));
        let telemetry = telemetry.with_limits(&in_flight, &writes_in_flight, &posted_in_flight);
        let repeats = Repeats::new(Arc::clone(&clock));
        let access = Access::new(writes, access, Arc::clone(&clock));
        let limiter = config.clients.rate.map(|rate| RateLimiter::new(rate, Arc::clone(&clock)));
        let telemetry = telemetry.with_rate_limit(limiter.as_ref()).with_live(live.as_deref());
        AppState(Arc::new(Shared {
            collections: Arc::new(KnownCollections::new(Arc::clone(&clock))),
            deletions: Arc::default(),
            imports,
            live,
            edge_maps: Arc::new(EdgeMaps::new(Arc::clone(&store), Arc::clone(&clock))),
            readiness: Arc::new(Readiness::new(Arc::clone(&clock))),
            health: Arc::new(Health::new(health, Arc::clone(&clock))),
            clock,
            instance: Arc::new(Instance::new(&config.region)),
            in_flight,
            writes_in_flight,
            posted_in_flight,
            config: Arc::new(config),
            access,
            limiter,
            started: Instant::now(),
            repeats,
            hot: tiers.as_ref().map(|tiers| Arc::clone(&tiers.hot)),
            coordination: tiers.and_then(|tiers| tiers.coordination),
            cache,
            purges,
            feed,
            request_stats,
            telemetry: Arc::new(telemetry.with_cells(&cells)),
            cells,
            store,
            search,
        }))
    }
}

impl AppState {
    /// State over a store and searches in it.
    pub fn builder(store: Arc<dyn Store>, search: Search) -> AppStateBuilder {
        AppStateBuilder {
            store,
            search,
            config: ApiConfig::default(),
            writes: WriteConfig::default(),
            access: AccessConfig::default(),
            edge: EdgeConfig::default(),
            health: HealthConfig::default(),
            clock: Arc::new(SystemClock),
            tiers: None,
            feed: None,
            request_stats: None,
            imports: Importer::default(),
            live: None,
        }
    }

    /// What the collection's density map says of a cell of geohash precision 7, if there is one: the precision to begin with there.
    /// It never waits for the map, and names that are no collection's cost nothing.
    pub fn precision_hint(&self, collection: &Collection, cell: GeohashCell) -> Option<u8> {
        self.collections.knows(collection).then(|| self.edge_maps.hint(collection, cell))?
    }

    /// The time on the wall.
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.unix_ms())
    }

    /// Takes note of an answer.
    pub(crate) fn answered(&self, route: &str, status: StatusCode, took: Duration, work: Option<&Work>) {
        self.telemetry.answered(route, status, took, work);
        if let Some(stats) = &self.request_stats {
            stats.answered(route, status, took, work);
        }
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
