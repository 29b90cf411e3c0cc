//! The store against endpoints that throttle, stall, fail and take only part of a batch.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cellar_model::condition::{Conditions, Tags};
use cellar_model::place::Place;
use cellar_store::config::{CallLimits, connect_with};
use cellar_store::{DynamoStore, RangeRead, SetupError, Store, StoreConfig, StoreError, Written};
use geo_index::Leaf;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use cellar_test_kit::{collection, place};

/// What the stub says to a request.
#[derive(Clone, Copy)]
enum Answer {
    Throttle,
    ServerError,
    Empty,
    /// A batch of which the first so many writes are not processed.
    Unprocessed(usize),
    /// A condition does not hold; what is there instead is not said.
    Refused,
    /// An item with a key.
    Item,
    /// No answer, ever.
    Silence,
}

/// An endpoint that follows a script, and goes on with the script's last answer.
struct Stub {
    url: String,
    requests: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Stub {
    async fn start(answers: &[Answer]) -> Self {
        let requests = Arc::default();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let script = Script { answers, requests: Arc::clone(&requests) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, requests }
    }

    fn store(&self) -> DynamoStore {
        store_at(&self.url, StoreConfig::default())
    }

    /// Impatient: for tests that run into limits.
    fn store_within(&self, call: Duration, attempt: Duration) -> DynamoStore {
        let limits = CallLimits::new(call, attempt);
        store_at(&self.url, StoreConfig { interactive: limits, bulk: limits, ..StoreConfig::default() })
    }

    fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap();
    script.requests.lock().unwrap().push(request.clone());
    let answer = {
        let mut answers = script.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0] }
    };
    match answer {
        Answer::Throttle => error(StatusCode::BAD_REQUEST, "ThrottlingException"),
        Answer::ServerError => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        Answer::Empty => json!({}).to_string().into_response(),
        Answer::Unprocessed(count) => {
            let mut items = request["RequestItems"].clone();
            for writes in items.as_object_mut().unwrap().values_mut() {
                writes.as_array_mut().unwrap().truncate(count);
            }
            json!({ "UnprocessedItems": items }).to_string().into_response()
        }
        Answer::Refused => error(StatusCode::BAD_REQUEST, "ConditionalCheckFailedException"),
        Answer::Item => json!({ "Item": { "pk": { "S": "c#p" } } }).to_string().into_response(),
        Answer::Silence => std::future::pending().await,
    }
}

fn error(status: StatusCode, code: &str) -> Response {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    (status, json!({ "__type": code, "message": "on purpose" }).to_string()).into_response()
}

