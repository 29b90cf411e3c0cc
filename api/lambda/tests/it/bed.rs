//! A function as it starts in Lambda, over a table of its own.

use std::collections::HashMap;
use std::time::Duration;

use cellar_http::config::LambdaConfig;
use cellar_lambda::{Function, start};
use serde_json::Value;

use cellar_test_kit::server::{Answer, request};
use cellar_test_kit::transport::{self, PLENTY};
use cellar_test_kit::{TestStore, endpoint, fresh_store};

/// Longest time for anything but a hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What the environment of a function over a table says at least.
pub(super) fn environment(endpoint: &str, table: &str, more: &[(&str, &str)]) -> HashMap<String, String> {
    let set = |name: &str| std::env::var(name).unwrap_or_else(|_| "cellar".to_owned());
    let least = [
        ("AWS_REGION", std::env::var("AWS_REGION").unwrap_or_else(|_| "eu-west-1".to_owned())),
        ("AWS_ACCESS_KEY_ID", set("AWS_ACCESS_KEY_ID")),
        ("AWS_SECRET_ACCESS_KEY", set("AWS_SECRET_ACCESS_KEY")),
        ("CELLAR_TABLE", table.to_owned()),
        ("CELLAR_ENDPOINT_URL", endpoint.to_owned()),
        ("CELLAR_WRITES_OPEN", "true".to_owned()),
        ("CELLAR_EMF", "false".to_owned()),
        // A busy machine is no failure.
        ("CELLAR_INIT_LIMIT_MS", "9000".to_owned()),
        ("CELLAR_READ_TIME_LIMIT_MS", "30000".to_owned()),
        ("CELLAR_WRITE_TIME_LIMIT_MS", "30000".to_owned()),
        ("CELLAR_LOAD_LIMIT_MS", "30000".to_owned()),
        ("CELLAR_L2_READ_LIMIT_MS", "10000".to_owned()),
        ("CELLAR_L2_WRITE_LIMIT_MS", "10000".to_owned()),
    ];
    let least = least.map(|(name, value)| (name.to_owned(), value)).into_iter();
    least.chain(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
}

/// A function at an endpoint.
pub(super) async fn function_at(endpoint: &str, table: &str, more: &[(&str, &str)]) -> Function {
    let environment = environment(endpoint, table, more);
    let env: HashMap<&str, &str> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    start(LambdaConfig::from_env(&env).unwrap()).await.unwrap()
}

/// A function, and its table.
pub(super) struct Bed {
    pub(super) store: TestStore,
    pub(super) function: Function,
}

impl Bed {
    pub(super) async fn new(more: &[(&str, &str)]) -> Self {
        let store = fresh_store().await;
        let function = function_at(&endpoint().await, store.table(), more).await;
        Self { store, function }
    }

    /// Another environment of the same function.
    pub(super) async fn another(&self, more: &[(&str, &str)]) -> Function {
        function_at(&endpoint().await, self.store.table(), more).await
    }

    /// A collection with a place.
    pub(super) async fn put(&self, collection: &str, id: &str, lat: f64, lon: f64) {
        self.send("PUT", &format!("/v1/collections/{collection}"), "").await;
        let feature =
            format!(r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon},{lat}]}}}}"#);
        let put = self.send("PUT", &format!("/v1/collections/{collection}/items/{id}"), &feature).await;
        assert!(put.status.is_success(), "{}", put.text);
    }

    pub(super) async fn send(&self, method: &str, uri: &str, body: &str) -> Answer {
        answer(&self.function, method, uri, body).await
    }

    pub(super) async fn get(&self, uri: &str) -> Answer {
        self.send("GET", uri, "").await
    }

    /// Gives an instruction, or a batch.
    pub(super) async fn invoke(&self, event: &Value) -> Result<Value, String> {
        within(transport::invoke(&self.function, event, Some(PLENTY))).await
    }
}

/// Waits until what a function loaded is in Redis.
pub(super) async fn settled(function: &Function) {
    within(function.state().cache.as_ref().unwrap().drain()).await;
}

/// Sends a request to a function.
pub(super) async fn answer(function: &Function, method: &str, uri: &str, body: &str) -> Answer {
    let request = request(method.parse().unwrap(), uri, body.to_owned());
    Answer::of(within(transport::send(function, request)).await)
}

/// Waits, but not for ever.
pub(super) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("an end in time")
}
