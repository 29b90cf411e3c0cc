//! Answers in the codings that clients take.

use std::io::Read as _;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use cellar_test_kit::server::{Server, request, winery};

const NEARBY: &str = "/v1/collections/wineries/nearby?lat=0&lon=0&limit=60";
const ITEMS: &str = "/v1/collections/wineries/items?limit=60";
const CODINGS: [&str; 3] = ["br", "zstd", "gzip"];
const BROWSER: &str = "gzip, deflate, br, zstd";

struct Coded {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Coded {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// All values of a header, as one.
    fn all(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join(", ")
    }

    /// The text, decoded as the answer says.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut body = &self.body[..];
        let read = match self.header("content-encoding") {
            "br" => brotli::Decompressor::new(body, 4_096).read_to_string(&mut text),
            "zstd" => zstd::Decoder::new(body).unwrap().read_to_string(&mut text),
            "gzip" => flate2::read::GzDecoder::new(body).read_to_string(&mut text),
            "" => body.read_to_string(&mut text),
            other => panic!("an unknown coding {other}"),
        };
        read.unwrap();
        text
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}

async fn ask(server: &Server, method: Method, uri: &str, headers: &[(&'static str, &str)]) -> Coded {
    let mut request = request(method, uri, "");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let (status, headers, body) = server.receive(request).await;
    Coded { status, headers, body }
}

async fn get(server: &Server, uri: &str, accepted: &str) -> Coded {
    ask(server, Method::GET, uri, &[("accept-encoding", accepted)]).await
}

#[tokio::test]
async fn an_answer_is_the_same_in_every_coding() {
    let server = Server::with_wineries(60).await;
    for (uri, vary) in [
        (NEARBY, "accept-encoding"),
        (ITEMS, "accept, accept-encoding"),
        ("/openapi.json", "accept-encoding"),
        ("/openapi-3.0.json", "accept-encoding"),
        ("/explorer", "accept-encoding"),
        ("/problems", "accept-encoding"),
    ] {
        let plain = get(&server, uri, "identity").await;
        assert_eq!((plain.header("content-encoding"), plain.all("vary").as_str()), ("", vary));
        for coding in CODINGS {
            let coded = get(&server, uri, coding).await;
            assert_eq!(coded.header("content-encoding"), coding, "{uri}");
            assert_eq!(coded.all("vary"), vary, "{uri}");
            assert!(coded.body.len() * 4 < plain.body.len() * 3, "{uri}: {}", coded.body.len());
            if uri == ITEMS {
                // It says when it was made.
                assert_eq!(coded.json()["features"], plain.json()["features"]);
            } else {
                assert!(coded.text() == plain.text(), "{uri} in {coding}");
            }
            for name in ["content-type", "cache-control"] {
                assert_eq!(coded.header(name), plain.header(name), "{uri}");
            }
            let head = ask(&server, Method::HEAD, uri, &[("accept-encoding", coding)]).await;
            assert_eq!((head.status, head.body.len()), (coded.status, 0));
            for name in ["content-encoding", "content-type", "etag", "vary"] {
                assert_eq!(head.all(name), coded.all(name), "{uri} in {coding}: {name}");
            }
            if uri != ITEMS {
                assert_eq!(head.header("content-length"), coded.body.len().to_string(), "{uri} in {coding}");
            }
        }
    }
}

#[tokio::test]
async fn weights_decide_and_without_them_the_work() {
    let server = Server::with_wineries(60).await;
    for (accepted, coding) in [
        (BROWSER, "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1, br;q=0.5, zstd;q=0.1", "gzip"),
        ("zstd;q=0, *", "br"),
        ("deflate", ""),
        ("identity, br;q=0.9", ""),
        ("", ""),
    ] {
        assert_eq!(get(&server, NEARBY, accepted).await.header("content-encoding"), coding, "{accepted}");
    }
    let lines = [("accept-encoding", "gzip;q=0.5"), ("accept-encoding", "br")];
    let answer = ask(&server, Method::GET, NEARBY, &lines).await;
    assert_eq!(answer.header("content-encoding"), "br", "over two lines");
    let scraper = [("accept-encoding", BROWSER), ("accept", "application/openmetrics-text;version=1.0.0")];
    let metrics = ask(&server, Method::GET, "/metrics", &scraper).await;
    assert!(metrics.text().ends_with("# EOF\n") && metrics.header("content-encoding") == "zstd");
}

#[tokio::test]
async fn what_is_short_is_sent_as_it_is() {
    let server = Server::with_wineries(3).await;
    for uri in [NEARBY, "/live", "/v1/collections", "/v1/collections/nope", "/nowhere"] {
        for accepted in [BROWSER, "identity;q=0, br"] {
            let answer = get(&server, uri, accepted).await;
            assert!(answer.body.len() < 1_024, "{uri}");
            assert_eq!(answer.header("content-encoding"), "", "{uri}");
            assert!(!answer.all("vary").contains("accept-encoding"), "{uri}");
        }
    }
}

#[tokio::test]
async fn who_takes_no_coding_is_told_so() {
    let server = Server::with_wineries(60).await;
    for uri in [NEARBY, "/openapi.json"] {
        for accepted in ["*;q=0", "identity;q=0, deflate"] {
            let answer = get(&server, uri, accepted).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("content-type")),
                (406, "application/problem+json")
            );
            let problem = answer.json();
            assert_eq!(problem["type"], "/problems/encoding-unacceptable");
            assert_eq!(
                (&problem["parameter"], &problem["allowed"]),
                (&json!("accept-encoding"), &json!("br, zstd, gzip, identity"))
            );
            assert_eq!(problem["instance"], answer.header("x-request-id"));
        }
    }
}

#[tokio::test]
async fn problems_are_compressed_and_complete() {
    let server = Server::with_wineries(0).await;
    let mut features: Vec<_> = (0..40).map(winery).collect();
    for feature in &mut features {
        feature["geometry"]["type"] = "Polygon".into();
    }
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    for accepted in ["gzip", "identity", "*;q=0"] {
        let mut request = request(Method::POST, "/v1/collections/wineries/items", batch.clone());
        request.headers_mut().insert("accept-encoding", accepted.parse().unwrap());
        let (status, headers, body) = server.receive(request).await;
        let answer = Coded { status, headers, body };
        let coding = if accepted == "gzip" { "gzip" } else { "" };
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (400, coding));
        let problem = answer.json();
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(20));
        assert_eq!(problem["instance"], answer.header("x-request-id"));
        let length = answer.header("content-length");
        assert!(length.is_empty() || length == answer.body.len().to_string(), "{length}");
    }
}

