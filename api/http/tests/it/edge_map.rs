//! The density map: read by clients, kept for a minute, and never waited for by a hint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::{Method, header};
use cellar_cache::clock::ManualClock;
use cellar_model::Collection;
use cellar_model::density::parse;
use cellar_search::edge_map::{EdgeMaps, StoredMap};
use cellar_store::Store as _;
use geo_index::GeohashCell;
use geo_index::edge::DensityMap;

use cellar_test_kit::fake::{FakeStore, Fault};
use cellar_test_kit::server::{Answer, Server, request};

const MAP: &str = "/v1/collections/wineries/edge-map";

fn wineries() -> Collection {
    "wineries".parse().unwrap()
}

fn paris() -> GeohashCell {
    "u09".parse().unwrap()
}

fn stored(precision: u8) -> StoredMap {
    let mut map = DensityMap::default();
    map.set("u09".parse().unwrap(), precision);
    StoredMap { map, made_unix_ms: 1_772_366_400_000, places: 7, certified: 0.95 }
}

async fn store(server: &Server, precision: u8) {
    stored(precision).write(&*server.store, &wineries()).await.unwrap();
}

async fn if_none_match(server: &Server, tags: &str) -> Answer {
    let mut request = request(Method::GET, MAP, "");
    request.headers_mut().insert(header::IF_NONE_MATCH, tags.parse().unwrap());
    server.send(request).await
}

#[tokio::test]
async fn the_document_holds_the_map() {
    let server = Server::with_wineries(1).await;
    store(&server, 5).await;
    let answer = server.get(MAP).await;
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "collection": "wineries",
            "default_precision": 4,
            "made": "2026-03-01T12:00:00Z",
            "places": 7,
            "rows": { "u0": "00000000050000000000000000000000" },
        })
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(parse(&answer.text), stored(5).map);
    let head = server.send(request(Method::HEAD, MAP, "")).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(head.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn a_map_that_the_client_has_is_not_sent_again() {
    let server = Server::with_wineries(1).await;
    store(&server, 5).await;
    let etag = server.get(MAP).await.header("etag").to_owned();
    for tags in [etag.clone(), format!("\"x\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
        let answer = if_none_match(&server, &tags).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""), "{tags}");
        assert_eq!(answer.header("etag"), etag);
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
    }
    store(&server, 6).await;
    server.clock.advance(Duration::from_mins(1));
    let answer = if_none_match(&server, &etag).await;
    assert_eq!((answer.status.as_u16(), parse(&answer.text)), (200, stored(6).map));
    assert_ne!(answer.header("etag"), etag);
}

#[tokio::test]
async fn a_collection_without_a_map_has_an_empty_one_for_a_short_time() {
    let server = Server::with_wineries(1).await;
    let answer = server.get(MAP).await;
    let empty = r#"{"collection":"wineries","default_precision":4,"places":0,"rows":{}}"#;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, empty));
    assert_eq!(answer.header("cache-control"), "public, max-age=30");
    server.get("/v1/collections/nope/edge-map").await.problem(404, "collection-unknown");
    server.get("/v1/collections/Nope/edge-map").await.problem(400, "parameter-invalid");
    let problem = server.get(&format!("{MAP}?precision=4")).await.problem(400, "parameter-unknown");
    assert_eq!(problem["parameter"], "precision");
}

