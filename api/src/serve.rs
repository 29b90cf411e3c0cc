//! `cellar serve`.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cellar_cache::Policy;
use cellar_cache::clock::SystemClock;
use cellar_cache::remote::redis::RedisRemote;
use cellar_changes::log::ChangeLog;
use cellar_changes::{Settings as FeedSettings, TableStream};
use cellar_cli_kit::{CliError, DEFAULT_LOG, LOG, LOG_FORMAT, LOG_FORMATS, code, say};
use cellar_config::{ConfigError, Env, Variable, record, text_or};
use cellar_http::config::{AccessConfig, ApiConfig, HealthConfig, LiveConfig, WriteConfig};
use cellar_http::live::Live;
use cellar_http::serve::{self as sockets, ConnectionLimits, Hosts};
use cellar_http::state::AppState;
use cellar_purge::{EdgeKind, purge_settings};
use cellar_search::cells::EdgeConfig;
use cellar_search::deletions::Deletions;
use cellar_search::edge_map::refresh::{self, Refresh};
use cellar_search::tiers::{Feed, Tiers};
use cellar_search::{Limits, Search};
use cellar_store::{Store, deletion};
use clap::{Args, Command};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::cache_args::{self, CacheArgs};
use super::edge_purge_args::{Edge, EdgePurgeArgs};
use super::imports::TakenImports;
use super::listen::{Listen, Reach, Resolved};
use super::roots;
use super::settings::{self, Settings};
use super::startup::Startup;
use super::store_args::{OpenStore, StoreArgs};
use crate::explain::OrExplain as _;

const EXAMPLES: &str = "\
Examples:
  cellar serve
  cellar serve --listen :8080 --data /var/lib/cellar
  cellar serve --config /etc/cellar/cellar.toml
  cellar serve --config cellar.toml --print-config
  AWS_REGION=eu-west-1 cellar serve --table cellar
  cellar serve --table cellar --redis rediss+cluster://places.serverless.euw1.cache.amazonaws.com:6379
  AWS_REGION=local cellar serve --table cellar --endpoint-url http://localhost:8000

Writes are open on a loopback address; elsewhere they need an API key (`cellar key`, CELLAR_API_KEYS_FILE) or the token \
in CELLAR_WRITE_TOKEN, sent as `Authorization: Bearer ...`. CELLAR_CLIENT_RPS bounds how often each client may ask. Limits are read from CELLAR_MAX_RADIUS_M and others, which the README \
lists; the cache's sizes and lifetimes from CELLAR_L1_MB and others, in docs/CACHING.md; those of cell \
answers from CELLAR_EDGE_MAX_AGE_S and others, in docs/EDGE.md; those of health checks from \
CELLAR_DEEP_PING_PERCENT and others, in docs/LAMBDA.md.

The file of --config is TOML: the lower-case name of any of these variables without CELLAR_, such as `max_radius_m = 50000`. \
A flag takes precedence, then the environment, then the file. One with a secret in it may not be readable by everybody.

Of a name, --listen takes the first address that this machine has; `:8080` is every address of this machine.

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong usage.";

/// Descriptors for what is not a client's connection: the table, Redis, the engine's files.
const SPARE_DESCRIPTORS: usize = 256;

/// Time for requests under way to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves the HTTP API
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Address to listen on, such as `localhost:8080` or `:8080`; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "CELLAR_LISTEN")]
    listen: Listen,

    /// File of settings (TOML)
    #[arg(long, value_name = "FILE", env = "CELLAR_CONFIG")]
    config: Option<PathBuf>,

    /// Print the settings in effect and where each comes from, as such a file, and serve nothing
    #[arg(long)]
    print_config: bool,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    cache: CacheArgs,

    #[command(flatten)]
    edge: EdgePurgeArgs,

    /// Make no density maps: they become old unless `cellar edge-map` makes new ones
    #[arg(long, help_heading = "Edge")]
    no_edge_maps: bool,
}