/// A 406 would say that nothing was done.
#[tokio::test]
async fn a_write_is_answered_whatever_the_client_takes() {
    let server = Server::with_wineries(0).await;
    let features: Vec<_> = (0..40).map(winery).collect();
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    let mut request = request(Method::POST, "/v1/collections/wineries/items", batch);
    request.headers_mut().insert("accept-encoding", "*;q=0".parse().unwrap());
    let (status, headers, body) = server.receive(request).await;
    let answer = Coded { status, headers, body };
    assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, ""));
    assert!(answer.body.len() > 1_024 && answer.json()["written"] == 40);
}

#[tokio::test]
async fn a_client_that_has_a_document_in_a_coding_is_told_so() {
    let server = Server::with_wineries(1).await;
    for number in 0..12 {
        server.put(&format!("/v1/collections/of-many-{number}"), "").await;
    }
    for uri in ["/v1/collections", "/openapi.json", "/openapi-3.0.json", "/explorer"] {
        let mut tags = Vec::new();
        for coding in ["identity", "br", "zstd", "gzip"] {
            let have = get(&server, uri, coding).await;
            let tag = have.header("etag").to_owned();
            assert!(
                tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
                "{uri}: {tag} is not strong"
            );
            for accepted in [coding, &format!("{BROWSER};q=0.5"), "*"] {
                for known in [tag.clone(), format!("\"x\", W/{tag}")] {
                    let asked = [("accept-encoding", accepted), ("if-none-match", &known)];
                    let again = ask(&server, Method::GET, uri, &asked).await;
                    assert_eq!(
                        (again.status.as_u16(), again.body.len()),
                        (304, 0),
                        "{uri} {accepted} {known}"
                    );
                    assert_eq!((again.header("etag"), again.header("content-encoding")), (&*tag, ""));
                    assert_eq!(again.header("cache-control"), have.header("cache-control"));
                    assert_eq!(again.all("vary"), have.all("vary"));
                }
            }
            tags.push(tag);
        }
        let known = tags[1].as_str();
        let other =
            ask(&server, Method::GET, uri, &[("accept-encoding", "gzip"), ("if-none-match", known)]).await;
        assert_eq!(other.status, 200, "it does not take what it has");
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 4, "{uri}");
    }
    let before = get(&server, "/v1/collections", "br").await;
    server.put("/v1/collections/another", "").await;
    let known = [("accept-encoding", "br"), ("if-none-match", before.header("etag"))];
    assert_eq!(ask(&server, Method::GET, "/v1/collections", &known).await.status, 200, "it has changed");
}

/// Its tag is what writers name.
#[tokio::test]
async fn a_place_keeps_its_tag_and_its_bytes() {
    let server = Server::with_wineries(1).await;
    let uri = "/v1/collections/wineries/items/w-000";
    let mut place = winery(0);
    place["properties"]["text"] = "a long text ".repeat(200).into();
    let written = server.put(uri, place.to_string()).await;
    let read = get(&server, uri, BROWSER).await;
    assert_eq!((read.header("content-encoding"), read.all("vary").as_str()), ("", "accept"));
    assert_eq!(read.header("etag"), written.header("etag"));
    let mut again = request(Method::PUT, uri, place.to_string());
    again.headers_mut().insert("if-match", read.header("etag").parse().unwrap());
    again.headers_mut().insert("accept-encoding", BROWSER.parse().unwrap());
    let (status, headers, _) = server.receive(again).await;
    assert_eq!((status.as_u16(), headers["etag"].to_str().unwrap()), (200, written.header("etag")));
}

#[tokio::test]
async fn cell_answers_are_compressed_once_and_by_themselves() {
    let server = Server::with_wineries(60).await;
    let uri = "/v1/collections/wineries/cells/gh:s000/nearby";
    let plain = get(&server, uri, "identity").await;
    for coding in CODINGS {
        let coded = get(&server, uri, coding).await;
        assert_eq!(
            (coded.header("content-encoding"), coded.all("vary").as_str()),
            (coding, "accept-encoding")
        );
        assert!(coded.text() == plain.text());
    }
    assert_eq!(
        get(&server, uri, BROWSER).await.header("content-encoding"),
        "br",
        "it is kept: the fewest bytes"
    );
}

#[tokio::test]
async fn what_a_search_took_is_told_all_the_same() {
    let server = Server::cached(cellar_cache::Policy::default(), cellar_search::cells::EdgeConfig::default())
        .filled_with_wineries(60)
        .await;
    for accepted in ["identity", "zstd"] {
        let answer = get(&server, NEARBY, accepted).await;
        assert!(answer.header("server-timing").starts_with("search;dur="), "{accepted}");
        assert!(answer.header("cache-status").starts_with("cellar-l1;"), "{accepted}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}
