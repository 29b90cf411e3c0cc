//! Several processes over one remote tier.

use std::time::Duration;

use cellar_cache::metrics::{Outcome, Reject, Tier};
use cellar_cache::remote::fake::Operation;
use cellar_cache::{RemotePolicy, Trace};

use super::fixture::{Fixture, Id, Trouble, exact, get, get_if_present, in_time, read, until};

#[tokio::test]
async fn what_one_process_loads_another_finds() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.source.write(1);
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.pass(100);
    let (value, trace) = read(&other.cache, 1).await;
    assert_eq!((value, trace.remote.hits, trace.remote.trips, trace.source.loads), (Ok(1), 1, 1, 0));
    assert_eq!(trace.remote.ttl_ms, Some(200_000), "its age travels with it");
    assert_eq!(get_if_present(&other.cache, 1), Some(1));
    assert_eq!(fixture.source.loads(), 1);
}

#[tokio::test]
async fn a_batch_is_one_round_trip() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    let keys: Vec<_> = (0..40).map(Id).collect();
    one.cache.get_many_or_load(&keys, in_time(), &mut Trace::default()).await.unwrap();
    assert_eq!(one.remote.calls(Operation::Get), 1);
    assert_eq!(one.remote.calls(Operation::Begin), 4, "one for each group");
    until(|| one.cache.metrics().stored.get() >= 40).await;
    let mut trace = Trace::default();
    other.cache.get_many_or_load(&keys, in_time(), &mut trace).await.unwrap();
    assert_eq!((trace.remote.hits, trace.remote.trips), (40, 1));
    assert_eq!((other.remote.calls(Operation::Get), other.remote.calls(Operation::Begin)), (1, 0));
}

#[tokio::test]
async fn what_came_along_is_shared_too() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 5).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 2).await;
    assert_eq!(get(&other.cache, 6).await, Ok(0));
    assert_eq!(fixture.source.loads(), 1);
}

#[tokio::test]
async fn two_processes_that_miss_at_once_load_once() {
    let fixture = Fixture::with(exact().remote(RemotePolicy::default().lease_wait(Duration::from_secs(20))));
    let processes = [fixture.process(), fixture.process()];
    fixture.source.close();
    let mut reads = Vec::new();
    for process in &processes {
        for _ in 0..500 {
            let cache = process.cache.clone();
            reads.push(tokio::spawn(async move { read(&cache, 1).await }));
        }
    }
    fixture.source.read.notified().await;
    until(|| processes.iter().all(|p| p.remote.calls(Operation::Begin) == 1)).await;
    fixture.source.open();
    for read in reads {
        assert_eq!(read.await.unwrap().0, Ok(0));
    }
    assert_eq!(fixture.source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_holds_a_lease_and_dies_delays_others_a_little() {
    let fixture = Fixture::new();
    let (dead, alive) = (fixture.process(), fixture.process());
    fixture.source.close();
    let reader = tokio::spawn({
        let cache = dead.cache.clone();
        async move { get(&cache, 1).await }
    });
    fixture.source.read.notified().await;
    reader.abort();
    let asked = tokio::time::Instant::now();
    let read = tokio::spawn({
        let cache = alive.cache.clone();
        async move { get(&cache, 1).await }
    });
    fixture.source.read.notified().await;
    assert!(asked.elapsed() >= fixture.policy.remote.lease_wait);
    assert!(asked.elapsed() < fixture.policy.remote.lease_wait * 3);
    fixture.source.open();
    assert_eq!(read.await.unwrap(), Ok(0));
    assert_eq!(fixture.source.loads(), 2);
}

/// One of two keys of a group is given up by the process that loads it, while the other goes on being loaded.
#[tokio::test(start_paused = true)]
async fn a_lease_that_comes_free_is_taken_up_at_once() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.source.close();
    fixture.source.set_trouble(Some(Trouble::Fails));
    for key in [1, 2] {
        let cache = one.cache.clone();
        tokio::spawn(async move { get(&cache, key).await });
        fixture.source.read.notified().await;
    }
    let asked = tokio::time::Instant::now();
    let cache = other.cache.clone();
    let reads = tokio::spawn(async move {
        cache.get_many_or_load(&[Id(1), Id(2)], in_time(), &mut Trace::default()).await.map(|_| ())
    });
    until(|| other.remote.calls(Operation::Begin) > 1).await;
    // The load of one of them fails, which gives its lease back. Those that begin later do not.
    fixture.source.set_trouble(None);
    fixture.source.gate.add_permits(1);
    fixture.source.read.notified().await;
    assert!(asked.elapsed() < fixture.policy.remote.lease_wait / 2, "{:?}", asked.elapsed());
    fixture.source.open();
    reads.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_load_that_fails_gives_its_lease_back() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.source.set_trouble(Some(Trouble::Fails));
    assert!(get(&one.cache, 1).await.is_err());
    until(|| one.remote.calls(Operation::Finish) == 1).await;
    fixture.source.set_trouble(None);
    let (value, trace) = read(&other.cache, 1).await;
    assert_eq!((value, trace.remote.trips), (Ok(0), 2), "nothing to wait for");
}

#[tokio::test]
async fn a_stale_value_of_the_remote_tier_is_served_and_refreshed() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.source.write(1);
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.source.write(1);
    fixture.pass(330);
    let (value, trace) = read(&other.cache, 1).await;
    assert_eq!((value, trace.remote.stale, trace.remote.ttl_ms), (Ok(1), 1, Some(-30_000)));
    until(|| get_if_present(&other.cache, 1) == Some(2)).await;
    assert_eq!(fixture.source.loads(), 2);
    until(|| other.cache.metrics().stored.get() == 1).await;
    // The other process finds the refreshed one instead of loading itself.
    assert_eq!(get(&one.cache, 1).await, Ok(2));
    assert_eq!(fixture.source.loads(), 2);
}

#[tokio::test]
async fn the_remote_tier_lends_an_old_value_when_loading_fails() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.source.write(1);
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.source.set_trouble(Some(Trouble::Fails));
    fixture.pass(1_000);
    assert_eq!(get(&other.cache, 1).await, Ok(1));
    fixture.pass(3_000);
    assert!(get(&other.cache, 1).await.is_err(), "older than an hour past its fresh time");
}

#[tokio::test]
async fn a_value_from_the_future_is_not_believed() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.clock.jump(-60_000);
    assert_eq!(get(&other.cache, 1).await, Ok(0));
    assert_eq!(other.cache.metrics().rejects(Reject::Future), 1);
    assert_eq!(fixture.source.loads(), 2);
}

#[tokio::test]
async fn a_wall_clock_that_jumps_ahead_only_costs_loads() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.clock.jump(i64::MAX / 2);
    assert_eq!(get(&other.cache, 1).await, Ok(0));
    assert_eq!(fixture.source.loads(), 2);
}

#[tokio::test]
async fn what_is_too_large_stays_in_the_process() {
    let remote = RemotePolicy::default().max_value_bytes(1_000);
    let fixture = Fixture::with(exact().remote(remote));
    fixture.source.bytes.store(2_000, std::sync::atomic::Ordering::SeqCst);
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.remote.calls(Operation::Finish) == 1).await;
    assert_eq!(one.cache.metrics().rejects(Reject::TooLarge), 1);
    assert_eq!(get_if_present(&one.cache, 1), Some(0));
    assert_eq!(get(&other.cache, 1).await, Ok(0));
    assert_eq!(other.cache.metrics().lookups(Tier::Remote, Outcome::Miss), 1);
}
