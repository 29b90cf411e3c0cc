//! Invalidation: nothing old is kept, served or shared after it.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::clock::Clock as _;
use cellar_cache::metrics::{Reject, Source};
use cellar_cache::remote::fake::{Fault, Operation};
use cellar_cache::remote::{Remote as _, RemoteError};

use super::fixture::{Fixture, Id, Trouble, exact, get, get_if_present, read, until};

#[tokio::test]
async fn a_load_from_before_an_invalidation_is_kept_nowhere() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    fixture.source.close();
    let reader = tokio::spawn({
        let cache = one.cache.clone();
        async move { get(&cache, 1).await }
    });
    fixture.source.read.notified().await;
    fixture.source.write(1);
    // The other process, so that only the fence in the remote tier can tell.
    other.cache.invalidate(&[Id(1)]).await.unwrap();
    fixture.source.open();
    assert_eq!(reader.await.unwrap(), Ok(0), "it began before");
    until(|| one.cache.metrics().rejects(Reject::Fenced) == 1).await;
    assert_eq!(get(&other.cache, 1).await, Ok(1));
}

#[tokio::test]
async fn a_reader_that_comes_after_an_invalidation_does_not_join_an_older_load() {
    let fixture = Fixture::new();
    let cache = fixture.alone();
    fixture.source.close();
    let before = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, 1).await }
    });
    fixture.source.read.notified().await;
    fixture.source.write(1);
    cache.invalidate(&[Id(1)]).await.unwrap();
    let after = tokio::spawn({
        let cache = cache.clone();
        async move { get(&cache, 1).await }
    });
    fixture.source.read.notified().await;
    fixture.source.open();
    assert_eq!((before.await.unwrap(), after.await.unwrap()), (Ok(0), Ok(1)));
    assert_eq!(get_if_present(&cache, 1), Some(1));
}

#[tokio::test]
async fn what_comes_along_is_fenced_too() {
    let fixture = Fixture::new();
    let process = fixture.process();
    fixture.source.close();
    let reader = tokio::spawn({
        let cache = process.cache.clone();
        async move { get(&cache, 5).await }
    });
    fixture.source.read.notified().await;
    fixture.source.write(6);
    process.cache.invalidate(&[Id(6)]).await.unwrap();
    fixture.source.open();
    reader.await.unwrap().unwrap();
    assert_eq!(get_if_present(&process.cache, 6), None);
    assert_eq!(get(&process.cache, 6).await, Ok(1));
}

#[tokio::test]
async fn a_fence_that_is_evicted_or_lost_lets_nothing_through() {
    let fixture = Fixture::new();
    let process = fixture.process();
    for lose in [
        (|process: &super::fixture::Process| process.remote.evict_fence("g0"))
            as fn(&super::fixture::Process),
        |process| process.remote.wipe(),
    ] {
        process.cache.invalidate_memory();
        process.remote.wipe();
        fixture.source.close();
        let reader = tokio::spawn({
            let cache = process.cache.clone();
            async move { get(&cache, 1).await }
        });
        fixture.source.read.notified().await;
        lose(&process);
        fixture.source.open();
        reader.await.unwrap().unwrap();
        let finished = process.remote.calls(Operation::Finish);
        until(|| process.remote.calls(Operation::Finish) >= finished.max(1)).await;
        assert_eq!(process.cache.metrics().stored.get(), 0);
        assert_eq!(process.remote.get(&["test:{g0}:1".into()]).await, Ok(vec![None]));
    }
}

#[tokio::test]
async fn listeners_hear_of_it_at_once() {
    let fixture = Fixture::new();
    let (writer, listener, deaf) = (fixture.listener().await, fixture.listener().await, fixture.process());
    for process in [&writer, &listener, &deaf] {
        assert_eq!(get(&process.cache, 1).await, Ok(0));
    }
    fixture.source.write(1);
    writer.cache.invalidate(&[Id(1)]).await.unwrap();
    assert_eq!(get(&writer.cache, 1).await, Ok(1), "read your writes");
    until(|| get_if_present(&listener.cache, 1).is_none()).await;
    assert_eq!(get(&listener.cache, 1).await, Ok(1));
    // Nobody told it; its copy is trusted for ten seconds.
    assert_eq!(get_if_present(&deaf.cache, 1), Some(0));
    fixture.pass(9);
    assert_eq!(get_if_present(&deaf.cache, 1), Some(0));
    fixture.pass(1);
    assert_eq!(get(&deaf.cache, 1).await, Ok(1));
}

