//! A remote tier that fails: slower by at most its limit, never wrong, never failing.

use std::time::Duration;

use cellar_cache::metrics::{Call, Outcome, Reject, Tier};
use cellar_cache::remote::RemoteError;
use cellar_cache::remote::fake::{Fault, Operation};
use cellar_cache::{BreakerState, Trace};

use super::fixture::{Fixture, Id, Trouble, exact, get, get_if_present, in_time, read, until};

#[tokio::test(start_paused = true)]
async fn a_silent_remote_tier_costs_its_limit_until_the_breaker_opens() {
    let fixture = Fixture::new();
    let process = fixture.process();
    process.remote.set_fault(Fault::Hang);
    let limit = fixture.policy.remote.read_limit;
    for key in 0..5 {
        assert_eq!(process.cache.breaker(), Some(BreakerState::Closed));
        let asked = tokio::time::Instant::now();
        assert_eq!(get(&process.cache, key * 10).await, Ok(0));
        assert!(asked.elapsed() >= limit && asked.elapsed() < limit * 2, "{:?}", asked.elapsed());
    }
    assert_eq!(process.cache.breaker(), Some(BreakerState::Open));
    let asked = tokio::time::Instant::now();
    let (value, trace) = read(&process.cache, 500).await;
    assert_eq!((value, trace.remote.skipped, trace.remote.trips), (Ok(0), 1, 0));
    assert!(asked.elapsed() < Duration::from_millis(2));
    assert_eq!(process.remote.calls(Operation::Get), 5);

    // One tries again after the pause, and then all.
    fixture.pass(1);
    process.remote.set_fault(None);
    let (_, trace) = read(&process.cache, 510).await;
    assert_eq!(trace.remote.misses, 1);
    assert_eq!(process.cache.breaker(), Some(BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_remote_tier_that_works_again_is_found_before_a_reader_asks() {
    let fixture = Fixture::new();
    let process = fixture.listener().await;
    process.remote.set_fault(Fault::Hang);
    for key in 0..5 {
        get(&process.cache, key * 10).await.unwrap();
    }
    assert_eq!(process.cache.breaker(), Some(BreakerState::Open));

    // Nobody asks it before the pause is over, and then once for each pause, however long it hangs.
    let asked = process.remote.calls(Operation::Get);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(process.remote.calls(Operation::Get), asked);
    fixture.pass(1);
    until(|| process.remote.calls(Operation::Get) > asked).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(process.remote.calls(Operation::Get), asked + 1);
    assert_eq!(process.cache.breaker(), Some(BreakerState::Open));

    process.remote.set_fault(None);
    fixture.pass(2);
    until(|| process.cache.breaker() == Some(BreakerState::Closed)).await;
    let (_, trace) = read(&process.cache, 510).await;
    assert_eq!((trace.remote.misses, trace.remote.skipped), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_in_vain_only_once() {
    let fixture = Fixture::new();
    let process = fixture.process();
    process.remote.set_fault(Fault::Hang);
    let mut trace = Trace::default();
    let asked = tokio::time::Instant::now();
    for key in 0..4 {
        process.cache.get_or_load(&Id(key * 10), in_time(), &mut trace).await.unwrap();
    }
    let limit = fixture.policy.remote.read_limit;
    assert!(asked.elapsed() >= limit && asked.elapsed() < limit * 2, "{:?}", asked.elapsed());
    assert_eq!(process.remote.calls(Operation::Get), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_remote_tier_within_its_limit_is_used() {
    let fixture = Fixture::new();
    let process = fixture.process();
    process.remote.set_fault(Fault::Slow(Duration::from_millis(20)));
    get(&process.cache, 1).await.unwrap();
    until(|| process.cache.metrics().stored.get() == 1).await;
    process.cache.invalidate_memory();
    let (_, trace) = read(&process.cache, 1).await;
    assert_eq!((trace.remote.hits, trace.source.loads), (1, 0));
}

#[tokio::test]
async fn what_it_refuses_is_loaded_and_opens_no_breaker() {
    let fixture = Fixture::new();
    let process = fixture.process();
    for (operation, code) in [(Operation::Begin, "OOM command"), (Operation::Finish, "MISCONF Redis")] {
        process.remote.set_fault(None);
        process.remote.set_fault_on(operation, Fault::Fail(RemoteError::Refused(code.into())));
        for key in 0..10 {
            process.cache.invalidate_memory();
            assert_eq!(get(&process.cache, key * 10).await, Ok(0));
        }
    }
    assert_eq!(process.cache.breaker(), Some(BreakerState::Closed));
    assert_eq!(process.cache.metrics().stored.get(), 0);
    process.cache.drain().await;
    let metrics = process.cache.metrics();
    assert_eq!((metrics.refusals(Call::Begin), metrics.refusals(Call::Finish)), (10, 10));
    let refusal = process.cache.refusal().unwrap();
    assert_eq!((refusal.call, refusal.code), (Call::Finish, "MISCONF"));
    fixture.pass(60);
    assert_eq!(process.cache.refusal(), None, "that is a while ago");
}

#[tokio::test]
async fn who_may_not_even_read_does_not_go_on_asking() {
    let fixture = Fixture::new();
    let process = fixture.process();
    process.remote.set_fault(Fault::Fail(RemoteError::Refused("NOPERM this user".into())));
    for key in 0..10 {
        assert_eq!(get(&process.cache, key * 10).await, Ok(0));
    }
    assert_eq!(process.cache.breaker(), Some(BreakerState::Open));
    assert_eq!(process.remote.calls(Operation::Get), 5);
    assert_eq!(process.cache.metrics().refusals(Call::Get), 5);
    assert_eq!(process.cache.refusal().unwrap().code, "NOPERM");
}

#[tokio::test]
async fn out_of_memory_it_still_forgets() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.source.write(1);
    one.remote.set_fault(Fault::OutOfMemory);
    one.cache.invalidate(&[Id(1)]).await.unwrap();
    assert_eq!(get(&other.cache, 1).await, Ok(1));
}

#[tokio::test]
async fn garbage_is_counted_and_loaded_anew() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    other.remote.set_fault(Fault::Garbage);
    assert_eq!(get(&other.cache, 1).await, Ok(0));
    assert!(other.cache.metrics().rejects(Reject::Damaged) >= 1);
    assert_eq!(fixture.source.loads(), 2);
}

#[tokio::test]
async fn a_foreign_value_under_our_key_is_replaced() {
    let fixture = Fixture::new();
    let process = fixture.process();
    let strange: [&[u8]; 4] =
        [b"", b"hello", b"CLRV\x09 of another version, long enough for a header ......", &[0xff; 4_000]];
    for (key, bytes) in strange.into_iter().enumerate() {
        let id = key as u32 * 10;
        process.remote.put(&format!("test:{{g{key}}}:{id}"), bytes.to_vec(), Duration::from_hours(1));
        let stored = process.cache.metrics().stored.get();
        assert_eq!(get(&process.cache, id).await, Ok(0));
        until(|| {
            process.cache.metrics().stored.get() > stored
                || process.cache.metrics().rejects(Reject::Damaged) > 8
        })
        .await;
        process.cache.invalidate_memory();
        let (_, trace) = read(&process.cache, id).await;
        assert_eq!((trace.remote.hits, trace.source.loads), (1, 0), "value {key}");
    }
    assert_eq!(process.cache.metrics().rejects(Reject::Foreign), 1);
}

#[tokio::test]
async fn failures_are_counted_by_tier() {
    let fixture = Fixture::new();
    let process = fixture.process();
    process.remote.set_fault(Fault::Fail(RemoteError::Unavailable("gone".into())));
    get(&process.cache, 1).await.unwrap();
    let metrics = process.cache.metrics();
    assert_eq!(metrics.lookups(Tier::Remote, Outcome::Error), 1);
    assert_eq!(metrics.lookups(Tier::Source, Outcome::Hit), 1);
}

/// Everything is in memory, nobody says any more that it is current, and the source is gone.
#[tokio::test]
async fn while_the_source_is_away_what_there_is_is_at_hand_without_waiting() {
    let fixture = Fixture::with(exact().source_failures(2));
    let cache = fixture.alone();
    for key in [1, 11] {
        get(&cache, key).await.unwrap();
    }
    fixture.source.set_trouble(Some(Trouble::Fails));
    fixture.pass(30);
    assert_eq!(get_if_present(&cache, 1), None, "it is not trusted");
    for key in [1, 11] {
        assert_eq!(get(&cache, key).await, Ok(0), "but better than nothing");
    }
    assert_eq!(cache.source_breaker(), Some(BreakerState::Open));
    let loads = fixture.source.loads();
    assert_eq!((get_if_present(&cache, 1), get_if_present(&cache, 11)), (Some(0), Some(0)));
    assert_eq!(get_if_present(&cache, 21), None);
    assert!(get(&cache, 21).await.is_err());
    assert_eq!(fixture.source.loads(), loads, "it is left alone");

    // After the pause one looks, without keeping anybody waiting; and a while after the last failure nobody may rely on it.
    fixture.pass(1);
    assert_eq!(get_if_present(&cache, 1), Some(0));
    until(|| fixture.source.loads() > loads).await;
    fixture.source.write(1);
    fixture.source.set_trouble(None);
    fixture.pass(3);
    assert_eq!(get_if_present(&cache, 1), None);
    assert_eq!(get(&cache, 1).await, Ok(1));
    assert_eq!(cache.source_breaker(), Some(BreakerState::Closed));
}
