//! One process: memory, single flight, and the ages of a value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::metrics::{Outcome, Tier};
use cellar_cache::{Cache, CacheError, Policy, Trace};

use super::fixture::{Down, Fixture, Id, Load, Trouble, exact, get, get_if_present, in_time, read, until};

#[tokio::test]
async fn what_was_loaded_is_present() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.write(1);
    assert_eq!(get_if_present(&cache, 1), None);
    let (value, trace) = read(&cache, 1).await;
    assert_eq!((value, trace.memory.misses, trace.source.loads), (Ok(1), 1, 1));
    let (value, trace) = read(&cache, 1).await;
    assert_eq!((value, trace.memory.hits, trace.source.loads), (Ok(1), 1, 0));
    assert_eq!(trace.memory.ttl_ms, Some(300_000));
    assert_eq!((get_if_present(&cache, 1), fixture.source.loads()), (Some(1), 1));
    assert_eq!(cache.metrics().lookups(Tier::Memory, Outcome::Hit), 2);
}

#[tokio::test]
async fn a_batch_brings_all_and_what_came_along() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    get(&cache, 1).await.unwrap();
    let mut trace = Trace::default();
    let keys = [Id(1), Id(5), Id(7)];
    let fetched = cache.get_many_or_load(&keys, in_time(), &mut trace).await.unwrap();
    let mut found: Vec<_> = fetched.values.iter().map(|(id, _)| id.0).collect();
    found.sort_unstable();
    assert_eq!(found, [1, 5, 6, 7]);
    assert_eq!((fetched.cost, trace.memory.hits, trace.memory.misses), (2, 1, 2));
    assert_eq!(get_if_present(&cache, 6), Some(0), "what came along is kept");
}

#[tokio::test]
async fn a_thousand_that_miss_make_one_load() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.close();
    let reads: Vec<_> = (0..1_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { read(&cache, 1).await })
        })
        .collect();
    fixture.source.read.notified().await;
    // One load in flight, however many come.
    until(|| cache.metrics().lookups(Tier::Memory, Outcome::Miss) == 1_000).await;
    fixture.source.open();
    let mut led = 0;
    for read in reads {
        let (value, trace) = read.await.unwrap();
        assert_eq!(value, Ok(0));
        led += trace.source.loads;
        assert_eq!(trace.source.loads + trace.memory.collapsed, 1);
    }
    assert_eq!((led, fixture.source.loads()), (1, 1));
    assert_eq!(cache.metrics().collapsed.get(), 999);
}

#[tokio::test]
async fn a_leader_that_gives_up_strands_nobody() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.close();
    let leader = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, 1).await }
    });
    fixture.source.read.notified().await;
    let follower = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, 1).await }
    });
    until(|| cache.metrics().lookups(Tier::Memory, Outcome::Miss) == 2).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    fixture.source.open();
    assert_eq!(follower.await.unwrap(), Ok(0));
    assert_eq!(fixture.source.loads(), 1);
}

#[tokio::test]
async fn a_panic_fails_its_readers_and_nobody_after() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.set_trouble(Some(Trouble::Panics));
    assert_eq!(get(&cache, 1).await, Err(CacheError::Panicked));
    fixture.source.set_trouble(None);
    assert_eq!(get(&cache, 1).await, Ok(0));
}

#[tokio::test]
async fn a_deadline_is_kept_and_the_load_goes_on() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.close();
    let late = Instant::now();
    let value = cache.get_or_load(&Id(1), late, &mut Trace::default()).await;
    assert_eq!(value, Err(CacheError::Deadline));
    fixture.source.open();
    until(|| get_if_present(&cache, 1).is_some()).await;
    assert_eq!(fixture.source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_has_a_limit() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.close();
    let far = Instant::now() + Duration::from_secs(1_000);
    let value = cache.get_or_load(&Id(1), far, &mut Trace::default()).await;
    assert_eq!(value, Err(CacheError::Deadline));
    assert_eq!(cache.metrics().lookups(Tier::Source, Outcome::Error), 1);
}

