//! Rendered answers are as current as searches, and cost no work while nothing changes.

use std::time::Duration;

use axum::http::Method;
use cellar_model::PageKey;
use cellar_search::cells::EdgeConfig;
use geo_index::Leaf;

use super::{count, deterministic, heartbeat, metric, trusted};
use cellar_test_kit::fake::Fault;
use cellar_test_kit::server::{Server, ids, request, winery};
use cellar_test_kit::{collection, place};

const CELL: &str = "/v1/collections/wineries/cells/gh:s000/nearby";

async fn outcomes(server: &Server) -> [u64; 3] {
    let mut counts = [0; 3];
    for (value, outcome) in counts.iter_mut().zip(["hit", "miss", "outdated"]) {
        *value = count(server, &format!("cellar_cell_answers_total{{outcome=\"{outcome}\"}}")).await;
    }
    counts
}

async fn searches(server: &Server) -> u64 {
    count(server, "cellar_searches_total").await
}

/// Lookups of pages in memory, by any search.
async fn lookups(server: &Server) -> u64 {
    count(server, "cellar_cache_lookups_total{tier=\"memory\",outcome=\"hit\"}").await
}

#[tokio::test]
async fn a_warm_answer_takes_no_search() {
    let server = trusted(deterministic()).filled_with_wineries(9).await;
    let first = server.get(CELL).await;
    assert!(first.header("cache-status").ends_with("cellar-rendered; fwd=miss"), "{:?}", first.headers);
    let second = server.get(CELL).await;
    assert!(second.header("cache-status").starts_with("cellar-rendered; hit; ttl="), "{:?}", second.headers);
    let (looked_up, searched) = (lookups(&server).await, searches(&server).await);
    for _ in 0..5 {
        let warm = server.get(CELL).await;
        assert_eq!(warm.header("cache-status"), "cellar-rendered; hit");
        assert_eq!((&warm.text, warm.header("etag")), (&first.text, first.header("etag")));
    }
    assert_eq!(
        (lookups(&server).await, searches(&server).await),
        (looked_up, searched),
        "not even a lookup of pages"
    );
    assert_eq!(outcomes(&server).await, [6, 1, 0]);
}

#[tokio::test]
async fn pages_are_looked_up_once_a_second_and_each_time_without_heartbeats() {
    let server = trusted(deterministic()).filled_with_wineries(9).await;
    server.get(CELL).await;
    server.get(CELL).await;
    server.clock.advance(Duration::from_millis(999));
    assert_eq!(server.get(CELL).await.header("cache-status"), "cellar-rendered; hit");
    server.clock.advance(Duration::from_millis(1));
    assert!(server.get(CELL).await.header("cache-status").contains("; hit; ttl="));
    // The time of attention is over.
    server.clock.advance(Duration::from_millis(2_001));
    for _ in 0..2 {
        assert!(server.get(CELL).await.header("cache-status").contains("; hit; ttl="));
    }
    // So long pages are trusted without it.
    server.clock.advance(Duration::from_secs(10));
    assert!(server.get(CELL).await.header("cache-status").ends_with("cellar-rendered; fwd=stale"));
}

#[tokio::test]
async fn a_write_shows_in_the_next_answer() {
    let server = trusted(deterministic()).filled_with_wineries(9).await;
    for round in 0..20 {
        heartbeat(&server);
        server.get(CELL).await;
        let before = server.get(CELL).await;
        assert!(before.header("cache-status").contains("hit"));
        let id = format!("new-{round}");
        let feature = winery(round).to_string().replace(&format!("w-{round:03}"), &id);
        server.put(&format!("/v1/collections/wineries/items/{id}"), feature).await;
        let after = server.get(CELL).await;
        assert!(ids(&after.json()).contains(&id), "{id}");
        assert_ne!(after.header("etag"), before.header("etag"));
        server.send(request(Method::DELETE, &format!("/v1/collections/wineries/items/{id}"), "")).await;
        let restored = server.get(CELL).await;
        assert_eq!((&restored.text, restored.header("etag")), (&before.text, before.header("etag")));
    }
}

#[tokio::test]
async fn what_others_write_shows_when_the_process_hears_of_it() {
    let server = trusted(deterministic()).filled_with_wineries(3).await;
    server.get(CELL).await;
    server.get(CELL).await;
    let (name, theirs) = (collection("wineries"), place("theirs", 0.001, 0.0, "{}"));
    let leaf = Leaf::at(theirs.position);
    cellar_store::Store::put(&*server.store, &name, &theirs).await.unwrap();
    let cache = server.cache.as_ref().unwrap();
    assert!(!ids(&server.get(CELL).await.json()).contains(&"theirs".to_owned()));
    let pages: Vec<_> = PageKey::holding(&name, &leaf.into()).map(cellar_search::pages::PageId).collect();
    cache.invalidate(&pages).await.unwrap();
    assert!(ids(&server.get(CELL).await.json()).contains(&"theirs".to_owned()));

    let last = place("last", 0.002, 0.0, "{}");
    cellar_store::Store::put(&*server.store, &name, &last).await.unwrap();
    server.get(CELL).await;
    cache.invalidate_memory();
    assert!(ids(&server.get(CELL).await.json()).contains(&"last".to_owned()), "nothing is trusted any more");
}