#[tokio::test]
async fn heartbeats_keep_memory_trusted_and_their_absence_does_not() {
    let fixture = Fixture::new();
    let (leader, listener) = (fixture.listener().await, fixture.listener().await);
    fixture.source.write(1);
    get(&listener.cache, 1).await.unwrap();
    for _ in 0..20 {
        fixture.pass(4);
        assert!(!listener.cache.is_trusted());
        leader.cache.send_heartbeat(Duration::ZERO).await.unwrap();
        until(|| listener.cache.is_trusted()).await;
    }
    let (_, trace) = read(&listener.cache, 1).await;
    assert_eq!((trace.memory.hits, trace.remote.trips), (1, 0));
    fixture.pass(3);
    assert!(!listener.cache.is_trusted());
    let (_, trace) = read(&listener.cache, 1).await;
    assert_eq!((trace.memory.misses, trace.remote.hits), (1, 1), "the remote tier confirms the copy");
    assert_eq!(get_if_present(&listener.cache, 1), Some(1));
    assert_eq!(fixture.source.loads(), 1);
}

#[tokio::test]
async fn a_lost_connection_makes_memory_untrusted() {
    let fixture = Fixture::new();
    let (writer, listener) = (fixture.process(), fixture.listener().await);
    get(&listener.cache, 1).await.unwrap();
    let before = listener.cache.metrics().memory_invalidations.get();
    fixture.source.write(1);
    listener.remote.cut_bus();
    writer.cache.invalidate(&[Id(1)]).await.unwrap();
    until(|| listener.cache.metrics().memory_invalidations.get() > before).await;
    assert_eq!(get(&listener.cache, 1).await, Ok(1));
}

#[tokio::test]
async fn a_gap_in_the_messages_makes_memory_untrusted() {
    let fixture = Fixture::new();
    let (writer, listener) = (fixture.process(), fixture.listener().await);
    writer.cache.send_heartbeat(Duration::ZERO).await.unwrap();
    until(|| listener.cache.is_trusted()).await;
    get(&listener.cache, 1).await.unwrap();
    fixture.source.write(1);
    writer.remote.set_fault_on(Operation::Publish, Fault::DropMessages);
    writer.cache.invalidate(&[Id(1)]).await.unwrap();
    writer.remote.set_fault(None);
    assert_eq!(get_if_present(&listener.cache, 1), Some(0), "it has not heard");
    writer.cache.send_heartbeat(Duration::ZERO).await.unwrap();
    until(|| get_if_present(&listener.cache, 1).is_none()).await;
    assert_eq!(get(&listener.cache, 1).await, Ok(1));
}

#[tokio::test]
async fn garbage_on_the_bus_makes_memory_untrusted() {
    let fixture = Fixture::new();
    let listener = fixture.listener().await;
    get(&listener.cache, 1).await.unwrap();
    listener.remote.publish("not ours".into()).await.unwrap();
    until(|| get_if_present(&listener.cache, 1).is_none()).await;
}

#[tokio::test]
async fn a_key_whose_invalidation_has_not_arrived_is_not_looked_for() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    fixture.source.write(1);
    one.remote.set_fault_on(Operation::Invalidate, Fault::Fail(RemoteError::Unavailable("down".into())));
    assert!(one.cache.invalidate(&[Id(1)]).await.is_err());
    assert_eq!(one.cache.pending(), 1);
    assert!(one.cache.send_heartbeat(Duration::ZERO).await.is_err(), "not everything has been told");
    let (value, trace) = read(&one.cache, 1).await;
    assert_eq!((value, trace.remote.skipped, trace.remote.trips), (Ok(1), 1, 0));
    assert_eq!(get(&other.cache, 1).await, Ok(0), "the remote tier still has the old value");

    one.remote.set_fault(None);
    let cache = one.cache.clone();
    tokio::spawn(async move { cache.run().await });
    until(|| one.cache.pending() == 0).await;
    fixture.pass(10);
    assert_eq!(get(&other.cache, 1).await, Ok(1));
}

