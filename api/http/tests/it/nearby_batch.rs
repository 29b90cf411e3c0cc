//! Searches from several positions in one request.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::Method;
use cellar_cache::Policy;
use cellar_http::client::Peer;
use cellar_http::config::{ApiConfig, ClientConfig, WriteConfig};
use cellar_http::middleware::deadline::Deadline;
use cellar_http::params::{CollectionPath, NoQuery};
use cellar_http::problem::Kind;
use cellar_http::rate::Rate;
use cellar_http::routes::body::JsonText;
use cellar_http::routes::nearby_batch;
use cellar_search::cells::EdgeConfig;
use serde_json::{Value, json};

use cellar_test_kit::fake::Fault;
use cellar_test_kit::server::{Answer, Server, ids, request};

const BATCH: &str = "/v1/collections/wineries/nearby:batch";
const NEARBY: &str = "/v1/collections/wineries/nearby";

async fn post(server: &Server, body: &Value) -> Answer {
    server.post_as(BATCH, "application/json", body.to_string()).await
}

fn queries(answer: &Answer) -> u64 {
    let timing = answer.header("server-timing");
    let count = timing.split("queries;desc=\"").nth(1).and_then(|rest| rest.split('"').next());
    count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{timing}"))
}

/// Everything is in memory, so nothing else would ask for the time.
#[tokio::test]
async fn no_position_is_begun_after_the_deadline() {
    let server = Server::cached(Policy::default(), EdgeConfig::default()).filled_with_wineries(3).await;
    let body = json!({ "positions": [{ "lat": 0, "lon": 0 }, { "lat": 0, "lon": 0.1 }] });
    let ask = |deadline| {
        nearby_batch::post(
            State(server.state.clone()),
            CollectionPath("wineries".parse().unwrap()),
            Deadline(deadline),
            None,
            NoQuery,
            JsonText(body.to_string()),
        )
    };
    let now = Instant::now();
    assert_eq!(ask(now + Duration::from_mins(1)).await.unwrap().status(), 200);
    assert_eq!(ask(now).await.unwrap_err().kind(), Kind::DeadlineExceeded);
}

#[tokio::test]
async fn each_position_gets_what_a_request_of_its_own_gets() {
    let server = Server::with_wineries(120).await;
    let positions: Vec<Value> = (0..100)
        .map(|i| json!({ "id": i, "lat": f64::from(i) / 100.0, "lon": 0, "limit": 1 + i % 7 }))
        .collect();
    let body = json!({ "positions": positions, "radius": 9_000, "limit": 50, "category": "winery", "fields": ["name"] });
    let answer = post(&server, &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "private, no-store"));
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 100);
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result["id"], i, "results are in the order of the positions");
        let (lat, limit) = (i as f64 / 100.0, 1 + i % 7);
        let query = format!("lat={lat}&lon=0&limit={limit}&radius=9000&category=winery&fields=name");
        let alone = server.get(&format!("{NEARBY}?{query}")).await.json();
        assert_eq!(result["answer"]["features"], alone["features"], "{query}");
        let next =
            |answer: &Value| answer["links"].as_array().unwrap().iter().any(|link| link["rel"] == "next");
        assert_eq!(next(&result["answer"]), next(&alone));
    }
    // What a position lacks is shared, and its next link is a GET of its own.
    let shared = json!({ "positions": [{ "lat": 0, "lon": 0 }, { "lat": 0.5, "lon": 0 }], "limit": 2, "filter": "name <> 'Winery 0'" });
    let answer = post(&server, &shared).await.json();
    assert_eq!(ids(&answer["results"][0]["answer"]), ["w-001", "w-002"]);
    assert!(answer["results"][0].get("id").is_none());
    let next = answer["results"][0]["answer"]["links"]
        .as_array()
        .unwrap()
        .iter()
        .find(|link| link["rel"] == "next")
        .unwrap();
    let next = server.get(next["href"].as_str().unwrap()).await;
    assert_eq!(ids(&next.json()), ["w-003", "w-004"], "{}", next.text);
}

/// Some clients escape a colon in a path.
#[tokio::test]
async fn the_path_may_be_escaped() {
    let server = Server::with_wineries(3).await;
    let body = r#"{"positions":[{"lat":0,"lon":0}]}"#;
    let plain = server.post_as(BATCH, "application/json", body).await;
    for colon in ["%3A", "%3a"] {
        let answer = server.post_as(&BATCH.replace(':', colon), "application/json", body).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (200, &plain.text));
    }
}