/// A refreshed page that says the same is no reason to compress again, nor for another entity tag.
#[tokio::test]
async fn new_pages_with_the_same_places_make_the_same_answer() {
    let server = trusted(deterministic()).filled_with_wineries(30).await;
    let brotli = [("accept-encoding", "br")];
    let before = super::ask(&server, Method::GET, CELL, &brotli).await;
    server.cache.as_ref().unwrap().invalidate_memory();
    let after = super::ask(&server, Method::GET, CELL, &brotli).await;
    assert!(after.header("cache-status").ends_with("fwd=stale"));
    assert_eq!((after.header("etag"), &after.body), (before.header("etag"), &before.body));
    assert_eq!(count(&server, "cellar_cell_encodings_total").await, 1);
}

#[tokio::test]
async fn what_is_made_of_old_pages_is_kept_for_seconds() {
    let policy = deterministic().untrusted_ttl(Duration::from_hours(2));
    let server = Server::cached(policy, EdgeConfig::default()).filled_with_wineries(3).await;
    let fresh = server.get(CELL).await;
    assert!(fresh.header("cache-control").contains("stale-while-revalidate="));
    server.store.set_fault(Some(Fault::Fail));
    // Past their time, and the store fails: first while pages are refreshed, then because they cannot be.
    for later in [Duration::from_secs(310), Duration::from_mins(10)] {
        server.clock.advance(later);
        let stale = server.get(CELL).await;
        assert_eq!((stale.status.as_u16(), stale.text.as_str()), (200, fresh.text.as_str()));
        assert_eq!(stale.header("cache-control"), "public, max-age=0, s-maxage=5");
        assert_eq!(stale.header("etag"), fresh.header("etag"));
        assert!(stale.header("cache-status").contains("ttl=-"), "{:?}", stale.headers);
    }
    server.clock.advance(Duration::from_hours(1));
    let failed = server.get(CELL).await;
    failed.problem(503, "store-unavailable");
    assert_eq!(failed.header("cache-control"), "no-store");
    server.store.set_fault(None);
    assert_eq!(server.get(CELL).await.header("cache-control"), fresh.header("cache-control"));
}

/// The index may still show what was: whoever was told to forget must not keep that for minutes.
#[tokio::test]
async fn what_is_found_while_the_index_settles_is_kept_for_seconds() {
    let policy = deterministic().settle(Duration::from_secs(2));
    let server = trusted(policy).filled_with_wineries(3).await;
    for _ in 0..2 {
        let soon = server.get(CELL).await;
        assert_eq!(soon.header("cache-control"), "public, max-age=0, s-maxage=5");
    }
    server.clock.advance(Duration::from_millis(2_001));
    heartbeat(&server);
    for _ in 0..3 {
        let settled = server.get(CELL).await;
        assert!(settled.header("cache-control").contains("stale-if-error=3600"), "{:?}", settled.headers);
    }
}

#[tokio::test]
async fn the_memory_of_answers_is_bounded() {
    let edge = EdgeConfig { memory_bytes: 100_000, ..EdgeConfig::default() };
    let server = Server::cached(deterministic(), edge).filled_with_wineries(60).await;
    let alphabet = "0123456789bcdefghjkmnpqrstuvwxyz";
    for letter in alphabet.chars() {
        for other in alphabet.chars().take(4) {
            let uri = format!("/v1/collections/wineries/cells/gh:s00{letter}{other}/nearby");
            assert_eq!(server.get(&uri).await.status, 200);
        }
    }
    let bytes = metric(&server, "cellar_cell_memory_bytes").await;
    assert!((1.0..=110_000.0).contains(&bytes), "{bytes}");
    let none = EdgeConfig { memory_bytes: 0, ..EdgeConfig::default() };
    let server = Server::cached(deterministic(), none).filled_with_wineries(3).await;
    for _ in 0..3 {
        assert_eq!(server.get(CELL).await.json()["numberReturned"], 3);
    }
}

/// Longer lists are the nearest places all the same, and their certificates reach as far as they do.
#[tokio::test]
async fn answers_are_as_long_as_they_are_set_to_be() {
    let mut certified = Vec::new();
    for count in [128, 200] {
        let edge = EdgeConfig { listed: count.try_into().unwrap(), ..EdgeConfig::default() };
        let server = Server::cached(deterministic(), edge).filled_with_wineries(250).await;
        let answer = server.get("/v1/collections/wineries/cells/gh:s00/nearby").await.json();
        assert_eq!(answer["numberReturned"], count);
        let centre = "lat=0.703125&lon=0.703125&radius=200000&limit=100";
        let exact = server.get(&format!("/v1/collections/wineries/nearby?{centre}")).await.json();
        assert_eq!(ids(&answer)[..100], ids(&exact));
        certified.push(answer["certified_radius_m"].as_f64().unwrap());
    }
    assert!(certified[0] < certified[1], "{certified:?}");
}
