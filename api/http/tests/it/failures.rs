//! A store that fails, stalls or throttles: problems while it does, answers once it has recovered, and never an
//! empty list in between.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Method;
use cellar_cache::{BreakerState, Policy};
use cellar_http::config::{ApiConfig, WriteConfig};
use cellar_search::Limits;
use cellar_search::cells::EdgeConfig;

use cellar_test_kit::fake::{Fault, INTERNAL};
use cellar_test_kit::server::{Server, ids, request, send, winery};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0";

async fn seeded(time_limit: Duration) -> Server {
    let server = Server::with_time_limit(time_limit);
    server.put("/v1/collections/wineries", "").await;
    let answer = server.put("/v1/collections/wineries/items/w-001", winery(1).to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    server
}

#[tokio::test]
async fn failures_are_told_and_end() {
    // What comes after each failure has to be answered within the limit, on any machine.
    let server = seeded(Duration::from_millis(400)).await;
    for (fault, status, slug) in [
        (Fault::Fail, 503, "store-unavailable"),
        (Fault::NoTable, 503, "store-unavailable"),
        (Fault::Throttle, 503, "store-throttled"),
        (Fault::Stall, 503, "deadline-exceeded"),
        (Fault::Damage, 500, "internal"),
        (Fault::Panic, 500, "internal"),
    ] {
        server.store.set_fault(Some(fault));
        let item = "/v1/collections/wineries/items/w-001";
        for (method, uri, body) in [
            (Method::GET, NEARBY, String::new()),
            (Method::GET, "/v1/collections/wineries/items?bbox=-1,-1,1,1", String::new()),
            (Method::GET, "/v1/collections", String::new()),
            (Method::GET, "/v1/collections/wineries/edge-map", String::new()),
            (Method::GET, "/v1/collections/wineries/cells?bbox=-1,-1,1,1&resolution=7", String::new()),
            (Method::GET, "/v1/collections/wineries/tiles/10/512/511", String::new()),
            (Method::GET, item, String::new()),
            (Method::PUT, item, winery(1).to_string()),
            (Method::DELETE, item, String::new()),
        ] {
            let answer = server.send(request(method, uri, body)).await;
            answer.problem(status, slug);
            assert!(!answer.text.contains(INTERNAL), "{}", answer.text);
            assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{fault:?} {uri}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
        server.store.set_fault(None);
        assert_eq!(server.get(NEARBY).await.json()["numberReturned"], 1, "after {fault:?}");
    }
}

#[tokio::test]
async fn a_stalled_store_costs_no_more_than_the_time_limit() {
    let server = seeded(Duration::from_millis(60)).await;
    server.store.set_fault(Some(Fault::Stall));
    let started = Instant::now();
    server.get(NEARBY).await.problem(503, "deadline-exceeded");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_body_that_never_comes_costs_no_more_than_the_time_limit() {
    let server = seeded(Duration::from_millis(60)).await;
    let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let item = "/v1/collections/wineries/items/w-001";
    // An event has its body whole.
    let send = |request| send(&server.router, request);
    send(request(Method::PUT, item, never)).await.problem(408, "body-timeout");
    let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]);
    send(request(Method::PUT, item, Body::from_stream(broken))).await.problem(400, "body-invalid");
}

#[tokio::test]
async fn a_search_over_its_budget_is_refused() {
    let mut limits = Limits::default();
    limits.nearby.page_budget = NonZeroUsize::MIN;
    let writes = WriteConfig { token: None, open: true };
    let server = Server::with_limits(ApiConfig::default(), writes, limits);
    server.put("/v1/collections/wineries", "").await;
    let problem = server.get(NEARBY).await.problem(422, "search-too-broad");
    assert!(problem["detail"].as_str().unwrap().contains("smaller radius"), "{problem}");
}

#[tokio::test]
async fn readiness_follows_the_store_and_asks_it_once_a_second() {
    let server = seeded(Duration::from_millis(60)).await;
    for _ in 0..5 {
        assert_eq!(server.get("/ready").await.status, 200);
    }
    assert_eq!(server.store.pings.load(Ordering::Relaxed), 1);
    server.store.set_fault(Some(Fault::Fail));
    assert_eq!(server.get("/ready").await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    for uri in ["/ready", "/health"] {
        let answer = server.get(uri).await;
        answer.problem(503, "store-unavailable");
        assert!(!answer.text.contains(INTERNAL));
    }
    assert_eq!(server.get("/live").await.status, 200);
    server.store.set_fault(None);
    server.clock.advance(Duration::from_secs(1));
    let health = server.get("/health").await.json();
    assert_eq!((&health["status"], &health["region"]), (&"ok".into(), &"local".into()));
}

/// A balancer that took it away would take the only answers that there are.
#[tokio::test]
async fn a_server_with_pages_in_memory_is_ready_without_the_store() {
    let policy = Policy::default().stale_if_error(Duration::from_mins(1));
    let server = Server::cached(policy, EdgeConfig::default()).filled_with_wineries(1).await;
    server.store.set_fault(Some(Fault::Fail));
    server.clock.advance(Duration::from_secs(1));
    server.get("/ready").await.problem(503, "store-unavailable");
    server.store.set_fault(None);
    assert_eq!(server.get(NEARBY).await.status, 200);
    server.store.set_fault(Some(Fault::Fail));
    server.clock.advance(Duration::from_secs(1));
    let ready = server.get("/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["status"]), (200, &"degraded".into()));
    server.clock.advance(Duration::from_mins(1));
    server.get("/ready").await.problem(503, "store-unavailable");
    server.store.set_fault(None);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.get("/ready").await.json()["status"], "ok");
}

/// Pages are in memory, nothing tells of changes any more, and the table never answers.
#[tokio::test]
async fn a_table_that_hangs_delays_the_first_answers_and_no_others() {
    let policy = Policy::default().source_failures(3).load_limit(Duration::from_millis(300));
    let server = Server::cached(policy, EdgeConfig::default()).filled_with_wineries(1).await;
    let far = winery(7).to_string().replace("w-007", "far").replace("[0.0,", "[50.0,");
    assert_eq!(server.put("/v1/collections/wineries/items/far", far).await.status, 201);
    assert_eq!(server.get(NEARBY).await.status, 200);
    server.store.set_fault(Some(Fault::Stall));
    // Nobody has said since that memory is current.
    server.clock.advance(Duration::from_secs(11));
    for _ in 0..6 {
        let answer = server.get(NEARBY).await;
        assert_eq!((answer.status.as_u16(), ids(&answer.json()).len()), (200, 1), "{}", answer.text);
    }
    let cache = server.cache.as_ref().unwrap();
    assert_ne!(cache.source_breaker(), Some(BreakerState::Closed));
    let loads = || server.store.range_reads.load(Ordering::Relaxed);
    let before = loads();
    for _ in 0..20 {
        assert_eq!(server.get(NEARBY).await.status, 200);
    }
    assert_eq!(loads(), before, "the table is left alone");
    // What nobody has is an error at once.
    let far = "/v1/collections/wineries/nearby?lat=0&lon=50&radius=20000";
    server.get(far).await.problem(503, "store-unavailable");
}

#[tokio::test]
async fn slow_writers_keep_no_reader_waiting() {
    let config = ApiConfig { max_in_flight: 2, max_writes_in_flight: 2, ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(1).await;
    let slow: Vec<_> = (0..2)
        .map(|number| {
            let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            let uri = format!("/v1/collections/wineries/items/slow-{number}");
            let (router, request) = (server.router.clone(), request(Method::PUT, &uri, body));
            tokio::spawn(async move { send(&router, request).await })
        })
        .collect();
    while server.state.writes_in_flight.count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.get(NEARBY).await.status, 200);
    server.put("/v1/collections/wineries/items/w-9", "{}").await.problem(503, "overloaded");
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn searches_whose_bodies_do_not_come_keep_nobody_else_waiting() {
    let config = ApiConfig { max_in_flight: 2, max_writes_in_flight: 2, ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(1).await;
    let slow: Vec<_> = ["search", "nearby:batch"]
        .map(|route| {
            let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            let uri = format!("/v1/collections/wineries/{route}");
            let (router, request) = (server.router.clone(), request(Method::POST, &uri, body));
            tokio::spawn(async move { send(&router, request).await })
        })
        .into();
    while server.state.posted_in_flight.count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.get(NEARBY).await.status, 200);
    let place = cellar_test_kit::server::winery(9).to_string();
    assert_eq!(server.put("/v1/collections/wineries/items/w-009", place).await.status, 201);
    let body = r#"{"bbox":[0,0,1,1]}"#;
    let third = server.post_as("/v1/collections/wineries/search", "application/json", body).await;
    third.problem(503, "overloaded");
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_known_collection_costs_no_read() {
    let server = Server::with_wineries(1).await;
    let reads = || server.store.collection_reads.load(Ordering::Relaxed);
    server.get(NEARBY).await;
    let before = reads();
    for _ in 0..5 {
        server.get(NEARBY).await;
    }
    assert_eq!(reads(), before);
    server.clock.advance(Duration::from_secs(10));
    for _ in 0..5 {
        server.get(NEARBY).await;
    }
    assert_eq!(reads(), before + 1, "once in ten seconds it is asked about");
    for _ in 0..2 {
        server.get("/v1/collections/nope/nearby?lat=0&lon=0").await.problem(404, "collection-unknown");
    }
    assert_eq!(reads(), before + 3);
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_turned_away() {
    let config =
        ApiConfig { max_in_flight: 2, read_time_limit: Duration::from_millis(200), ..ApiConfig::default() };
    let server = Server::with(config, WriteConfig { token: None, open: true });
    server.put("/v1/collections/wineries", "").await;
    server.store.set_fault(Some(Fault::Stall));
    let late = async {
        tokio::task::yield_now().await;
        let answer = server.get(NEARBY).await;
        assert_eq!(answer.header("retry-after"), "1");
        answer.problem(503, "overloaded");
        assert_eq!(server.get("/live").await.status, 200);
    };
    let (first, second, ()) = tokio::join!(server.get(NEARBY), server.get(NEARBY), late);
    first.problem(503, "deadline-exceeded");
    second.problem(503, "deadline-exceeded");
    server.store.set_fault(None);
    assert_eq!(server.get(NEARBY).await.status, 200);
}

#[tokio::test]
async fn request_ids_are_kept_if_harmless() {
    let server = Server::with_wineries(1).await;
    for (given, kept) in [("abc-123", true), ("two words", false), ("<script>", false)] {
        let mut request = request(Method::GET, "/nope", "");
        request.headers_mut().insert("x-request-id", given.parse().unwrap());
        let answer = server.send(request).await;
        answer.problem(404, "route-unknown");
        assert_eq!(answer.header("x-request-id") == given, kept, "{given}");
    }
}