#[tokio::test]
async fn a_position_is_an_object_whose_members_are_there_once() {
    let server = Server::with_wineries(3).await;
    for (position, kind, parameter) in [
        ("1", "parameter-invalid", "positions"),
        (r#"{"lat":0,"lon":0,"lat":1}"#, "parameter-repeated", "lat"),
        (r#"{"id":"a","lat":0,"lon":0,"id":"b"}"#, "parameter-repeated", "id"),
        (r#"{"id":true,"lat":0,"lon":0}"#, "parameter-invalid", "id"),
        (r#"{"id":1e999,"lat":0,"lon":0}"#, "parameter-invalid", "id"),
    ] {
        let body = format!(r#"{{"positions":[{position},{{"lat":0,"lon":0}}]}}"#);
        let answer = server.post_as(BATCH, "application/json", body).await.json();
        let problem = &answer["results"][0]["problem"];
        assert_eq!(problem["parameter"], parameter, "{answer}");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{answer}");
    }
    let repeated = r#"{"limit":1,"positions":[{"lat":0,"lon":0}],"limit":2}"#;
    let answer = server.post_as(BATCH, "application/json", repeated).await;
    assert_eq!(answer.problem(400, "parameter-repeated")["parameter"], "limit");
}

#[tokio::test]
async fn the_error_of_one_position_is_its_own() {
    let server = Server::with_wineries(5).await;
    let body = json!({ "positions": [
        { "id": "good", "lat": 0, "lon": 0, "limit": 1 },
        { "id": "north", "lat": 91, "lon": 0 },
        { "id": "nowhere", "lon": 0 },
        { "id": "odd", "lat": 0, "lon": 0, "colour": "red" },
        { "id": "filter", "lat": 0, "lon": 0, "filter": "a = " },
        7,
        { "id": "also good", "lat": 0.03, "lon": 0, "limit": 1 },
    ] });
    let answer = post(&server, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(ids(&results[0]["answer"]), ["w-000"]);
    for (at, id, kind, parameter) in [
        (1, "north", "parameter-out-of-range", json!("lat")),
        (2, "nowhere", "parameter-missing", json!("lat")),
        (3, "odd", "parameter-unknown", json!("colour")),
        (4, "filter", "parameter-invalid", json!("filter")),
    ] {
        let problem = &results[at]["problem"];
        assert_eq!((&results[at]["id"], &problem["parameter"]), (&json!(id), &parameter), "{problem}");
        assert_eq!(problem["type"], format!("/problems/{kind}"));
    }
    assert_eq!(results[4]["problem"]["position"], 5);
    assert_eq!(results[5]["problem"]["type"], "/problems/parameter-invalid");
    assert_eq!(
        (&results[6]["id"], ids(&results[6]["answer"])),
        (&json!("also good"), vec!["w-003".to_owned()])
    );
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let server = Server::with_wineries(1).await;
    let position = json!({ "lat": 0, "lon": 0 });
    for (body, kind, parameter) in [
        (json!({}), "parameter-missing", "positions"),
        (json!({ "positions": [] }), "parameter-out-of-range", "positions"),
        (json!({ "positions": vec![&position; 101] }), "parameter-out-of-range", "positions"),
        (json!({ "positions": position }), "parameter-invalid", "positions"),
        (json!({ "positions": [position], "mood": 1 }), "parameter-unknown", "mood"),
    ] {
        let problem = post(&server, &body).await.problem(400, kind);
        assert_eq!(problem["parameter"], parameter, "{problem}");
    }
    server.get(BATCH).await.problem(405, "method-not-allowed");
}

/// Pages that several positions need are read once.
#[tokio::test]
async fn positions_share_what_is_read() {
    let many = async |count: usize| {
        let server = Server::cached(Policy::default(), EdgeConfig::default()).filled_with_wineries(900).await;
        let positions: Vec<Value> = (0..count)
            .map(|i| json!({ "lat": 4.0 + (i % 10) as f64 / 1e4, "lon": 0.001, "limit": 20 }))
            .collect();
        let answer = post(&server, &json!({ "positions": positions, "radius": 20_000 })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(
            answer.json()["results"]
                .as_array()
                .unwrap()
                .iter()
                .all(|result| result["answer"]["numberReturned"] == 20)
        );
        queries(&answer)
    };
    let (one, hundred) = (many(1).await, many(100).await);
    assert!(one > 0 && hundred <= one + 1, "{hundred} queries for 100 positions, {one} for one");
}

#[tokio::test]
async fn a_store_that_is_away_is_not_an_answer() {
    let server = Server::with_wineries(5).await;
    server.store.set_fault(Some(Fault::Fail));
    let body = json!({ "positions": [{ "lat": 0, "lon": 0 }, { "lat": 1, "lon": 0 }] });
    post(&server, &body).await.problem(503, "store-unavailable");
}

/// Each position takes a token; those that find none are told so.
#[tokio::test]
async fn each_position_counts_for_the_rate() {
    let clients = ClientConfig { rate: Some(Rate { per_second: 1.0, burst: 5 }), ..ClientConfig::default() };
    let config = ApiConfig { clients, ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true });
    let send = async |method: Method, uri: &str, body: String| {
        let mut request = request(method, uri, body);
        request.extensions_mut().insert(Peer("192.0.2.1".parse::<IpAddr>().unwrap()));
        server.send(request).await
    };
    assert_eq!(send(Method::PUT, "/v1/collections/wineries", String::new()).await.status, 201);
    let body = json!({ "positions": vec![json!({ "lat": 0, "lon": 0 }); 7] }).to_string();
    let answer = send(Method::POST, BATCH, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    let refused = |result: &Value| result["problem"]["type"] == "/problems/rate-limited";
    let refused: Vec<bool> = answer["results"].as_array().unwrap().iter().map(refused).collect();
    assert_eq!(refused, [false, false, false, false, true, true, true]);
    assert_eq!(send(Method::GET, &format!("{NEARBY}?lat=0&lon=0"), String::new()).await.status, 429);
}
