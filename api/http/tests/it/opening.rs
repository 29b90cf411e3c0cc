//! Searches of places that are open: `open_at`.

use std::num::NonZeroUsize;

use cellar_cache::clock::Clock as _;
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_search::Limits;
use cellar_test_kit::server::{Server, ids, link};
use geo_index::tree::SearchLimits;
use serde_json::{Value, json};

const ITEMS: &str = "/v1/collections/cafes/items";
const NEARBY: &str = "/v1/collections/cafes/nearby?lat=48.85&lon=2.35";
const SEARCH: &str = "/v1/collections/cafes/search";

/// Hours, and whether they are open, by the day from Monday, 0, and the minute of the day.
type Case = (&'static str, fn(u32, u32) -> bool);

const CASES: [Case; 7] = [
    ("24/7", |_, _| true),
    ("Mo-Fr 09:00-18:00", |day, minute| day < 5 && (540..1_080).contains(&minute)),
    ("Mo-Sa 08:00-12:00,14:00-19:00", |day, minute| {
        day < 6 && ((480..720).contains(&minute) || (840..1_140).contains(&minute))
    }),
    ("Fr,Sa 20:00-03:00", |day, minute| match day {
        4 => minute >= 1_200,
        5 => !(180..1_200).contains(&minute),
        6 => minute < 180,
        _ => false,
    }),
    ("Mo-Su 10:00-12:00; We off", |day, minute| day != 2 && (600..720).contains(&minute)),
    ("whenever", |_, _| false),
    ("", |_, _| false),
];

fn feature(index: usize) -> Value {
    let mut properties = json!({ "n": index, "opening_hours": CASES[index % CASES.len()].0 });
    if index % CASES.len() == CASES.len() - 1 {
        properties = json!({ "n": index });
    }
    json!({ "type": "Feature", "id": format!("c-{index:04}"), "properties": properties,
            "geometry": { "type": "Point", "coordinates": [2.35 + 0.000_01 * (index as f64 + 1.0), 48.85] } })
}

/// Cafes in Paris, the nearest to the position of [`NEARBY`] first.
async fn cafes(count: usize, pages: Option<usize>) -> Server {
    let writes = WriteConfig { token: None, open: true };
    let all = Limits::default();
    let limits = match pages.and_then(NonZeroUsize::new) {
        Some(page_budget) => Limits {
            nearby: SearchLimits { page_budget, ..all.nearby },
            items: SearchLimits { page_budget, ..all.items },
            ..all
        },
        None => all,
    };
    let server = Server::with_limits(ApiConfig::default(), writes, limits);
    assert_eq!(server.put("/v1/collections/cafes", "").await.status, 201);
    for chunk in (0..count).collect::<Vec<_>>().chunks(500) {
        let features: Vec<Value> = chunk.iter().map(|index| feature(*index)).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
        assert_eq!(server.post_as(ITEMS, "application/geo+json", batch).await.status, 200);
    }
    server
}

/// Follows `next` links to the end: the features, and how many answers it took.
async fn walk(server: &Server, first: &str) -> (Vec<Value>, usize) {
    let (mut found, mut answers, mut uri) = (Vec::new(), 0, first.to_owned());
    loop {
        let answer = server.get(&uri).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text);
        let page = answer.json();
        found.extend(page["features"].as_array().unwrap().clone());
        answers += 1;
        let Some(next) = link(&page, "next") else { return (found, answers) };
        next.clone_into(&mut uri);
    }
}

fn ids_of(features: &[Value]) -> Vec<String> {
    features.iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
}

fn expected(count: usize, day: u32, minute: u32) -> Vec<String> {
    let open = |index: &usize| CASES[index % CASES.len()].1(day, minute);
    (0..count).filter(open).map(|index| format!("c-{index:04}")).collect()
}

#[tokio::test]
async fn open_places_are_those_that_a_look_at_each_finds() {
    let server = cafes(210, None).await;
    // 30 November 2026 is a Monday.
    for (date, day) in
        [("2026-11-30", 0), ("2026-12-02", 2), ("2026-12-04", 4), ("2026-12-05", 5), ("2026-12-06", 6)]
    {
        for (time, minute) in
            [("02:59", 179), ("03:00", 180), ("11:30", 690), ("17:59:59", 1_079), ("20:00", 1_200)]
        {
            let expected = expected(210, day, minute);
            let at = format!("{date}T{time}");
            let (near, _) = walk(&server, &format!("{NEARBY}&limit=40&open_at={at}")).await;
            assert_eq!(ids_of(&near), expected, "{at}");
            let (mut boxed, _) =
                walk(&server, &format!("{ITEMS}?bbox=2,48,3,49&limit=40&open_at={at}%2B01:00")).await;
            boxed.sort_by_key(|feature| feature["id"].to_string());
            assert_eq!(ids_of(&boxed), expected, "{at}");
        }
    }
}

