//! A Redis that is not there, dies, stands still, or has no room.

use super::super::bed::url;
use super::{Stage, policy};
use crate::redis::{RedisServer, free_port};
use cellar_cache::metrics::{Outcome, Tier};

#[tokio::test(flavor = "multi_thread")]
async fn absent_at_the_start() {
    let port = free_port();
    let at = format!("redis://127.0.0.1:{port}");
    let mut stage = Stage::new(policy(), &at).await;
    assert!(stage.phase("absent").await > 0, "there is nobody else to ask");
    let server = RedisServer::start_on(port, &[]);
    stage.recovers().await;
    stage.phase("there").await;
    assert!(stage.process().cache().metrics().stored.get() > 0);
    stage.ends(&at).await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_back() {
    let mut server = RedisServer::start(&[]);
    let at = url(&server);
    let mut stage = Stage::new(policy(), &at).await;
    stage.recovers().await;
    stage.phase("before").await;
    server.kill();
    stage.phase("killed").await;
    server.restart();
    stage.recovers().await;
    stage.phase("after").await;
    stage.ends(&at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_empty() {
    let mut server = RedisServer::start(&[]);
    let at = url(&server);
    // Without memory, so that what Redis has lost is missed.
    let mut stage = Stage::new(policy().memory_bytes(0), &at).await;
    stage.recovers().await;
    let before = stage.phase("before").await;
    server.restart();
    let after = stage.phase("empty").await;
    assert!(after > 0, "{before} queries before, {after} after");
    stage.recovers().await;
    stage.phase("filled again").await;
    stage.ends(&at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standing_still() {
    let server = RedisServer::start(&[]);
    let at = url(&server);
    let mut stage = Stage::new(policy(), &at).await;
    stage.recovers().await;
    stage.phase("before").await;
    server.signal("STOP");
    stage.phase("stopped").await;
    let metrics = stage.process().cache().metrics().clone();
    assert!(metrics.breaker_opened.get() > 0, "nobody noticed");
    let skipped = metrics.lookups(Tier::Remote, Outcome::Skipped);
    stage.phase("still stopped").await;
    assert!(metrics.lookups(Tier::Remote, Outcome::Skipped) > skipped, "the breaker spares nobody");
    server.signal("CONT");
    stage.recovers().await;
    stage.phase("after").await;
    stage.ends(&at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory() {
    let server = RedisServer::start(&[]);
    let at = url(&server);
    let mut stage = Stage::new(policy(), &at).await;
    stage.recovers().await;
    stage.phase("before").await;
    let stored = stage.process().cache().metrics().stored.get();
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    assert!(server.command(&["SET", "x", "y"]).starts_with("-OOM"), "there is room");
    stage.process().cache().drain().await;
    let full = stage.process().cache().metrics().stored.get();
    stage.phase("full").await;
    assert_eq!(
        stage.process().cache().metrics().stored.get(),
        full,
        "nothing can be stored ({stored} before)"
    );
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    stage.recovers().await;
    stage.phase("after").await;
    assert!(stage.process().cache().metrics().stored.get() > full);
    stage.ends(&at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evicting() {
    let server = RedisServer::start(&[]);
    let at = url(&server);
    let mut stage = Stage::new(policy().memory_bytes(0), &at).await;
    stage.recovers().await;
    stage.phase("before").await;
    let used = server.command(&["INFO", "memory"]);
    let used: u64 = used
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok())
        .expect("Redis says how much it uses");
    // As much as it has: every value that comes drives others out: fences, leases, roles and checkpoints, too.
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    server.command(&["CONFIG", "SET", "maxmemory", &used.to_string()]);
    stage.phase("evicting").await;
    let stats = server.command(&["INFO", "stats"]);
    let evicted = stats.lines().find(|line| line.starts_with("evicted_keys:")).unwrap_or_default();
    assert_ne!(evicted, "evicted_keys:0", "nothing was evicted");
    println!("{evicted}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    stage.recovers().await;
    stage.phase("after").await;
    stage.ends(&at).await;
}
