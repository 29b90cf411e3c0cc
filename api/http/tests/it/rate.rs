//! How often a client may ask.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::{Method, header};
use cellar_http::client::{Peer, Proxies};
use cellar_http::config::{AccessConfig, ApiConfig, ClientConfig, WriteConfig};
use cellar_http::keys::{KeyRecord, Keyring, Keys};
use cellar_http::rate::Rate;

use cellar_test_kit::server::{Answer, Server, request};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0";
const CELL: &str = "/v1/collections/wineries/cells/gh:s000/nearby";

/// Two requests a second, three at once; one key, which only serves to tell callers apart.
struct Limited {
    server: Server,
    key: String,
}

impl Limited {
    async fn new() -> Self {
        let proxies = Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap()], ..Proxies::default() };
        let clients = ClientConfig { rate: Some(Rate { per_second: 2.0, burst: 3 }), proxies };
        let config = ApiConfig { clients, ..ApiConfig::default() };
        let scopes = vec!["admin:*".parse().unwrap()];
        let (record, key) = KeyRecord::generate(None, scopes, SystemTime::UNIX_EPOCH, None);
        let keys = Some(Arc::new(Keys::fixed(Keyring::of(vec![record]).unwrap())));
        let access = AccessConfig { keys, keyed_reads: false };
        let server = Server::with_access(config, WriteConfig::default(), access);
        let limited = Self { server, key };
        let mut put = request(Method::PUT, "/v1/collections/wineries", "");
        put.headers_mut().insert(header::AUTHORIZATION, limited.bearer());
        assert_eq!(limited.server.send(put).await.status, 201);
        limited.server.clock.advance(Duration::from_mins(1));
        limited
    }

    fn bearer(&self) -> axum::http::HeaderValue {
        format!("Bearer {}", self.key).parse().unwrap()
    }

    /// What a request gets that comes from an address, through proxies that say so much.
    async fn get(&self, peer: &str, forwarded: &str, uri: &str) -> Answer {
        let mut request = request(Method::GET, uri, "");
        request.extensions_mut().insert(Peer(peer.parse::<IpAddr>().unwrap()));
        if !forwarded.is_empty() {
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        self.server.send(request).await
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_it_may_again() {
    let limited = Limited::new().await;
    let left = |answer: &Answer| {
        (
            answer.status.as_u16(),
            answer.header("ratelimit").to_owned(),
            answer.header("ratelimit-policy").to_owned(),
        )
    };
    let policy = || "\"client\";q=3;w=2".to_owned();
    for expected in ["\"client\";r=2;t=1", "\"client\";r=1;t=1", "\"client\";r=0;t=2"] {
        let answer = limited.get("203.0.113.1", "", NEARBY).await;
        assert_eq!(left(&answer), (200, expected.to_owned(), policy()));
    }
    let refused = limited.get("203.0.113.1", "", NEARBY).await;
    refused.problem(429, "rate-limited");
    assert_eq!(left(&refused), (429, "\"client\";r=0;t=2".to_owned(), policy()));
    assert_eq!((refused.header("retry-after"), refused.header("cache-control")), ("1", "no-store"));
    limited.server.clock.advance(Duration::from_millis(500));
    assert_eq!(limited.get("203.0.113.1", "", NEARBY).await.status, 200);
    assert_eq!(limited.get("203.0.113.1", "", NEARBY).await.status, 429);
    let metrics = limited.server.get("/metrics").await.text;
    assert!(metrics.contains("cellar_http_rate_limited_total 2"), "{metrics}");
}

#[tokio::test]
async fn probes_and_documents_are_never_refused() {
    let limited = Limited::new().await;
    for uri in ["/live", "/ready", "/health", "/metrics", "/openapi.json"] {
        for _ in 0..5 {
            let answer = limited.get("203.0.113.1", "", uri).await;
            assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""), "{uri}");
        }
    }
}

#[tokio::test]
async fn answers_for_shared_caches_say_nothing_of_a_client() {
    let limited = Limited::new().await;
    for status in [200, 200, 200, 429] {
        let answer = limited.get("203.0.113.1", "", CELL).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.header("ratelimit").is_empty(), status == 200);
        assert_eq!(answer.header("ratelimit-policy").is_empty(), status == 200);
    }
    limited.server.clock.advance(Duration::from_mins(1));
    let map = limited.get("203.0.113.1", "", "/v1/collections/wineries/edge-map").await;
    assert_eq!((map.status.as_u16(), map.header("ratelimit")), (200, ""));
}

#[tokio::test]
async fn clients_are_told_apart_by_key_by_address_and_by_what_trusted_proxies_say() {
    // The event of a function has an address of its own.
    if cellar_test_kit::transport::is_lambda() {
        return;
    }
    let limited = Limited::new().await;
    let spent = async |peer: &str, forwarded: &str| {
        for _ in 0..3 {
            assert_eq!(limited.get(peer, forwarded, NEARBY).await.status, 200, "{peer} {forwarded}");
        }
        limited.get(peer, forwarded, NEARBY).await.problem(429, "rate-limited");
    };
    spent("203.0.113.1", "").await;
    spent("203.0.113.2", "").await;
    // Anybody can say anything.
    limited.get("203.0.113.2", "198.51.100.1", NEARBY).await.problem(429, "rate-limited");
    // Behind a proxy each client is one.
    spent("10.0.0.1", "198.51.100.1").await;
    spent("10.0.0.1", "198.51.100.2").await;
    limited.get("10.0.0.9", "9.9.9.9, 198.51.100.2", NEARBY).await.problem(429, "rate-limited");
    limited.get("10.0.0.1", "203.0.113.1", NEARBY).await.problem(429, "rate-limited");
    // A network of IPv6 is one.
    spent("2001:db8:0:1::1", "").await;
    limited.get("2001:db8:0:1:ffff::2", "", NEARBY).await.problem(429, "rate-limited");
    spent("2001:db8:0:2::1", "").await;
}

#[tokio::test]
async fn a_valid_key_is_a_client_and_an_invalid_one_is_none() {
    let limited = Limited::new().await;
    let get = async |bearer: String| {
        let mut request = request(Method::GET, NEARBY, "");
        request.extensions_mut().insert(Peer("203.0.113.1".parse().unwrap()));
        request.headers_mut().insert(header::AUTHORIZATION, bearer.parse().unwrap());
        limited.server.send(request).await.status.as_u16()
    };
    for status in [200, 200, 200, 429] {
        assert_eq!(get("Bearer cellar_000000000000_x".to_owned()).await, status);
    }
    assert_eq!(
        get("Bearer cellar_111111111111_y".to_owned()).await,
        429,
        "another wrong key is no other client"
    );
    for status in [200, 200, 200, 429] {
        assert_eq!(get(format!("Bearer {}", limited.key)).await, status);
    }
}
