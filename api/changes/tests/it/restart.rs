//! Ends of all kinds, and what the next consumer hears.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use cellar_cache::remote::RemoteError;
use cellar_changes::{Checkpoints, Consumer, SharedCheckpoints, State, TableStream};
use cellar_coordination::fake::FakeCoordination;
use cellar_store::{DynamoStore, Store};

use super::fake::{Memory, Running, change, map, until};
use cellar_test_kit::{collection, fresh_store, place};

async fn put(store: &DynamoStore, id: &str, lat: f64) {
    store.put(&collection("c"), &place(id, lat, 5.0, "{}")).await.unwrap();
}

fn start(store: &DynamoStore, coordination: &Arc<FakeCoordination>) -> (Running, Arc<Memory>) {
    let sink = Arc::new(Memory::default());
    let checkpoints = SharedCheckpoints::new(coordination.clone(), store.table());
    (
        Running::start(Consumer::new(Arc::new(TableStream::of(store)), sink.clone(), Arc::new(checkpoints))),
        sink,
    )
}

#[tokio::test]
async fn a_successor_hears_what_is_new_and_nothing_else() {
    let (store, coordination) = (fresh_store().await, Arc::new(FakeCoordination::default()));
    put(&store, "a", 1.0).await;
    // No checkpoint at all: the shared cache may be older than the oldest change.
    let (first, sink) = start(&store, &coordination);
    sink.hears(&[change(None, Some((1.0, 5.0)))]).await;
    put(&store, "b", 2.0).await;
    sink.hears(&[change(None, Some((2.0, 5.0)))]).await;
    first.stop().await;
    assert!(!map(&coordination, &format!("stream:{}", store.table())).await.is_empty());

    put(&store, "c", 3.0).await;
    let (second, sink) = start(&store, &coordination);
    sink.hears(&[change(None, Some((3.0, 5.0)))]).await;
    second.stop().await;
    let (third, sink) = start(&store, &coordination);
    sink.hears(&[]).await;
    assert_eq!(third.status.lag().gaps, 0);
}

/// Checkpoints that stick.
struct Stuck {
    inner: SharedCheckpoints,
    stuck: AtomicBool,
}

#[async_trait]
impl Checkpoints for Stuck {
    fn are_lasting(&self) -> bool {
        true
    }

    async fn load(&self) -> Result<HashMap<String, String>, RemoteError> {
        self.inner.load().await
    }

    async fn save(&self, shard: &str, checkpoint: &str) -> Result<(), RemoteError> {
        if self.stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.inner.save(shard, checkpoint).await
    }

    async fn remove(&self, shards: &[String]) -> Result<(), RemoteError> {
        self.inner.remove(shards).await
    }
}

#[tokio::test]
async fn killed_before_its_checkpoint_moves_it_comes_again() {
    let (store, coordination) = (fresh_store().await, Arc::new(FakeCoordination::default()));
    let inner = SharedCheckpoints::new(coordination.clone(), store.table());
    let checkpoints = Arc::new(Stuck { inner, stuck: AtomicBool::new(false) });
    let sink = Arc::new(Memory::default());
    let consumer = Consumer::new(Arc::new(TableStream::of(&store)), sink.clone(), checkpoints.clone());
    let running = Running::start(consumer);
    put(&store, "a", 1.0).await;
    sink.hears(&[change(None, Some((1.0, 5.0)))]).await;
    checkpoints.stuck.store(true, Ordering::Relaxed);
    put(&store, "b", 2.0).await;
    until("b is with the sink", || sink.batches() == 1).await;
    drop(running);

    let (_running, sink) = start(&store, &coordination);
    sink.hears(&[change(None, Some((2.0, 5.0)))]).await;
}

#[tokio::test]
async fn a_sink_that_refuses_is_asked_again() {
    let (store, coordination) = (fresh_store().await, Arc::new(FakeCoordination::default()));
    let (running, sink) = start(&store, &coordination);
    sink.catches_up().await;
    let before = map(&coordination, &format!("stream:{}", store.table())).await;
    sink.refuses.store(u32::MAX, Ordering::Relaxed);
    put(&store, "a", 1.0).await;
    until("three refusals", || sink.refused().len() >= 3).await;
    assert!(matches!(running.status.lag().state, State::Failing { reason } if reason.contains("not now")));
    let after = map(&coordination, &format!("stream:{}", store.table())).await;
    assert_eq!(after, before, "the checkpoint has moved");
    sink.refuses.store(0, Ordering::Relaxed);
    sink.hears(&[change(None, Some((1.0, 5.0)))]).await;
    assert!(sink.refused().iter().all(|pages| pages.len() == 13));
    assert_eq!(running.status.lag().state, State::Running);
}
