//! Answers of searches.

use std::time::Duration;

use cellar_http::config::{ApiConfig, WriteConfig};
use serde_json::Value;

use cellar_test_kit::server::{Server, ids, link};

/// A server of these limits, with wineries as [`Server::with_wineries`] has them.
async fn wineries(count: usize, config: ApiConfig) -> Server {
    Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(count).await
}

const NEARBY: &str = "/v1/collections/wineries/nearby";

/// Follows `next` links to the end; the pages' ids, one after the other.
async fn walk(server: &Server, first: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut uri = first.to_owned();
    loop {
        let answer = server.get(&uri).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page = answer.json();
        assert_eq!(link(&page, "self"), Some(uri.as_str()));
        found.extend(ids(&page));
        pages += 1;
        match link(&page, "next") {
            Some(next) => next.clone_into(&mut uri),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
#[expect(clippy::float_cmp, reason = "the distance must be the same to the last bit")]
async fn the_nearest_come_first_with_their_exact_distance() {
    let server = Server::with_wineries(9).await;
    let answer = server.get(&format!("{NEARBY}?lat=0.02&lon=0&radius=1500")).await;
    assert_eq!(answer.header("content-type"), "application/geo+json");
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let timing = answer.header("server-timing");
    assert!(timing.starts_with("search;dur="), "{timing}");
    let units = timing.split("read-units;desc=\"").nth(1).and_then(|rest| rest.split('"').next());
    let halves = units.and_then(|units| units.parse::<f64>().ok()).map(|units| units * 2.0);
    assert!(halves.is_some_and(|halves| halves >= 1.0 && halves.fract() == 0.0), "{timing}");
    let page = answer.json();
    assert_eq!(page["type"], "FeatureCollection");
    assert_eq!(page["numberReturned"], 3);
    assert_eq!(ids(&page), ["w-002", "w-003", "w-001"]);
    let nearest = &page["features"][0];
    let origin = geo_index::Position::new(0.02, 0.0).unwrap();
    let [lon, lat] = [0, 1].map(|axis| nearest["geometry"]["coordinates"][axis].as_f64().unwrap());
    let place = geo_index::Position::new(lat, lon).unwrap();
    assert_eq!(nearest["distance_m"].as_f64().unwrap(), geo_index::distance(origin, place).get());
    assert_eq!(nearest["properties"]["name"], "Winery 2");
    let order: Vec<&String> = nearest.as_object().unwrap().keys().collect();
    assert_eq!(order.len(), 5);
}

#[tokio::test]
async fn without_a_radius_the_horizon_counts() {
    let server = Server::with_wineries(2).await;
    assert_eq!(server.get(&format!("{NEARBY}?lat=1&lon=0")).await.json()["numberReturned"], 2);
    let far = server.get(&format!("{NEARBY}?lat=40&lon=100")).await.json();
    assert_eq!((&far["numberReturned"], &far["features"]), (&Value::from(0), &Value::Array(vec![])));
    assert_eq!(link(&far, "next"), None);
}

#[tokio::test]
async fn next_links_lead_to_the_end() {
    let server = Server::with_wineries(25).await;
    let all: Vec<String> = (0..25).map(|index| format!("w-{index:03}")).collect();
    for limit in [1, 7, 25, 100] {
        let (found, pages) = walk(&server, &format!("{NEARBY}?lat=0&lon=0&limit={limit}")).await;
        assert_eq!(found, all, "limit {limit}");
        let full = all.len().div_ceil(limit);
        assert!((full..=full + 1).contains(&pages), "{pages} pages of {limit}");
    }
    let (bars, _) = walk(&server, &format!("{NEARBY}?lat=0&lon=0&category=wine+bar&limit=3")).await;
    assert_eq!(bars, ["w-002", "w-005", "w-008", "w-011", "w-014", "w-017", "w-020", "w-023"]);

    let (mut boxed, _) = walk(&server, "/v1/collections/wineries/items?bbox=-1%2C-1%2C1%2C1&limit=4").await;
    boxed.sort();
    assert_eq!(boxed, all);
    for world in ["", "bbox=-180%2C-90%2C180%2C90&"] {
        let (mut everything, pages) =
            walk(&server, &format!("/v1/collections/wineries/items?{world}limit=10")).await;
        everything.sort();
        assert_eq!((&everything, pages), (&all, 3));
    }
}

/// What a scan has found when its time is up is the answer; if that is nothing, the answer says so.
#[tokio::test]
async fn a_scan_that_takes_too_long_has_something_or_is_a_problem() {
    let config = ApiConfig { read_time_limit: Duration::from_millis(400), ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true });
    server.put("/v1/collections/wineries", "").await;
    for i in 0..9 {
        let lon = i * 20 - 80;
        let feature =
            format!(r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},10]}}}}"#);
        server.put(&format!("/v1/collections/wineries/items/w{i}"), feature).await;
    }
    let (mut found, mut uri) = (Vec::new(), "/v1/collections/wineries/items".to_owned());
    // Which roots exist is read at once, then one page after the other, twice as many in each round.
    server.store.stall_after(3);
    let page = server.get(&uri).await.json();
    assert!((1..=3).contains(&ids(&page).len()), "{page}");
    found.extend(ids(&page));
    link(&page, "next").expect("there is more").clone_into(&mut uri);
    server.store.stall_after(0);
    let nothing = server.get(&uri).await;
    nothing.problem(503, "nothing-in-time");
    assert_eq!(nothing.header("retry-after"), "1");
    server.store.stall_after(1_000);
    let page = server.get(&uri).await.json();
    found.extend(ids(&page));
    found.sort();
    assert_eq!(found, (0..9).map(|i| format!("w{i}")).collect::<Vec<_>>());
    assert_eq!(link(&page, "next"), None);
}

