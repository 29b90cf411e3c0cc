//! Messages, and how a listener learns that it misses some.

use bytes::Bytes;
use cellar_cache::clock::ManualClock;
use cellar_cache::remote::Remote;
use cellar_cache::remote::fake::FakeRemote;
use cellar_cache::remote::redis::RedisRemote;
use futures::StreamExt;
use std::sync::Arc;

use super::bed::{Bed, config};
use crate::support::redis::RedisServer;
use crate::support::{eventually, in_time};

super::on_every_bed!(all_that_listen_hear_all_in_order);

async fn all_that_listen_hear_all_in_order(bed: &Bed) {
    bed.first.publish(Bytes::from("before")).await.expect("published");
    let mut streams = Vec::new();
    for tier in [&bed.first, &bed.second, &bed.second] {
        streams.push(tier.subscribe().await.expect("subscribed"));
    }
    let messages: Vec<Bytes> = (0..100_u8).map(|i| Bytes::from(vec![i, 0, b'\r', b'\n', 0xff])).collect();
    for message in &messages {
        bed.first.publish(message.clone()).await.expect("published");
    }
    for stream in &mut streams {
        let heard: Vec<Bytes> = in_time("messages", stream.take(messages.len()).collect()).await;
        assert_eq!(heard, messages);
    }
    // Who stops listening is no trouble to the others.
    streams.truncate(1);
    bed.second.publish(Bytes::from("after")).await.expect("published");
    assert_eq!(in_time("a message", streams[0].next()).await, Some(Bytes::from("after")));
}

fn client(server: &RedisServer, scheme: &str) -> RedisRemote {
    RedisRemote::new(config(&format!("{scheme}://127.0.0.1:{}", server.port()))).expect("a client")
}

async fn ends_when(scheme: &str, mut server: RedisServer, cut: impl FnOnce(&mut RedisServer)) -> RedisServer {
    let remote = client(&server, scheme);
    let mut stream = remote.subscribe().await.expect("subscribed");
    remote.publish(Bytes::from("one")).await.expect("published");
    assert_eq!(in_time("a message", stream.next()).await, Some(Bytes::from("one")));
    cut(&mut server);
    assert_eq!(in_time("the end", stream.next()).await, None);
    server
}

#[tokio::test]
async fn every_node_leads_to_the_channel() {
    let nodes = RedisServer::start_cluster_of_three();
    let mut streams = Vec::new();
    for node in &nodes {
        streams.push(client(node, "redis+cluster").subscribe().await.expect("subscribed"));
    }
    for node in &nodes {
        client(node, "redis+cluster").publish(Bytes::from("m")).await.expect("published");
        for stream in &mut streams {
            assert_eq!(in_time("a message", stream.next()).await, Some(Bytes::from("m")));
        }
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_server_is_killed() {
    let mut server = ends_when("redis", RedisServer::start(&[]), RedisServer::kill).await;
    let remote = client(&server, "redis");
    assert!(remote.subscribe().await.is_err());
    server.restart();
    let mut stream = eventually("subscribed again", async || remote.subscribe().await.ok()).await;
    eventually("published", async || remote.publish(Bytes::from("two")).await.ok()).await;
    assert_eq!(in_time("a message", stream.next()).await, Some(Bytes::from("two")));
}

#[tokio::test]
async fn a_stream_ends_when_its_connection_is_killed() {
    let kill = |server: &mut RedisServer| {
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    };
    ends_when("redis", RedisServer::start(&[]), kill).await;
    ends_when("redis+cluster", RedisServer::start_cluster(), kill).await;
}

#[tokio::test]
async fn a_stream_ends_when_a_cluster_node_is_killed() {
    ends_when("redis+cluster", RedisServer::start_cluster(), RedisServer::kill).await;
}

#[tokio::test]
async fn a_stream_ends_when_its_slot_moves_away() {
    let channel = "test:bus";
    ends_when("redis+cluster", RedisServer::start_cluster(), |server| {
        let slot = server.command(&["CLUSTER", "KEYSLOT", channel]);
        server.command(&["CLUSTER", "DELSLOTS", slot.trim().trim_start_matches(':')]);
    })
    .await;
}

#[tokio::test]
async fn the_fake_ends_the_streams_of_one_handle() {
    let first = FakeRemote::new(Arc::new(ManualClock::default()));
    let second = first.peer();
    let mut cut = first.subscribe().await.expect("subscribed");
    let mut kept = second.subscribe().await.expect("subscribed");
    first.cut_bus();
    first.publish(Bytes::from("m")).await.expect("published");
    assert_eq!(cut.next().await, None);
    assert_eq!(kept.next().await, Some(Bytes::from("m")));
}
