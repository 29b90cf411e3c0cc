//! `serve` and `warm` with `--redis`: what one process has read another finds, and what one has written the other sees.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use cellar::cache_args::namespace;
use cellar::store_args::StoreArgs;
use cellar_cache::clock::SystemClock;
use cellar_search::hot::HotCells;
use geo_index::Position;
use reqwest::Method;
use serde_json::Value;

use super::process::{Desk, PATIENCE, Running, until};
use super::warm::{desk, json};
use crate::cached::bed::{client_of, url};
use crate::redis::RedisServer;
use cellar_test_kit::collection;

const NEARBY: &str = "/v1/collections/places/nearby?lat=48.86&lon=2.35&radius=3000";
const BOX: &str = "2.3,48.8,2.4,48.9";

struct Answer {
    status: u16,
    cache: String,
    timing: String,
    text: String,
}

impl Answer {
    fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.text);
        let features = json(&self.text)["features"].as_array().cloned().expect("features");
        features.iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn ask(server: &Running, method: Method, path: &str, body: &str) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let request = client.request(method, format!("{}{path}", server.url)).body(body.to_owned());
        let answer = request.header("content-type", "application/geo+json").send().await.unwrap();
        let header =
            |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        Answer {
            status: answer.status().as_u16(),
            cache: header("cache-status"),
            timing: header("server-timing"),
            text: answer.text().await.unwrap(),
        }
    })
}

fn get(server: &Running, path: &str) -> Answer {
    ask(server, Method::GET, path, "")
}

/// A counter or gauge at `/metrics`.
fn metric(server: &Running, name: &str) -> f64 {
    let text = get(server, "/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().unwrap()
}

fn put(server: &Running, id: &str, lat: f64, lon: f64) {
    let body = format!(
        r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},{lat}]}},"properties":{{}}}}"#
    );
    let answer = ask(server, Method::PUT, &format!("/v1/collections/places/items/{id}"), &body);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
}

fn runs_its_feed(server: &Running) -> Option<Value> {
    let ready = server.get("/ready");
    let well = ready["cache"]["trusted"] == true && ready["cache"]["redis"] == "ok";
    (well && matches!(ready["feed"]["state"].as_str(), Some("running" | "standing by"))).then_some(ready)
}

