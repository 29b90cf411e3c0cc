//! `If-Match` and `If-None-Match` on writes, and the tags that they are made of.

use axum::http::{HeaderName, Method, header};
use serde_json::json;

use cellar_test_kit::server::{Answer, Server, request};

const URI: &str = "/v1/collections/wineries/items/w-1";

fn feature(name: &str) -> String {
    json!({
        "type": "Feature",
        "geometry": { "type": "Point", "coordinates": [2.3522, 1e-200] },
        "properties": { "name": name },
    })
    .to_string()
}

async fn send(server: &Server, method: Method, headers: &[(HeaderName, &str)], body: String) -> Answer {
    let mut request = request(method, URI, body);
    for (name, value) in headers {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    server.send(request).await
}

async fn put(server: &Server, headers: &[(HeaderName, &str)], name: &str) -> Answer {
    send(server, Method::PUT, headers, feature(name)).await
}

#[tokio::test]
async fn every_answer_to_a_write_has_the_tag_that_a_read_has() {
    let server = Server::with_wineries(0).await;
    let created = put(&server, &[], "a").await;
    let read = server.get(URI).await;
    assert_eq!((created.status.as_u16(), created.header("etag")), (201, read.header("etag")));
    assert_eq!(created.text, read.text, "coordinates are as they are stored");
    let replaced = put(&server, &[], "b").await;
    assert_eq!(
        (replaced.status.as_u16(), replaced.header("etag")),
        (200, server.get(URI).await.header("etag"))
    );
    assert_ne!(replaced.header("etag"), created.header("etag"));
    assert_eq!(put(&server, &[], "a").await.header("etag"), created.header("etag"), "the same again");

    let mut member: serde_json::Value = serde_json::from_str(&feature("c")).unwrap();
    member["id"] = "w-1".into();
    let batch = json!({ "type": "FeatureCollection", "features": [member] }).to_string();
    let answer = server.post_as("/v1/collections/wineries/items", "application/json", batch).await;
    assert_eq!(answer.json()["etags"], json!([server.get(URI).await.header("etag")]), "{}", answer.text);
}

#[tokio::test]
async fn writes_depend_on_what_is_there() {
    let server = Server::with_wineries(0).await;
    let unmet = |answer: Answer, parameter: &str| {
        let problem = answer.problem(412, "precondition-failed");
        assert_eq!(problem["parameter"], parameter, "{problem}");
    };
    unmet(put(&server, &[(header::IF_MATCH, "*")], "a").await, "If-Match");
    let created = put(&server, &[(header::IF_NONE_MATCH, "*")], "a").await;
    assert_eq!(created.status, 201);
    unmet(put(&server, &[(header::IF_NONE_MATCH, "*")], "b").await, "If-None-Match");
    let tag = created.header("etag");
    let weak = format!("W/{tag}");
    unmet(put(&server, &[(header::IF_MATCH, &weak)], "b").await, "If-Match");
    unmet(put(&server, &[(header::IF_MATCH, "\"x\"")], "b").await, "If-Match");
    unmet(put(&server, &[(header::IF_NONE_MATCH, &weak)], "b").await, "If-None-Match");
    unmet(put(&server, &[(header::IF_MATCH, tag), (header::IF_NONE_MATCH, tag)], "b").await, "If-Match");
    assert_eq!(server.get(URI).await.header("etag"), tag, "nothing was written");

    let replaced = put(&server, &[(header::IF_MATCH, "\"x\""), (header::IF_MATCH, tag)], "b").await;
    assert_eq!(replaced.status, 200, "two lines are one list");
    unmet(send(&server, Method::DELETE, &[(header::IF_MATCH, tag)], String::new()).await, "If-Match");
    let now = replaced.header("etag");
    let deleted = send(&server, Method::DELETE, &[(header::IF_MATCH, now)], String::new()).await;
    assert_eq!(deleted.status, 204);
    let again = send(&server, Method::DELETE, &[(header::IF_MATCH, now)], String::new()).await;
    again.problem(404, "place-unknown");
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_named() {
    let server = Server::with_wineries(0).await;
    assert_eq!(put(&server, &[], "a").await.status, 201);
    for (name, shown) in [(header::IF_MATCH, "If-Match"), (header::IF_NONE_MATCH, "If-None-Match")] {
        for bad in ["", "x", "\"x", "w/\"x\"", "*, \"x\"", "\"a\" \"b\"", "**"] {
            for method in [Method::PUT, Method::DELETE] {
                let answer = send(&server, method, &[(name.clone(), bad)], feature("b")).await;
                let problem = answer.problem(400, "header-invalid");
                assert_eq!(problem["parameter"], shown, "{bad}: {problem}");
                assert!(problem["allowed"].as_str().unwrap().contains("entity tags"), "{problem}");
            }
        }
    }
    assert_eq!(server.get(URI).await.json()["properties"]["name"], "a");
}

#[tokio::test]
async fn a_condition_that_cannot_be_kept_is_refused() {
    let server = Server::with_wineries(0).await;
    for (method, uri) in
        [(Method::POST, "/v1/collections/wineries/items"), (Method::PUT, "/v1/collections/wineries")]
    {
        let mut request = request(method, uri, r#"{"type":"FeatureCollection","features":[]}"#);
        request.headers_mut().insert(header::IF_MATCH, "\"x\"".parse().unwrap());
        assert_eq!(server.send(request).await.problem(400, "header-invalid")["parameter"], "If-Match");
    }
}
