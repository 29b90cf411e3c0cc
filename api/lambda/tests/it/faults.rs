//! What the function depends on dies, is silent or is too late: it answers, and the next event is answered.

use std::time::Duration;

use axum::http::Method;
use cellar_http::config::{ApiConfig, WriteConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::bed::{Bed, PATIENCE, answer, function_at, within};
use crate::redis::RedisServer;
use cellar_test_kit::fake::Fault;
use cellar_test_kit::server::{Answer, Server, request};
use cellar_test_kit::transport::{self, PLENTY, event, invoke, received};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0";
const SECRET: &str = "a-secret-for-health-checks";

/// A server whose own limits never end a request: only the invocation's deadline can.
async fn patient() -> Server {
    let limit = PATIENCE * 10;
    let config = ApiConfig { read_time_limit: limit, write_time_limit: limit, ..ApiConfig::default() };
    Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(3).await
}

async fn nearby(server: &Server, left: Option<Duration>) -> Answer {
    let event = event(request(Method::GET, NEARBY, "")).await;
    let reply = within(invoke(&server.function, &event, left)).await.unwrap();
    Answer::of(received(&reply))
}

#[tokio::test]
async fn the_deadline_of_the_invocation_ends_what_nothing_else_would() {
    let server = patient().await;
    assert_eq!(nearby(&server, Some(PLENTY)).await.status, 200);
    for left in [Some(Duration::from_millis(300)), None] {
        server.store.set_fault(Some(Fault::Stall));
        let late = nearby(&server, left).await;
        late.problem(503, "deadline-exceeded");
        assert_eq!(late.header("x-cellar-region"), "local");
        server.store.set_fault(None);
        assert_eq!(nearby(&server, Some(PLENTY)).await.json()["numberReturned"], 3);
    }
}

#[tokio::test]
async fn what_is_not_about_data_is_ended_too() {
    let server = patient().await;
    server.store.set_fault(Some(Fault::Stall));
    let item = "/v1/collections/wineries/items/w-001";
    for (method, uri) in [(Method::GET, "/v1/collections"), (Method::DELETE, item), (Method::GET, item)] {
        let event = event(request(method, uri, "")).await;
        let reply = within(invoke(&server.function, &event, Some(Duration::from_millis(200)))).await.unwrap();
        Answer::of(received(&reply)).problem(503, "deadline-exceeded");
    }
}

#[tokio::test]
async fn a_panic_costs_one_request_its_answer() {
    let server = patient().await;
    server.store.set_fault(Some(Fault::Panic));
    nearby(&server, Some(PLENTY)).await.problem(500, "internal");
    server.store.set_fault(None);
    assert_eq!(nearby(&server, Some(PLENTY)).await.status, 200);
}

#[tokio::test]
async fn redis_that_dies_makes_nothing_fail() {
    let mut redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let bed = Bed::new(&[("CELLAR_REDIS_URL", &url), ("CELLAR_HEALTH_SECRET", SECRET)]).await;
    bed.put("wineries", "w-1", 0.0, 0.0).await;
    let health = format!("/health?healthCheckerId={SECRET}");
    assert_eq!(bed.get(&health).await.json()["redis"], "ok");
    assert_eq!(bed.get(NEARBY).await.json()["numberReturned"], 1);
    redis.kill();
    // Another place: memory has the first.
    let elsewhere = "/v1/collections/wineries/nearby?lat=40&lon=40";
    assert_eq!(bed.get(elsewhere).await.json()["numberReturned"], 0);
    let told = bed.invoke(&json!({ "instruction": "warmer" })).await.unwrap();
    assert_eq!((&told["dynamodb"], &told["redis"]), (&json!("ok"), &json!("failing")));
    let fresh = bed.another(&[("CELLAR_REDIS_URL", &url), ("CELLAR_HEALTH_SECRET", SECRET)]).await;
    let well = answer(&fresh, "GET", &health, "").await;
    assert_eq!((well.status.as_u16(), &well.json()["redis"]), (200, &json!("failing")));
    assert_eq!(answer(&fresh, "GET", NEARBY, "").await.json()["numberReturned"], 1);
}

#[tokio::test]
async fn a_store_that_takes_connections_and_says_nothing_delays_neither_the_start_nor_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (taken, mut taking) = tokio::sync::mpsc::unbounded_channel();
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
            let _ = taken.send(());
        }
    });
    let limits = [("CELLAR_INIT_LIMIT_MS", "200"), ("CELLAR_OPEN_CONNECTIONS", "3")];
    let function = within(function_at(&endpoint, "places", &limits)).await;
    for _ in 0..3 {
        within(taking.recv()).await.expect("a connection for each that is to be opened");
    }
    let event = event(request(Method::GET, NEARBY, "")).await;
    for _ in 0..2 {
        let reply = within(invoke(&function, &event, Some(Duration::from_millis(400)))).await.unwrap();
        Answer::of(received(&reply)).problem(503, "deadline-exceeded");
    }
    let warmer = json!({ "instruction": "warmer" });
    let told: Value =
        within(transport::invoke(&function, &warmer, Some(Duration::from_millis(400)))).await.unwrap();
    assert_eq!((&told["dynamodb"], &told["redis"]), (&json!("failing"), &json!("off")));
    assert_eq!(answer(&function, "GET", "/live", "").await.status, 200);
    answer(&function, "GET", "/ready", "").await.problem(503, "store-unavailable");
    silent.abort();
}

#[tokio::test]
async fn without_open_connections_nothing_is_opened_before_it_is_needed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let function = within(function_at(&endpoint, "places", &[("CELLAR_OPEN_CONNECTIONS", "0")])).await;
    assert_eq!(answer(&function, "GET", "/live", "").await.status, 200);
    // Whoever came before would be first in the queue.
    let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (_, first) = within(listener.accept()).await.unwrap();
    assert_eq!(first, ours.local_addr().unwrap());
}
