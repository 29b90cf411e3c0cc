//! What is no request for a cell answer, and what is said of it.

use axum::http::Method;

use super::ask;
use cellar_test_kit::server::{Server, request};

const WINERIES: &str = "/v1/collections/wineries";

/// The problem's kind and parameter.
async fn refused(server: &Server, uri: &str) -> (String, Option<String>) {
    let answer = server.get(uri).await;
    let problem = answer.json();
    let slug = problem["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned();
    answer.problem(400, &slug);
    assert_eq!(answer.header("cache-control"), "no-store", "{uri}");
    assert_eq!(answer.header("content-location"), "", "{uri}");
    (slug, problem["parameter"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn cells_that_are_none() {
    let server = Server::with_wineries(1).await;
    for (cell, slug) in [
        ("", "parameter-invalid"),
        ("gh:", "parameter-invalid"),
        ("gh:u09tvw5fm4ph7", "parameter-invalid"),
        ("gh:u0", "parameter-out-of-range"),
        ("gh:u09tvw5fm4ph", "parameter-out-of-range"),
        ("gh:u09a", "parameter-invalid"),
        ("gh:u09i", "parameter-invalid"),
        ("gh:U09T", "parameter-invalid"),
        ("GH:u09t", "parameter-invalid"),
        ("u09t", "parameter-invalid"),
        ("gh%3Au09t%0D%0AX-Evil:1", "parameter-invalid"),
        ("gh:u09t%2F..", "parameter-invalid"),
        ("gh:u09%", "query-malformed"),
        ("gh:u09%ff", "query-malformed"),
        ("gh:+u09t", "parameter-invalid"),
        ("h3:", "parameter-invalid"),
        ("h3:831FB4FFFFFFFFF", "parameter-invalid"),
        ("h3:831fb4fffffffff0", "parameter-invalid"),
        ("h3:821fb7fffffffff", "parameter-out-of-range"),
        ("h3:8a1fb46622dffff", "parameter-out-of-range"),
        // Base cell 4 is a pentagon, which has no children of digit 1.
        ("h3:830840fffffffff", "parameter-invalid"),
        ("h3:ffffffffffffffff", "parameter-invalid"),
    ] {
        let found = refused(&server, &format!("{WINERIES}/cells/{cell}/nearby")).await;
        assert_eq!(found, (slug.to_owned(), Some("cell".to_owned())), "{cell}");
    }
    let pentagon = server.get(&format!("{WINERIES}/cells/h3:830800fffffffff/nearby")).await;
    assert_eq!(pentagon.status, 200, "pentagons themselves are cells: {}", pentagon.text);
}

#[tokio::test]
async fn queries_that_are_none() {
    let server = Server::with_wineries(1).await;
    let long = format!("category={}", "x".repeat(8 << 10));
    for (query, slug, parameter) in [
        ("radius=5", "parameter-unknown", Some("radius")),
        ("Category=a", "parameter-unknown", Some("Category")),
        ("utm_source=%0d%0aSet-Cookie:x", "parameter-unknown", Some("utm_source")),
        ("category=a&category=a", "parameter-repeated", Some("category")),
        ("category=a&%63ategory=b", "parameter-repeated", Some("category")),
        ("category=", "parameter-invalid", Some("category")),
        ("category", "parameter-invalid", Some("category")),
        ("category=a%0d%0aX-Evil:%201", "parameter-invalid", Some("category")),
        ("category=%00", "parameter-invalid", Some("category")),
        ("category=%", "query-malformed", Some("category")),
        ("category=%C0%AF", "query-malformed", Some("category")),
        ("%=1", "query-malformed", None),
        (long.as_str(), "query-too-long", None),
    ] {
        let found = refused(&server, &format!("{WINERIES}/cells/gh:u09t/nearby?{query}")).await;
        assert_eq!(found, (slug.to_owned(), parameter.map(str::to_owned)), "{query}");
    }
    let long = format!("mode=cell&lat=1&lon=2&category={}", "x".repeat(8 << 10));
    let found = refused(&server, &format!("{WINERIES}/nearby?{long}")).await;
    assert_eq!(found, ("query-too-long".to_owned(), None));
}

#[tokio::test]
async fn spellings_of_one_url_get_one_answer() {
    let server = Server::with_wineries(4).await;
    let canonical = format!("{WINERIES}/cells/gh:s000/nearby?category=wine%20bar");
    let expected = server.get(&canonical).await;
    assert_eq!(expected.json()["numberReturned"], 1);
    for spelling in [
        "/v1/collections/%77ineries/cells/%67h:s000/nearby?category=wine+bar",
        "/v1/collections/wineries/cells/gh%3as000/nearby?&category=wine%20bar&",
        "/v1/collections/wineries/nearby?mode=cell&lat=0.01&lon=.02&category=wine+bar&limit=3&radius=7",
        "/v1/collections/wineries/nearby?mode=cell&lat=0&lon=0&category=wine%20bar&precision=4",
    ] {
        let answer = server.get(spelling).await;
        assert_eq!((answer.status, &answer.text), (expected.status, &expected.text), "{spelling}");
        for name in ["content-location", "etag", "cache-control", "cache-tag", "vary"] {
            assert_eq!(answer.header(name), expected.header(name), "{spelling}");
        }
        assert_eq!(answer.header("content-location"), canonical);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_kept() {
    let server = Server::with_wineries(1).await;
    for uri in
        ["/v1/collections/bars/cells/gh:u09t/nearby", "/v1/collections/bars/nearby?lat=1&lon=2&mode=cell"]
    {
        let answer = server.get(uri).await;
        assert_eq!(answer.problem(404, "collection-unknown")["parameter"], "collection");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for path in
        ["cells/gh:u09t", "cells/gh:u09t/nearby/", "cells/gh:u09t%2Fnearby", "cells/", "Cells/gh:u09t/nearby"]
    {
        server.get(&format!("{WINERIES}/{path}")).await.problem(404, "route-unknown");
    }
    let empty_collection = server.get("/v1/collections//cells/gh:u09t/nearby").await;
    assert_eq!(empty_collection.problem(400, "parameter-invalid")["parameter"], "collection");
    let post = server.send(request(Method::POST, &format!("{WINERIES}/cells/gh:u09t/nearby"), "")).await;
    post.problem(405, "method-not-allowed");
}

#[tokio::test]
async fn who_accepts_nothing_gets_nothing() {
    let server = Server::with_wineries(1).await;
    let uri = format!("{WINERIES}/cells/gh:u09t/nearby");
    let raw = ask(&server, Method::GET, &uri, &[("accept-encoding", "identity;q=0, deflate")]).await;
    assert_eq!((raw.status.as_u16(), raw.header("cache-control")), (406, "no-store"));
    let problem: serde_json::Value = serde_json::from_slice(&raw.body).unwrap();
    assert_eq!(problem["type"], "/problems/encoding-unacceptable");
}
