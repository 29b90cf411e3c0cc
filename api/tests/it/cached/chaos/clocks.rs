//! Clocks that jump.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::ManualClock;
use cellar_cache::metrics::Reject;
use fastrand::Rng;

use super::super::bed::{client, url};
use super::super::process::Process;
use super::super::town::{self, Habits, Town, times};
use super::{STEPS, policy};
use crate::redis::RedisServer;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn jumping() {
    let server = RedisServer::start(&[]);
    let store = town::store().await;
    let clocks = [(); 2].map(|()| Arc::new(ManualClock::default()));
    let process = |clock: &Arc<ManualClock>| {
        Process::clocked(&store, policy(), Some(client(&url(&server))), clock.clone())
    };
    let processes = clocks.iter().map(process).collect();
    let (town, mut random) = (Town::new(store, processes), Rng::with_seed(6));
    for by_ms in [0, 24 * HOUR_MS, -72 * HOUR_MS, 48 * HOUR_MS, 1_500] {
        clocks[0].jump(by_ms);
        let served = town.live(STEPS, Habits { writes: 20, imports: false }, &mut random).await;
        let failed = served.iter().filter(|served| served.failed).count();
        println!("{by_ms:>12} ms: {} requests, {failed} failed, {}", served.len(), times(&served));
        assert_eq!(failed, 0);
        // What was copied is not trusted any more; what is shared is true.
        for clock in &clocks {
            clock.advance(policy().untrusted_ttl);
        }
        for process in 0..2 {
            assert_eq!(town.differs(process).await, None, "after {by_ms} ms");
        }
    }
    let future = |process: usize| town.processes[process].cache().metrics().rejects(Reject::Future);
    println!("{} and {} values from the future", future(0), future(1));
    assert!(future(0) > 0 && future(1) > 0, "nobody noticed");
    clocks[1].advance(Duration::from_hours(200));
    assert_eq!(town.differs(1).await, None);
}
