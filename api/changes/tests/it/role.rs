//! Several consumers, of which one reads.

use std::sync::Arc;
use std::time::Duration;

use cellar_changes::{Consumer, Role, SharedCheckpoints, State, TableStream};
use cellar_coordination::fake::FakeCoordination;
use cellar_store::{DynamoStore, Store};

use super::fake::{Memory, Running, change, until};
use cellar_test_kit::{collection, fresh_store, place};

async fn put(store: &DynamoStore, id: &str, lat: f64) {
    store.put(&collection("c"), &place(id, lat, 5.0, "{}")).await.unwrap();
}

fn start(store: &DynamoStore, coordination: &Arc<FakeCoordination>, holder: &str) -> (Running, Arc<Memory>) {
    let sink = Arc::new(Memory::default());
    let checkpoints = SharedCheckpoints::new(coordination.clone(), store.table());
    let role = Role::new(coordination.clone(), store.table(), holder, Duration::from_millis(30));
    let consumer = Consumer::new(Arc::new(TableStream::of(store)), sink.clone(), Arc::new(checkpoints));
    (Running::start(consumer.with_role(role)), sink)
}

#[tokio::test]
async fn one_reads_and_another_takes_over() {
    let (store, coordination) = (fresh_store().await, Arc::new(FakeCoordination::default()));
    let role = format!("consumer:{}", store.table());
    let (first, heard_first) = start(&store, &coordination, "first");
    heard_first.catches_up().await;
    let (second, heard_second) = start(&store, &coordination, "second");
    until("the second stands by", || second.status.lag().state == State::StandingBy).await;
    put(&store, "a", 1.0).await;
    heard_first.hears(&[change(None, Some((1.0, 5.0)))]).await;
    assert!(!heard_second.is_caught_up() && heard_second.batches() == 0);

    first.stop().await;
    put(&store, "b", 2.0).await;
    heard_second.hears(&[change(None, Some((2.0, 5.0)))]).await;
    assert_eq!(coordination.holder(&role).as_deref(), Some("second"));

    // The role goes to somebody else, and lapses.
    coordination.set_holder(&role, Some("third"));
    until("the second stands by", || second.status.lag().state == State::StandingBy).await;
    put(&store, "c", 3.0).await;
    coordination.set_holder(&role, None);
    heard_second.hears(&[change(None, Some((3.0, 5.0)))]).await;
    second.stop().await;
    assert_eq!(coordination.holder(&role), None);
}

#[tokio::test]
async fn two_readers_do_no_harm() {
    let (store, coordination) = (fresh_store().await, Arc::new(FakeCoordination::default()));
    let role = format!("consumer:{}", store.table());
    let (_first, heard_first) = start(&store, &coordination, "first");
    heard_first.catches_up().await;
    // For a moment the first does not know that the role is no longer its own.
    coordination.set_holder(&role, None);
    let (_second, heard_second) = start(&store, &coordination, "second");
    let mut told = Vec::new();
    for i in 0..20 {
        put(&store, &i.to_string(), f64::from(i)).await;
        told.push(change(None, Some((f64::from(i), 5.0))));
    }
    let pages: std::collections::BTreeSet<_> = cellar_changes::pages_of(&told).into_iter().collect();
    let both = || {
        heard_first.pages().union(&heard_second.pages()).cloned().collect::<std::collections::BTreeSet<_>>()
    };
    until("all is told to one of them", || both() == pages).await;
}
