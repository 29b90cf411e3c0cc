//! Cell answers over a store in memory.

mod bad;
mod encodings;
mod exact;
mod headers;
mod rendered;
mod tags;
mod vectors;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use cellar_cache::Policy;
use cellar_search::cells::EdgeConfig;

use cellar_test_kit::server::{Server, request};

/// An answer whose body may be no text.
struct Raw {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Raw {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request with headers.
async fn ask(server: &Server, method: Method, uri: &str, headers: &[(&'static str, &str)]) -> Raw {
    let mut request = request(method, uri, "");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let (status, headers, body) = server.receive(request).await;
    Raw { status, headers, body }
}

/// A policy without chance: pages stay as long as they are said to.
fn deterministic() -> Policy {
    Policy::default().jitter(0.0).early_refresh(0.0)
}

/// A server with pages in memory that is told of every change, as far as it knows.
fn trusted(policy: Policy) -> Server {
    let server = Server::cached(policy, EdgeConfig::default());
    heartbeat(&server);
    server
}

fn heartbeat(server: &Server) {
    server.cache.as_ref().unwrap().record_heartbeat(std::time::Duration::ZERO);
}

/// A value of `/metrics`.
async fn metric(server: &Server, name: &str) -> f64 {
    let text = server.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

/// A counter of `/metrics`.
async fn count(server: &Server, name: &str) -> u64 {
    metric(server, name).await as u64
}
