//! Points with more places than a page holds, in the real store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::SystemClock;
use cellar_model::place::Place;
use cellar_search::pages::CachedPages;
use cellar_search::{Limits, Search};
use cellar_store::{CollectionInfo, Store as _};
use geo_index::Position;
use geo_index::tree::{BoxQuery, NearbyQuery};

use crate::cached::bed::{patient, until};
use crate::fixture::{Fixture, in_time, nearby};
use cellar_test_kit::place;

fn here() -> Position {
    Position::new(48.0, 11.0).unwrap()
}

async fn fixture_of(places: Vec<Place>) -> (Fixture, Search) {
    let fixture = Fixture::of(places).await;
    let info = CollectionInfo { name: fixture.collection.clone(), title: None };
    fixture.store.put_collection(&info).await.unwrap();
    let pages = CachedPages::new(Arc::new(fixture.store.clone()), patient(), None, Arc::new(SystemClock));
    let search = Search::new(Arc::new(pages), Limits::default());
    (fixture, search)
}

/// 17,000 places on one point, more than the page of a leaf holds, and others around it.
#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_a_list() {
    let id = |i: usize| format!("p{:05}", i * 7_919 % 17_000);
    let mut places: Vec<_> = (0..17_000).map(|i| place(&id(i), 48.0, 11.0, "{}")).collect();
    places.extend((0..200).map(|i| place(&format!("n{i}"), 48.0 + f64::from(i) * 1e-5, 11.000_01, "{}")));
    let (mut fixture, search) = fixture_of(places).await;
    for (lat, lon) in [(48.0, 11.0), (48.001, 11.0), (48.2, 11.3)] {
        for limit in [1, 20, 100] {
            fixture.ask(nearby(Position::new(lat, lon).unwrap(), 50_000.0, limit));
        }
    }
    fixture.check(&search).await;
    for work in fixture.check(&search).await {
        assert!(work.cost.queries <= 1, "{work:?}");
    }

    // Cursors walk all of them.
    let (mut query, mut walked) = (nearby(here(), 10.0, 1_000), Vec::new());
    loop {
        let answer = search.nearby(&fixture.collection, query.clone(), in_time()).await.unwrap();
        walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    let mut expected: Vec<String> = fixture
        .places
        .iter()
        .filter(|place| place.position == here())
        .map(|place| place.id.to_string())
        .collect();
    expected.sort();
    assert_eq!(walked[..17_000], expected);
    assert!(walked.len() > 17_000, "the neighbours follow");

    let bbox = geo_index::BBox::new(10.0, 47.0, 12.0, 49.0).unwrap();
    let mut query = BoxQuery { bbox, limit: 1_000.try_into().unwrap(), category: None, after: None };
    let mut walked = 0;
    loop {
        let answer = search.items(&fixture.collection, query.clone(), in_time()).await.unwrap();
        assert!(!answer.hits.is_empty());
        walked += answer.hits.len();
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    assert_eq!(walked, 17_200);

    // A new place there, and one that goes.
    let new = place("a-first", 48.0, 11.0, "{}");
    fixture.store.put(&fixture.collection, &new).await.unwrap();
    let placement = new.placement();
    search.changed(&fixture.collection, std::slice::from_ref(&placement)).await;
    let first = search.nearby(&fixture.collection, nearby(here(), 5.0, 1), in_time()).await.unwrap();
    assert_eq!(first.hits[0].id(), "a-first");
    fixture.store.delete(&fixture.collection, &new.id).await.unwrap();
    search.changed(&fixture.collection, std::slice::from_ref(&placement)).await;
    let first = search.nearby(&fixture.collection, nearby(here(), 5.0, 1), in_time()).await.unwrap();
    assert_ne!(first.hits[0].id(), "a-first");
}

/// 17,000 places of one category on one point, and 300 of another there: each tree has its own list.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_a_category_is_a_list_of_its_own() {
    let of = |id: String, category: &str| place(&id, 48.0, 11.0, &format!(r#"{{"category":"{category}"}}"#));
    let mut places: Vec<_> = (0..17_000).map(|i| of(format!("p{i:05}"), "bar")).collect();
    places.extend((0..300).map(|i| of(format!("q{i:03}"), "cafe")));
    let (mut fixture, search) = fixture_of(places).await;
    for category in ["bar", "cafe", "bar,cafe", "!bar"] {
        for limit in [1, 100] {
            let query = nearby(Position::new(48.001, 11.0).unwrap(), 50_000.0, limit);
            fixture.ask(NearbyQuery { category: Some(category.parse().unwrap()), ..query });
        }
    }
    fixture.check(&search).await;
    let mut query = NearbyQuery { category: Some("bar".into()), ..nearby(here(), 10.0, 1_000) };
    let mut walked = 0;
    loop {
        let answer = search.nearby(&fixture.collection, query.clone(), in_time()).await.unwrap();
        walked += answer.hits.len();
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    assert_eq!(walked, 17_000);
}

/// Reading all of a crowd may take longer than a request has: it goes on, and a later request finds the crowd made.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_made_even_if_requests_give_up() {
    let places: Vec<_> = (0..17_000).map(|i| place(&format!("p{i:05}"), 48.0, 11.0, "{}")).collect();
    let (fixture, _) = fixture_of(places).await;
    let brief = patient().load_limit(Duration::from_millis(400));
    let pages = CachedPages::new(Arc::new(fixture.store.clone()), brief, None, Arc::new(SystemClock));
    let search = Search::new(Arc::new(pages), Limits::default());
    let ask = || {
        let deadline = Instant::now() + Duration::from_millis(500);
        search.nearby(&fixture.collection, nearby(here(), 10.0, 3), deadline)
    };
    let answer = until("the crowd is made", async || ask().await.ok()).await;
    assert_eq!(
        answer.hits.iter().map(geo_index::tree::Hit::id).collect::<Vec<_>>(),
        ["p00000", "p00001", "p00002"]
    );
}

/// 36 MB on one point.
#[tokio::test(flavor = "multi_thread")]
async fn a_heavy_point_is_a_list() {
    let heavy = format!(r#"{{"text":"{}"}}"#, "x".repeat(60_000));
    let places: Vec<_> = (0..600).map(|i| place(&format!("h{i:03}"), 48.0, 11.0, &heavy)).collect();
    let (mut fixture, search) = fixture_of(places).await;
    for limit in [1, 20, 100] {
        fixture.ask(nearby(here(), 1_000.0, limit));
        fixture.ask(nearby(Position::new(48.001, 11.0).unwrap(), 1_000.0, limit));
    }
    fixture.check(&search).await;
    for work in fixture.check(&search).await {
        assert!(work.cost.queries <= 7, "100 places of 60 KB are 6 MB: {work:?}");
    }
}
