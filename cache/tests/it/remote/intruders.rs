//! What is under our keys and is not ours, and a server that is full.

use bytes::Bytes;
use cellar_cache::remote::redis::RedisRemote;
use cellar_cache::remote::{Claim, Finished, Remote, RemoteError, TOMBSTONE_MAGIC};

use super::bed::{LONG, ask, begin, config, entry};
use crate::support::redis::RedisServer;

fn client(server: &RedisServer) -> RedisRemote {
    RedisRemote::new(config(&format!("redis://127.0.0.1:{}", server.port()))).expect("a client")
}

#[tokio::test]
async fn a_foreign_type_under_a_value_counts_as_absent() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    server.command(&["RPUSH", "test:{g}k", "x"]);
    assert_eq!(remote.get(&["{g}k".to_owned()]).await, Ok(vec![None]));
    let (ticket, claim) = begin(&remote, "g", "{g}k").await;
    assert_eq!(claim, Claim::Lease);
    let leases = ["{g}k".to_owned()];
    assert_eq!(remote.finish(&ticket, &[entry("{g}k", "v")], &leases).await, Ok(Finished::Stored(1)));
    assert_eq!(remote.get(&["{g}k".to_owned()]).await, Ok(vec![Some(Bytes::from("v"))]));
}

#[tokio::test]
async fn a_foreign_type_under_a_fence_is_mended_by_an_invalidation() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    server.command(&["DEL", "test:fence:{g}"]);
    server.command(&["RPUSH", "test:fence:{g}", "x"]);
    server.command(&["RPUSH", "test:{g}k", "x"]);
    assert_eq!(remote.finish(&ticket, &[entry("{g}k", "v")], &[]).await, Ok(Finished::Fenced));
    let error = remote.begin("g", &[ask("{g}k")], LONG).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Refused(text) if text.contains("WRONGTYPE")), "{error}");
    let tombstone = Bytes::from_static(&TOMBSTONE_MAGIC);
    let keys = ["{g}k".to_owned()];
    remote.invalidate("g", &keys, Some((tombstone.clone(), LONG))).await.expect("invalidated");
    assert_eq!(remote.get(&keys).await, Ok(vec![Some(tombstone)]));
    remote.begin("g", &[ask("{g}k")], LONG).await.expect("begun");
}

#[tokio::test]
async fn invalidation_works_when_memory_is_full() {
    let server = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let remote = client(&server);
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    remote.finish(&ticket, &[entry("{g}k", "old")], &[]).await.expect("stored");
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);

    let refused = |error: &RemoteError| matches!(error, RemoteError::Refused(text) if text.contains("OOM"));
    let error = remote.begin("g", &[ask("{g}k")], LONG).await.unwrap_err();
    assert!(refused(&error), "{error}");
    // The lease is given back although nothing can be stored.
    let leases = ["{g}k".to_owned()];
    let error = remote.finish(&ticket, &[entry("{g}k", "new")], &leases).await.unwrap_err();
    assert!(refused(&error), "{error}");
    assert_eq!(server.command(&["EXISTS", "{g}k:lease"]), ":0\r\n");
    // Messages pass.
    remote.publish(Bytes::from("m")).await.expect("published");

    let tombstone = Bytes::from_static(&TOMBSTONE_MAGIC);
    let keys = ["{g}k".to_owned(), "{g}other".to_owned()];
    remote.invalidate("g", &keys, Some((tombstone, LONG))).await.expect("invalidated");
    assert_eq!(remote.get(&keys).await, Ok(vec![None, None]));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(remote.finish(&ticket, &[entry("{g}k", "new")], &[]).await, Ok(Finished::Fenced));
}

#[tokio::test]
async fn a_replica_refuses_until_it_is_promoted() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    begin(&remote, "g", "{g}k").await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let keys = ["{g}k".to_owned()];
    let results = [
        remote.begin("g", &[ask("{g}k")], LONG).await.map(|_| ()),
        remote.invalidate("g", &keys, None).await,
    ];
    for result in results {
        assert!(
            matches!(&result, Err(RemoteError::Refused(text)) if text.contains("ReadOnly")),
            "{result:?}"
        );
    }
    remote.get(&keys).await.expect("reading works");
    server.command(&["REPLICAOF", "NO", "ONE"]);
    begin(&remote, "g", "{g}k").await;
}

#[tokio::test]
async fn a_server_that_forgets_scripts_is_taught_again() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    begin(&remote, "g", "{g}k").await;
    server.command(&["SCRIPT", "FLUSH"]);
    begin(&remote, "g", "{g}k").await;
    let before = remote.round_trips();
    begin(&remote, "g", "{g}k").await;
    assert_eq!(remote.round_trips() - before, 1);
}

#[tokio::test]
async fn what_we_leave_ends_by_itself() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    remote.finish(&ticket, &[entry("{g}other", "v")], &[]).await.expect("stored");
    let tombstone = Bytes::from_static(&TOMBSTONE_MAGIC);
    remote.invalidate("h", &["{h}k".to_owned()], Some((tombstone, LONG))).await.expect("invalidated");
    let keys = ["test:fence:{g}", "test:{g}k:lease", "test:{g}other", "test:{h}k"];
    for key in keys {
        let left = server.command(&["PTTL", key]);
        let left_ms: i64 = left.trim().trim_start_matches(':').parse().expect("a number");
        assert!((1..=600_000).contains(&left_ms), "{key}: {left_ms}");
    }
    assert_eq!(server.command(&["DBSIZE"]), format!(":{}\r\n", keys.len()));
}

#[tokio::test]
async fn each_step_is_one_round_trip() {
    let server = RedisServer::start(&[]);
    let remote = client(&server);
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    remote.finish(&ticket, &[], &[]).await.expect("finished");
    let before = remote.round_trips();
    let keys: Vec<String> = (0..100).map(|i| format!("{{{i}}}k")).collect();
    remote.get(&keys).await.expect("values");
    assert_eq!(remote.round_trips() - before, 1);
    assert!(server.command(&["INFO", "commandstats"]).contains("cmdstat_mget:calls=1,"));
    remote.get(&[]).await.expect("nothing");
    assert_eq!(remote.round_trips() - before, 1);
    remote
        .invalidate("g", &keys, Some((Bytes::from_static(&TOMBSTONE_MAGIC), LONG)))
        .await
        .expect("invalidated");
    assert_eq!(remote.round_trips() - before, 2);
    let (ticket, _) = begin(&remote, "g", "{g}k").await;
    assert_eq!(remote.round_trips() - before, 3);
    remote.finish(&ticket, &[entry("{g}k", "v")], &["{g}k".to_owned()]).await.expect("finished");
    assert_eq!(remote.round_trips() - before, 4);
}
