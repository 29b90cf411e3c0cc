//! The same requests over TCP and through the function: the same answers.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use cellar_cache::Policy;
use cellar_http::serve::{self, Limits};
use cellar_search::cells::EdgeConfig;
use tokio::net::TcpListener;

use cellar_test_kit::server::{Server, winery};
use cellar_test_kit::transport::{self, Received};

/// Headers of one answer, or of one transport.
const OWN: [&str; 4] = ["date", "server-timing", "cache-status", "content-length"];

const NEARBY: &str = "/v1/collections/wineries/nearby";
const ITEM: &str = "/v1/collections/wineries/items/w-001";

type Headers = &'static [(&'static str, &'static str)];

/// Methods, URLs, headers and bodies.
fn cases() -> Vec<(&'static str, String, Headers, String)> {
    let reads = [
        "/".to_owned(),
        "/live".to_owned(),
        "/problems".to_owned(),
        "/openapi.json".to_owned(),
        "/v1/collections".to_owned(),
        "/v1/collections/wineries".to_owned(),
        format!("{NEARBY}?lat=0.02&lon=0&radius=1500"),
        format!("{NEARBY}?lat=0&lon=0&limit=5&category=wine+bar"),
        format!("{NEARBY}?lat=0&lon=0&limit=5&category=wine%20bar"),
        format!("{NEARBY}?lat=0.02&lon=0&mode=cell"),
        format!("{NEARBY}?lat=91&lon=0"),
        format!("{NEARBY}?lat=0&lat=1&lon=0"),
        format!("{NEARBY}?lat=0&lon=%FF"),
        format!("{NEARBY}?"),
        "/v1/collections/wineries/cells/gh:s000/nearby".to_owned(),
        "/v1/collections/wineries/cells/gh:s000/nearby?category=winery".to_owned(),
        "/v1/collections/wineries/cells//nearby".to_owned(),
        "/v1/collections/wineries/cells/gh%3As000/nearby".to_owned(),
        "/v1/collections/wineries/../wineries".to_owned(),
        "/v1/collections/wineries/items?bbox=-1%2C-1%2C1%2C1&limit=4".to_owned(),
        ITEM.to_owned(),
        "/v1/collections/wineries/items/a%2Fb".to_owned(),
        "/v1/collections/wineries/items/%2E".to_owned(),
        "/v1/collections/nope/items/x".to_owned(),
        "/v1/collections/wineries/changes?since=abc".to_owned(),
        "/v1/collections/wineries/changes".to_owned(),
        "/v1/collections/wineries/live?bbox=1,2,3,4".to_owned(),
        "/health?depth=medium".to_owned(),
        "/health?depth=deep".to_owned(),
        "/events".to_owned(),
        "/nope".to_owned(),
    ];
    let plain: Headers = &[];
    let coded: Headers = &[("accept-encoding", "br, gzip")];
    let mut cases = Vec::new();
    for uri in reads {
        cases.push(("GET", uri.clone(), plain, String::new()));
        cases.push(("GET", uri.clone(), coded, String::new()));
        cases.push(("HEAD", uri, plain, String::new()));
    }
    let json: Headers = &[("content-type", "application/geo+json")];
    cases.extend([
        ("PUT", ITEM.to_owned(), json, winery(1).to_string()),
        ("PUT", ITEM.to_owned(), json, "{".to_owned()),
        ("PUT", ITEM.to_owned(), &[("content-type", "text/plain")], winery(1).to_string()),
        ("PUT", "/v1/collections/wineries".to_owned(), plain, String::new()),
        ("DELETE", "/v1/collections/wineries/items/nope".to_owned(), plain, String::new()),
        ("POST", "/events".to_owned(), json, r#"{"instruction":"warmer"}"#.to_owned()),
        ("PATCH", NEARBY.to_owned(), plain, String::new()),
        ("OPTIONS", ITEM.to_owned(), &[("origin", "https://app.example")], String::new()),
    ]);
    cases
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri).header("x-request-id", "the-same");
    request = request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_owned().into()).unwrap()
}

async fn over_tcp(client: &reqwest::Client, base: &str, request: Request<Body>, body: String) -> Received {
    let (parts, _) = request.into_parts();
    let sent = client.request(parts.method, format!("{base}{}", parts.uri)).headers(parts.headers).body(body);
    let answer = sent.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap())
}

fn comparable(headers: &HeaderMap) -> Vec<(String, String)> {
    let names = headers.keys().filter(|name| !OWN.contains(&name.as_str()));
    let text = |name| {
        let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join(", ")
    };
    let mut headers: Vec<_> = names.map(|name| (name.to_string(), text(name))).collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn both_transports_give_the_same_answers() {
    let server = Server::cached(Policy::default(), EdgeConfig::default()).filled_with_wineries(25).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let base = format!("http://{host}");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let done = tokio::spawn(serve::run(
        listener,
        server.router.clone(),
        shutdown,
        super::bed::PATIENCE,
        Limits::default(),
    ));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut compared = 0;
    for (method, uri, headers, body) in cases() {
        let event = || {
            let mut request = request(method, &uri, headers, &body);
            request.headers_mut().entry("host").or_insert(host.parse().unwrap());
            request
        };
        // What a first request finds out, later ones know.
        transport::send(&server.function, event()).await;
        let (status, through, bytes) = transport::send(&server.function, event()).await;
        if uri.contains("..") || uri.contains("%2E") {
            // The client at the other end tidies this up before it sends it.
            assert!(status.is_client_error(), "{uri}");
            continue;
        }
        let tcp = over_tcp(&client, &base, request(method, &uri, headers, &body), body.clone()).await;
        assert_eq!((status, &bytes), (tcp.0, &tcp.2), "{method} {uri}");
        assert_eq!(comparable(&through), comparable(&tcp.1), "{method} {uri}");
        if method != "HEAD" {
            assert_eq!(through.get("content-length"), tcp.1.get("content-length"), "{method} {uri}");
        }
        compared += 1;
    }
    assert!(compared > 80, "{compared}");
    drop((client, stop));
    done.await.unwrap();
}

#[tokio::test]
async fn instructions_from_outside_are_paths_that_do_not_exist() {
    let server = Server::with_wineries(1).await;
    let body = r#"{"instruction":"warmer"}"#;
    for uri in ["/events", "/2018-06-01/runtime/invocation/next"] {
        let request = request(Method::POST.as_str(), uri, &[("content-type", "application/json")], body);
        let (status, _, bytes) = transport::send(&server.function, request).await;
        assert_eq!(status, 404);
        assert!(String::from_utf8(bytes.to_vec()).unwrap().contains("/problems/route-unknown"));
    }
}

#[tokio::test]
async fn the_first_answer_is_cold_and_all_name_the_process() {
    let server = Server::new();
    let ask = || transport::send(&server.function, request("GET", "/live", &[], ""));
    let (first, second) = (ask().await.1, ask().await.1);
    assert_eq!(
        (&first["x-cellar-cold"], &second["x-cellar-cold"]),
        (&"true".parse().unwrap(), &"false".parse().unwrap())
    );
    assert_eq!(first["x-cellar-instance"], second["x-cellar-instance"]);
    assert_eq!(first["x-cellar-instance"].len(), 16);
    assert_eq!(first["x-cellar-region"], "local");
    assert_eq!(first["x-cellar-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}
