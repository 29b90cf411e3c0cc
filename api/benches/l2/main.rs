//! A search whose pages are all in Redis and none in memory, beside a bare `MGET` of the same keys.
//!
//! `cargo bench -p cellar --bench l2 [-- SEARCHES]`; a `redis-server` has to be on the path. Each search is run and
//! timed in turns with: the same `MGET`s alone, over a connection of redis-rs; the same search over a remote tier in this
//! process, which leaves out the network and Redis; and decoding the pages, which leaves out all else.

#[path = "../../../cache/tests/it/support/redis.rs"]
mod server;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by the benchmarks, each of which uses a part")]
mod support;
mod watched;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::SystemClock;
use cellar_cache::remote::Remote;
use cellar_cache::remote::fake::FakeRemote;
use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use cellar_cache::{Policy, RemotePolicy};
use cellar_search::pages::CachedPages;
use cellar_search::{Limits, Search};
use cellar_store::Store;
use geo_index::tree::NearbyQuery;
use geo_index::{Meters, Page, Position};
use redis::aio::MultiplexedConnection;
use server::RedisServer;
use support::{Places, collection};
use watched::{Asked, Watched};

const RADIUS_M: f64 = 10_000.0;
const HOUR: Duration = Duration::from_hours(1);

#[tokio::main]
async fn main() {
    let searches = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(5_000);
    let places = Places::read();
    let (engine, store) = places.store().await;
    let server = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let remote = RedisConfig::new(url.parse().expect("a URL"), "cellar:1:");
    let remote = RedisRemote::new(remote).expect("a remote tier");
    let client = redis::Client::open(url).expect("a URL");
    let mut bare = client.get_multiplexed_async_connection().await.expect("a connection");
    let fake = Arc::new(FakeRemote::new(Arc::new(SystemClock)));

    let over_redis = Watched::new(pages(store.clone(), Arc::new(remote)));
    let in_process = Watched::new(pages(store, fake.clone()));
    let users = places.users(searches, 2);
    for user in &users {
        search(&over_redis, *user).await;
    }
    over_redis.settled().await;

    let mut times = Times::default();
    let (mut trips, mut pages, mut bytes) = (0, 0, 0);
    for user in &users {
        let (took, asked) = search(&over_redis, *user).await;
        times.search.push(took);
        let (took, values) = mget(&mut bare, &asked).await;
        times.mget.push(took);
        for (key, value) in asked.iter().flatten().zip(&values) {
            fake.put(&key.name, value.clone(), HOUR);
        }
        times.local.push(search(&in_process, *user).await.0);
        times.decode.push(decode(&asked));
        trips += asked.len();
        pages += values.len();
        bytes += values.iter().map(Vec::len).sum::<usize>();
    }
    let mean = |sum: usize| sum as f64 / users.len() as f64;
    println!("{} places, {} searches, each once per row in turns", places.len(), users.len());
    println!(
        "{:.2} round trips (one MGET for each round), {:.2} pages, {:.0} bytes per search",
        mean(trips),
        mean(pages),
        mean(bytes)
    );
    times.print();
    engine.shutdown().await;
}

fn pages(store: Arc<dyn Store>, remote: Arc<dyn Remote>) -> CachedPages {
    let patient = Duration::from_secs(1);
    let policy = Policy::default()
        .fresh(HOUR)
        .negative_fresh(HOUR)
        .early_refresh(0.0)
        .memory_bytes(0)
        .remote(RemotePolicy::default().read_limit(patient).write_limit(patient));
    CachedPages::new(store, policy, Some(remote), Arc::new(SystemClock))
}

/// Searches, and tells what was asked for in each round. What is warm makes one round trip a round and no Query.
async fn search(pages: &Watched, origin: Position) -> (Duration, Vec<Vec<Asked>>) {
    let search = Search::new(Arc::new(pages.clone()), Limits::default());
    let radius = Meters::new(RADIUS_M).expect("a radius");
    let query =
        NearbyQuery { origin, radius, limit: 20.try_into().expect("not zero"), category: None, after: None };
    let started = Instant::now();
    let found = search.nearby(&collection(), query, started + Duration::from_secs(10)).await;
    let took = started.elapsed();
    let work = found.expect("an answer").work;
    let asked = pages.take();
    if pages.is_settled() {
        assert_eq!((work.cost.queries, work.trace.remote.trips as usize), (0, work.tree.rounds));
        assert_eq!(asked.len(), work.tree.rounds);
    }
    (took, asked)
}

async fn mget(bare: &mut MultiplexedConnection, rounds: &[Vec<Asked>]) -> (Duration, Vec<Vec<u8>>) {
    let mut values = Vec::new();
    let started = Instant::now();
    for keys in rounds {
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(&key.name);
        }
        let found: Vec<Option<Vec<u8>>> = command.query_async(bare).await.expect("values");
        values.extend(found);
    }
    let took = started.elapsed();
    (took, values.into_iter().map(|value| value.expect("the page is in Redis")).collect())
}

fn decode(rounds: &[Vec<Asked>]) -> Duration {
    let encoded: Vec<_> =
        rounds.iter().flatten().map(|asked| (asked.cell, asked.page.encode(asked.cell))).collect();
    let started = Instant::now();
    for (cell, bytes) in &encoded {
        black_box(Page::decode(*cell, bytes).expect("a page"));
    }
    started.elapsed()
}

#[derive(Default)]
struct Times {
    mget: Vec<Duration>,
    search: Vec<Duration>,
    local: Vec<Duration>,
    decode: Vec<Duration>,
}

impl Times {
    fn print(self) {
        let Self { mget, search, local, decode } = self;
        println!("{:>28} {:>12} {:>12} {:>12}", "", "median", "p99", "to MGET");
        let mut baseline = None;
        let rows =
            [("MGET", mget), ("search", search), ("search, remote in process", local), ("decode", decode)];
        for (name, mut times) in rows {
            times.sort_unstable();
            let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
            let (median, p99) = (at(50), at(99));
            let ratio = median / *baseline.get_or_insert(median);
            println!("{name:>28} {median:>9.1} µs {p99:>9.1} µs {ratio:>12.2}");
        }
    }
}