/// A replica, or a server that cannot save: it lets nothing be removed, and its values are old for minutes.
#[tokio::test]
async fn what_the_remote_tier_does_not_let_go_of_is_believed_by_nobody_who_listens() {
    let fixture = Fixture::new();
    let (writer, listener) = (fixture.process(), fixture.listener().await);
    get(&writer.cache, 1).await.unwrap();
    until(|| writer.cache.metrics().stored.get() == 1).await;
    assert_eq!(get(&listener.cache, 1).await, Ok(0));
    fixture.source.write(1);
    writer.remote.set_fault_on(Operation::Invalidate, Fault::Fail(RemoteError::Refused("READONLY".into())));
    assert!(writer.cache.invalidate(&[Id(1)]).await.is_err());
    until(|| listener.cache.metrics().invalidated(Source::Bus) == 1).await;
    let (value, trace) = read(&listener.cache, 1).await;
    assert_eq!((value, trace.remote.skipped, trace.remote.trips), (Ok(1), 1, 0));
    assert_eq!(read(&listener.cache, 11).await.1.remote.skipped, 0, "other groups are not concerned");
    assert_eq!(listener.cache.pending(), 0, "it has nothing to send");

    // Who starts later hears of it when the writer tries again.
    let late = fixture.listener().await;
    assert_eq!(get(&late.cache, 1).await, Ok(0), "it has not heard yet");
    let cache = writer.cache.clone();
    tokio::spawn(async move { cache.run().await });
    until(|| get_if_present(&late.cache, 1).is_none()).await;
    assert_eq!(get(&late.cache, 1).await, Ok(1));

    writer.remote.set_fault(None);
    until(|| writer.cache.pending() == 0).await;
    fixture.pass(6);
    for process in [&writer, &listener, &late] {
        process.cache.invalidate_memory();
        assert_eq!(read(&process.cache, 1).await.1.remote.skipped, 0, "it is asked again");
    }
}

/// An outage during which more places change than are remembered one by one.
#[tokio::test(flavor = "multi_thread")]
async fn after_too_many_failures_everything_older_is_invalid_and_the_tier_is_used_again() {
    let fixture = Fixture::new();
    let (writer, other) = (fixture.process(), fixture.listener().await);
    get(&writer.cache, 1).await.unwrap();
    until(|| writer.cache.metrics().stored.get() == 1).await;
    fixture.source.write(1);
    writer.remote.set_fault(Fault::Fail(RemoteError::Unavailable("away".into())));
    let many: Vec<_> = (0..200_001).map(Id).collect();
    assert!(writer.cache.invalidate(&many).await.is_err());
    assert_eq!(read(&writer.cache, 7_000_000).await.1.remote.skipped, 1, "nothing is looked for there");
    let mut flushed = writer.cache.flushed();
    assert_eq!(*flushed.borrow_and_update(), 0);

    fixture.pass(3);
    writer.remote.set_fault(None);
    let cache = writer.cache.clone();
    tokio::spawn(async move { cache.run().await });
    flushed.changed().await.unwrap();
    assert_eq!(*flushed.borrow_and_update(), fixture.clock.unix_ms());
    until(|| writer.cache.pending() == 0).await;
    assert_eq!(writer.cache.metrics().flushes.get(), 1);
    fixture.pass(10);
    // What is loaded from now on is shared again, and nothing older is believed by anybody.
    let stored = writer.cache.metrics().stored.get();
    assert_eq!(get(&writer.cache, 1).await, Ok(1));
    until(|| writer.cache.metrics().stored.get() > stored).await;
    let (value, trace) = read(&other.cache, 1).await;
    assert_eq!((value, trace.remote.hits, trace.source.loads), (Ok(1), 1, 0));
}

#[tokio::test]
async fn a_source_that_lags_is_asked_again_when_it_has_settled() {
    let policy = exact().settle(Duration::from_secs(2)).heartbeat_timeout(Duration::from_hours(1));
    let fixture = Fixture::with(policy);
    let (one, other) = (fixture.process(), fixture.process());
    one.cache.record_heartbeat(Duration::ZERO);
    other.cache.record_heartbeat(Duration::ZERO);
    // Told before the source shows the new value.
    one.cache.invalidate(&[Id(1)]).await.unwrap();
    assert_eq!((get(&one.cache, 1).await, get(&other.cache, 1).await), (Ok(0), Ok(0)));
    assert_eq!(one.cache.metrics().rejects(Reject::Settling), 1);
    assert_eq!(other.cache.metrics().rejects(Reject::Settling), 1, "by the tombstone");
    fixture.source.write(1);
    fixture.pass(1);
    assert_eq!(
        (get_if_present(&one.cache, 1), get_if_present(&other.cache, 1)),
        (Some(0), Some(0)),
        "kept for the time it takes"
    );
    fixture.pass(1);
    assert_eq!((get_if_present(&one.cache, 1), get_if_present(&other.cache, 1)), (None, None));
    assert_eq!((get(&one.cache, 1).await, get(&other.cache, 1).await), (Ok(1), Ok(1)));
    until(|| one.cache.metrics().stored.get() == 1).await;
    assert_eq!(fixture.source.loads(), 3);
}

