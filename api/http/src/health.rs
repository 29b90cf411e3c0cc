//! Whether what the process needs answers: asked at most once a second, however many probes come in.
//!
//! Invariant: a flood of probes costs the store and Redis one read a second each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_coordination::CoordinationStore;
use cellar_store::bounded;
use cellar_store::{Store, StoreError};
use tokio::sync::Mutex;

use crate::config::HealthConfig;

/// How long the result of a probe counts.
const PROBE_TTL: Duration = Duration::from_secs(1);
/// How long the store may take to answer.
const STORE_LIMIT: Duration = Duration::from_millis(800);
/// How long Redis may take to answer. It should take a millisecond; and it may be away without harm.
const REDIS_LIMIT: Duration = Duration::from_millis(200);
/// A map of the coordination store to read: whether it is there does not matter.
const COORDINATION_MAP: &str = "health";

/// A value that is determined at most once in [`PROBE_TTL`]; callers that come meanwhile wait for it.
struct Memo<T> {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Memo<T> {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::new(None) }
    }

    async fn get(&self, probe: impl Future<Output = T>) -> T {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        match &*last {
            Some((at, value)) if now.saturating_duration_since(*at) < PROBE_TTL => value.clone(),
            _ => last.insert((now, probe.await)).1.clone(),
        }
    }
}

/// Whether the store answers.
pub struct Readiness {
    last: Memo<Option<String>>,
    clock: Arc<dyn Clock>,
    /// When it was first found not to answer, since it last did.
    failing_since: parking_lot::Mutex<Option<Instant>>,
}

/// A store that does not answer.
#[derive(Clone, Debug)]
pub struct Away {
    /// Why; for the log.
    pub cause: String,
    /// For how long it has been found so.
    pub lasted: Duration,
}

impl Readiness {
    /// Nothing is known yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { last: Memo::new(Arc::clone(&clock)), clock, failing_since: parking_lot::Mutex::default() }
    }

    /// Pings the store.
    pub async fn check(&self, store: &dyn Store) -> Result<(), Away> {
        let probe = async {
            let pinged = bounded(Instant::now() + STORE_LIMIT, store.ping()).await;
            pinged.err().map(|error| error.to_string())
        };
        let cause = self.last.get(probe).await;
        let now = self.clock.now();
        let mut since = self.failing_since.lock();
        match cause {
            None => {
                *since = None;
                Ok(())
            }
            Some(cause) => {
                let lasted = now.saturating_duration_since(*since.get_or_insert(now));
                Err(Away { cause, lasted })
            }
        }
    }
}

/// What a deep probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Why the store cannot be used, for the log.
    pub failure: Option<String>,
    /// Redis: `ok`, `failing` or `off`. A process without it is slower, not ill.
    pub redis: &'static str,
}

/// What health checks may ask for, and what the last found.
pub struct Health {
    /// What they may ask for.
    pub config: HealthConfig,
    deep: Memo<Found>,
}

impl Health {
    /// Nothing is known yet.
    pub fn new(config: HealthConfig, clock: Arc<dyn Clock>) -> Self {
        Self { config, deep: Memo::new(clock) }
    }

    /// Whether a ping that does not say how deep it is becomes a deep one.
    pub fn is_deep_by_chance(&self) -> bool {
        fastrand::u8(..100) < self.config.deep_percent
    }

    /// Reads from the table and from Redis, both at a time.
    pub async fn probe(&self, store: &dyn Store, coordination: Option<&dyn CoordinationStore>) -> Found {
        let probe = async {
            let (failure, redis) = tokio::join!(self.read(store), ping(coordination));
            Found { failure, redis }
        };
        self.deep.get(probe).await
    }

    /// Why the known place cannot be read.
    async fn read(&self, store: &dyn Store) -> Option<String> {
        let deadline = Instant::now() + STORE_LIMIT;
        let read: Result<bool, StoreError> = match &self.config.item {
            None => bounded(deadline, store.ping()).await.map(|()| true),
            Some((collection, id)) => {
                bounded(deadline, store.get(collection, id)).await.map(|place| place.is_some())
            }
        };
        match read {
            Ok(true) => None,
            Ok(false) => Some("the place of CELLAR_HEALTH_ITEM is not in the table".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// How Redis answers.
pub async fn ping(coordination: Option<&dyn CoordinationStore>) -> &'static str {
    let Some(coordination) = coordination else { return "off" };
    match tokio::time::timeout(REDIS_LIMIT, coordination.read(COORDINATION_MAP)).await {
        Ok(Ok(_)) => "ok",
        _ => "failing",
    }
}
