//! The user that the documentation says to give Cellar can do all that is asked of Redis.

use std::time::Duration;

use cellar_cache::remote::{Claim, Finished, Remote as _};
use cellar_coordination::CoordinationStore as _;
use futures::StreamExt as _;

use super::bed::client_of;
use crate::redis::RedisServer;

const DOCUMENT: &str = include_str!("../../../../docs/CACHING.md");

/// The words of the command in the documentation.
fn documented() -> Vec<String> {
    let at = DOCUMENT.find("ACL SETUSER cellar").expect("a command");
    let command = &DOCUMENT[at..][..DOCUMENT[at..].find("```").expect("its end")];
    command.split_whitespace().map(str::to_owned).collect()
}

fn let_in(server: &RedisServer) {
    let words = documented();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answer = server.command(&words);
    assert_eq!(answer.trim(), "+OK");
    // Nobody gets in by another door.
    assert_eq!(server.command(&["ACL", "SETUSER", "default", "off"]).trim(), "+OK");
}

async fn does_everything(url: &str) {
    let redis = client_of(url, "cellar:1:places:");
    let mut bus = redis.subscribe().await.expect("a subscription");
    let (key, ask) =
        ("p:{g}k".to_owned(), |absent| cellar_cache::remote::Ask { key: "p:{g}k".to_owned(), absent });
    let minute = Duration::from_mins(1);
    assert_eq!(redis.get(std::slice::from_ref(&key)).await, Ok(vec![None]));
    let (ticket, claims) = redis.begin("g", &[ask(true)], minute).await.expect("begun");
    assert_eq!(claims, [Claim::Lease]);
    let entry = cellar_cache::remote::Entry { key: key.clone(), bytes: "v".into(), ttl: minute };
    let finished = redis.finish(&ticket, &[entry], std::slice::from_ref(&key)).await;
    assert_eq!(finished, Ok(Finished::Stored(1)));
    assert_eq!(redis.begin("g", &[ask(true)], minute).await.expect("begun").1, [Claim::Found("v".into())]);
    let tombstone = Some(("CLRT".into(), minute));
    redis.invalidate("g", std::slice::from_ref(&key), tombstone).await.expect("invalidated");
    assert_eq!(redis.get(&[key]).await, Ok(vec![Some("CLRT".into())]), "a tombstone");
    redis.publish("hello".into()).await.expect("published");
    assert_eq!(bus.next().await, Some("hello".into()));

    assert_eq!(redis.hold("feed", "one", minute).await, Ok(true));
    redis.release("feed", "one").await.expect("released");
    let fields = [("a".to_owned(), "1".to_owned())];
    redis.write("map", &fields).await.expect("written");
    assert_eq!(redis.read("map").await, Ok(fields.to_vec()));
    redis.remove("map", &["a".to_owned()]).await.expect("removed");
    redis.add_scores("hot", &[("cell".to_owned(), 2)], 9, minute).await.expect("added");
    assert_eq!(redis.top("hot", 3).await, Ok(vec![("cell".to_owned(), 2.0)]));
}

#[tokio::test]
async fn on_one_server() {
    let server = RedisServer::start(&[]);
    let_in(&server);
    does_everything(&format!("redis://cellar:PASSWORD@127.0.0.1:{}", server.port())).await;
}

#[tokio::test]
async fn in_a_cluster() {
    let server = RedisServer::start_cluster();
    let_in(&server);
    does_everything(&format!("redis+cluster://cellar:PASSWORD@127.0.0.1:{}", server.port())).await;
}
