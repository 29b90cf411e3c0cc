//! Things that are no Redis of ours, or hold what is not ours.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use cellar_cache::metrics::Reject;

use super::super::bed::url;
use super::{Stage, policy};
use crate::redis::RedisServer;

/// Answers everything with noise. Ends with the test's process.
fn babbler() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut stream, mut buffer) = (stream, [0; 4096]);
                while matches!(stream.read(&mut buffer), Ok(1..)) {
                    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(200).collect();
                    if stream.write_all(&noise).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn answering_garbage() {
    let mut stage = Stage::new(policy(), &format!("redis://127.0.0.1:{}", babbler())).await;
    assert!(stage.phase("garbage").await > 0, "there is nobody else to ask");
    assert_eq!(stage.process().cache().metrics().stored.get(), 0);
    stage.phase("more garbage").await;
    stage.town.settles(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password() {
    let server = RedisServer::start(&["--requirepass", "right"]);
    let mut stage = Stage::new(policy(), &format!("redis://:wrong@127.0.0.1:{}", server.port())).await;
    assert!(stage.phase("locked out").await > 0, "there is nobody else to ask");
    stage.phase("still locked out").await;
    stage.town.settles(0).await;
}

/// Replaces the values of all keys, but for those of the coordination store.
fn vandalise(server: &RedisServer, replace: impl Fn(&str)) -> usize {
    let keys = server.command(&["KEYS", "*"]);
    let ours = |line: &&str| line.contains('{') && !line.starts_with(['$', '*']);
    keys.lines().filter(ours).map(replace).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_values_under_our_keys() {
    let server = RedisServer::start(&[]);
    let at = url(&server);
    let mut stage = Stage::new(policy().memory_bytes(0), &at).await;
    stage.recovers().await;
    stage.phase("before").await;
    let strings = vandalise(&server, |key| drop(server.command(&["SET", key, "not a page"])));
    assert!(strings > 0);
    let before = stage.process().cache().metrics().rejects(Reject::Foreign)
        + stage.process().cache().metrics().rejects(Reject::Damaged);
    stage.phase("strings").await;
    let metrics = stage.process().cache().metrics().clone();
    let rejected = metrics.rejects(Reject::Foreign) + metrics.rejects(Reject::Damaged) - before;
    assert!(rejected > 0, "the values were taken for pages");
    let lists = vandalise(&server, |key| {
        server.command(&["DEL", key]);
        server.command(&["RPUSH", key, "not", "a", "page"]);
    });
    assert!(lists > 0);
    println!("{strings} strings, {lists} lists, {rejected} values rejected");
    stage.phase("lists").await;
    stage.recovers().await;
    stage.phase("after").await;
    stage.ends(&at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_over_the_size_limit() {
    let server = RedisServer::start(&[]);
    let remote = policy().remote.max_value_bytes(400);
    let mut stage = Stage::new(policy().remote(remote), &url(&server)).await;
    stage.recovers().await;
    stage.phase("too large").await;
    let metrics = stage.process().cache().metrics().clone();
    assert!(metrics.rejects(Reject::TooLarge) > 0, "everything fits");
    assert!(metrics.stored.get() > 0, "nothing fits");
    println!("{} too large, {} stored", metrics.rejects(Reject::TooLarge), metrics.stored.get());
    stage.ends(&url(&server)).await;
}