/// Serves until a signal to stop.
pub async fn run(args: ServeArgs, settings: &Settings) -> Result<u8, CliError> {
    let listen = args.listen.resolve().await?;
    let embedded = args.store.is_embedded();
    let spool = embedded.then(|| args.store.data.join("imports"));
    let mut config = Config::from_env(settings, &listen.reach(), embedded, spool)
        .map_err(|error| settings.explain(&error))?;
    if args.no_edge_maps {
        config.maps.every = Duration::ZERO;
    }
    let redis = args.cache.redis(&args.store).map_err(|error| settings.located(error))?;
    let edge = args.edge.edge(settings, config.cache.settle).await;
    let edge = edge.map_err(|error| settings.located(error))?;
    if args.print_config {
        let kind = args.edge.kind();
        let read = record(|env| read_all(env, &listen.reach(), embedded, &[kind])).explained()?;
        say(&settings.text(read.into_iter().chain(log_variables()).collect()))?;
        return Ok(code::OK);
    }
    let startup = Startup {
        config: settings.path().map(|path| path.display().to_string()),
        data: args.store.describe(),
        redis: args.cache.url()?.map(|url| url.to_string()),
        edge: args.edge.describe(),
        json: cellar_cli_kit::logs_json(|name| settings.var(name)),
        ..Startup::of(&config.api, &config.write, &config.access, &config.cache, listen.reach().loopback)
    };
    let open = args.store.open_to_serve().await?;
    let served = serve(&listen, &open, config, Around { redis, edge }, startup).await;
    open.close().await;
    served.map(|()| code::OK)
}

async fn serve(
    listen: &Resolved,
    open: &OpenStore,
    config: Config,
    around: Around,
    startup: Startup,
) -> Result<(), CliError> {
    open.store.ping().await.explained()?;
    let (listener, address) = listen.bind().await?;
    let stop = stop_signal()?;
    say(&format!("listening on http://{address}"))?;
    startup.tell(address);
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
    access: AccessConfig,
    cache: Policy,
    edge: EdgeConfig,
    health: HealthConfig,
    feed: FeedSettings,
    live: LiveConfig,
    hosts: Hosts,
    imports: Option<cellar_imports::Settings>,
    maps: refresh::Settings,
}

impl Config {
    /// Imports are kept in `spool` unless the environment says where.
    pub(super) fn from_env(
        env: &dyn Env,
        reach: &Reach,
        embedded: bool,
        spool: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        let api = ApiConfig::from_env(env)?;
        let mut write = WriteConfig::from_env(env)?;
        write.open |= reach.loopback;
        let access = AccessConfig::from_env(env)?;
        let feed = if embedded { FeedSettings::embedded() } else { FeedSettings::default() };
        let live = LiveConfig::from_env(env, embedded)?;
        let edge = EdgeConfig::from_env(env)?;
        let health = HealthConfig::from_env(env)?;
        let hosts = hosts(env, reach);
        let cache = cache_args::policy(env, embedded)?;
        let imports = cellar_imports::Settings::from_env(env, spool)?;
        let maps = refresh::Settings::from_env(env)?;
        Ok(Self { api, write, access, cache, edge, health, feed, live, hosts, imports, maps })
    }
}

/// Names that the server answers to: those of `CELLAR_ALLOWED_HOSTS`. On a loopback address only names of this machine, and
/// the one that it was asked to listen on, unless others are set; elsewhere any.
fn hosts(env: &dyn Env, reach: &Reach) -> Hosts {
    let default = if reach.loopback { reach.name.as_deref().unwrap_or_default() } else { "*" };
    let names = text_or(env, "CELLAR_ALLOWED_HOSTS", default, "names between commas, or *");
    if names.trim() == "*" {
        return Hosts::Any;
    }
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    Hosts::Local(names.map(str::to_owned).collect())
}