#[test]
fn two_servers_share_pages_and_changes() {
    let (desk, redis) = (desk(), RedisServer::start(&[]));
    let at = url(&redis);
    let first = desk.serve(&["--redis", &at]);
    until("the feed of the first", || runs_its_feed(&first));
    let cold = get(&first, NEARBY);
    assert!(cold.cache.contains("cellar-l1; fwd=miss"), "{}", cold.cache);
    assert_eq!(cold.ids().len(), 20);
    let warm = get(&first, NEARBY);
    assert!(warm.cache.starts_with("cellar-l1; hit; ttl="), "{}", warm.cache);
    assert!(warm.timing.contains(r#"queries;desc="0""#), "{}", warm.timing);
    let loaded = metric(&first, r#"cellar_cache_lookups_total{tier="source",outcome="hit"}"#);
    until("the pages to be in Redis", || {
        (loaded > 0.0 && metric(&first, "cellar_cache_stored_total") >= loaded).then_some(())
    });

    let second = desk.serve(&["--redis", &at]);
    let shared = get(&second, NEARBY);
    // It goes down level by level, where the first one's loads passed several at a time: so it may look at a page more.
    assert!(shared.cache.starts_with("cellar-l2; "), "{}", shared.cache);
    assert!(
        ["0", "1"].iter().any(|n| shared.timing.contains(&format!(r#"queries;desc="{n}""#))),
        "{}",
        shared.timing
    );
    assert_eq!(shared.ids(), cold.ids());
    let third = desk.serve(&["--redis", &at]);
    let known = get(&third, NEARBY);
    assert!(known.cache.starts_with("cellar-l2; hit; ttl="), "{}", known.cache);
    assert!(known.timing.contains(r#"queries;desc="0""#), "{}", known.timing);
    assert_eq!(known.ids(), cold.ids());
    third.stop();

    until("the feed of the second", || runs_its_feed(&second));
    for (writer, reader, id) in [(&second, &first, "new-1"), (&first, &second, "new-2")] {
        put(writer, id, 48.86, 2.35);
        assert!(get(writer, NEARBY).ids().contains(&id.to_owned()), "it reads what it wrote");
        until("the other server to see it", || {
            get(reader, NEARBY).ids().contains(&id.to_owned()).then_some(())
        });
    }
    desk.write("b.csv", "id,lat,lon\nimported,48.86,2.35\n");
    desk.ok(&["import", "b.csv", "-c", "places"]);
    for server in [&first, &second] {
        until("an import to be seen", || {
            get(server, NEARBY).ids().contains(&"imported".to_owned()).then_some(())
        });
        assert!(metric(server, "cellar_cache_trusted") > 0.0);
        metric(
            server,
            r#"cellar_http_answers_total{route="/v1/collections/{collection}/nearby",status="2xx"}"#,
        );
        metric(server, "cellar_cache_breaker_open");
        metric(server, "cellar_cache_pending_invalidations");
    }
    let records = |server| metric(server, "cellar_feed_records_total");
    assert!(records(&first) + records(&second) >= 3.0, "the feed told of nothing");
    first.stop();
    second.stop();
}

#[test]
fn what_was_warmed_is_not_read_again() {
    let (desk, redis) = (desk(), RedisServer::start(&[]));
    let at = url(&redis);
    // The first feed there is tells of the import, which takes pages out of Redis again.
    let server = desk.serve(&["--redis", &at]);
    until("the feed", || runs_its_feed(&server));
    server.stop();
    let warm = |more: &[&str]| {
        let args = ["warm", "-c", "places", "--json", "--bbox", BOX, "--redis", &at];
        json(&desk.ok(&[&args[..], more].concat()))
    };
    let before = warm(&["--dry-run"]);
    assert!(before["queries"].as_f64().unwrap() > 0.0, "{before}");
    let report = warm(&["--verify", "1"]);
    assert_eq!((&report["places"], &report["differences"]), (&600.into(), &0.into()), "{report}");
    let after = warm(&["--dry-run"]);
    assert_eq!((&after["asked"], &after["queries"]), (&0.into(), &0.0.into()), "{after}");
    assert_eq!(after["cached"], report["pages"], "{after} {report}");

    let server = desk.serve(&["--redis", &at]);
    let answer = get(&server, NEARBY);
    assert_eq!(answer.ids().len(), 20);
    assert!(answer.cache.starts_with("cellar-l2; hit"), "{}", answer.cache);
    assert!(answer.timing.contains(r#"queries;desc="0""#), "{}", answer.timing);
    assert!(metric(&server, "cellar_store_queries_total") < 0.5);
    server.stop();
}

#[test]
fn hot_cells_are_warmed() {
    let (desk, redis) = (desk(), RedisServer::start(&[]));
    let at = url(&redis);
    let none = json(&desk.ok(&["warm", "-c", "places", "--top", "5", "--redis", &at, "--json"]));
    assert_eq!((&none["cells"], &none["pages"]), (&0.into(), &0.into()), "{none}");
    let hot = HotCells::sampling(Arc::new(SystemClock), 1);
    for (times, lat, lon) in [(9, 48.86, 2.35), (5, 10.0, 10.0), (1, -30.0, 50.0)] {
        (0..times).for_each(|_| hot.offer(&collection("places"), Position::new(lat, lon).unwrap()));
    }
    let of_desk = StoreArgs { data: desk.path("cellar-data"), table: None, endpoint_url: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(hot.flush(&client_of(&at, &namespace(&of_desk)))), Ok(3));
    let report = json(&desk.ok(&["warm", "-c", "places", "--top", "2", "--redis", &at, "--json"]));
    assert_eq!((&report["cells"], &report["places"]), (&2.into(), &601.into()), "{report}");
}

#[test]
fn a_password_is_told_to_nobody() {
    let desk = desk();
    for bad in ["redis://:s3cr3t@", "http://u:s3cr3t@localhost", "redis://u:s3cr3t@localhost:x"] {
        for command in
            [&["serve", "--redis", bad][..], &["warm", "-c", "places", "--top", "1", "--redis", bad]]
        {
            let ended = desk.run(command);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{command:?}: {ended:?}");
            assert!(!ended.stderr.contains("s3cr3t"), "{ended:?}");
            assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{ended:?}");
        }
    }
    let redis = RedisServer::start(&["--requirepass", "right"]);
    let mut command = desk.cellar(&["serve", "--listen", "127.0.0.1:0", "--redis"]);
    command.arg(format!("redis://:s3cr3t@127.0.0.1:{}", redis.port())).env("RUST_LOG", "debug");
    let log = File::create(desk.path("log")).unwrap();
    let server = Running::start(command.stderr(log));
    for lat in 0..20 {
        let path = format!("/v1/collections/places/nearby?lat={lat}&lon=2.35");
        assert_eq!(get(&server, &path).status, 200);
    }
    server.stop();
    let log = desk.read("log");
    assert!(log.contains("the remote cache"), "nothing of Redis in the log:\n{log}");
    assert!(!log.contains("s3cr3t"), "{log}");
}

#[test]
fn a_server_outlives_its_redis() {
    let (desk, mut redis): (Desk, _) = (desk(), RedisServer::start(&[]));
    let mut command = desk.cellar(&["serve", "--listen", "127.0.0.1:0", "--redis", &url(&redis)]);
    let server = Running::start(command.env("CELLAR_L2_BREAKER_PAUSE_MS", "50").env("CELLAR_L1_MB", "0"));
    let phase = |name: &str| {
        let queries = metric(&server, "cellar_store_queries_total");
        let slowest = (0..40).map(|n| {
            let started = std::time::Instant::now();
            let path = format!("/v1/collections/places/nearby?lat=48.{}&lon=2.35&radius=2000", 850 + n);
            assert_eq!(get(&server, &path).status, 200, "{name}");
            started.elapsed()
        });
        let slowest = slowest.max().unwrap();
        let queries = metric(&server, "cellar_store_queries_total") - queries;
        println!("{name:>10}: 40 requests, 0 failed, all within {slowest:.1?}, {queries} queries");
        assert!(slowest < Duration::from_secs(3), "{name}: {slowest:?}");
        queries
    };
    phase("before");
    redis.signal("STOP");
    assert!(phase("stopped") > 0.0);
    redis.signal("CONT");
    redis.kill();
    assert!(phase("killed") > 0.0);
    redis.restart();
    until("Redis is used again", || {
        get(&server, NEARBY);
        (metric(&server, "cellar_cache_breaker_open") < 0.1).then_some(())
    });
    phase("filling");
    until("Redis has it all", || (phase("after") < 0.5).then_some(()));
    server.stop();
}
