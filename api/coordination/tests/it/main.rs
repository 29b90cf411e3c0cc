//! The contract of the store, in memory and against real servers of each kind.

mod bed;
#[allow(dead_code, reason = "the cache's tests use the rest")]
#[path = "../../../../cache/tests/it/support/mod.rs"]
mod support;

use std::time::Duration;

use cellar_cache::remote::redis::RedisRemote;
use cellar_coordination::{CoordinationStore as _, RemoteError};

use self::bed::{Bed, LONG, config};
use crate::support::eventually;
use crate::support::redis::RedisServer;

/// Runs all tests that take a bed.
async fn all_on(bed: Bed) {
    a_role_has_one_holder(&bed).await;
    a_role_ends_by_itself(&bed.wiped()).await;
    a_map_keeps_its_fields(&bed.wiped()).await;
    a_table_keeps_the_highest(&bed.wiped()).await;
    a_table_is_forgotten(&bed.wiped()).await;
}

#[tokio::test]
async fn in_memory() {
    all_on(Bed::fake()).await;
}

#[tokio::test]
async fn one_server() {
    all_on(Bed::standalone()).await;
}

#[tokio::test]
async fn over_tls() {
    all_on(Bed::tls()).await;
}

#[tokio::test]
async fn a_cluster() {
    all_on(Bed::cluster()).await;
}

#[tokio::test]
async fn a_cluster_of_three() {
    all_on(Bed::cluster_of_three()).await;
}

fn pairs<T: Clone>(pairs: &[(&str, T)]) -> Vec<(String, T)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn texts(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn a_role_has_one_holder(bed: &Bed) {
    assert_eq!(bed.first.hold("consumer", "a", LONG).await, Ok(true));
    assert_eq!(bed.first.hold("consumer", "a", LONG).await, Ok(true));
    assert_eq!(bed.second.hold("consumer", "b", LONG).await, Ok(false));
    assert_eq!(bed.second.hold("other", "b", LONG).await, Ok(true));
    assert_eq!(bed.second.release("consumer", "b").await, Ok(()));
    assert_eq!(bed.second.hold("consumer", "b", LONG).await, Ok(false));
    assert_eq!(bed.first.release("consumer", "a").await, Ok(()));
    assert_eq!(bed.first.release("consumer", "a").await, Ok(()));
    assert_eq!(bed.second.hold("consumer", "b", LONG).await, Ok(true));
}

async fn a_role_ends_by_itself(bed: &Bed) {
    assert_eq!(bed.first.hold("consumer", "a", Duration::from_millis(30)).await, Ok(true));
    eventually("the role is free", async || {
        bed.pass().await;
        bed.second.hold("consumer", "b", LONG).await.expect("an answer").then_some(())
    })
    .await;
}

async fn a_map_keeps_its_fields(bed: &Bed) {
    assert_eq!(bed.first.read("map").await, Ok(Vec::new()));
    assert_eq!(bed.first.write("map", &[]).await, Ok(()));
    assert_eq!(bed.first.write("map", &texts(&[("a", "1"), ("b", ""), ("ü", "ß")])).await, Ok(()));
    assert_eq!(bed.second.write("map", &texts(&[("a", "2"), ("c", "3")])).await, Ok(()));
    let mut fields = bed.second.read("map").await.expect("fields");
    fields.sort();
    assert_eq!(fields, texts(&[("a", "2"), ("b", ""), ("c", "3"), ("ü", "ß")]));
    assert_eq!(bed.first.remove("map", &[]).await, Ok(()));
    let gone = ["b", "c", "ü", "none"].map(str::to_owned);
    assert_eq!(bed.first.remove("map", &gone).await, Ok(()));
    assert_eq!(bed.second.read("map").await, Ok(texts(&[("a", "2")])));
    assert_eq!(bed.first.remove("none", &gone).await, Ok(()));
}

async fn a_table_keeps_the_highest(bed: &Bed) {
    let scores = pairs(&[("a", 5), ("b", 3), ("c", 1)]);
    assert_eq!(bed.first.add_scores("hot", &scores, 3, LONG).await, Ok(()));
    assert_eq!(bed.second.top("hot", 10).await, Ok(pairs(&[("a", 5.0), ("b", 3.0), ("c", 1.0)])));
    assert_eq!(bed.second.add_scores("hot", &pairs(&[("b", 4), ("d", 2)]), 3, LONG).await, Ok(()));
    assert_eq!(bed.first.top("hot", 10).await, Ok(pairs(&[("b", 7.0), ("a", 5.0), ("d", 2.0)])));
    assert_eq!(bed.first.top("hot", 1).await, Ok(pairs(&[("b", 7.0)])));
    assert_eq!(bed.first.top("hot", 0).await, Ok(Vec::new()));
    assert_eq!(bed.first.top("none", 5).await, Ok(Vec::new()));
    assert_eq!(bed.first.add_scores("hot", &[], 3, LONG).await, Ok(()));
}

async fn a_table_is_forgotten(bed: &Bed) {
    let scores = pairs(&[("a", 5)]);
    bed.first.add_scores("hot", &scores, 3, Duration::from_millis(30)).await.expect("added");
    eventually("the table is forgotten", async || {
        bed.pass().await;
        bed.second.top("hot", 5).await.expect("an answer").is_empty().then_some(())
    })
    .await;
    bed.first.add_scores("hot", &scores, 3, LONG).await.expect("added");
    assert_eq!(bed.second.top("hot", 5).await, Ok(pairs(&[("a", 5.0)])));
}

fn client(server: &RedisServer) -> RedisRemote {
    RedisRemote::new(config(&format!("redis://127.0.0.1:{}", server.port()))).expect("a client")
}

#[tokio::test]
async fn foreign_types_are_refused() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    server.command(&["RPUSH", "test:board:x", "y"]);
    let results = [
        remote.hold("x", "me", LONG).await.map(|_| ()),
        remote.release("x", "me").await,
        remote.read("x").await.map(|_| ()),
        remote.write("x", &[("f".to_owned(), "v".to_owned())]).await,
        remote.remove("x", &["f".to_owned()]).await,
        remote.add_scores("x", &[("f".to_owned(), 1)], 3, LONG).await,
        remote.top("x", 3).await.map(|_| ()),
    ];
    for (at, result) in results.into_iter().enumerate() {
        assert!(matches!(result, Err(RemoteError::Refused(_))), "{at}: {result:?}");
    }
    // A map that holds no texts is not what it was, but the connection is as good as before.
    server.command(&["DEL", "test:board:x"]);
    server.command(&["EVAL", r"redis.call('HSET', 'test:board:x', 'f', '\255')", "0"]);
    assert!(matches!(remote.read("x").await, Err(RemoteError::Refused(_))));
}

#[tokio::test]
async fn what_we_leave_ends_by_itself() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    remote.hold("role", "me", LONG).await.expect("held");
    remote.add_scores("table", &[("a".to_owned(), 1)], 3, LONG).await.expect("added");
    let keys = ["test:board:role", "test:board:table"];
    for key in keys {
        let left = server.command(&["PTTL", key]);
        let left_ms: i64 = left.trim().trim_start_matches(':').parse().expect("a number");
        assert!((1..=600_000).contains(&left_ms), "{key}: {left_ms}");
    }
    assert_eq!(server.command(&["DBSIZE"]), format!(":{}\r\n", keys.len()));
}
