//! Batches with an `Idempotency-Key`.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use cellar_test_kit::fake::Fault;
use cellar_test_kit::server::{Answer, Server, request, winery};

const ITEMS: &str = "/v1/collections/wineries/items";

fn batch(indices: &[usize]) -> String {
    let features: Vec<_> = indices.iter().map(|&index| winery(index)).collect();
    json!({ "type": "FeatureCollection", "features": features }).to_string()
}

fn keyed(key: &str, body: String) -> Request<Body> {
    let mut request = request(Method::POST, ITEMS, body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

async fn post(server: &Server, key: &str, body: String) -> Answer {
    server.send(keyed(key, body)).await
}

async fn delete(server: &Server, id: &str) {
    let deleted = server.send(request(Method::DELETE, &format!("{ITEMS}/{id}"), "")).await;
    assert_eq!(deleted.status, 204);
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_not_written_again() {
    let server = Server::with_wineries(0).await;
    let first = post(&server, "\"k-1\"", batch(&[1, 2])).await;
    assert_eq!((first.status.as_u16(), &first.json()["written"]), (200, &json!(2)));
    delete(&server, "w-001").await;
    let again = post(&server, "\"k-1\"", batch(&[1, 2])).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(post(&server, "k-1", batch(&[1, 2])).await.text, first.text, "quotes are no matter");
    assert_eq!(server.store.count(), 1, "the deleted place stays away");

    let problem = post(&server, "\"k-1\"", batch(&[1, 3])).await.problem(422, "key-reused");
    assert_eq!(problem["parameter"], "Idempotency-Key");
    assert_eq!(server.store.count(), 1);
    assert_eq!(post(&server, "\"k-2\"", batch(&[1, 3])).await.status, 200);
    assert_eq!(server.store.count(), 3);
}

#[tokio::test]
async fn what_was_not_written_may_be_sent_again() {
    let server = Server::with_wineries(0).await;
    post(&server, "\"k\"", "{}".to_owned()).await.problem(400, "body-invalid");
    server.store.fail_places(Some(Fault::Throttle));
    post(&server, "\"k\"", batch(&[1])).await.problem(503, "store-throttled");
    server.store.fail_places(None);
    assert_eq!(post(&server, "\"k\"", batch(&[1])).await.status, 200);
}

#[tokio::test]
async fn while_a_batch_is_written_it_is_not_written_twice() {
    let server = Server::with_wineries(0).await;
    server.store.fail_places(Some(Fault::Stall));
    let router = server.router.clone();
    let slow =
        tokio::spawn(
            async move { cellar_test_kit::server::send(&router, keyed("\"k\"", batch(&[1]))).await },
        );
    server.store.stalled.notified().await;
    let meanwhile = post(&server, "\"k\"", batch(&[1])).await;
    meanwhile.problem(409, "key-in-use");
    assert_eq!(meanwhile.header("retry-after"), "5");
    post(&server, "\"k\"", batch(&[2])).await.problem(422, "key-reused");
    slow.abort();
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_named() {
    let server = Server::with_wineries(0).await;
    for bad in ["", "\"", "a b", "\"a\", \"b\""] {
        let problem = post(&server, bad, batch(&[1])).await.problem(400, "header-invalid");
        assert_eq!(problem["parameter"], "Idempotency-Key", "{bad}");
    }
    assert_eq!(server.store.count(), 0);
}
