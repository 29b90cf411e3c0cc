//! The real binary against a Runtime API in the test.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

use super::bed::{PATIENCE, environment, within};
use crate::redis::RedisServer;
use cellar_test_kit::server::request;
use cellar_test_kit::transport::{context, event};
use cellar_test_kit::{endpoint, fresh_store};

/// What the runtime said: which of its endpoints, and what.
type Said = (&'static str, HeaderMap, Value);

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    said: mpsc::UnboundedSender<Said>,
}

impl Api {
    fn hear(&self, what: &'static str, headers: HeaderMap, body: &Bytes) -> StatusCode {
        let _ = self.said.send((what, headers, serde_json::from_slice(body).unwrap_or(Value::Null)));
        StatusCode::ACCEPTED
    }
}

/// The binary, and the other end of it.
struct Environment {
    child: Child,
    events: mpsc::UnboundedSender<Value>,
    said: mpsc::UnboundedReceiver<Said>,
}

impl Environment {
    async fn start(variables: HashMap<String, String>) -> Self {
        let (events, queue) = mpsc::unbounded_channel();
        let (hear, said) = mpsc::unbounded_channel();
        let api = Arc::new(Api { events: Mutex::new(queue), said: hear });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router(api)).await });
        let child = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "cellar")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, events, said }
    }

    async fn next(&mut self) -> Said {
        within(self.said.recv()).await.expect("the runtime says something")
    }

    async fn invoke(&mut self, event: Value) -> Said {
        self.events.send(event).unwrap();
        self.next().await
    }

    /// Sends a request that is answered well.
    async fn request(&mut self, method: &str, uri: &str) {
        let (_, _, reply) = self.invoke(event(request(method.parse().unwrap(), uri, "")).await).await;
        assert!(matches!(reply["statusCode"].as_u64(), Some(200..300)), "{reply}");
    }

    /// Ends it, once it is done with what it was given; its lines.
    async fn end(self) -> Vec<Value> {
        drop(self.events);
        let output = within(self.child.wait_with_output()).await.unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(ended))
        .route("/2018-06-01/runtime/init/error", post(failed))
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let context = context(Some(PATIENCE));
    let headers = [
        ("lambda-runtime-aws-request-id", context.request_id),
        ("lambda-runtime-deadline-ms", context.deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:cellar".into(),
        ),
        ("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into()),
    ];
    (headers, event.to_string()).into_response()
}

