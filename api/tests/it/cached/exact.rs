//! The differential tests of the search, through the caches in every condition that they can be in.

use std::sync::Arc;

use cellar_cache::clock::ManualClock;
use cellar_cache::remote::Remote;
use cellar_cache::remote::redis::RedisRemote;
use cellar_search::Work;
use cellar_search::pages::{CachedPages, PageSource};

use super::bed::{counted, patient};
use crate::fixture::Fixture;
use crate::redis::RedisServer;

const PLENTY: u64 = 256 << 20;

/// Less than one page of a town takes.
const TINY: u64 = 20_000;

fn pages(fixture: &Fixture, memory_bytes: u64, redis: Option<Arc<RedisRemote>>) -> CachedPages {
    let remote = redis.map(|redis| redis as Arc<dyn Remote>);
    let policy = patient().memory_bytes(memory_bytes);
    // Its clock stands still, so that nothing expires.
    CachedPages::new(Arc::new(fixture.store.clone()), policy, remote, Arc::new(ManualClock::default()))
}

/// What all answers took.
#[derive(Debug, Default, PartialEq)]
struct Sum {
    queries: u32,
    rounds: usize,
    trips: u32,
    memory_hits: u32,
    remote_hits: u32,
}

/// Asks everything, and nothing may differ from the scan.
async fn ask(fixture: &Fixture, pages: impl PageSource) -> Sum {
    let search = fixture.search(pages);
    let mut works: Vec<Work> = fixture.check(&search).await;
    works.extend(fixture.check_walks(&search).await);
    let mut sum = Sum::default();
    for work in works {
        sum.queries += work.cost.queries;
        sum.rounds += work.tree.rounds;
        sum.trips += work.trace.remote.trips;
        sum.memory_hits += work.trace.memory.hits;
        sum.remote_hits += work.trace.remote.hits;
    }
    sum
}

async fn in_every_condition(fixture: Fixture) {
    let redis = RedisServer::start(&[]);
    let first = pages(&fixture, PLENTY, Some(counted(&redis)));
    let cold = ask(&fixture, first.clone()).await;
    assert!(cold.queries > 0 && cold.rounds > 0, "cold: {cold:?}");
    first.cache().drain().await;
    let warm = ask(&fixture, first).await;
    assert_eq!((warm.queries, warm.rounds, warm.trips), (0, 0, 0), "warm in memory: {warm:?}");
    assert!(warm.memory_hits > 0 && warm.remote_hits == 0, "{warm:?}");

    // Without memory a search looks at other pages than with it; once they are in Redis, too, each round of the tree is
    // one round trip, and nothing is read.
    let memoryless = pages(&fixture, 0, Some(counted(&redis)));
    let filling = ask(&fixture, memoryless.clone()).await;
    assert!(filling.queries < cold.queries, "memory off: {filling:?}");
    memoryless.cache().drain().await;
    for (condition, memory_bytes) in [("another process", PLENTY), ("memory off", 0)] {
        let client = counted(&redis);
        let sum = ask(&fixture, pages(&fixture, memory_bytes, Some(Arc::clone(&client)))).await;
        assert_eq!(sum.queries, 0, "{condition}: {sum:?}");
        assert!(sum.rounds > 0 && sum.remote_hits > 0, "{condition}: {sum:?}");
        assert_eq!(sum.trips as usize, sum.rounds, "{condition}: {sum:?}");
        assert_eq!(client.round_trips(), sum.rounds as u64, "{condition}: {sum:?}");
        assert_eq!(sum.memory_hits == 0, memory_bytes == 0, "{condition}: {sum:?}");
        println!("{condition}: {sum:?}");
    }
    let evicting = ask(&fixture, pages(&fixture, TINY, Some(counted(&redis)))).await;
    assert!(evicting.memory_hits > 0 && evicting.remote_hits > 0, "evicting: {evicting:?}");
    assert!(evicting.queries < cold.queries, "evicting: {evicting:?}");
    println!("evicting: {evicting:?}");

    let alone = pages(&fixture, PLENTY, None);
    let first_time = ask(&fixture, alone.clone()).await;
    assert_eq!((first_time.queries, first_time.trips), (cold.queries, 0), "without Redis: {first_time:?}");
    assert_eq!(ask(&fixture, alone).await.queries, 0);
    let evicting = ask(&fixture, pages(&fixture, TINY, None)).await;
    assert!(evicting.queries > cold.queries, "nothing was evicted: {evicting:?} {cold:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn towns() {
    in_every_condition(Fixture::metros(3_000, 60).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_point_and_heavy_places() {
    in_every_condition(Fixture::crowded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poles_and_the_antimeridian() {
    in_every_condition(Fixture::edges().await).await;
}
