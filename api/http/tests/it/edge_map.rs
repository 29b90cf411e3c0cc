//! The density map: read by clients, kept for a minute, and never waited for by a hint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::{Method, header};
use cellar_cache::clock::Clock as _;
use cellar_cache::clock::ManualClock;
use cellar_model::Collection;
use cellar_model::density::parse;
use cellar_model::place::{Place, Properties};
use cellar_search::edge_map::refresh::{Outcome, Settings};
use cellar_search::edge_map::{EdgeMaps, Refresh, StoredMap};
use cellar_store::Store as _;
use geo_index::edge::{CacheCell, CellAnswer, CellPlace, DensityMap, Refined, refine};
use geo_index::{GeohashCell, Meters, Position};

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

/// Wineries around Paris, with two far away.
fn fill(fake: &FakeStore) {
    for i in 0..40 {
        let position = Position::new(48.85 + f64::from(i) * 1e-3, 2.35).unwrap();
        let position = if i < 2 { Position::new(-33.9, 151.2).unwrap() } else { position };
        let id = format!("w-{i}").parse().unwrap();
        fake.keep(&wineries(), Place { id, position, properties: Properties::empty() });
    }
}

fn refresh(fake: &Arc<FakeStore>, clock: &Arc<ManualClock>, most_parts: u64) -> Refresh {
    let every = Duration::from_hours(1);
    let settings = Settings { every, most_parts, pause: Duration::ZERO, ..Settings::default() };
    Refresh::new(fake.clone(), clock.clone(), settings)
}

#[tokio::test]
async fn maps_are_made_when_there_is_none_and_when_they_are_old() {
    let (fake, clock) = (Arc::new(FakeStore::default()), Arc::new(ManualClock::default()));
    fill(&fake);
    let refresh = refresh(&fake, &clock, 10);
    let came_of_it = async || refresh.run(None).await.unwrap();
    assert_eq!(came_of_it().await, [(wineries(), Outcome::Made)]);
    let made = StoredMap::read(&*fake, &wineries()).await.unwrap().unwrap();
    assert_eq!((made.places, made.map.precision(paris())), (40, Some(3)));
    clock.advance(Duration::from_mins(59));
    assert_eq!(came_of_it().await, [(wineries(), Outcome::Current)]);

    // What an operator asked for is kept.
    StoredMap { certified: 0.7, ..made.clone() }.write(&*fake, &wineries()).await.unwrap();
    clock.advance(Duration::from_mins(1));
    assert_eq!(came_of_it().await, [(wineries(), Outcome::Made)]);
    let again = StoredMap::read(&*fake, &wineries()).await.unwrap().unwrap();
    assert!((again.certified - 0.7).abs() < 1e-9 && again.made_unix_ms > made.made_unix_ms);

    fake.set_fault(Some(Fault::Fail));
    assert!(refresh.run(None).await.is_err());
    fake.set_fault(None);
    assert_eq!(StoredMap::read(&*fake, &wineries()).await.unwrap(), Some(again), "a failure changes nothing");
}

#[tokio::test]
async fn what_is_read_for_a_map_is_bounded() {
    let (fake, clock) = (Arc::new(FakeStore::default()), Arc::new(ManualClock::default()));
    fill(&fake);
    fake.endless.store(true, Ordering::Relaxed);
    assert_eq!(refresh(&fake, &clock, 7).run(None).await.unwrap(), [(wineries(), Outcome::TooLarge)]);
    assert_eq!(fake.scans.load(Ordering::Relaxed), 7);
    // What was in vain is not tried again by any process before the next map would be due.
    for minutes in [0, 59] {
        clock.advance(Duration::from_mins(minutes));
        assert_eq!(refresh(&fake, &clock, 7).run(None).await.unwrap(), [(wineries(), Outcome::PutOff)]);
    }
    assert_eq!(fake.scans.load(Ordering::Relaxed), 7);
    clock.advance(Duration::from_mins(1));
    let past = Some(std::time::Instant::now());
    let outcomes = refresh(&fake, &clock, 7).run(past).await.unwrap();
    assert_eq!((outcomes, fake.scans.load(Ordering::Relaxed)), (vec![(wineries(), Outcome::Unfinished)], 8));
    assert_eq!(StoredMap::read(&*fake, &wineries()).await.unwrap(), None);
    let never = Settings { every: Duration::ZERO, ..Settings::default() };
    assert!(Refresh::new(fake.clone(), clock, never).run(None).await.unwrap().is_empty());
}

