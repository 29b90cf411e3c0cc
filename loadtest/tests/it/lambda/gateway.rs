//! HTTP through the gateway emulator, to a function and back.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cellar_loadtest::lambda::{Fleet, Function, Gateway, GatewayEmulator};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::support::{hello, patient, text, unruly};

/// A function behind a gateway emulator, and a client.
struct Bed {
    emulator: GatewayEmulator,
    client: Client,
}

async fn bed(function: Function) -> Bed {
    let fleet = Fleet::start(function, patient()).await.unwrap();
    let emulator = GatewayEmulator::open(Arc::new(fleet), Gateway::HttpApi, "127.0.0.1:0").await.unwrap();
    Bed { emulator, client: Client::new() }
}

impl Bed {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.emulator.address())
    }

    async fn get(&self) -> Response {
        self.client.get(self.url("/")).send().await.unwrap()
    }
}

/// A function that answers with the body that it gets.
async fn scripted(answer: Value) -> Response {
    let bed = bed(unruly("echo")).await;
    bed.client
        .post(bed.url("/"))
        .header("content-type", "text/plain")
        .body(answer.to_string())
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bare_function_says_hello() {
    let bed = bed(hello()).await;
    for _ in 0..3 {
        let response = bed.get().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_gets_the_request_as_an_event() {
    let bed = bed(unruly("event")).await;
    let request = bed.client.put(bed.url("/v1/x?a=1&a=2")).header("cookie", "k=v").body(vec![0xff, 0x00]);
    let event: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(event["requestContext"]["http"]["method"], "PUT");
    assert_eq!(event["requestContext"]["domainName"], "celllambda0rig.execute-api.us-east-1.amazonaws.com");
    assert_eq!(event["queryStringParameters"], json!({ "a": "1,2" }));
    assert_eq!(event["cookies"], json!(["k=v"]));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&"/wA=".into(), &true.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_becomes_a_response() {
    let response = scripted(json!({
        "statusCode": 203,
        "headers": { "X-One": "1", "content-length": "999", "content-type": "image/png" },
        "multiValueHeaders": { "vary": ["accept", "origin"] },
        "cookies": ["a=1; Path=/", "b=2"],
        "body": STANDARD.encode([0x89, 0x50, 0xff]),
        "isBase64Encoded": true,
    }))
    .await;
    let headers = response.headers().clone();
    assert_eq!(response.status(), 203);
    assert_eq!(
        (&headers["x-one"], &headers["vary"]),
        (&"1".parse().unwrap(), &"accept,origin".parse().unwrap())
    );
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(response.bytes().await.unwrap().as_ref(), [0x89, 0x50, 0xff]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_status_is_the_body() {
    let response = scripted(json!({ "places": [] })).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    assert_eq!(text(&response.bytes().await.unwrap()), r#"{"places":[]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_the_statuses_of_the_gateway() {
    let malformed = scripted(json!({ "statusCode": 9_999 })).await;
    assert_eq!(malformed.status(), 502);
    let crash = bed(unruly("crash")).await.get().await;
    assert_eq!(crash.status(), 502);
    assert!(crash.headers()["x-rig-error"].to_str().unwrap().contains("exit status: 7"));
    let mut hang = unruly("hang");
    hang.timeout = Duration::from_millis(300);
    assert_eq!(bed(hang).await.get().await.status(), 504);
    let bed = bed(hello()).await;
    let large = bed.client.post(bed.url("/")).body(vec![0; 5 * 1024 * 1024]);
    assert_eq!(large.send().await.unwrap().status(), 413, "base64 makes it larger than an event may be");
}
