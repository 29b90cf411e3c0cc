//! Writes with conditions: what they compare, that none is lost, and that a lost answer is no refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use cellar_model::condition::{Conditions, Tags, tag};
use cellar_model::place::Place;
use cellar_store::config::connect_with;
use cellar_store::{DynamoStore, Previous, Store, StoreConfig, StoreError, Written};
use geo_index::Leaf;
use tokio::task::JoinSet;

use cellar_test_kit::{TestStore, collection, endpoint, fresh_store, place};

fn if_match(tags: &str) -> Conditions {
    Conditions { if_match: Some(Tags::parse(tags).unwrap()), ..Conditions::default() }
}

fn if_none_match(tags: &str) -> Conditions {
    Conditions { if_none_match: Some(Tags::parse(tags).unwrap()), ..Conditions::default() }
}

fn numbered(id: &str, number: u32) -> Place {
    place(id, 48.8566 + f64::from(number) / 1e6, 2.3522, &format!(r#"{{"n":{number}}}"#))
}

fn existed(place: &Place) -> Written {
    Written::Done(Previous { existed: true, leaf: Some(Leaf::at(place.position)), categories: Vec::new() })
}

const NEW: Written = Written::Done(Previous { existed: false, leaf: None, categories: Vec::new() });

#[tokio::test]
async fn a_write_is_done_only_if_its_conditions_hold() {
    let (store, c) = (fresh_store().await, collection("conditions"));
    let (first, second) = (numbered("a/#é", 1), numbered("a/#é", 2));
    let unmet = Ok(Written::Unmet);
    assert_eq!(store.put_if(&c, &first, &if_match("*")).await, unmet, "nothing is there");
    assert_eq!(store.put_if(&c, &first, &if_match(&tag(&first))).await, unmet);
    assert_eq!(store.put_if(&c, &first, &if_none_match("*")).await, Ok(NEW));
    assert_eq!(store.put_if(&c, &second, &if_none_match("*")).await, unmet);
    assert_eq!(store.put_if(&c, &second, &if_match(&tag(&second))).await, unmet);
    assert_eq!(store.put_if(&c, &second, &if_match(&format!("W/{}", tag(&first)))).await, unmet);
    assert_eq!(store.put_if(&c, &second, &if_none_match(&format!("W/{}", tag(&first)))).await, unmet);
    assert_eq!(tag(&store.get(&c, &first.id).await.unwrap().unwrap()), tag(&first), "nothing was changed");

    let listed = format!("\"x\", {}", tag(&first));
    assert_eq!(store.put_if(&c, &second, &if_match(&listed)).await, Ok(existed(&first)));
    assert_eq!(store.put_if(&c, &first, &if_none_match(&listed)).await, Ok(existed(&second)));
    assert_eq!(store.put_if(&c, &second, &if_match("*")).await, Ok(existed(&first)));

    assert_eq!(store.delete_if(&c, &first.id, &if_match(&tag(&first))).await, unmet);
    assert_eq!(store.delete_if(&c, &first.id, &if_none_match("*")).await, unmet);
    assert_eq!(store.delete_if(&c, &first.id, &if_match(&tag(&second))).await, Ok(existed(&second)));
    assert_eq!(store.delete_if(&c, &first.id, &if_match(&tag(&second))).await, Ok(NEW), "it is gone");
    assert_eq!(store.put_if(&c, &first, &if_none_match("\"x\"")).await, Ok(NEW));
}

#[tokio::test]
async fn tags_survive_the_store() {
    let (store, c) = (fresh_store().await, collection("tags"));
    let text = r#"{"name":"é \"q\" \u0000","n":1.00000000000000000001,"x":[1e-7,null]}"#;
    for given in [
        place("a", 90.0, -180.0, text),
        place("b", -0.0, 1e-200, "null"),
        place("c", 0.1 + 0.2, 179.999_999_999_999_97, text),
        place("d", 1.0, 2.0, &format!(r#"{{"x":"{}"}}"#, "x".repeat(300_000))),
    ] {
        store.put_many(&c, std::slice::from_ref(&given)).await.unwrap();
        let stored = store.get(&c, &given.id).await.unwrap().unwrap();
        assert_eq!(tag(&stored), tag(&given), "{}", given.id);
        assert_eq!(store.put_if(&c, &given, &if_match(&tag(&given))).await, Ok(existed(&given)));
        assert_eq!(store.delete_if(&c, &given.id, &if_match(&tag(&given))).await, Ok(existed(&given)));
    }
}

#[tokio::test]
async fn of_many_writers_none_is_lost() {
    const WRITERS: u32 = 8;
    const STEPS: u32 = 25;
    let (store, c) = (Arc::new(fresh_store().await), collection("counter"));
    store.put(&c, &numbered("n", 0)).await.unwrap();
    let refused = Arc::new(AtomicU32::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (store, c, refused) = (Arc::clone(&store), c.clone(), Arc::clone(&refused));
        writers.spawn(async move {
            for _ in 0..STEPS {
                while !increment(&store, &c).await {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let end = store.get(&c, &"n".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(number(&end), WRITERS * STEPS);
    assert!(refused.load(Ordering::Relaxed) > 0, "they got into each other's way");
}

/// Adds one, unless another writer is faster. All writers of a number write the very same text.
async fn increment(store: &TestStore, c: &cellar_model::Collection) -> bool {
    let seen = store.get(c, &"n".parse().unwrap()).await.unwrap().unwrap();
    let next = numbered("n", number(&seen) + 1);
    store.put_if(c, &next, &if_match(&tag(&seen))).await.unwrap() != Written::Unmet
}

fn number(place: &Place) -> u32 {
    let properties: serde_json::Value = serde_json::from_str(place.properties.as_json()).unwrap();
    properties["n"].as_u64().unwrap() as u32
}

#[tokio::test]
async fn of_many_creators_one_creates() {
    let (store, c) = (Arc::new(fresh_store().await), collection("created"));
    let mut creators = JoinSet::new();
    for _ in 0..16 {
        let (store, c) = (Arc::clone(&store), c.clone());
        creators
            .spawn(async move { store.put_if(&c, &numbered("n", 1), &if_none_match("*")).await.unwrap() });
    }
    let done = creators.join_all().await;
    assert_eq!(done.iter().filter(|&written| *written == NEW).count(), 1);
    assert_eq!(done.iter().filter(|&written| *written == Written::Unmet).count(), 15);
}

/// Carries requests to the endpoint, and loses answers to writes: the next so many, once they are done.
#[derive(Clone)]
struct Lossy {
    behind: String,
    to_lose: Arc<AtomicU32>,
    http: reqwest::Client,
}

async fn carry(State(lossy): State<Lossy>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let request = lossy.http.post(&lossy.behind).body(body);
    let request = ["x-amz-target", "content-type", "authorization", "x-amz-date"]
        .iter()
        .filter_map(|&name| Some((name, headers.get(name)?.clone())))
        .fold(request, |request, (name, value)| request.header(name, value));
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    let is_write = target.ends_with("PutItem") || target.ends_with("DeleteItem");
    let lose = |left: u32| left.checked_sub(1);
    if is_write && lossy.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose).is_ok() {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    (status, [("content-type", "application/x-amz-json-1.0")], text).into_response()
}

/// The same table, over connections that lose answers.
async fn lossy(store: &TestStore) -> (DynamoStore, Arc<AtomicU32>) {
    let to_lose = Arc::new(AtomicU32::new(0));
    let state =
        Lossy { behind: endpoint().await, to_lose: Arc::clone(&to_lose), http: reqwest::Client::new() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(carry).with_state(state);
    tokio::spawn(async move { axum::serve(listener, app).await });
    // An engine may keep tables apart by region and by key.
    let given = |name: &str| std::env::var(name).unwrap_or_else(|_| "local".to_owned());
    let (key, secret) = (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY"));
    let credentials = Credentials::new(key, secret, None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new(given("AWS_REGION")))
        .build();
    let config = StoreConfig { endpoint_url: Some(url), ..StoreConfig::new(store.table()) };
    (connect_with(&config, &sdk).unwrap(), to_lose)
}

#[tokio::test]
async fn a_lost_answer_is_no_refusal() {
    let (store, c) = (fresh_store().await, collection("lost"));
    let (lossy, to_lose) = lossy(&store).await;
    let (first, second) = (numbered("n", 1), numbered("n", 2));
    for lost in [1, 2] {
        to_lose.store(lost, Ordering::SeqCst);
        assert_eq!(lossy.put_if(&c, &first, &if_none_match("*")).await, Ok(NEW));
        to_lose.store(lost, Ordering::SeqCst);
        assert_eq!(lossy.put_if(&c, &second, &if_match(&tag(&first))).await, Ok(existed(&first)));
        to_lose.store(lost, Ordering::SeqCst);
        assert_eq!(lossy.delete_if(&c, &first.id, &if_match(&tag(&second))).await, Ok(existed(&second)));
        assert_eq!(to_lose.load(Ordering::SeqCst), 0, "all were lost");
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_refusal_is_a_refusal() {
    let (store, c) = (fresh_store().await, collection("lost"));
    let (lossy, to_lose) = lossy(&store).await;
    let place = numbered("n", 1);
    store.put(&c, &place).await.unwrap();
    to_lose.store(1, Ordering::SeqCst);
    // The very same text is there, but it is another's.
    assert_eq!(lossy.put_if(&c, &place, &if_none_match("*")).await, Ok(Written::Unmet));
    assert_eq!(to_lose.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_sent() {
    let (store, c) = (fresh_store().await, collection("large"));
    let large = place("l", 1.0, 2.0, &format!(r#"{{"x":"{}"}}"#, "x".repeat(410_000)));
    let error = store.put_if(&c, &large, &if_none_match("*")).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
}
