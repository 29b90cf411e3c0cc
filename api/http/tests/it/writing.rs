//! Who may write.

use axum::http::{Method, header};
use cellar_http::config::{ApiConfig, WriteConfig, WriteToken};

use cellar_test_kit::server::{Answer, Server, request};

const URI: &str = "/v1/collections/wineries";
const TOKEN: &str = "correct-horse-battery";

fn guarded() -> Server {
    let token = WriteToken::new(TOKEN).unwrap();
    Server::with(ApiConfig::default(), WriteConfig { token: Some(token), open: true })
}

async fn put_as(server: &Server, authorization: &str) -> Answer {
    let mut request = request(Method::PUT, URI, "");
    request.headers_mut().insert(header::AUTHORIZATION, authorization.parse().unwrap());
    server.send(request).await
}

#[tokio::test]
async fn a_token_is_asked_for_and_checked() {
    let server = guarded();
    let answer = server.put(URI, "").await;
    answer.problem(401, "write-unauthorized");
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="cellar""#);
    for wrong in
        ["Bearer wrong", "Bearer ", "Basic correct-horse-battery", "Bearer correct-horse-batterx", TOKEN]
    {
        put_as(&server, wrong).await.problem(401, "write-unauthorized");
    }
    assert_eq!(put_as(&server, &format!("Bearer {TOKEN}")).await.status, 201);
    assert_eq!(put_as(&server, &format!("bearer {TOKEN}")).await.status, 200);
    assert_eq!(server.get(URI).await.status, 200);
}

#[tokio::test]
async fn every_write_is_guarded() {
    let server = guarded();
    for (method, uri) in [
        (Method::PUT, "/v1/collections/wineries".to_owned()),
        (Method::POST, format!("{URI}/items")),
        (Method::PUT, format!("{URI}/items/a")),
        (Method::DELETE, format!("{URI}/items/a")),
    ] {
        server.send(request(method, &uri, "")).await.problem(401, "write-unauthorized");
    }
}

#[tokio::test]
async fn without_a_token_writing_is_off_unless_open() {
    let closed = Server::with(ApiConfig::default(), WriteConfig::default());
    let problem = closed.put(URI, "").await.problem(403, "write-disabled");
    assert!(problem["detail"].as_str().unwrap().contains("CELLAR_WRITE_TOKEN"), "{problem}");
    assert_eq!(closed.get("/v1/collections").await.status, 200);
}

#[tokio::test]
async fn an_open_server_takes_no_writes_from_foreign_pages() {
    let server = Server::with_wineries(1).await;
    let writes = [
        (Method::PUT, "/v1/collections/other".to_owned(), ""),
        (Method::POST, format!("{URI}/items"), r#"{"type":"FeatureCollection","features":[]}"#),
        (Method::DELETE, format!("{URI}/items/w-000"), ""),
    ];
    for (method, uri, body) in &writes {
        for origin in ["https://example.com", "null"] {
            let mut request = request(method.clone(), uri, *body);
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
            server.send(request).await.problem(403, "write-disabled");
        }
    }
    for (method, uri, body) in &writes {
        let mut request = request(method.clone(), uri, *body);
        request.headers_mut().insert(header::ORIGIN, "http://localhost:5173".parse().unwrap());
        assert!(server.send(request).await.status.is_success(), "{method} {uri}");
    }
    let mut read = request(Method::GET, URI, "");
    read.headers_mut().insert(header::ORIGIN, "https://example.com".parse().unwrap());
    assert_eq!(server.send(read).await.status, 200);
}

#[tokio::test]
async fn whoever_has_the_token_may_write_from_any_page() {
    let server = guarded();
    let mut request = request(Method::PUT, URI, "");
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
    request.headers_mut().insert(header::ORIGIN, "https://example.com".parse().unwrap());
    assert_eq!(server.send(request).await.status, 201);
}