#[tokio::test]
async fn limits_are_the_same_everywhere() {
    let metres = |metres| geo_index::Meters::new(metres).unwrap();
    for (max_m, horizon_m) in [(50_000.0, 20_000.0), (20_015_115.0, 20_015_115.0), (200_000.0, 300_000.0)] {
        let config =
            ApiConfig { max_radius: metres(max_m), horizon: metres(horizon_m), ..ApiConfig::default() };
        let server = wineries(2, config).await;
        for mode in ["exact", "cell"] {
            let asked = |radius: f64| format!("{NEARBY}?lat=0&lon=0&mode={mode}&radius={radius}");
            assert_eq!(server.get(&asked(max_m)).await.status, 200, "{mode}, {max_m}");
            let beyond = server.get(&asked(max_m + 1.0)).await;
            assert_eq!(beyond.status, 400, "{mode}, {max_m}");
            let detail = beyond.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&max_m.to_string()), "{detail}");
        }
        let document = server.get("/openapi.json").await.json();
        let operation = &document["paths"]["/v1/collections/{collection}/nearby"]["get"];
        let parameters = operation["parameters"].as_array().unwrap();
        let radius = parameters.iter().find(|parameter| parameter["name"] == "radius").unwrap();
        assert_eq!(radius["schema"]["maximum"].as_f64(), Some(max_m));
        assert_eq!(radius["schema"]["default"].as_f64(), Some(horizon_m));
    }
}