/// Two processes that find a map old read the table once.
#[tokio::test]
async fn who_reads_for_a_map_is_left_to_it() {
    let (fake, clock) = (Arc::new(FakeStore::default()), Arc::new(ManualClock::default()));
    fill(&fake);
    let key = cellar_model::key::registry::edge_map_reading_key(&wineries());
    // The other has begun, and ended without a word.
    fake.put_note(&key, Some(&(clock.unix_ms() + 3_600_000).to_string())).await.unwrap();
    let refresh = refresh(&fake, &clock, 7);
    assert_eq!(refresh.run(None).await.unwrap(), [(wineries(), Outcome::PutOff)]);
    assert_eq!(fake.scans.load(Ordering::Relaxed), 0);
    clock.advance(Duration::from_hours(1));
    assert_eq!(refresh.run(None).await.unwrap(), [(wineries(), Outcome::Made)]);
    let until: u64 = fake.note(&key).await.unwrap().unwrap().parse().unwrap();
    assert_eq!(until, clock.unix_ms() + 3_600_000, "it has said so before it began");
}

/// Whatever map there is, and while it changes: the answer of the cell that it leads to is exact for the user.
#[tokio::test]
async fn a_map_that_changes_leads_to_other_cells_and_to_the_same_results() {
    let server = Server::with_wineries(40).await;
    let user = Position::new(0.2, 0.0).unwrap();
    let exact = server.get("/v1/collections/wineries/nearby?lat=0.2&lon=0&radius=10000&limit=20").await;
    let ids = |answer: &serde_json::Value| -> Vec<String> {
        let features = answer["features"].as_array().unwrap().iter();
        features.map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ids(&exact.json());
    assert!(expected.len() > 10, "{expected:?}");
    let whole = |precision| {
        let mut map = DensityMap::default();
        map.set("s00".parse().unwrap(), precision);
        StoredMap { map, ..stored(5) }
    };
    let tree = |row: &str| {
        let rows = [("s0", "x".repeat(32)), ("s001", row.to_owned())];
        StoredMap { map: DensityMap::from_entries(rows), ..stored(5) }
    };
    // The user is in s0010h2.
    let mixed = format!("{}x{}0002000", "5".repeat(0), "6".repeat(31));
    let maps = [whole(3), whole(5), tree("6"), tree(&mixed), tree("torn"), tree("7"), whole(4)];
    let mut cells = std::collections::BTreeSet::new();
    for map in maps {
        map.write(&*server.store, &wineries()).await.unwrap();
        server.clock.advance(Duration::from_mins(1));
        assert_eq!(server.get(MAP).await.status, 200);
        let answer = server.get("/v1/collections/wineries/nearby?lat=0.2&lon=0&mode=cell").await;
        let json = answer.json();
        let cell: CacheCell = json["cell"].as_str().unwrap().parse().unwrap();
        let places = json["features"].as_array().unwrap().iter().map(|feature| {
            let at = |i: usize| feature["geometry"]["coordinates"][i].as_f64().unwrap();
            let position = Position::new(at(1), at(0)).unwrap();
            CellPlace { id: feature["id"].as_str().unwrap().to_owned(), position, payload: () }
        });
        let certified_radius = Meters::new(json["certified_radius_m"].as_f64().unwrap()).unwrap();
        let answer = CellAnswer { cell, certified_radius, places: places.collect() };
        let (radius, limit) = (Meters::new(10_000.0).unwrap(), 20.try_into().unwrap());
        let Refined::Exact(hits) = refine(&answer, user, radius, limit) else { panic!("{cell}") };
        assert_eq!(hits.iter().map(|hit| hit.place.id.clone()).collect::<Vec<_>>(), expected, "{cell}");
        cells.insert(cell);
    }
    assert_eq!(cells.len(), 5, "{cells:?}");
}
