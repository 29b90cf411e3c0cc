//! Two servers on one store, and writes that must not be lost between them.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::process::{Desk, PATIENCE};

const ITEMS: &str = "/v1/collections/places/items";

fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

fn place(id: &str, number: u64) -> Value {
    json!({
        "type": "Feature",
        "id": id,
        "geometry": { "type": "Point", "coordinates": [2.0, 1.0] },
        "properties": { "n": number },
    })
}

async fn send(method: Method, url: String, header: Option<(&str, &str)>, body: String) -> Response {
    let request = client().request(method, url).body(body);
    let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_batch_is_written_once_whichever_server_it_is_sent_to() {
    let desk = Desk::new();
    let (one, other) = (desk.serve(&[]), desk.serve(&[]));
    send(Method::PUT, format!("{}/v1/collections/places", one.url), None, String::new()).await;
    let batch =
        json!({ "type": "FeatureCollection", "features": [place("a", 1), place("b", 1)] }).to_string();
    let key = Some(("idempotency-key", "\"k-1\""));
    let post = |url: &str, body: &str| send(Method::POST, format!("{url}{ITEMS}"), key, body.to_owned());
    let first = post(&one.url, &batch).await;
    assert_eq!(first.status(), 200);
    let first = first.text().await.unwrap();
    let deleted = send(Method::DELETE, format!("{}{ITEMS}/a", other.url), None, String::new()).await;
    assert_eq!(deleted.status(), 204);
    let again = post(&other.url, &batch).await;
    assert_eq!((again.status().as_u16(), again.text().await.unwrap()), (200, first));
    assert_eq!(client().get(format!("{}{ITEMS}/a", other.url)).send().await.unwrap().status(), 404);
    let reused = post(&other.url, &batch.replace("\"b\"", "\"c\"")).await;
    assert_eq!(reused.status(), 422);

    // It outlives the servers.
    one.stop();
    other.stop();
    let third = desk.serve(&[]);
    assert_eq!(post(&third.url, &batch).await.status(), 200);
    assert_eq!(client().get(format!("{}{ITEMS}/a", third.url)).send().await.unwrap().status(), 404);
    third.stop();
}

/// Adds one to the number of the place, as often as it takes.
async fn increment(url: &str) {
    loop {
        let read = client().get(format!("{url}{ITEMS}/n")).send().await.unwrap();
        let tag = read.headers()["etag"].to_str().unwrap().to_owned();
        let seen: Value = read.json().await.unwrap();
        let next = place("n", seen["properties"]["n"].as_u64().unwrap() + 1).to_string();
        let written = send(Method::PUT, format!("{url}{ITEMS}/n"), Some(("if-match", &tag)), next).await;
        match written.status().as_u16() {
            200 => return,
            412 => {}
            other => panic!("{other}: {}", written.text().await.unwrap()),
        }
    }
}

#[tokio::test]
async fn of_writers_at_two_servers_none_is_lost() {
    const STEPS: u64 = 10;
    let desk = Desk::new();
    let (one, other) = (desk.serve(&[]), desk.serve(&[]));
    send(Method::PUT, format!("{}/v1/collections/places", one.url), None, String::new()).await;
    send(Method::PUT, format!("{}{ITEMS}/n", one.url), None, place("n", 0).to_string()).await;
    let writers = [&one, &other, &one, &other].map(|server| async move {
        for _ in 0..STEPS {
            increment(&server.url).await;
        }
    });
    futures::future::join_all(writers).await;
    let end: Value =
        client().get(format!("{}{ITEMS}/n", other.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(end["properties"]["n"], 4 * STEPS);
    one.stop();
    other.stop();
}
