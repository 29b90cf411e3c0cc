//! Health checks: how deep, who may ask, what they cost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use cellar_config::Secret;
use cellar_http::config::HealthConfig;

use cellar_test_kit::fake::{Fault, INTERNAL};
use cellar_test_kit::server::{Answer, Server, request};

const SECRET: &str = "a-secret-for-health-checks";

fn config(deep_percent: u8) -> HealthConfig {
    let secret = Secret::new("CELLAR_HEALTH_SECRET", SECRET).unwrap();
    HealthConfig { deep_percent, secret: Some(secret), ..HealthConfig::default() }
}

fn pings(server: &Server) -> u32 {
    server.store.pings.load(Ordering::Relaxed)
}

async fn with_header(server: &Server, uri: &str, secret: &str) -> Answer {
    let mut request = request(Method::GET, uri, "");
    request.headers_mut().insert("x-cellar-health-check", secret.parse().unwrap());
    server.send(request).await
}

#[tokio::test]
async fn a_flood_of_pings_costs_one_read_a_second() {
    let server = Server::with_health(config(100));
    for _ in 0..500 {
        assert_eq!(server.get("/health").await.json()["depth"], "deep");
        assert_eq!(server.get(&format!("/health?healthCheckerId={SECRET}")).await.json()["store"], "ok");
    }
    assert_eq!(pings(&server), 1);
    server.clock.advance(Duration::from_secs(1));
    let many = futures::future::join_all((0..500).map(|_| server.get("/health"))).await;
    assert!(many.iter().all(|answer| answer.status == 200));
    assert_eq!(pings(&server), 2);
}

#[tokio::test]
async fn the_share_of_deep_pings_is_what_it_is_set_to() {
    let deep = async |percent| {
        let server = Server::with_health(config(percent));
        let mut deep = 0;
        for _ in 0..400 {
            deep += u32::from(server.get("/health").await.json()["depth"] == "deep");
        }
        assert_eq!(pings(&server), deep.min(1), "within a second");
        deep
    };
    assert_eq!((deep(0).await, deep(100).await), (0, 400));
    // Twelve standard deviations to either side.
    assert!((80..=320).contains(&deep(50).await));
}

#[tokio::test]
async fn who_has_the_secret_chooses_the_depth() {
    let server = Server::with_health(config(0));
    let told = server.get("/health").await.json();
    assert_eq!((&told["depth"], &told["store"]), (&"shallow".into(), &serde_json::Value::Null));
    assert_eq!(told["instance"].as_str().unwrap().len(), 16);
    for uri in ["/health", "/health?depth=deep"] {
        let told = with_header(&server, uri, SECRET).await.json();
        assert_eq!(
            (&told["depth"], &told["store"], &told["redis"]),
            (&"deep".into(), &"ok".into(), &"off".into())
        );
    }
    let shallow = with_header(&server, "/health?depth=shallow", SECRET).await.json();
    assert_eq!(shallow["depth"], "shallow");
    for wrong in ["", "a-secret-for-health-checkz", "a-secret-for-health-check"] {
        with_header(&server, "/health", wrong).await.problem(403, "health-unauthorized");
    }
    server.get("/health?depth=deep").await.problem(403, "health-unauthorized");
    server.get("/health?healthCheckerId=wrong").await.problem(403, "health-unauthorized");
    let without = Server::with_health(HealthConfig { secret: None, ..config(0) });
    let refused = with_header(&without, "/health", SECRET).await;
    let problem = refused.problem(403, "health-unauthorized");
    assert!(problem["detail"].as_str().unwrap().contains("CELLAR_HEALTH_SECRET"), "{problem}");
    assert!(!refused.text.contains(SECRET));
}

#[tokio::test]
async fn parameters_that_are_wrong_are_named() {
    let server = Server::with_health(config(0));
    for (query, slug, parameter) in [
        ("depth=medium", "parameter-invalid", "depth"),
        ("depth=", "parameter-invalid", "depth"),
        ("depth=deep&depth=deep", "parameter-repeated", "depth"),
        ("deep", "parameter-unknown", "deep"),
        ("healthCheckerId=", "parameter-invalid", "healthCheckerId"),
    ] {
        let problem = server.get(&format!("/health?{query}")).await.problem(400, slug);
        assert_eq!(problem["parameter"], parameter);
    }
}

#[tokio::test]
async fn a_drill_fails_every_ping_and_nothing_else() {
    let server = Server::with_health(HealthConfig { force_fail: true, ..config(100) });
    server.get("/health").await.problem(503, "forced-failure");
    server.get("/health?depth=shallow").await.problem(503, "forced-failure");
    with_header(&server, "/health", SECRET).await.problem(503, "forced-failure");
    assert_eq!(
        (server.get("/ready").await.status, server.get("/v1/collections").await.status),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
}

#[tokio::test]
async fn a_deep_ping_finds_the_known_place_or_fails() {
    let item = Some(("wineries".parse().unwrap(), "w-001".parse().unwrap()));
    let server = Server::with_health(HealthConfig { item, ..config(100) });
    let lost = server.get("/health").await;
    lost.problem(503, "store-unavailable");
    assert!(!lost.text.contains("CELLAR_HEALTH_ITEM"), "that is for the log");
    let server = server.filled_with_wineries(2).await;
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.get("/health").await.status, 200);
    server.store.set_fault(Some(Fault::Fail));
    server.clock.advance(Duration::from_secs(1));
    let failing = server.get("/health").await;
    failing.problem(503, "store-unavailable");
    assert!(!failing.text.contains(INTERNAL));
    assert_eq!(server.get("/health?depth=shallow").await.status, 200);
}
