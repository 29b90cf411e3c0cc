//! Histories: three processes over one table and one Redis, two of them with feed and bus, one without, while places
//! are written, moved and removed through all of them and behind their backs. Every answer is held against the ledger.
//!
//! `CELLAR_TEST_SECONDS` says how long each history lasts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::Policy;
use cellar_cache::trace::Trace;
use cellar_model::PageKey;
use cellar_search::pages::PageId;
use fastrand::Rng;
use geo_index::{Leaf, Position};
use tokio::sync::watch;

use super::bed::{client, until, url};
use super::process::Process;
use super::town::{Habits, Town, store, times};
use crate::redis::RedisServer;
use cellar_test_kit::collection;

/// Processes with feed and bus; the third has neither.
const WITH_FEED: [usize; 2] = [0, 1];
const WITHOUT_FEED: usize = 2;

/// How long the third one trusts its memory.
const TRUST: Duration = Duration::from_millis(500);
/// The most that a load or a copy, already under way when a write is told, may add to that.
const SLACK: Duration = Duration::from_millis(1_500);

/// Requests that a history has at least.
const ENOUGH: usize = 500;

fn duration() -> Duration {
    let seconds = std::env::var("CELLAR_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(6))
}

/// Short lives, so that refreshes happen; no stale value for slow loads, whose age has no bound.
fn policy() -> Policy {
    Policy::default()
        .fresh(Duration::from_secs(2))
        .negative_fresh(Duration::from_secs(1))
        .stale_while_revalidate(Duration::from_secs(1))
        .soft_limit(Duration::from_secs(30))
}

async fn town(redis: &RedisServer) -> Arc<Town> {
    let store = store().await;
    let redis = || Some(client(&url(redis)));
    let tiny = policy().memory_bytes(60_000);
    let frozen = policy().untrusted_ttl(TRUST);
    let processes = vec![
        Process::with_feed(&store, policy(), redis()),
        Process::with_feed(&store, tiny, redis()),
        Process::without_feed(&store, frozen, redis()),
    ];
    until("both are trusted", async || {
        WITH_FEED.iter().all(|at| processes[*at].cache().is_trusted()).then_some(())
    })
    .await;
    Town::new(store, processes)
}

/// A page that nobody else looks at.
fn sentinel() -> PageId {
    let leaf = Leaf::at(Position::new(-40.0, -20.0).unwrap());
    PageId(PageKey::new(collection("town"), leaf.ancestor(5).unwrap()).unwrap())
}

/// Whether a process has heard of everything that another one has said so far: it loses a page when told to.
async fn hears(town: &Town, process: usize, other: usize, sentinel: &PageId) -> bool {
    let (cache, teller) = (town.processes[process].cache(), town.processes[other].cache());
    let loaded = Instant::now();
    let page = cache.get_or_load(sentinel, loaded + Duration::from_secs(30), &mut Trace::default()).await;
    if page.is_err() || teller.invalidate(std::slice::from_ref(sentinel)).await.is_err() {
        return false;
    }
    until("the page is lost", async || {
        cache.get_if_present(sentinel, &mut Trace::default()).is_none().then_some(())
    })
    .await;
    // Later it may be lost by itself.
    loaded.elapsed() < policy().negative_fresh / 2
}

/// Observes what the processes have heard of, and tells the ledger. The longest that it took.
async fn observe(town: Arc<Town>, stop: watch::Receiver<bool>) -> Duration {
    let (sentinel, mut longest) = (sentinel(), Duration::ZERO);
    while !*stop.borrow() {
        let upto = Instant::now();
        until("the feed catches up", async || {
            WITH_FEED.iter().any(|at| town.processes[*at].has_heard(upto)).then_some(())
        })
        .await;
        let mut all = true;
        for process in WITH_FEED {
            if hears(&town, process, 1 - process, &sentinel).await {
                town.ledger.knows(process, Instant::now(), upto);
            } else {
                all = false;
            }
        }
        if all {
            let now = Instant::now();
            longest = longest.max(now - upto);
            town.ledger.knows(WITHOUT_FEED, now + TRUST + SLACK, upto);
        }
    }
    longest
}

/// Lets the town live, disturbed now and then, and then settle.
async fn run(seed: u64, disturb: impl Fn(&RedisServer, &mut Rng)) {
    let mut random = Rng::with_seed(seed);
    let redis = RedisServer::start(&[]);
    let town = town(&redis).await;
    let (stop, stopped) = watch::channel(false);
    let live = async {
        let (end, mut requests) = (Instant::now() + duration(), Vec::new());
        // A busy machine takes longer for as many.
        while Instant::now() < end || requests.len() <= ENOUGH {
            disturb(&redis, &mut random);
            let served = town.live(25, Habits { writes: 25, imports: true }, &mut random).await;
            assert!(served.iter().all(|served| !served.failed), "the store works, and yet a request failed");
            redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
            requests.extend(served);
        }
        stop.send(true).unwrap();
        requests
    };
    let (longest, requests) = futures::join!(observe(Arc::clone(&town), stopped), live);
    for process in WITH_FEED {
        town.settles(process).await;
    }
    town.settles(WITHOUT_FEED).await;
    let count = requests.len();
    println!(
        "{count} requests, every answer true; {}; all had heard of a write within {longest:.1?}",
        times(&requests)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_older_than_its_process_may_be() {
    run(11, |_, _| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_while_redis_loses_connections_and_memory() {
    run(12, |redis, random| {
        let commands: [&[&str]; 5] = [
            &["FLUSHALL"],
            &["CLIENT", "KILL", "TYPE", "normal"],
            &["CLIENT", "KILL", "TYPE", "pubsub"],
            &["CONFIG", "SET", "maxmemory", "1mb"],
            &["PING"],
        ];
        redis.command(commands[random.usize(..commands.len())]);
    })
    .await;
}
