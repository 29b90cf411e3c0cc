//! `cellar serve`.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cellar_cache::Policy;
use cellar_cache::remote::redis::RedisRemote;
use clap::Args;
use tokio::net::TcpListener;

use super::cache_args::{self, CacheArgs};
use super::edge_purge_args::{Edge, EdgePurgeArgs};
use super::store_args::{OpenStore, StoreArgs};
use super::{CliError, code};
use crate::changes::Settings;
use crate::config::{ApiConfig, ConfigError, EdgeConfig, HealthConfig, ProcessEnv, WriteConfig};
use crate::search::{Limits, Search};
use crate::state::AppState;
use crate::store::Store;
use crate::tiers::{Feed, Tiers};

const EXAMPLES: &str = "\
Examples:
  cellar serve
  cellar serve --listen 0.0.0.0:8080 --data /var/lib/cellar
  AWS_REGION=eu-west-1 cellar serve --table cellar
  cellar serve --table cellar --redis rediss+cluster://places.serverless.euw1.cache.amazonaws.com:6379
  AWS_REGION=local cellar serve --table cellar --endpoint-url http://localhost:8000

Writes are open on a loopback address; elsewhere they need the token in CELLAR_WRITE_TOKEN, sent as \
`Authorization: Bearer ...`. Limits are read from CELLAR_MAX_RADIUS_M and others, which the README \
lists; the cache's sizes and lifetimes from CELLAR_L1_MB and others, in docs/CACHING.md; those of cell \
answers from CELLAR_EDGE_MAX_AGE_S and others, in docs/EDGE.md; those of health checks from \
CELLAR_DEEP_PING_PERCENT and others, in docs/LAMBDA.md.

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.";

/// Time for requests under way to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves the HTTP API
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "CELLAR_LISTEN")]
    listen: SocketAddr,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    cache: CacheArgs,

    #[command(flatten)]
    edge: EdgePurgeArgs,
}

/// Serves until a signal to stop.
pub async fn run(args: ServeArgs) -> Result<u8, CliError> {
    let config = Config::from_env(args.listen, args.store.is_embedded())?;
    let redis = args.cache.redis(&args.store)?;
    let edge = args.edge.edge(config.cache.settle).await?;
    let open = args.store.open().await?;
    let served = serve(args.listen, &open, config, Around { redis, edge }).await;
    open.close().await;
    served.map(|()| code::OK)
}

async fn serve(listen: SocketAddr, open: &OpenStore, config: Config, around: Around) -> Result<(), CliError> {
    open.store.ping().await?;
    let (listener, address) = bind(listen).await?;
    let stop = stop_signal()?;
    println!("listening on http://{address}");
    until_stopped(listener, open, config, around, stop).await
}

/// The other tiers: the cache behind this process and the edge in front of it.
#[derive(Default)]
pub(super) struct Around {
    redis: Option<RedisRemote>,
    edge: Option<Edge>,
}

/// Everything that is read from the environment, before any socket is bound.
pub(super) struct Config {
    api: ApiConfig,
    write: WriteConfig,
    cache: Policy,
    edge: EdgeConfig,
    health: HealthConfig,
    feed: Settings,
}

impl Config {
    pub(super) fn from_env(listen: SocketAddr, embedded: bool) -> Result<Self, CliError> {
        let api = ApiConfig::from_env(&ProcessEnv)?;
        let mut write = WriteConfig::from_env(&ProcessEnv)?;
        write.open |= listen.ip().is_loopback();
        let feed = if embedded { Settings::embedded() } else { Settings::default() };
        let edge = EdgeConfig::from_env(&ProcessEnv)?;
        let health = HealthConfig::from_env(&ProcessEnv)?;
        Ok(Self { api, write, cache: cache_args::policy(embedded)?, edge, health, feed })
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

/// A listener, and the address that it got.
pub(super) async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), CliError> {
    let bound = async {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| {
        CliError::failure(format!("cannot listen on {listen}: {error}"))
            .hint("name another address with --listen")
    })
}

/// Serves a store's places until `stop` resolves and the requests under way are answered.
pub(super) async fn until_stopped(
    listener: TcpListener,
    open: &OpenStore,
    config: Config,
    around: Around,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CliError> {
    let store: Arc<dyn Store> = open.store.clone();
    let mut tiers = Tiers::new(store.clone(), config.cache, around.redis);
    if let Some((edge, settings)) = around.edge {
        tiers = tiers.with_edge(edge, settings);
    }
    let table = open.store.table().to_owned();
    let upkeep = tiers.start(Feed { stream: open.store.changes(), table, settings: config.feed });
    let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
    let state = AppState::new(store, search, config.api, config.write)
        .with_edge(config.edge)
        .with_health(config.health);
    let router = crate::router::router(state.with_tiers(&tiers, Some(upkeep.status.clone())));
    let served = crate::serve::run(listener, router, stop, DRAIN).await;
    upkeep.stop().await;
    served.map_err(|error| CliError::failure(format!("the server failed: {error}")))
}

/// Resolves on Ctrl-C or SIGTERM, also on one that comes before this is awaited: whoever reads the printed address
/// may send it at once.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, CliError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let handle =
            |kind| signal(kind).map_err(|error| CliError::failure(format!("cannot handle signals: {error}")));
        let (mut terminate, mut interrupt) =
            (handle(SignalKind::terminate())?, handle(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without a handler the signal's default action ends the process anyway.
        let _ = tokio::signal::ctrl_c().await;
    })
}
