//! A stream that splits, forgets, expires and vanishes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cellar_cache::clock::{Clock as _, SystemClock};
use cellar_changes::record::Meaning;
use cellar_changes::stream::{Start, StreamError};
use cellar_changes::{Consumer, MemoryCheckpoints, SharedCheckpoints, State};
use cellar_coordination::fake::FakeCoordination;

use super::fake::{FakeStream, Memory, Running, change, follow, map, until};

fn record(lat: f64) -> Meaning {
    Meaning::Place(change(None, Some((lat, 5.0))))
}

fn told(lat: f64) -> cellar_changes::Change {
    change(None, Some((lat, 5.0)))
}

#[tokio::test]
async fn children_are_read_after_their_parents_and_from_their_beginning() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[record(1.0)]);
    let (running, sink) = follow(stream.clone()).await;
    sink.hears(&[]).await;
    stream.add("a", record(2.0));
    stream.add_shard("b", Some("a"), true, &[record(3.0)]);
    stream.add_shard("c", Some("b"), false, &[record(4.0)]);
    // The parents are not read to their ends yet: nobody asks for the children's records.
    until("the child is listed", || running.status.lag().records >= 1).await;
    assert!(stream.starts.lock().unwrap().iter().all(|(shard, _)| shard == "a"));
    stream.close("a");
    sink.hears(&[told(2.0), told(3.0), told(4.0)]).await;
    let starts = stream.starts.lock().unwrap().clone();
    let expected = [("a", Start::Latest), ("b", Start::Horizon), ("c", Start::Horizon)];
    assert_eq!(starts, expected.map(|(shard, start)| (shard.to_owned(), start)));
    assert_eq!(running.status.lag().gaps, 0);
}

#[tokio::test]
async fn trimmed_records_invalidate_everything_and_begin_anew() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[record(1.0)]);
    let (running, sink) = follow(stream.clone()).await;
    stream.errors.lock().unwrap().push_back(StreamError::Trimmed);
    sink.hears(&[told(1.0)]).await;
    assert_eq!((sink.invalidated_everything.load(Ordering::Relaxed), running.status.lag().gaps), (1, 1));
    assert_eq!(running.status.lag().state, State::Running);
}

#[tokio::test]
async fn an_expired_iterator_loses_nothing() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[]);
    let (running, sink) = follow(stream.clone()).await;
    // Before the first record there is no position but the beginning.
    stream.errors.lock().unwrap().extend([StreamError::Expired, StreamError::Throttled]);
    stream.add("a", record(1.0));
    sink.hears(&[told(1.0)]).await;
    stream.errors.lock().unwrap().push_back(StreamError::Expired);
    stream.add("a", record(2.0));
    sink.hears(&[told(2.0)]).await;
    assert_eq!((running.status.lag().gaps, running.status.lag().failures), (0, 3));
    assert_eq!(stream.starts.lock().unwrap().last().unwrap().1, Start::After("0".to_owned()));
}

#[tokio::test]
async fn a_shard_that_vanishes_unread_invalidates_everything() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[]);
    let (_running, sink) = follow(stream.clone()).await;
    stream.shards.lock().unwrap().clear();
    stream.add_shard("b", None, false, &[record(1.0)]);
    sink.hears(&[told(1.0)]).await;
    assert_eq!(sink.invalidated_everything.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_checkpoint_of_a_shard_that_is_gone_invalidates_everything() {
    let (stream, coordination) = (Arc::new(FakeStream::default()), Arc::new(FakeCoordination::default()));
    stream.add_shard("b", None, false, &[record(1.0)]);
    let checkpoints = SharedCheckpoints::new(coordination.clone(), "t");
    cellar_changes::Checkpoints::save(&checkpoints, "a", "17").await.unwrap();
    let sink = Arc::new(Memory::default());
    let _running = Running::start(Consumer::new(stream.clone(), sink.clone(), Arc::new(checkpoints)));
    sink.hears(&[told(1.0)]).await;
    assert_eq!(sink.invalidated_everything.load(Ordering::Relaxed), 1);
    assert_eq!(map(&coordination, "stream:t").await.keys().collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn records_that_cannot_be_read_invalidate_everything() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[]);
    let (_running, sink) = follow(stream.clone()).await;
    stream.add("a", Meaning::Unknown("no leaf".to_owned()));
    stream.add("a", Meaning::Damaged(told(2.0), "no root".to_owned()));
    stream.add("a", Meaning::Other);
    sink.hears(&[told(2.0)]).await;
    assert_eq!(sink.invalidated_everything.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn nothing_is_caught_up_before_there_are_iterators() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[record(1.0)]);
    stream.withholds_iterators.store(true, Ordering::Relaxed);
    let sink = Arc::new(Memory::default());
    let consumer = Consumer::new(stream.clone(), sink.clone(), Arc::new(MemoryCheckpoints::default()));
    let running = Running::start(consumer);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(!sink.is_caught_up());
    assert_eq!(running.status.lag().state, State::Starting);
    stream.withholds_iterators.store(false, Ordering::Relaxed);
    sink.hears(&[]).await;
}

#[tokio::test]
async fn a_table_without_a_stream_is_reported() {
    let stream = Arc::new(FakeStream::default());
    let reason = "its stream is disabled".to_owned();
    *stream.absent.lock().unwrap() = Some(StreamError::NoStream { table: "t".to_owned(), reason });
    let sink = Arc::new(Memory::default());
    let consumer = Consumer::new(stream, sink.clone(), Arc::new(MemoryCheckpoints::default()));
    let running = Running::start(consumer);
    let failing =
        || matches!(running.status.lag().state, State::Failing { reason } if reason.contains("disabled"));
    until("it says so", failing).await;
    assert!(!sink.is_caught_up());
    let status = running.status.clone();
    running.stop().await;
    assert_eq!(status.lag().state, State::Stopped);
}

#[tokio::test]
async fn it_stops_at_once_even_in_the_middle_of_a_batch() {
    let stream = Arc::new(FakeStream::default());
    stream.add_shard("a", None, false, &[]);
    let (running, sink) = follow(stream.clone()).await;
    sink.stalls.store(true, Ordering::Relaxed);
    stream.add("a", record(1.0));
    running.stop().await;
    assert_eq!(sink.batches(), 0);
}

/// A busy table has no pages without records: that a reading from the past has arrived shows in their age.
#[tokio::test]
async fn a_reading_from_the_past_arrives_though_writes_never_pause() {
    let (stream, sink) = (Arc::new(FakeStream::default()), Arc::new(Memory::default()));
    stream.add_shard("a", None, false, &[]);
    let now_ms = SystemClock.unix_ms();
    *stream.busy_since_ms.lock().unwrap() = Some(now_ms - 60_000);
    let checkpoints = SharedCheckpoints::new(Arc::new(FakeCoordination::default()), "t");
    let running = Running::start(Consumer::new(stream.clone(), sink.clone(), Arc::new(checkpoints)));
    until("many old records", || running.status.lag().records > 50).await;
    assert!(!sink.is_caught_up(), "all of them are from before it began");
    *stream.busy_since_ms.lock().unwrap() = Some(SystemClock.unix_ms() + 60_000);
    sink.catches_up().await;
}