/// What the environment is asked for, over the embedded engine and over a table, with either edge or none.
pub(super) fn variables(env: &dyn Env) -> Result<(), ConfigError> {
    let kinds = [EdgeKind::CloudFront, EdgeKind::Nginx];
    [true, false].into_iter().try_for_each(|embedded| read_all(env, &Reach::LOCAL, embedded, &kinds))
}

fn read_all(env: &dyn Env, reach: &Reach, embedded: bool, edges: &[EdgeKind]) -> Result<(), ConfigError> {
    let config = Config::from_env(env, reach, embedded, None)?;
    for kind in edges {
        purge_settings(env, *kind, config.cache.settle)?;
    }
    Ok(())
}

/// Variables of the log.
pub(super) fn log_variables() -> Vec<Variable> {
    vec![
        Variable::new(LOG).default(DEFAULT_LOG),
        Variable::new(LOG_FORMAT).default("text").allowed(LOG_FORMATS),
    ]
}

/// What a file of settings may set; `cellar` is the whole command.
pub fn in_files(cellar: &Command) -> Result<Vec<Variable>, CliError> {
    let read = record(variables).explained()?;
    Ok(settings::in_files(cellar, read.into_iter().chain(log_variables()).collect()))
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
    let beside = Beside::start()?;
    let live = Live::new(change_log(open, &config.feed), config.live);
    let feed = Feed { stream: TableStream::of(&open.store), table, settings: config.feed };
    let background = beside.within(|| tiers.start(feed));
    let search = Search::new(Arc::new(tiers.pages.clone()), Limits::default());
    let deletions = Deletions::new(store.clone(), search.clone(), deletion::Settings::default());
    let maps = Refresh::new(store.clone(), Arc::new(SystemClock), config.maps).start();
    let imports = TakenImports::start(config.imports, open, &search).await?;
    let limits =
        sockets::Limits { connections: connection_limits(config.api.max_connections), hosts: config.hosts };
    let state = AppState::builder(store, search)
        .config(config.api)
        .writes(config.write)
        .access(config.access)
        .edge(config.edge)
        .health(config.health)
        .tiers(&tiers, Some(background.status.clone()))
        .importer(imports.importer.clone())
        .live(Some(Arc::clone(&live)))
        .build();
    let deletions = deletions.start(Arc::clone(&state.deletions));
    let listing = tokio::spawn(roots::make_missing(open.store.clone(), open.is_embedded()));
    let router = cellar_http::router::router(state);
    let stop = async move {
        stop.await;
        live.stop();
    };
    sockets::run(listener, router, stop, DRAIN, limits).await;
    imports.stop().await;
    listing.abort();
    maps.stop();
    deletions.stop().await;
    background.stop().await;
    Ok(())
}

/// The table's stream as what became of places.
pub(super) fn change_log(open: &OpenStore, feed: &FeedSettings) -> Arc<ChangeLog> {
    let stream = Arc::new(TableStream::of(&open.store));
    Arc::new(ChangeLog::new(stream, Arc::new(SystemClock), feed.list))
}

/// A thread for what goes on beside requests: the change feed and the invalidation bus must go on when there are more
/// requests than the process can answer, or its memory is not trusted any more just when nothing else can help.
struct Beside(Option<Runtime>);

impl Beside {
    fn start() -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cellar-feed")
            .enable_all()
            .build();
        let runtime =
            runtime.map_err(|error| CliError::failure(format!("cannot start a thread: {error}")))?;
        Ok(Self(Some(runtime)))
    }

    /// Does something that spawns tasks, which will run there.
    fn within<T>(&self, spawn: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(Runtime::enter);
        spawn()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // What is left has been told to stop, and a runtime may not be waited for here.
            runtime.shutdown_background();
        }
    }
}

/// Bounds on connections: as many as were asked for, or as descriptors allow. Lets the process have as many as the system
/// gives it, since the usual 1,024 are soon used up.
fn connection_limits(asked: usize) -> ConnectionLimits {
    let most = descriptors().map_or(asked, |descriptors| {
        let allowed = descriptors.saturating_sub(SPARE_DESCRIPTORS).max(16);
        if allowed < asked {
            tracing::warn!(asked, allowed, "the limit of descriptors (ulimit -n) allows fewer connections");
        }
        asked.min(allowed)
    });
    ConnectionLimits { most, ..ConnectionLimits::default() }
}

