//! Searches by properties: `filter`, `fields` and `sort`.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cellar_cache::Policy;
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_search::Limits;
use cellar_search::cells::EdgeConfig;
use geo_index::tree::{NearbyQuery, PlaceFilter, PlaceView, SearchLimits, Selection};
use geo_index::{Meters, Position};
use serde_json::{Value, json};

use cellar_test_kit::server::{Server, ids, link};

const ITEMS: &str = "/v1/collections/bars/items";
const NEARBY: &str = "/v1/collections/bars/nearby?lat=0&lon=0";

fn feature(index: usize, step: f64) -> Value {
    let rating = match index % 7 {
        0 => Value::Null,
        6 => json!("unrated"),
        stars => json!(stars),
    };
    json!({ "type": "Feature", "id": format!("b-{index:04}"),
            "geometry": { "type": "Point", "coordinates": [step * (index as f64 + 1.0), 0.0] },
            "properties": { "name": format!("Bar {}", index % 10), "rating": rating, "n": index,
                            "tags": ["wifi", index % 3] } })
}

/// Bars along the equator, the nearest to 0, 0 first.
async fn bars(count: usize) -> Server {
    bars_at(count, 0.0001, None).await
}

/// The same at so many degrees from each other, in a server whose searches look at so many pages at most.
async fn bars_at(count: usize, step: f64, pages: Option<usize>) -> Server {
    let writes = WriteConfig { token: None, open: true };
    let server = match pages.and_then(NonZeroUsize::new) {
        Some(page_budget) => {
            let all = Limits::default();
            let (nearby, items) =
                (SearchLimits { page_budget, ..all.nearby }, SearchLimits { page_budget, ..all.items });
            Server::with_limits(ApiConfig::default(), writes, Limits { nearby, items, ..all })
        }
        None => Server::with(ApiConfig::default(), writes),
    };
    filled(server, count, step).await
}

async fn filled(server: Server, count: usize, step: f64) -> Server {
    assert_eq!(server.put("/v1/collections/bars", "").await.status, 201);
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let features: Vec<Value> = chunk.iter().map(|index| feature(*index, step)).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
        assert_eq!(server.post_as(ITEMS, "application/geo+json", batch).await.status, 200);
    }
    server
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Follows `next` links to the end: the ids, and how many answers it took.
async fn walk(server: &Server, first: &str) -> (Vec<String>, usize) {
    let (mut found, mut answers, mut uri) = (Vec::new(), 0, first.to_owned());
    loop {
        let answer = server.get(&uri).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        found.extend(ids(&page));
        answers += 1;
        let Some(next) = link(&page, "next") else { return (found, answers) };
        assert_ne!(next, uri);
        next.clone_into(&mut uri);
    }
}

fn expected(count: usize, holds: impl Fn(usize) -> bool) -> Vec<String> {
    (0..count).filter(|index| holds(*index)).map(|index| format!("b-{index:04}")).collect()
}

#[tokio::test]
async fn filters_find_what_a_look_at_every_place_finds() {
    let server = bars(300).await;
    for (filter, holds) in [
        ("rating >= 4", (|i| matches!(i % 7, 4 | 5)) as fn(usize) -> bool),
        ("rating is null or rating = 'unrated'", |i| i % 7 == 0 || i % 7 == 6),
        ("not rating = 3", |i| matches!(i % 7, 1 | 2 | 4 | 5)),
        ("name in ('Bar 1', 'Bar 2') and n between 100 and 200", |i| {
            matches!(i % 10, 1 | 2) && (100..=200).contains(&i)
        }),
        ("tags = 2 and casei(name) like 'bar _'", |i| i % 3 == 2),
        ("id = 'b-0042'", |i| i == 42),
        ("n = 5000", |_| false),
    ] {
        let expected = expected(300, holds);
        let filter = encoded(filter);
        let (near, _) = walk(&server, &format!("{NEARBY}&limit=40&filter={filter}")).await;
        assert_eq!(near, expected, "{filter}");
        let (mut boxed, _) = walk(&server, &format!("{ITEMS}?bbox=-1,-1,1,1&limit=40&filter={filter}")).await;
        boxed.sort();
        assert_eq!(boxed, expected, "{filter}");
    }
    // Distances are those of the answer; 0.0001 degrees are some 11.1 m.
    let (near, _) =
        walk(&server, &format!("{NEARBY}&filter={}", encoded("distance_m > 100 and distance_m < 200"))).await;
    assert_eq!(near, expected(300, |i| (8..=16).contains(&i)));
}

