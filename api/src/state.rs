//! What the handlers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use geo_index::Collection;
use tokio::sync::Semaphore;

use crate::clock::{Clock, SystemClock};
use crate::config::{ApiConfig, WriteConfig};
use crate::search::Search;
use crate::store::{Store, StoreError};

/// How long a collection is known to exist without asking again. Collections are never deleted.
const COLLECTION_TTL: Duration = Duration::from_secs(30);
/// How long one ping speaks for the store.
const PING_TTL: Duration = Duration::from_secs(1);
/// How long a ping may take.
const PING_TIME_LIMIT: Duration = Duration::from_millis(800);

/// State of the router.
#[derive(Clone)]
pub struct AppState {
    /// The table.
    pub store: Arc<dyn Store>,
    /// Searches over it.
    pub search: Search,
    /// Collections that are known to exist.
    pub collections: Arc<KnownCollections>,
    /// Whether the store answers.
    pub readiness: Arc<Readiness>,
    /// Limits.
    pub config: Arc<ApiConfig>,
    /// Who may write.
    pub writes: Arc<WriteConfig>,
    /// One permit for each request that may be worked on at a time.
    pub in_flight: Arc<Semaphore>,
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
        Self {
            collections: Arc::new(KnownCollections::new(Arc::clone(&clock))),
            readiness: Arc::new(Readiness { clock, last: tokio::sync::Mutex::new(None) }),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight)),
            config: Arc::new(config),
            writes: Arc::new(writes),
            started: Instant::now(),
            store,
            search,
        }
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
/// Invariant: only collections that the store has named are remembered; that one does not exist is asked anew
/// every time, so a collection is there for everybody as soon as it is created.
pub struct KnownCollections {
    clock: Arc<dyn Clock>,
    seen: Mutex<HashMap<Collection, Instant>>,
}

impl KnownCollections {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// Whether a collection exists, from memory or from the store.
    pub async fn exists(
        &self,
        store: &dyn Store,
        name: &Collection,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        if self.remembers(name) {
            return Ok(true);
        }
        let exists = bounded(deadline, store.collection(name)).await?.is_some();
        if exists {
            self.remember(name.clone());
        }
        Ok(exists)
    }

    /// Takes note that the store has named a collection.
    pub fn remember(&self, name: Collection) {
        let now = self.clock.now();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name, now);
    }

    fn remembers(&self, name: &Collection) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        seen.get(name).is_some_and(|&at| now.saturating_duration_since(at) < COLLECTION_TTL)
    }
}

/// Whether the store answers, asked at most once a second however many probes come in.
pub struct Readiness {
    clock: Arc<dyn Clock>,
    last: tokio::sync::Mutex<Option<Ping>>,
}

#[derive(Clone, Debug)]
struct Ping {
    at: Instant,
    failure: Option<String>,
}

impl Readiness {
    /// Pings the store. The error's text is for the log.
    pub async fn check(&self, store: &dyn Store) -> Result<(), String> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let fresh = last.as_ref().filter(|ping| now.saturating_duration_since(ping.at) < PING_TTL);
        let ping = if let Some(ping) = fresh {
            ping.clone()
        } else {
            let pinged = bounded(Instant::now() + PING_TIME_LIMIT, store.ping()).await;
            let ping = Ping { at: now, failure: pinged.err().map(|error| error.to_string()) };
            last.insert(ping).clone()
        };
        ping.failure.map_or(Ok(()), Err)
    }
}