#[tokio::test]
async fn a_map_that_cannot_be_read_is_none() {
    let server = Server::with_wineries(1).await;
    let key = cellar_model::key::registry::edge_map_key(&wineries());
    server.store.put_note(&key, Some(r#"{"version":99,"rows":7}"#)).await.unwrap();
    assert!(parse(&server.get(MAP).await.text).is_empty());
}

#[tokio::test]
async fn the_table_is_asked_once_a_minute_and_an_old_map_outlives_its_failures() {
    let server = Server::with_wineries(1).await;
    server.store.set_fault(Some(Fault::Fail));
    server.get(MAP).await.problem(503, "store-unavailable");
    server.store.set_fault(None);
    store(&server, 5).await;
    let before = server.store.note_reads.load(Ordering::Relaxed);
    for _ in 0..5 {
        assert_eq!(parse(&server.get(MAP).await.text), stored(5).map);
    }
    assert_eq!(server.store.note_reads.load(Ordering::Relaxed), before + 1);
    server.store.set_fault(Some(Fault::Fail));
    server.clock.advance(Duration::from_hours(1));
    for _ in 0..5 {
        assert_eq!(parse(&server.get(MAP).await.text), stored(5).map);
    }
    assert_eq!(server.store.note_reads.load(Ordering::Relaxed), before + 2, "it is left alone for a while");
    server.store.set_fault(None);
    store(&server, 6).await;
    server.clock.advance(Duration::from_secs(5));
    assert_eq!(parse(&server.get(MAP).await.text), stored(6).map);
}

#[tokio::test]
async fn a_hint_that_failed_is_no_empty_map() {
    let server = Server::with_wineries(1).await;
    server.store.set_fault(Some(Fault::Fail));
    for _ in 0..3 {
        assert_eq!(server.state.precision_hint(&wineries(), paris()), None);
        server.get(MAP).await.problem(503, "store-unavailable");
    }
}

/// Lets what was spawned run: the store in memory needs no time.
async fn settle(maps: &Arc<EdgeMaps>, reads: u32, store: &FakeStore) {
    while store.note_reads.load(Ordering::Relaxed) < reads {
        tokio::task::yield_now().await;
    }
    // A read that is over lets the next one begin.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(Arc::strong_count(maps), 1, "the reader is still at it");
}

#[tokio::test]
async fn hints_wait_for_nothing() {
    let (fake, clock) = (Arc::new(FakeStore::default()), Arc::new(ManualClock::default()));
    let maps = Arc::new(EdgeMaps::new(fake.clone(), clock.clone()));
    let hint = || maps.hint(&wineries(), paris());
    stored(5).write(&*fake, &wineries()).await.unwrap();
    assert_eq!((hint(), hint()), (None, None));
    settle(&maps, 1, &fake).await;
    assert_eq!((hint(), maps.hint(&wineries(), "s00".parse().unwrap())), (Some(5), None));

    stored(6).write(&*fake, &wineries()).await.unwrap();
    clock.advance(Duration::from_secs(59));
    assert_eq!(hint(), Some(5));
    clock.advance(Duration::from_secs(1));
    assert_eq!((hint(), hint()), (Some(5), Some(5)));
    settle(&maps, 2, &fake).await;
    assert_eq!(hint(), Some(6));
    assert_eq!(fake.note_reads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_table_that_fails_is_left_alone_for_a_while() {
    let (fake, clock) = (Arc::new(FakeStore::default()), Arc::new(ManualClock::default()));
    let maps = Arc::new(EdgeMaps::new(fake.clone(), clock.clone()));
    let hint = || maps.hint(&wineries(), paris());
    stored(5).write(&*fake, &wineries()).await.unwrap();
    fake.set_fault(Some(Fault::Fail));
    assert_eq!(hint(), None);
    settle(&maps, 1, &fake).await;
    fake.set_fault(None);
    assert_eq!(hint(), None);
    settle(&maps, 1, &fake).await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(hint(), None);
    settle(&maps, 2, &fake).await;
    assert_eq!(hint(), Some(5));
    assert_eq!(fake.note_reads.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn names_of_nothing_cost_no_read() {
    let server = Server::with_wineries(1).await;
    let before = server.store.note_reads.load(Ordering::Relaxed);
    for n in 0..1_000 {
        let name = format!("nope-{n}").parse().unwrap();
        assert_eq!(server.state.precision_hint(&name, paris()), None);
        tokio::task::yield_now().await;
    }
    assert_eq!(server.store.note_reads.load(Ordering::Relaxed), before);
    assert_eq!(server.state.precision_hint(&wineries(), paris()), None);
    while server.store.note_reads.load(Ordering::Relaxed) == before {
        tokio::task::yield_now().await;
    }
}