/// More places than an answer may look at, of which none is wanted, or the last one.
#[tokio::test]
async fn a_rare_place_among_many_is_found_by_following_links() {
    let server = bars_at(1_200, 0.000_1, Some(8)).await;
    let (found, answers) = walk(&server, &format!("{NEARBY}&filter={}", encoded("n = 1199"))).await;
    assert_eq!(found, ["b-1199"]);
    assert!(answers > 1, "one answer looked at all of them");
    let (found, answers) = walk(&server, &format!("{ITEMS}?filter={}", encoded("n = 1199"))).await;
    assert_eq!(found, ["b-1199"]);
    assert!(answers > 1, "one answer looked at all of them");
    let first = server.get(&format!("{NEARBY}&filter={}", encoded("n = 1199"))).await;
    let timing = first.header("server-timing");
    let pages = timing.split("pages;desc=\"").nth(1).and_then(|rest| rest.split('"').next());
    let pages: usize = pages.and_then(|pages| pages.parse().ok()).unwrap_or_else(|| panic!("{timing}"));
    assert!((8..=12).contains(&pages), "{timing}");
}

#[tokio::test]
async fn a_fault_of_a_filter_says_where_it_is() {
    let server = bars(1).await;
    for path in [NEARBY, "/v1/collections/bars/items?limit=5"] {
        let answer =
            server.get(&format!("{path}&filter={}", encoded("rating >= 4 AND name = \"Bar\""))).await;
        let problem = answer.problem(400, "parameter-invalid");
        assert_eq!(
            (&problem["parameter"], &problem["position"]),
            (&json!("filter"), &json!(24)),
            "{problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains("single quotes"), "{problem}");
        assert!(problem["allowed"].as_str().unwrap().contains("CQL2"), "{problem}");
        let long = server.get(&format!("{path}&filter={}1", "a=1+or+".repeat(65))).await;
        long.problem(400, "parameter-out-of-range");
        server.get(&format!("{path}&filter=")).await.problem(400, "parameter-invalid");
        server.get(&format!("{path}&fields=a,,b")).await.problem(400, "parameter-invalid");
    }
    server.get(&format!("{NEARBY}&sort=-")).await.problem(400, "parameter-invalid");
    server.get("/v1/collections/bars/items?sort=n").await.problem(400, "parameter-unknown");
    for parameter in ["filter=n=1", "fields=n", "sort=n"] {
        server.get(&format!("{NEARBY}&mode=cell&{parameter}")).await.problem(400, "parameter-unknown");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filter_and_its_order() {
    let server = bars(100).await;
    let with = async |parameters: &str| {
        let page = server.get(&format!("{NEARBY}&limit=5&{parameters}")).await.json();
        let next = link(&page, "next").unwrap().to_owned();
        next.split("cursor=").nth(1).unwrap().to_owned()
    };
    let filtered = with(&format!("filter={}", encoded("n > 3"))).await;
    let sorted = with("sort=n").await;
    for (parameters, cursor, status) in [
        (format!("filter={}", encoded("N > 3")), &filtered, 400),
        ("limit=5".to_owned(), &filtered, 400),
        // The same filter, written in another way, and other fields.
        (format!("fields=n&filter={}", encoded("\"n\">3.0")), &filtered, 200),
        ("sort=-n".to_owned(), &sorted, 400),
        ("limit=5".to_owned(), &sorted, 400),
        ("sort=n&fields=name".to_owned(), &sorted, 200),
    ] {
        let answer = server.get(&format!("{NEARBY}&{parameters}&cursor={cursor}")).await;
        assert_eq!(answer.status.as_u16(), status, "{parameters}: {}", answer.text);
    }
}

#[tokio::test]
async fn only_the_fields_that_are_asked_for_are_told() {
    let server = bars(3).await;
    let properties = async |uri: String| server.get(&uri).await.json()["features"][2]["properties"].clone();
    assert_eq!(
        properties(format!("{NEARBY}&fields=n,name,nothing")).await,
        json!({ "name": "Bar 2", "n": 2 })
    );
    assert_eq!(properties(format!("{ITEMS}?fields=tags")).await, json!({ "tags": ["wifi", 2] }));
    let both = properties(format!("{NEARBY}&fields=n&distance_in=properties")).await;
    assert_eq!(both.as_object().unwrap().keys().collect::<Vec<_>>(), ["distance_m", "n"]);
    let feature = server.get(&format!("{NEARBY}&fields=nothing")).await.json()["features"][0].clone();
    assert_eq!((&feature["id"], &feature["properties"]), (&json!("b-0000"), &json!({})));
    assert!(feature["geometry"].is_object() && feature["distance_m"].is_number());
}

/// By the property, those without it last, equals by their distance.
fn in_order(count: std::ops::Range<usize>, descends: bool) -> Vec<String> {
    let rank = |i: usize| match i % 7 {
        0 => 9,
        6 if descends => 0,
        6 => 8,
        stars if descends => 6 - stars,
        stars => stars,
    };
    let mut all: Vec<usize> = count.collect();
    all.sort_by_key(|i| (rank(*i), *i));
    all.into_iter().map(|i| format!("b-{i:04}")).collect()
}

/// A filter that goes through payloads many times, and says whenever it is asked what the time is by another task's turns.
#[derive(Debug, Default)]
struct Dear {
    turns: AtomicUsize,
    seen: Mutex<BTreeSet<usize>>,
}

impl PlaceFilter for Dear {
    fn allows(&self, _: &PlaceView<'_>) -> bool {
        self.seen.lock().unwrap().insert(self.turns.load(Ordering::Relaxed))
    }

    fn weight(&self) -> usize {
        100
    }
}

/// A search with a dear filter lets others have the thread between its pages, and after its deadline does not begin.
#[tokio::test]
async fn a_dear_filter_keeps_nobody_waiting() {
    let server = Server::cached(Policy::default(), EdgeConfig::default());
    let server = filled(server, 3_000, 0.0001).await;
    let collection = "bars".parse().unwrap();
    let query = NearbyQuery {
        origin: Position::new(0.0, 0.0).unwrap(),
        radius: Meters::new(100_000.0).unwrap(),
        limit: NonZeroUsize::new(1_000).unwrap(),
        category: None,
        after: None,
    };
    let filter = Arc::new(Dear::default());
    let selection = Selection { filter: Some(filter.clone()), region: None };
    let now = Instant::now();
    let (search, deadline) = (&server.state.search, now + Duration::from_mins(10));
    // All pages are in memory, so no read asks for the time.
    search.nearby(&collection, query.clone(), deadline).await.unwrap();
    let late = search.nearby_of(&collection, query.clone(), selection.clone(), now).await;
    assert!(late.is_err() && filter.seen.lock().unwrap().is_empty(), "{late:?}");

    let is_done = AtomicBool::new(false);
    let others = async {
        while !is_done.load(Ordering::Relaxed) {
            filter.turns.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    };
    let found = async {
        let found = search.nearby_of(&collection, query, selection, deadline).await;
        is_done.store(true, Ordering::Relaxed);
        found.unwrap()
    };
    let (found, ()) = tokio::join!(found, others);
    let seen = filter.seen.lock().unwrap().len();
    assert!(seen > 2 * found.work.tree.rounds.max(5), "others had {seen} turns in {:?}", found.work.tree);
}

#[tokio::test]
async fn a_full_ring_is_the_last_if_there_are_no_more() {
    let server = bars(1_000).await;
    let uri = format!("{NEARBY}&limit=100&sort=-rating&radius=90000");
    assert_eq!(server.get(&uri).await.json()["sorted_within_m"], 90_000.0);
    let (found, answers) = walk(&server, &uri).await;
    assert_eq!((found, answers), (in_order(0..1_000, true), 10));
}

/// Where a ring ends among places at one distance, the order is not that of all at this distance.
#[tokio::test]
async fn a_ring_that_cuts_a_tie_does_not_claim_its_distance() {
    let server = bars_at(1_300, 0.0, None).await;
    let beside = "/v1/collections/bars/nearby?lat=0.01&lon=0&radius=5000&limit=100&sort=n";
    let page = server.get(beside).await.json();
    let tie = page["features"][0]["distance_m"].as_f64().unwrap();
    let within = page["sorted_within_m"].as_f64().unwrap();
    assert!(within < tie && within > tie - 1e-6, "{within} {tie}");
    let (found, _) = walk(&server, beside).await;
    assert_eq!(found, (0..1_300).map(|i| format!("b-{i:04}")).collect::<Vec<_>>());
    let at_it = server.get(&format!("{NEARBY}&limit=10&sort=n")).await.json();
    assert_eq!(at_it["sorted_within_m"], 0.0);
}

#[tokio::test]
async fn places_within_a_radius_come_in_order() {
    let server = bars(2_300).await;
    for (sort, descends) in [("rating", false), ("-rating", true)] {
        let uri = format!("{NEARBY}&limit=64&sort={sort}&radius=9000");
        let first = server.get(&uri).await.json();
        assert_eq!(first["sorted_within_m"], 9000.0);
        let (found, _) = walk(&server, &uri).await;
        assert!((800..900).contains(&found.len()));
        assert_eq!(found, in_order(0..found.len(), descends), "{sort}");
    }
    // More than are put in order together: ring by ring.
    let uri = format!("{NEARBY}&limit=100&sort=-rating");
    let first = server.get(&uri).await.json();
    let within = first["sorted_within_m"].as_f64().unwrap();
    assert!((11_000.0..11_200.0).contains(&within), "{within}");
    let (found, _) = walk(&server, &uri).await;
    let rings = [0..1_000, 1_000..2_000, 2_000..2_300].map(|ring| in_order(ring, true));
    assert_eq!(found, rings.concat());
    let filtered = format!("{NEARBY}&limit=100&sort=name&filter={}", encoded("n < 30 and name <> 'Bar 3'"));
    let (found, _) = walk(&server, &filtered).await;
    let mut expected: Vec<usize> = (0..30).filter(|i| i % 10 != 3).collect();
    expected.sort_by_key(|i| (i % 10, *i));
    assert_eq!(found, expected.iter().map(|i| format!("b-{i:04}")).collect::<Vec<_>>());
}