fn sdk_config(region: Option<Region>) -> SdkConfig {
    let credentials = Credentials::new("AKIDTEST", "the-secret", Some("the-token".into()), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(region)
        .build()
}

fn store_at(url: &str, config: StoreConfig) -> DynamoStore {
    let config = StoreConfig { endpoint_url: Some(url.to_owned()), ..config };
    connect_with(&config, &sdk_config(Some(Region::new("test")))).unwrap()
}

fn a_place() -> Place {
    place("p", 1.0, 2.0, "{}")
}

async fn read_within(store: &DynamoStore, limit: Duration) -> (Result<(), StoreError>, Duration) {
    let leaf = Leaf::at(a_place().position);
    let read = RangeRead {
        category: None,
        collection: collection("c"),
        root: leaf.ancestor(3).unwrap(),
        first_leaf: leaf,
        after: None,
        last_leaf: leaf,
        until: None,
        bare: false,
        limit: None,
        cap: 100,
    };
    let start = Instant::now();
    let result = store.read_range(&read, start + limit).await;
    (result.map(drop), start.elapsed())
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let stub = Stub::start(&[Answer::Throttle, Answer::Throttle, Answer::Throttle, Answer::Empty]).await;
    assert!(!stub.store().put(&collection("c"), &a_place()).await.unwrap().existed);
    let requests = stub.requests();
    // The root is registered first.
    assert_eq!(requests.len(), 5);
    assert!(requests[..4].iter().all(|request| *request == requests[0]));
    assert!(requests[0]["Item"]["pk"]["S"].as_str().unwrap().starts_with("#root#c#"));
    assert!(requests[4]["Item"]["pk"]["S"].as_str().unwrap().starts_with("c#"));
}

#[tokio::test]
async fn lasting_throttling_is_reported_before_the_deadline() {
    let stub = Stub::start(&[Answer::Throttle]).await;
    let limit = Duration::from_millis(300);
    let (result, took) = read_within(&stub.store(), limit).await;
    assert!(matches!(result, Err(StoreError::Throttled)), "{result:?}");
    assert!(took < limit, "{took:?}");
    assert!(stub.requests().len() > 1);
}

#[tokio::test]
async fn a_silent_endpoint_is_left_at_the_deadline() {
    let stub = Stub::start(&[Answer::Silence]).await;
    let limit = Duration::from_millis(200);
    let (result, took) = read_within(&stub.store(), limit).await;
    assert!(matches!(result, Err(StoreError::Deadline)), "{result:?}");
    assert!((limit..limit * 5).contains(&took), "{took:?}");

    let store = stub.store_within(limit, limit * 9);
    let (c, p) = (collection("c"), a_place());
    let start = Instant::now();
    for result in [
        store.put(&c, &p).await.map(drop),
        store.get(&c, &p.id).await.map(drop),
        store.put_many(&c, std::slice::from_ref(&p)).await,
        store.scan(&c, None).await.map(drop),
        store.ping().await,
    ] {
        assert!(matches!(result, Err(StoreError::Deadline)), "{result:?}");
    }
    assert!(start.elapsed() < limit * 5 * 5, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_stalled_attempt_is_followed_by_another() {
    let stub = Stub::start(&[Answer::Silence, Answer::Empty]).await;
    let store = stub.store_within(Duration::from_secs(30), Duration::from_millis(50));
    assert!(store.get(&collection("c"), &a_place().id).await.unwrap().is_none());
    assert!(stub.requests().len() >= 2);
}

#[tokio::test]
async fn faults_of_the_service_are_retried_a_few_times() {
    let stub = Stub::start(&[Answer::ServerError, Answer::Empty]).await;
    stub.store().ping().await.unwrap();
    assert_eq!(stub.requests().len(), 2);

    let stub = Stub::start(&[Answer::ServerError]).await;
    let error = stub.store().ping().await.unwrap_err();
    assert_eq!(error.to_string(), "the store failed: InternalServerError: on purpose");
    assert_eq!(stub.requests().len(), 4);
}

/// An endpoint that closes two connections of three without an answer, once it has read the request.
async fn closing() -> (String, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU32::new(0));
    let requests = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 1 << 16];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            if requests.fetch_add(1, Ordering::SeqCst) % 3 == 2 {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (url, count)
}

/// An idle connection that the service closes as a request is sent, a load balancer that is replaced.
#[tokio::test]
async fn a_connection_that_is_closed_without_an_answer_is_no_failure() {
    let (url, requests) = closing().await;
    let store = store_at(&url, StoreConfig::default());
    for call in 1..=3 {
        assert!(store.get(&collection("c"), &a_place().id).await.unwrap().is_none());
        assert_eq!(requests.load(Ordering::SeqCst), 3 * call);
    }
    store.put_many(&collection("c"), &[a_place()]).await.unwrap();
}

#[tokio::test]
async fn a_throttled_table_is_not_asked_many_times_as_much() {
    let stub = Stub::start(&[Answer::Throttle]).await;
    // Patient: on a busy machine the first answers to so many come late.
    let store = stub.store_within(Duration::from_mins(1), Duration::from_secs(20));
    let reads = (0..600).map(|_| read_within(&store, Duration::from_secs(30)));
    for (result, _) in futures::future::join_all(reads).await {
        assert!(matches!(result, Err(StoreError::Throttled)), "{result:?}");
    }
    let requests = stub.requests().len();
    assert!((600..=720).contains(&requests), "{requests}");
}

#[tokio::test]
async fn a_job_outlasts_throttling() {
    let stub = Stub::start(&[[Answer::Throttle; 20].as_slice(), &[Answer::Empty]].concat()).await;
    let limits = CallLimits::new(Duration::from_millis(100), Duration::from_secs(1));
    let config = StoreConfig { bulk: limits, ..StoreConfig::default() };
    let scanned = store_at(&stub.url, config.clone()).scan(&collection("c"), None).await;
    assert!(matches!(scanned, Err(StoreError::Throttled)), "{scanned:?}");
    store_at(&stub.url, config.patient()).scan(&collection("c"), None).await.unwrap();
}

/// DynamoDB says with its refusal what is there. Dynalite does not, and older versions of Alternator.
#[tokio::test]
async fn what_is_there_instead_is_read_where_the_refusal_does_not_say_it() {
    // The first answer is that to the root's registration.
    let stub = Stub::start(&[Answer::Empty, Answer::Refused, Answer::Item]).await;
    let conditions = Conditions { if_none_match: Some(Tags::parse("*").unwrap()), ..Conditions::default() };
    let written = stub.store().put_if(&collection("c"), &a_place(), &conditions).await.unwrap();
    assert_eq!(written, Written::Unmet);
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[1]["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    assert_eq!(
        (&requests[2]["ConsistentRead"], &requests[2]["Key"]["pk"]["S"]),
        (&true.into(), &requests[1]["Item"]["pk"]["S"])
    );
}

#[tokio::test]
async fn unprocessed_writes_are_sent_again() {
    // The first answer is that to the root's registration.
    let answers = [Answer::Empty, Answer::Unprocessed(25), Answer::Unprocessed(7), Answer::Empty];
    let stub = Stub::start(&answers).await;
    let places: Vec<_> = (0..25).map(|i| place(&format!("p-{i}"), 1.0, 2.0, "{}")).collect();
    stub.store().put_many(&collection("c"), &places).await.unwrap();
    let requests = stub.requests();
    let writes: Vec<_> =
        requests[1..].iter().map(|r| r["RequestItems"]["cellar"].as_array().unwrap().as_slice()).collect();
    assert_eq!(writes, [writes[0], writes[0], &writes[0][..7]]);
    assert_eq!(writes[0].len(), 25);
}

#[tokio::test]
async fn writes_that_stay_unprocessed_are_throttled() {
    let stub = Stub::start(&[Answer::Empty, Answer::Unprocessed(25)]).await;
    let store = stub.store_within(Duration::from_millis(300), Duration::from_secs(1));
    let error = store.put_many(&collection("c"), &[a_place()]).await.unwrap_err();
    assert!(matches!(error, StoreError::Throttled), "{error}");
    assert!(stub.requests().len() > 2);
}

#[tokio::test]
async fn an_unreachable_endpoint_fails_within_the_deadline() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = store_at(&format!("http://{free}"), StoreConfig::default());
    let limit = Duration::from_secs(5);
    let (result, took) = read_within(&store, limit).await;
    let Err(StoreError::Failed(text)) = result else { panic!("{result:?}") };
    assert!(took < limit, "{took:?}");
    assert!(!text.contains("the-secret") && !text.contains("the-token"), "{text}");
}

#[test]
fn a_missing_region_is_named() {
    let error = connect_with(&StoreConfig::default(), &sdk_config(None)).unwrap_err();
    assert!(matches!(error, SetupError::NoRegion));
    assert!(error.to_string().contains("AWS_REGION"));
}
