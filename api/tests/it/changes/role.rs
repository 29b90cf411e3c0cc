//! Several consumers, of which one reads.

use std::sync::Arc;
use std::time::Duration;

use cellar_api::changes::{BoardCheckpoints, Consumer, Role, State};
use cellar_api::store::{DynamoStore, Store};

use super::fake::{FakeBoard, Memory, Running, change, until};
use crate::support::{collection, fresh_store, place};

async fn put(store: &DynamoStore, id: &str, lat: f64) {
    store.put(&collection("c"), &place(id, lat, 5.0, "{}")).await.unwrap();
}

fn start(store: &DynamoStore, board: &Arc<FakeBoard>, holder: &str) -> (Running, Arc<Memory>) {
    let sink = Arc::new(Memory::default());
    let checkpoints = BoardCheckpoints::new(board.clone(), store.table());
    let role = Role::new(board.clone(), store.table(), holder, Duration::from_millis(30));
    let consumer = Consumer::new(Arc::new(store.changes()), sink.clone(), Arc::new(checkpoints));
    (Running::start(consumer.with_role(role)), sink)
}

#[tokio::test]
async fn one_reads_and_another_takes_over() {
    let (store, board) = (fresh_store().await, Arc::new(FakeBoard::default()));
    let role = format!("consumer:{}", store.table());
    let (first, heard_first) = start(&store, &board, "first");
    heard_first.catches_up().await;
    let (second, heard_second) = start(&store, &board, "second");
    until("the second stands by", || second.status.lag().state == State::StandingBy).await;
    put(&store, "a", 1.0).await;
    heard_first.hears(&[change(None, Some((1.0, 5.0)))]).await;
    assert!(!heard_second.is_caught_up() && heard_second.batches() == 0);

    first.stop().await;
    put(&store, "b", 2.0).await;
    heard_second.hears(&[change(None, Some((2.0, 5.0)))]).await;
    assert_eq!(board.holder(&role).as_deref(), Some("second"));

    // The role goes to somebody else, and lapses.
    board.give(&role, "third");
    until("the second stands by", || second.status.lag().state == State::StandingBy).await;
    put(&store, "c", 3.0).await;
    board.lapse(&role);
    heard_second.hears(&[change(None, Some((3.0, 5.0)))]).await;
    second.stop().await;
    assert_eq!(board.holder(&role), None);
}

#[tokio::test]
async fn two_readers_do_no_harm() {
    let (store, board) = (fresh_store().await, Arc::new(FakeBoard::default()));
    let role = format!("consumer:{}", store.table());
    let (_first, heard_first) = start(&store, &board, "first");
    heard_first.catches_up().await;
    // For a moment the first does not know that the role is no longer its own.
    board.lapse(&role);
    let (_second, heard_second) = start(&store, &board, "second");
    let mut told = Vec::new();
    for i in 0..20 {
        put(&store, &i.to_string(), f64::from(i)).await;
        told.push(change(None, Some((f64::from(i), 5.0))));
    }
    let pages: std::collections::BTreeSet<_> = cellar_api::changes::pages_of(&told).into_iter().collect();
    let both = || {
        heard_first.pages().union(&heard_second.pages()).cloned().collect::<std::collections::BTreeSet<_>>()
    };
    until("all is told to one of them", || both() == pages).await;
}