/// A cache that hears of all changes, so that only age counts.
fn trusted(fixture: &Fixture) -> super::fixture::TestCache {
    let cache = fixture.alone();
    cache.record_heartbeat(Duration::ZERO);
    cache
}

fn ageing() -> Policy {
    exact().heartbeat_timeout(Duration::from_hours(10))
}

#[tokio::test]
async fn a_value_past_its_fresh_time_is_served_and_refreshed_once() {
    let fixture = Fixture::with(ageing());
    let cache = trusted(&fixture);
    fixture.source.write(1);
    get(&cache, 1).await.unwrap();
    fixture.source.write(1);
    fixture.pass(299);
    assert_eq!(get(&cache, 1).await, Ok(1));
    assert_eq!(fixture.source.loads(), 1);
    fixture.pass(2);
    fixture.source.close();
    for _ in 0..5 {
        let (value, trace) = read(&cache, 1).await;
        assert_eq!((value, trace.memory.stale, trace.memory.ttl_ms), (Ok(1), 1, Some(-1_000)));
    }
    fixture.source.open();
    until(|| get_if_present(&cache, 1) == Some(2)).await;
    assert_eq!((fixture.source.loads(), cache.metrics().refreshes.get()), (2, 1));
}

#[tokio::test]
async fn when_loading_fails_an_old_value_stands_in_for_an_hour() {
    let fixture = Fixture::with(ageing());
    let cache = trusted(&fixture);
    fixture.source.write(1);
    get(&cache, 1).await.unwrap();
    fixture.source.set_trouble(Some(Trouble::Fails));
    fixture.pass(300 + 61);
    let (value, trace) = read(&cache, 1).await;
    assert_eq!((value, trace.memory.stale, trace.source.failures), (Ok(1), 1, 1));
    assert!(fixture.source.loads() >= 2, "it tried");
    fixture.pass(3_600 - 62);
    assert_eq!(get(&cache, 1).await, Ok(1));
    fixture.pass(1);
    assert_eq!(get(&cache, 1).await, Err(CacheError::Load(Down)));
    fixture.source.set_trouble(None);
    assert_eq!(get(&cache, 1).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn with_an_old_value_nobody_waits_longer_than_the_soft_limit() {
    let fixture = Fixture::with(ageing());
    let cache = trusted(&fixture);
    get(&cache, 1).await.unwrap();
    fixture.source.write(1);
    fixture.pass(300 + 61);
    fixture.source.close();
    let asked = tokio::time::Instant::now();
    assert_eq!(get(&cache, 1).await, Ok(0));
    let limit = fixture.policy.soft_limit;
    assert!((limit..limit * 2).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    fixture.source.open();
    until(|| get_if_present(&cache, 1) == Some(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_soft_limit_only_once() {
    let fixture = Fixture::with(ageing());
    let cache = trusted(&fixture);
    let keys: Vec<_> = (0..7).map(|i| Id(i * 10)).collect();
    cache.get_many_or_load(&keys, in_time(), &mut Trace::default()).await.unwrap();
    fixture.pass(300 + 61);
    fixture.source.close();
    let asked = tokio::time::Instant::now();
    let mut trace = Trace::default();
    for keys in keys.chunks(3) {
        cache.get_many_or_load(keys, in_time(), &mut trace).await.unwrap();
    }
    assert_eq!((trace.memory.stale, trace.memory.misses), (7, 0));
    let limit = fixture.policy.soft_limit;
    assert!((limit..limit * 2).contains(&asked.elapsed()), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_may_have_been_invalidated_stands_in_only_for_a_failure() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.write(1);
    get(&cache, 1).await.unwrap();
    fixture.pass(11);
    fixture.source.close();
    let asked = tokio::time::Instant::now();
    let far = Instant::now() + Duration::from_secs(1_000);
    let mut trace = Trace::default();
    let value = cache.get_or_load(&Id(1), far, &mut trace).await.unwrap();
    assert_eq!((value.0, trace.memory.stale), (1, 1));
    assert!(asked.elapsed() >= fixture.policy.load_limit, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn time_that_was_slept_through_counts() {
    let fixture = Fixture::with(ageing());
    let cache = trusted(&fixture);
    get(&cache, 1).await.unwrap();
    // The monotonic clock has stood still meanwhile.
    fixture.clock.jump(11 * 3_600_000);
    fixture.clock.advance(Duration::from_millis(100));
    assert!(!cache.is_trusted());
    assert_eq!(get_if_present(&cache, 1), None);
    get(&cache, 1).await.unwrap();
    fixture.clock.jump(-11 * 3_600_000);
    assert_eq!(get_if_present(&cache, 1), Some(0), "a jump back changes nothing");
}

#[tokio::test]
async fn that_there_is_nothing_is_remembered_for_a_shorter_time() {
    let fixture = Fixture::with(ageing().stale_while_revalidate(Duration::ZERO));
    let cache = trusted(&fixture);
    fixture.source.write(2);
    get(&cache, 1).await.unwrap();
    get(&cache, 2).await.unwrap();
    fixture.pass(59);
    assert_eq!((get_if_present(&cache, 1), get_if_present(&cache, 2)), (Some(0), Some(1)));
    fixture.pass(2);
    assert_eq!((get_if_present(&cache, 1), get_if_present(&cache, 2)), (None, Some(1)));
}

#[tokio::test]
async fn values_loaded_together_do_not_end_together() {
    let fixture = Fixture::with(ageing().jitter(0.1));
    let cache = trusted(&fixture);
    let keys: Vec<_> = (0..200).map(|i| Id(i * 10)).collect();
    for key in &keys {
        fixture.source.write(key.0);
    }
    cache.get_many_or_load(&keys, in_time(), &mut Trace::default()).await.unwrap();
    let fresh = || keys.iter().filter(|key| fresh(&cache, key)).count();
    fixture.pass(269);
    assert_eq!(fresh(), 200);
    fixture.pass(31);
    assert!((60..=140).contains(&fresh()), "{}", fresh());
    fixture.pass(31);
    assert_eq!(fresh(), 0);
}

fn fresh(cache: &super::fixture::TestCache, key: &Id) -> bool {
    let mut trace = Trace::default();
    cache.get_if_present(key, &mut trace);
    trace.memory.hits == 1
}

#[tokio::test]
async fn memory_can_be_switched_off() {
    let fixture = Fixture::with(exact().memory_bytes(0));
    let cache = fixture.alone();
    for loads in 1..3 {
        assert_eq!(get(&cache, 1).await, Ok(0));
        assert_eq!((get_if_present(&cache, 1), fixture.source.loads()), (None, loads));
    }
}

#[tokio::test]
async fn memory_keeps_to_its_bytes() {
    let fixture = Fixture::with(exact().memory_bytes(1 << 20));
    fixture.source.bytes.store(10_000, std::sync::atomic::Ordering::SeqCst);
    let cache = fixture.alone();
    for key in 0..1_000 {
        get(&cache, key * 10).await.unwrap();
    }
    cache.run_pending_tasks();
    let (entries, bytes) = cache.memory_size();
    assert!((80..=103).contains(&entries) && bytes <= 1 << 20, "{entries} entries, {bytes} bytes");
}

#[tokio::test]
async fn a_clock_that_stands_still_is_no_harm() {
    let fixture = Fixture::new();
    let cache = Cache::builder(Load(Arc::clone(&fixture.source)))
        .policy(exact())
        .clock(fixture.clock.clone())
        .build();
    get(&cache, 1).await.unwrap();
    fixture.clock.jump(-1_000_000_000);
    assert_eq!(get_if_present(&cache, 1), Some(0), "the wall clock says nothing about memory");
}