#[tokio::test]
async fn a_stale_value_does_not_stand_in_after_an_invalidation() {
    let fixture = Fixture::new();
    let process = fixture.process();
    get(&process.cache, 1).await.unwrap();
    until(|| process.cache.metrics().stored.get() == 1).await;
    fixture.source.write(1);
    process.cache.invalidate(&[Id(1)]).await.unwrap();
    fixture.source.set_trouble(Some(Trouble::Fails));
    assert!(get(&process.cache, 1).await.is_err(), "an old value would be wrong, not only old");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_many_keys_is_invalidated_whole() {
    let fixture = Fixture::new();
    let (one, listener) = (fixture.process(), fixture.listener().await);
    let keys: Vec<_> = (0..3_000).map(Id).collect();
    for process in [&one, &listener] {
        let mut trace = cellar_cache::Trace::default();
        process.cache.get_many_or_load(&keys, super::fixture::in_time(), &mut trace).await.unwrap();
    }
    for key in &keys {
        fixture.source.write(key.0);
    }
    one.cache.invalidate(&keys).await.unwrap();
    let cache = Arc::new(listener.cache);
    until(|| keys.iter().all(|key| get_if_present(&cache, key.0).is_none())).await;
    for key in [0, 1_499, 2_999] {
        assert_eq!(get(&one.cache, key).await, Ok(1));
    }
}

#[tokio::test]
async fn when_changes_were_missed_nothing_older_is_trusted_anywhere() {
    let fixture = Fixture::new();
    let (leader, listener) = (fixture.process(), fixture.listener().await);
    get(&leader.cache, 1).await.unwrap();
    until(|| leader.cache.metrics().stored.get() == 1).await;
    get(&listener.cache, 1).await.unwrap();
    fixture.source.write(1);
    fixture.pass(1);
    let now = fixture.clock.unix_ms();
    leader.cache.invalidate_older_than(now);
    leader.cache.send_heartbeat(Duration::ZERO).await.unwrap();
    until(|| get_if_present(&listener.cache, 1).is_none()).await;
    fixture.pass(3);
    assert_eq!((get(&leader.cache, 1).await, get(&listener.cache, 1).await), (Ok(1), Ok(1)));
    assert_eq!(
        listener.cache.metrics().rejects(Reject::Outdated) + leader.cache.metrics().rejects(Reject::Outdated),
        1
    );
}

#[tokio::test]
async fn a_heartbeat_speaks_for_the_time_that_it_names() {
    let fixture = Fixture::new();
    let (leader, listener) = (fixture.process(), fixture.listener().await);
    leader.cache.send_heartbeat(Duration::from_secs(4)).await.unwrap();
    leader.cache.invalidate(&[Id(90)]).await.unwrap();
    let heard = || listener.cache.metrics().invalidated(Source::Bus);
    until(|| heard() == 1).await;
    assert!(!listener.cache.is_trusted(), "it was held up for too long");
    leader.cache.send_heartbeat(Duration::from_secs(1)).await.unwrap();
    until(|| listener.cache.is_trusted()).await;
    fixture.pass(2);
    assert!(!listener.cache.is_trusted());
}

#[tokio::test]
async fn a_sender_whose_first_words_were_missed_makes_memory_untrusted() {
    let fixture = Fixture::new();
    let listener = fixture.listener().await;
    let heartbeat = |number| format!("00000000000000aa {number} beat {} 0", fixture.clock.unix_ms());
    listener.remote.publish(heartbeat(7).into()).await.unwrap();
    until(|| listener.cache.is_trusted()).await;
    let before = listener.cache.metrics().memory_invalidations.get();
    assert_eq!(before, 1, "only for the subscription: it may have spoken before");
    fixture.pass(4);
    listener.remote.publish(heartbeat(9).replace("aa", "bb").into()).await.unwrap();
    until(|| listener.cache.metrics().memory_invalidations.get() == before + 1).await;
    listener.remote.publish(heartbeat(1).replace("aa", "cc").into()).await.unwrap();
    listener.remote.publish("00000000000000cc 2 gone\ntest:{g9}:90".into()).await.unwrap();
    until(|| listener.cache.metrics().invalidated(Source::Bus) == 1).await;
    assert_eq!(
        listener.cache.metrics().memory_invalidations.get(),
        before + 1,
        "a new process begins with 1"
    );
}

#[tokio::test]
async fn memory_is_not_overwritten_with_something_older() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.process(), fixture.process());
    get(&one.cache, 1).await.unwrap();
    until(|| one.cache.metrics().stored.get() == 1).await;
    // The other one loads by itself, later, while it cannot reach the remote tier.
    fixture.source.write(1);
    fixture.pass(5);
    other.remote.set_fault(Fault::Fail(RemoteError::Unavailable("away".into())));
    assert_eq!(get(&other.cache, 1).await, Ok(1));
    other.remote.set_fault(None);
    fixture.pass(10);
    assert_eq!(get(&other.cache, 1).await, Ok(1), "what the remote tier has is older");
}
