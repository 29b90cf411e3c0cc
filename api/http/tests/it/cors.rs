//! Web pages of other origins.

use axum::http::{Method, Request, header};
use cellar_http::config::{ApiConfig, CorsConfig, Origins, WriteConfig};

use cellar_test_kit::server::{Answer, Server, request};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0";
const ITEM: &str = "/v1/collections/wineries/items/w-000";
const PAGE: &str = "https://example.com";
const ADMIN: &str = "https://admin.example.com";

async fn from(server: &Server, origin: &str, method: Method, uri: &str) -> Answer {
    let mut request = request(method, uri, "");
    request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
    server.send(request).await
}

async fn preflight(server: &Server, origin: &str, method: &str, uri: &str) -> Answer {
    let request = Request::options(uri)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "content-type, if-match")
        .body("".into())
        .unwrap();
    server.send(request).await
}

async fn with(reads: Origins) -> Server {
    let cors = CorsConfig { reads, writes: Origins::These(vec![ADMIN.parse().unwrap()]) };
    let config = ApiConfig { cors, ..ApiConfig::default() };
    Server::with(config, WriteConfig { token: None, open: true }).filled_with_wineries(1).await
}

#[tokio::test]
async fn any_page_may_read_and_caches_need_one_copy() {
    let server = Server::with_wineries(1).await;
    for uri in [
        NEARBY,
        ITEM,
        "/",
        "/openapi.json",
        "/v1/collections",
        "/v1/collections/nope/nearby?lat=0&lon=0",
        "/nowhere",
    ] {
        let answer = from(&server, PAGE, Method::GET, uri).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{uri}");
        assert!(!answer.header("vary").contains("origin"), "{uri}");
        for name in ["ETag", "Cache-Status", "Server-Timing", "Link", "Age", "x-request-id"] {
            assert!(answer.header("access-control-expose-headers").contains(name), "{uri}: {name}");
        }
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert_eq!(
            server.get(uri).await.header("access-control-allow-origin"),
            "*",
            "the same for everybody"
        );
    }
}

#[tokio::test]
async fn pages_that_may_read_can_be_named() {
    let server = with(Origins::These(vec![PAGE.parse().unwrap()])).await;
    for (origin, allowed) in
        [(PAGE, PAGE), ("https://example.org", ""), ("null", ""), ("no origin at all", "")]
    {
        let answer = from(&server, origin, Method::GET, NEARBY).await;
        assert_eq!(answer.status, 200, "the browser decides");
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(answer.header("vary"), "origin");
    }
    assert_eq!(server.get(NEARBY).await.header("vary"), "origin", "whoever comes first fills the cache");
}

#[tokio::test]
async fn pages_write_only_if_they_are_named() {
    let server = with(Origins::Any).await;
    from(&server, PAGE, Method::DELETE, ITEM).await.problem(403, "write-disabled");
    let answer = from(&server, ADMIN, Method::DELETE, ITEM).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (204, ADMIN));
    assert_eq!(answer.header("vary"), "origin");
}

#[tokio::test]
async fn preflights_are_answered_and_remembered() {
    let server = with(Origins::Any).await;
    for (origin, method, uri, allowed) in [
        (PAGE, "GET", NEARBY, "*"),
        (PAGE, "HEAD", NEARBY, "*"),
        (ADMIN, "PUT", ITEM, ADMIN),
        (ADMIN, "DELETE", ITEM, ADMIN),
        (PAGE, "PUT", ITEM, ""),
    ] {
        let answer = preflight(&server, origin, method, uri).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "{method} {uri}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{method} {uri}");
        let told = !allowed.is_empty();
        assert_eq!(answer.header("access-control-allow-methods"), if told { method } else { "" });
        assert_eq!(answer.header("access-control-max-age"), if told { "7200" } else { "" });
        assert_eq!(answer.header("access-control-allow-headers").contains("If-Match"), told);
        let vary: Vec<_> =
            answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.join(", ").contains("access-control-request-method"), "{vary:?}");
    }
}

#[tokio::test]
async fn preflights_for_what_there_is_not_are_problems() {
    let server = Server::with_wineries(1).await;
    for (method, uri) in
        [("PUT", NEARBY), ("PATCH", ITEM), ("TRACE", "/"), ("nonsense", NEARBY), ("", NEARBY)]
    {
        let problem = preflight(&server, PAGE, method, uri).await.problem(405, "method-not-allowed");
        assert_eq!(problem["parameter"], "access-control-request-method");
        assert!(problem["allowed"].as_str().unwrap().contains("GET"), "{problem}");
    }
    preflight(&server, PAGE, "GET", "/nowhere").await.problem(404, "route-unknown");
    let plain = server.send(request(Method::OPTIONS, NEARBY, "")).await;
    plain.problem(405, "method-not-allowed");
    assert_eq!(plain.header("allow"), "GET,HEAD");
}
