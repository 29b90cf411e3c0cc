//! A server with some tiers, in front of a table.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cellar_api::config::{ApiConfig, EdgeConfig, WriteConfig};
use cellar_api::search::{Limits, Search};
use cellar_api::state::AppState;
use cellar_api::store::DynamoStore;
use cellar_api::tiers::Tiers;
use cellar_cache::Policy;
use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::edge::Edge;
use super::redis::Redis;

/// How long requests in flight may take when the server stops.
const DRAIN: Duration = Duration::from_secs(1);

/// What there is to answer from, beside the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caching {
    /// Nothing.
    Nothing,
    /// The memory of the process.
    L1,
    /// And a shared cache, Redis.
    L1L2,
    /// And an edge in front, nginx with the CDN's function.
    L1L2Edge,
}

impl Caching {
    /// From nothing to everything.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::L1, Self::L1L2, Self::L1L2Edge];
}

impl fmt::Display for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "no cache",
            Self::L1 => "L1",
            Self::L1L2 => "L1+L2",
            Self::L1L2Edge => "L1+L2+edge",
        })
    }
}

/// Why a stack did not start.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StackError {
    /// No address to listen on, or the like.
    #[error("the server does not start: {0}")]
    Server(String),
    /// No shared cache.
    #[error("redis-server does not start: {0}")]
    Redis(String),
    /// No edge.
    #[error("the edge does not start: {0}")]
    Edge(String),
}

/// A server whose tiers are empty at the start and keep what they have until it ends.
#[derive(Debug)]
pub struct Stack {
    url: String,
    // In the order in which they are to end: from the user to the table.
    _edge: Option<Edge>,
    _stop: oneshot::Sender<()>,
    _redis: Option<Redis>,
}

impl Stack {
    /// Starts what a combination needs, in front of a table, on free ports of this machine. Answers stay fresh for
    /// `lifetime` in every tier.
    pub async fn start(
        store: Arc<DynamoStore>,
        caching: Caching,
        lifetime: Duration,
    ) -> Result<Self, StackError> {
        let redis = (caching >= Caching::L1L2).then(Redis::start).transpose()?;
        let remote = redis.as_ref().map(remote).transpose()?;
        let tiers = Tiers::new(store.clone(), policy(caching, lifetime), remote);
        let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
        let state = AppState::new(store, search, ApiConfig::default(), WriteConfig::default())
            .with_edge(answers(caching, lifetime))
            .with_tiers(&tiers, None);
        let failed = |error: std::io::Error| StackError::Server(error.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let origin = format!("http://{}", listener.local_addr().map_err(failed)?);
        let (stop, stopped) = oneshot::channel();
        let router = cellar_api::router::router(state);
        // An error comes when the sender is dropped, which is the signal as well.
        let stopped = async move { drop(stopped.await) };
        tokio::spawn(cellar_api::serve::run(listener, router, stopped, DRAIN));
        let edge = (caching == Caching::L1L2Edge).then(|| Edge::start(&origin)).transpose()?;
        let url = edge.as_ref().map_or(origin, |edge| edge.url().to_owned());
        Ok(Self { url, _edge: edge, _stop: stop, _redis: redis })
    }

    /// Where users ask: at the edge, if there is one.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn remote(redis: &Redis) -> Result<RedisRemote, StackError> {
    let url = redis.url().parse().map_err(|error| StackError::Redis(format!("{error}")))?;
    RedisRemote::new(RedisConfig::new(url, "matrix:1:")).map_err(|error| StackError::Redis(error.to_string()))
}

/// Nobody writes while the experiment runs: memory is trusted, and nothing is refreshed before its time.
fn policy(caching: Caching, lifetime: Duration) -> Policy {
    let default = Policy::default();
    Policy {
        fresh: lifetime,
        negative_fresh: lifetime,
        unattended: lifetime,
        early_refresh: 0.0,
        memory_bytes: if caching == Caching::Nothing { 0 } else { default.memory_bytes },
        ..default
    }
}

/// Rendered answers are part of the memory.
fn answers(caching: Caching, lifetime: Duration) -> EdgeConfig {
    let default = EdgeConfig::default();
    EdgeConfig {
        shared_max_age: lifetime,
        memory_bytes: if caching == Caching::Nothing { 0 } else { default.memory_bytes },
        ..default
    }
}