async fn ended(
    State(api): State<Arc<Api>>,
    Path((_, outcome)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    api.hear(if outcome == "response" { "response" } else { "error" }, headers, &body)
}

async fn failed(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    api.hear("init error", headers, &body)
}

#[tokio::test]
async fn it_answers_event_after_event_and_writes_lines_of_json() {
    let store = fresh_store().await;
    let metrics = [("CELLAR_EMF", "true")];
    let mut running = Environment::start(environment(&endpoint().await, store.table(), &metrics)).await;
    let (what, _, reply) =
        running.invoke(event(request("PUT".parse().unwrap(), "/v1/collections/wineries", "")).await).await;
    assert_eq!((what, &reply["statusCode"]), ("response", &json!(201)), "{reply}");
    assert_eq!(reply["headers"]["x-cellar-cold"], "true");
    assert_eq!(reply["headers"]["x-cellar-trace-id"], "5759e988bd862e3fe1be46a994272793");
    let nearby = "/v1/collections/wineries/nearby?lat=48.8566&lon=2.3522";
    let (_, _, reply) = running.invoke(event(request("GET".parse().unwrap(), nearby, "")).await).await;
    assert_eq!(
        (&reply["statusCode"], &reply["headers"]["x-cellar-cold"]),
        (&json!(200), &json!("false")),
        "{reply}"
    );
    let (what, headers, error) = running.invoke(json!({ "hello": "world" })).await;
    assert_eq!((what, &error["errorType"]), ("error", &json!("Cellar.EventRefused")), "{headers:?}");
    let (_, _, told) = running.invoke(json!({ "instruction": "warmer" })).await;
    assert_eq!(told["dynamodb"], "ok");
    // The warmer's answer is out; what comes after an answer is done before the next event is asked for.
    let (what, _, _) = running.invoke(json!({ "instruction": "warmer" })).await;
    assert_eq!(what, "response");
    drop(running.events);
    let output = within(running.child.wait_with_output()).await.unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of = |text: &str| lines.iter().filter(|line| line["message"] == text).collect::<Vec<_>>();
    assert_eq!((of("started").len(), of("answered").len()), (1, 2), "{log}");
    let search = of("answered")[1];
    assert_eq!(
        (&search["status"], &search["spans"][1]["trace_id"]),
        (&json!(200), &json!("5759e988bd862e3fe1be46a994272793"))
    );
    assert!(
        search["l1_misses"].as_u64().is_some() && search["spans"][0]["aws_request_id"].is_string(),
        "{search}"
    );
    let metrics: Vec<_> = lines.iter().filter(|line| line["_aws"].is_object()).collect();
    assert_eq!(metrics.len(), 2, "one for each request: {log}");
    assert_eq!((&metrics[1]["searches"], &metrics[1]["region"]), (&json!(1), &search_region(&metrics)));
    for secret in ["48.8566", "2.3522"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn its_metrics_say_when_redis_is_left_alone() {
    let store = fresh_store().await;
    let mut redis = RedisServer::start(&[]);
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let variables = [
        ("CELLAR_EMF", "true"),
        ("CELLAR_REDIS_URL", url.as_str()),
        // The first failure opens it, and no call tries again before the test is over.
        ("CELLAR_L2_BREAKER_FAILURES", "1"),
        ("CELLAR_L2_BREAKER_PAUSE_MS", "60000"),
    ];
    let mut running = Environment::start(environment(&endpoint().await, store.table(), &variables)).await;
    running.request("PUT", "/v1/collections/wineries").await;
    redis.kill();
    running.request("GET", "/v1/collections/wineries/nearby?lat=48&lon=2").await;
    running.request("GET", "/live").await;
    let metrics: Vec<Value> =
        running.end().await.into_iter().filter(|line| line["_aws"].is_object()).collect();
    let open: Vec<_> = metrics.iter().map(|line| line["l2_breaker_open"].as_f64()).collect();
    assert_eq!((open.first(), open.last()), (Some(&Some(0.0)), Some(&Some(1.0))), "{metrics:?}");
}

fn search_region(metrics: &[&Value]) -> Value {
    metrics[0]["region"].clone()
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_an_init_error_that_names_it() {
    for (variable, value, text) in [
        ("CELLAR_TABLE", "", "CELLAR_TABLE is not set; allowed: the name of the DynamoDB table"),
        ("CELLAR_MAX_IN_FLIGHT", "0", "CELLAR_MAX_IN_FLIGHT is 0; allowed: 1 to 65536"),
        ("AWS_CA_BUNDLE", "/nowhere.pem", "AWS_CA_BUNDLE is /nowhere.pem: No such file"),
        ("RUST_LOG", "a=b=c", "RUST_LOG is"),
    ] {
        let variables = environment("http://127.0.0.1:1", "places", &[(variable, value)]);
        let mut running = Environment::start(variables).await;
        let (what, headers, error) = running.next().await;
        assert_eq!((what, &error["errorType"]), ("init error", &json!("Cellar.StartFailed")));
        assert_eq!(headers["lambda-runtime-function-error-type"], "Cellar.StartFailed");
        assert!(error["errorMessage"].as_str().unwrap().starts_with(text), "{error}");
        assert_eq!(within(running.child.wait()).await.unwrap().code(), Some(1));
    }
}

#[tokio::test]
async fn outside_of_lambda_it_says_what_to_run_instead() {
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap")).env_clear().output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.starts_with("bootstrap: AWS_LAMBDA_RUNTIME_API is not set;") && said.contains("cellar serve"),
        "{said}"
    );
}