/// How many descriptors the process may have; `None` if there is no limit.
#[cfg(unix)]
fn descriptors() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    limit.and_then(|limit| usize::try_from(limit).ok())
}

#[cfg(not(unix))]
fn descriptors() -> Option<usize> {
    None
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    use cellar_model::demo;
    use cellar_store::{CollectionInfo, DynamoStore, Embedded, StoreConfig};

    use super::*;

    /// Longest that anything here may take; a machine that is busy is no failure.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// A table on a thread of its own, and what has it write so many places.
    fn table() -> (Arc<DynamoStore>, mpsc::Sender<usize>) {
        let (orders, ordered) = mpsc::channel();
        let (store, made) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let engine = Embedded::memory().await.unwrap();
                let own = Arc::new(engine.store(&StoreConfig::default()).await.unwrap());
                let name: cellar_model::Collection = "places".parse().unwrap();
                own.put_collection(&CollectionInfo { name: name.clone(), title: None }).await.unwrap();
                store.send(Arc::new(engine.store(&StoreConfig::default()).await.unwrap())).unwrap();
                for (seed, count) in ordered.iter().enumerate() {
                    let places: Vec<_> = demo::places(count, seed as u64).collect();
                    own.put_many(&name, &places).await.unwrap();
                }
            });
        });
        (made.recv().unwrap(), orders)
    }

    /// Keeps this thread until something holds. It does nothing else meanwhile, as if it were busy with requests.
    fn busy_until(what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "waited too long for {what}");
            thread::yield_now();
        }
    }

    /// The test is the only thread that there is for requests, and it never comes to rest.
    #[tokio::test]
    async fn the_feed_and_heartbeats_go_on_while_nobody_has_time_for_requests() {
        let (store, orders) = table();
        let tiers = Tiers::new(store.clone(), Policy::default(), None);
        let beside = Beside::start().unwrap();
        let feed = Feed {
            stream: TableStream::of(&store),
            table: store.table().to_owned(),
            settings: FeedSettings::embedded(),
        };
        let background = beside.within(|| tiers.start(feed));
        let cache = tiers.pages.cache();
        busy_until("the first heartbeat", || cache.is_trusted());
        let before = background.status.lag().records;
        orders.send(20).unwrap();
        busy_until("the changes", || background.status.lag().records >= before + 20);
        // Each time that it has caught up is a heartbeat, which memory is trusted by for three seconds.
        let (mut beats, mut last) = (0, Duration::ZERO);
        busy_until("twenty heartbeats", || {
            let since = background.status.lag().since_caught_up.unwrap_or_default();
            beats += u32::from(since < last);
            last = since;
            assert!(cache.is_trusted(), "after {beats} heartbeats");
            beats == 20
        });
    }

    #[test]
    fn only_a_server_for_this_machine_is_particular_about_names() {
        let at = |loopback, env: &HashMap<&str, &str>| hosts(env, &Reach { loopback, name: None });
        let none = HashMap::new();
        assert_eq!(at(true, &none), Hosts::Local(Vec::new()));
        assert_eq!(at(false, &none), Hosts::Any);
        let named = Reach { loopback: true, name: Some("cellar.test".into()) };
        assert_eq!(hosts(&none, &named), Hosts::Local(vec!["cellar.test".to_owned()]));
        let names = HashMap::from([("CELLAR_ALLOWED_HOSTS", "api.example.com, cellar")]);
        let known = Hosts::Local(vec!["api.example.com".to_owned(), "cellar".to_owned()]);
        assert_eq!(at(true, &names), known);
        assert_eq!(at(false, &names), known);
        assert_eq!(at(true, &HashMap::from([("CELLAR_ALLOWED_HOSTS", "*")])), Hosts::Any);
    }
}