#[tokio::test]
async fn half_the_globe_is_a_horizon() {
    let half = geo_index::HALF_CIRCUMFERENCE;
    let config = ApiConfig { max_radius: half, horizon: half, ..ApiConfig::default() };
    let server = wineries(1, config).await;
    let feature = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[151.2,-33.9]}}"#;
    server.put("/v1/collections/wineries/items/sydney", feature.to_owned()).await;
    let answer = server.get(&format!("{NEARBY}?lat=48.85&lon=2.35")).await;
    assert_eq!(ids(&answer.json()), ["w-000", "sydney"]);
    let timing = answer.header("server-timing");
    let queries = timing.split("queries;desc=\"").nth(1).and_then(|rest| rest.split('"').next());
    let queries: f64 = queries.and_then(|queries| queries.parse().ok()).expect(timing);
    assert!(queries <= 4.0, "{timing}");
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() {
    let server = Server::with_wineries(2).await;
    let uri = format!("{NEARBY}?lat=0&lon=0");
    let get = server.get(&uri).await;
    let head = server.send(cellar_test_kit::server::request(axum::http::Method::HEAD, &uri, "")).await;
    assert_eq!((head.status, head.text.as_str()), (get.status, ""));
    assert_eq!(head.header("content-length"), get.text.len().to_string());
    let bad = server.send(cellar_test_kit::server::request(axum::http::Method::HEAD, NEARBY, "")).await;
    assert_eq!((bad.status.as_u16(), bad.text.as_str()), (400, ""));
    assert_eq!(bad.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn a_box_may_cross_the_antimeridian() {
    let server = Server::with_wineries(1).await;
    for (id, lon) in [("east", 179.5), ("west", -179.5), ("far", 170.0)] {
        let feature =
            format!(r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},-18]}}}}"#);
        let answer = server.put(&format!("/v1/collections/wineries/items/{id}"), feature).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let page = server.get("/v1/collections/wineries/items?bbox=179,-20,-179,-10").await.json();
    let mut found = ids(&page);
    found.sort();
    assert_eq!(found, ["east", "west"]);
    assert!(page["features"][0].get("distance_m").is_none());
}

#[tokio::test]
async fn a_distance_is_told_in_the_properties_if_that_is_asked_for() {
    let server = Server::with_wineries(9).await;
    let own = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[0,0]},"properties":{"distance_m":"mine","a":1}}"#;
    server.put("/v1/collections/wineries/items/a", own).await;
    let plain = server.get(&format!("{NEARBY}?lat=0.02&lon=0&limit=4")).await.json();
    assert_eq!(
        server.get(&format!("{NEARBY}?lat=0.02&lon=0&limit=4&distance_in=member")).await.json()["features"],
        plain["features"]
    );
    let first = server.get(&format!("{NEARBY}?lat=0.02&lon=0&limit=4&distance_in=properties")).await.json();
    assert_eq!(ids(&first), ids(&plain));
    let second = server.get(link(&first, "next").unwrap()).await.json();
    assert_eq!(ids(&second).len(), 4);
    for feature in [&first, &second].iter().flat_map(|page| page["features"].as_array().unwrap()) {
        assert!(feature["distance_m"].is_f64());
        assert_eq!(feature["properties"]["distance_m"], feature["distance_m"]);
    }
    for (one, other) in
        first["features"].as_array().unwrap().iter().zip(plain["features"].as_array().unwrap())
    {
        assert_eq!(one["distance_m"], other["distance_m"]);
        assert_eq!(one["properties"]["name"], other["properties"]["name"]);
    }
    let walked = walk(&server, &format!("{NEARBY}?lat=0.02&lon=0&limit=4&distance_in=properties")).await;
    assert_eq!(walked, walk(&server, &format!("{NEARBY}?lat=0.02&lon=0&limit=4")).await);

    let own = server.get(&format!("{NEARBY}?lat=0&lon=0&limit=2&distance_in=properties")).await.json();
    let own = own["features"].as_array().unwrap().iter().find(|feature| feature["id"] == "a").unwrap();
    assert_eq!(own["properties"], serde_json::json!({ "distance_m": 0.0, "a": 1 }));
    let stored = server.get("/v1/collections/wineries/items/a").await.json();
    assert_eq!(stored["properties"]["distance_m"], "mine", "what is stored stays as it is");

    let unknown = server.get(&format!("{NEARBY}?lat=0&lon=0&distance_in=feet")).await;
    let problem = unknown.problem(400, "parameter-invalid");
    assert_eq!(
        (&problem["parameter"], &problem["allowed"]),
        (&"distance_in".into(), &"member, properties".into())
    );
    let cell = server.get(&format!("{NEARBY}?lat=0&lon=0&mode=cell&distance_in=properties")).await;
    assert_eq!(cell.problem(400, "parameter-unknown")["parameter"], "distance_in");
}
