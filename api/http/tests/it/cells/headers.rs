//! What an answer says of itself, and conditional requests.

use axum::http::Method;

use super::ask;
use cellar_test_kit::server::Server;

const CELL: &str = "/v1/collections/wineries/cells/gh:s000/nearby";

#[tokio::test]
async fn an_answer_is_for_everybody_and_says_so() {
    let server = Server::with_wineries(3).await;
    let answer = server.get(CELL).await;
    assert_eq!(answer.header("content-type"), "application/geo+json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let control = answer.header("cache-control").to_owned();
    assert!(control.starts_with("public, max-age=") && control.contains(", s-maxage="), "{control}");
    assert!(control.ends_with(", stale-while-revalidate=60, stale-if-error=3600"), "{control}");
    assert!(answer.header("server-timing").starts_with("search;dur="), "{:?}", answer.headers);
    assert_eq!(answer.headers.get_all("vary").iter().count(), 1);
    assert!(answer.headers.get("set-cookie").is_none());
    let json = answer.json();
    assert_eq!(json["cell"], "gh:s000");
    assert_eq!(json["certified_radius_m"], 100_000);
    assert_eq!(json["numberReturned"], 3);
    assert_eq!(json["links"][0]["href"], CELL);
    let feature = &json["features"][0];
    assert_eq!(feature.as_object().unwrap().len(), 4, "{feature}");
    assert!(feature.get("distance_m").is_none());

    let exact = server.get("/v1/collections/wineries/nearby?lat=0&lon=0&mode=exact").await;
    assert_eq!(exact.header("cache-control"), "private, no-store");
    assert_eq!(
        (exact.header("vary"), exact.header("cache-tag"), exact.header("content-location")),
        ("", "", "")
    );
}

#[tokio::test]
async fn an_answer_that_the_client_has_is_not_sent_again() {
    let server = Server::with_wineries(3).await;
    let get = ask(&server, Method::GET, CELL, &[("accept-encoding", "br")]).await;
    let etag = get.header("etag").to_owned();
    let weak = format!("\"x\", W/{etag}");
    for method in [Method::GET, Method::HEAD] {
        for known in [etag.as_str(), weak.as_str(), "*"] {
            let headers = [("accept-encoding", "br"), ("if-none-match", known)];
            let raw = ask(&server, method.clone(), CELL, &headers).await;
            assert_eq!((raw.status.as_u16(), raw.body.len()), (304, 0), "{method} {known}");
            for name in ["etag", "cache-control", "content-location", "vary", "cache-tag"] {
                assert_eq!(raw.header(name), get.header(name), "{method} {known} {name}");
            }
            assert_eq!((raw.header("content-type"), raw.header("content-encoding")), ("", ""));
        }
    }
    let other_coding = ask(&server, Method::GET, CELL, &[("if-none-match", &etag)]).await;
    assert_eq!(other_coding.status, 200, "the tag is that of another coding");
    server
        .put(
            "/v1/collections/wineries/items/w-000",
            cellar_test_kit::server::winery(1).to_string().replace("w-001", "w-000"),
        )
        .await;
    let changed =
        ask(&server, Method::GET, CELL, &[("accept-encoding", "br"), ("if-none-match", &etag)]).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), etag);
}

#[tokio::test]
async fn reads_by_id_have_entity_tags() {
    let server = Server::with_wineries(1).await;
    for uri in ["/v1/collections/wineries/items/w-000", "/v1/collections/wineries"] {
        let get = ask(&server, Method::GET, uri, &[]).await;
        let etag = get.header("etag").to_owned();
        assert!(etag.len() > 2, "{uri}");
        let head = ask(&server, Method::HEAD, uri, &[]).await;
        assert_eq!((head.status.as_u16(), head.header("etag")), (200, etag.as_str()));
        let known = ask(&server, Method::GET, uri, &[("if-none-match", &etag)]).await;
        assert_eq!((known.status.as_u16(), known.header("etag"), known.body.len()), (304, etag.as_str(), 0));
        assert_eq!(known.header("cache-control"), "private, no-store");
        let other = ask(&server, Method::GET, uri, &[("if-none-match", "\"x\"")]).await;
        assert_eq!((other.status, &other.body), (get.status, &get.body));
    }
    for uri in ["/v1/collections", "/v1/collections/wineries/items?bbox=-1,-1,1,1"] {
        let head = ask(&server, Method::HEAD, uri, &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{uri}");
    }
}