#[tokio::test]
async fn answers_say_until_when() {
    let server = cafes(7, None).await;
    let told = async |uri: String| {
        let answer = server.get(&uri).await.json();
        let of =
            |feature: &Value| json!([feature["id"], feature.get("open_state"), feature.get("open_until")]);
        answer["features"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let open = [
        json!(["c-0000", "open", null]),
        json!(["c-0001", "open", "2026-12-04T18:00:00+01:00"]),
        json!(["c-0002", "open", "2026-12-04T19:00:00+01:00"]),
    ];
    for form in ["", "&fields=n", "&distance_in=properties", "&fields=n&distance_in=properties"] {
        assert_eq!(told(format!("{NEARBY}&open_at=2026-12-04T15:00{form}")).await, open, "{form}");
    }
    let all = told(format!("{NEARBY}&open_at=2026-12-04T15:00&open_at_unknown=include")).await;
    assert_eq!(all[..3], open);
    assert_eq!(all[3..], [json!(["c-0005", "unstated", null]), json!(["c-0006", "unstated", null])]);
    let without = server.get(NEARBY).await.json();
    assert!(without["features"][0].get("open_state").is_none());
    // With the other conditions, and by a property.
    let both = server.get(&format!("{NEARBY}&open_at=2026-12-04T15:00&filter=n%3E0&sort=-n")).await.json();
    assert_eq!(ids(&both), ["c-0002", "c-0001"]);
    let body = json!({ "bbox": [2, 48, 3, 49], "lat": 48.85, "lon": 2.35, "open_at": "2026-12-04T15:00" });
    let found = server.post_as(SEARCH, "application/json", body.to_string()).await;
    assert_eq!(ids(&found.json()), ["c-0000", "c-0001", "c-0002"], "{}", found.text);
    let positions = json!({ "positions": [{ "lat": 48.85, "lon": 2.35 }, { "lat": 48.85, "lon": 2.35, "open_at": "now!" }],
                            "open_at": "2026-12-04T15:00" });
    let batch = server
        .post_as("/v1/collections/cafes/nearby:batch", "application/json", positions.to_string())
        .await
        .json();
    assert_eq!(ids(&batch["results"][0]["answer"]), ["c-0000", "c-0001", "c-0002"]);
    assert_eq!(batch["results"][1]["problem"]["parameter"], "open_at");
}

/// Sets the wall clock of a server to a time in seconds since 1970.
fn set(server: &Server, unix_s: u64) {
    let now = server.clock.unix_ms();
    server.clock.jump(unix_s as i64 * 1_000 - now as i64);
}

/// 4 December 2026, a Friday, 15:00 in Paris.
const FRIDAY: u64 = 1_796_392_800;

#[tokio::test]
async fn a_walk_is_of_one_now() {
    let server = cafes(70, None).await;
    set(&server, FRIDAY);
    let expected = expected(70, 4, 900);
    let first = format!("{NEARBY}&limit=7&open_at=now");
    assert_eq!(ids_of(&walk(&server, &first).await.0), expected);
    let page = server.get(&first).await.json();
    assert_eq!(ids(&page), expected[..7]);
    // At night only those that are always open are open.
    set(&server, FRIDAY + 14 * 3_600);
    let (rest, _) = walk(&server, link(&page, "next").unwrap()).await;
    assert_eq!(ids_of(&rest), expected[7..]);
    let night = ids_of(&walk(&server, &first).await.0);
    assert_eq!(night.len(), 10);
    // By the body of a POST, whose link has the cursor only.
    let mut body = json!({ "bbox": [2, 48, 3, 49], "lat": 48.85, "lon": 2.35, "open_at": "now", "limit": 7 });
    set(&server, FRIDAY);
    let page = server.post_as(SEARCH, "application/json", body.to_string()).await.json();
    let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next").unwrap();
    body["cursor"] = next["body"]["cursor"].clone();
    set(&server, FRIDAY + 14 * 3_600);
    let page = server.post_as(SEARCH, "application/json", body.to_string()).await.json();
    assert_eq!(ids(&page), expected[7..14]);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_time() {
    let server = cafes(70, None).await;
    set(&server, FRIDAY);
    let cursor = async |parameters: &str| {
        let page = server.get(&format!("{NEARBY}&limit=3&{parameters}")).await.json();
        link(&page, "next").unwrap().split("cursor=").nth(1).unwrap().to_owned()
    };
    let (now, fixed, plain) =
        (cursor("open_at=now").await, cursor("open_at=2026-12-04T15:00").await, cursor("fields=n").await);
    assert!(now.ends_with(&format!(".{FRIDAY}")), "{now}");
    let later = now.replace(&FRIDAY.to_string(), &(FRIDAY + 1).to_string());
    let beyond = now.replace(&FRIDAY.to_string(), "4200000000");
    for (parameters, cursor, status) in [
        ("open_at=now", &now, 200),
        ("open_at=now&fields=n", &now, 200),
        ("open_at=2026-12-04T15:00:00", &fixed, 200),
        ("open_at=2026-12-04T15:01", &fixed, 400),
        // The same instant, but not the same places elsewhere.
        ("open_at=2026-12-04T15:00%2B01:00", &fixed, 400),
        ("open_at=2026-12-04T15:00&open_at_unknown=include", &fixed, 400),
        ("open_at=now", &fixed, 400),
        ("open_at=now", &plain, 400),
        ("open_at=now", &later, 400),
        ("open_at=now", &beyond, 400),
        ("open_at=2026-12-04T15:00", &now, 400),
        ("fields=n", &now, 400),
    ] {
        let answer = server.get(&format!("{NEARBY}&{parameters}&cursor={cursor}")).await;
        assert_eq!(answer.status.as_u16(), status, "{parameters}: {}", answer.text);
        if status == 400 {
            answer.problem(400, "cursor-invalid");
        }
    }
}

/// More places than an answer may look at, of which few are open.
#[tokio::test]
async fn rare_open_places_are_found_by_following_links() {
    let server = cafes(2_100, Some(12)).await;
    let uri = format!("{NEARBY}&open_at=2026-12-06T04:00&filter=n%3E2000");
    let (found, answers) = walk(&server, &uri).await;
    let expected: Vec<_> = expected(2_100, 6, 240).into_iter().filter(|id| id.as_str() > "c-2000").collect();
    assert_eq!(ids_of(&found), expected);
    assert!(answers > 1, "one answer looked at all of them");
}

#[tokio::test]
async fn bad_times_are_told_with_their_form() {
    let server = cafes(1, None).await;
    for path in [NEARBY, "/v1/collections/cafes/items?limit=5", "/v1/collections/cafes/search?bbox=2,48,3,49"]
    {
        for (query, slug, parameter) in [
            ("open_at=", "parameter-invalid", "open_at"),
            ("open_at=today", "parameter-invalid", "open_at"),
            ("open_at=NOW", "parameter-invalid", "open_at"),
            ("open_at=2026-12-24", "parameter-invalid", "open_at"),
            ("open_at=2026-02-29T12:00", "parameter-invalid", "open_at"),
            ("open_at=2026-12-24T18:00+01:00", "parameter-invalid", "open_at"),
            ("open_at=1999-12-31T18:00", "parameter-out-of-range", "open_at"),
            ("open_at=2076-01-01T00:00Z", "parameter-out-of-range", "open_at"),
            ("open_at=now&open_at=now", "parameter-repeated", "open_at"),
            ("open_at=now&open_at_unknown=yes", "parameter-invalid", "open_at_unknown"),
            ("open_at_unknown=include", "parameter-missing", "open_at"),
        ] {
            let problem = server.get(&format!("{path}&{query}")).await.problem(400, slug);
            assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
            if slug != "parameter-repeated" && parameter == "open_at" {
                assert!(problem["allowed"].as_str().unwrap().contains("2026-12-24T18:00"), "{problem}");
            }
        }
    }
    let cell = server.get(&format!("{NEARBY}&mode=cell&open_at=now")).await;
    cell.problem(400, "parameter-unknown");
    server
        .get("/v1/collections/cafes/cells/gh:u09t/nearby?open_at=now")
        .await
        .problem(400, "parameter-unknown");
}
