//! Functions and fleets for the tests.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_loadtest::lambda::{Fleet, Function, Invocation, InvokeError, Limits};
use parking_lot::Mutex;

use crate::built;

/// How long to wait for what must happen: far longer than it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<Mutex<Instant>>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }

    /// What tells its time.
    pub(crate) fn now(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let clock = self.clone();
        move || *clock.0.lock()
    }
}

/// The bare function on `lambda_http`.
pub(crate) fn hello() -> Function {
    Function::new("hello", built::example("hello-function"))
}

/// A function that misbehaves in this way.
pub(crate) fn unruly(how: &str) -> Function {
    let mut function = Function::new("unruly", built::example("unruly-function")).with("UNRULY", how);
    function.timeout = PATIENCE;
    function
}

/// Limits that a slow machine does not run into.
pub(crate) fn patient() -> Limits {
    Limits { init: PATIENCE, ..Limits::default() }
}

pub(crate) async fn fleet(function: Function) -> Fleet {
    Fleet::start(function, patient()).await.unwrap()
}

/// One event to a new fleet of an unruly function.
pub(crate) async fn invoke_unruly(how: &str, event: &str) -> Result<Invocation, InvokeError> {
    fleet(unruly(how)).await.invoke(event.to_owned().into()).await
}

/// A GET of `/` as a function URL sends it.
pub(crate) fn get_event() -> bytes::Bytes {
    let event = serde_json::json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
        "headers": { "host": "example.com" },
        "requestContext": {
            "accountId": "anonymous", "apiId": "abc", "domainName": "example.com", "domainPrefix": "example",
            "http": { "method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "it" },
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64
        },
        "isBase64Encoded": false
    });
    event.to_string().into()
}

pub(crate) fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The lines of a file once it has so many.
pub(crate) async fn lines(path: &Path, count: usize) -> Vec<String> {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    until("lines in the file", || read().lines().count() >= count).await;
    read().lines().map(ToOwned::to_owned).collect()
}
