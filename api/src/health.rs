//! Whether what the process needs answers: asked at most once a second, however many probes come in.
//!
//! Invariant: a flood of probes costs the store and Redis one read a second each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_cache::remote::Board;
use tokio::sync::Mutex;

use crate::config::HealthConfig;
use crate::state::bounded;
use crate::store::{Store, StoreError};

/// How long one look speaks for what was looked at.
const LOOK_TTL: Duration = Duration::from_secs(1);
/// How long the store may take to answer.
const STORE_LIMIT: Duration = Duration::from_millis(800);
/// How long Redis may take to answer. It should take a millisecond; and it may be away without harm.
const REDIS_LIMIT: Duration = Duration::from_millis(200);
/// A map of the board to read: whether it is there does not matter.
const BOARD_MAP: &str = "health";

/// A value that is found out at most once in [`LOOK_TTL`]; who comes meanwhile waits for it.
struct Memo<T> {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Memo<T> {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::new(None) }
    }

    async fn get(&self, look: impl Future<Output = T>) -> T {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        match &*last {
            Some((at, value)) if now.saturating_duration_since(*at) < LOOK_TTL => value.clone(),
            _ => last.insert((now, look.await)).1.clone(),
        }
    }
}

/// Whether the store answers.
pub struct Readiness(Memo<Option<String>>);

impl Readiness {
    /// Nothing is known yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Memo::new(clock))
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// Pings the store. The error's text is for the log.
    pub async fn check(&self, store: &dyn Store) -> Result<(), String> {
        let look = async {
            let pinged = bounded(Instant::now() + STORE_LIMIT, store.ping()).await;
            pinged.err().map(|error| error.to_string())
        };
        self.0.get(look).await.map_or(Ok(()), Err)
    }
}

/// What a deep look found.
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
    pub async fn look(&self, store: &dyn Store, board: Option<&dyn Board>) -> Found {
        let look = async {
            let (failure, redis) = tokio::join!(self.read(store), ping(board));
            Found { failure, redis }
        };
        self.deep.get(look).await
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
pub async fn ping(board: Option<&dyn Board>) -> &'static str {
    let Some(board) = board else { return "off" };
    match tokio::time::timeout(REDIS_LIMIT, board.read(BOARD_MAP)).await {
        Ok(Ok(_)) => "ok",
        _ => "failing",
    }
}
