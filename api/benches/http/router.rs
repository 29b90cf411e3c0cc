//! The router called in this process: what a request costs without sockets, clients and a kernel.

use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use tower::Service as _;

use super::server;
use super::support::{Places, middle};
use super::{CANDIDATES, FULL, POSITIONS};

const MOST_BODY_BYTES: usize = 1 << 20;

/// Calls the router with the searches of the mode `exact`, one after the other, and prints how long one takes.
#[tokio::main]
pub(crate) async fn run(rounds: usize) {
    let places = Places::read();
    let (mut router, _background) = server::cellar().await;
    let mut paths = Vec::new();
    for position in places.users(CANDIDATES, 1) {
        let path = super::path(&position);
        if paths.len() < POSITIONS && is_full(&call(&mut router, &path).await.1) {
            paths.push(path);
        }
    }
    // What the import wrote is on its way through the change feed, which takes pages out of memory; what comes later than
    // this loop fails the check at the end.
    let mut tries = 0;
    while !all_warm(&mut router, &paths).await {
        tries += 1;
        assert!(tries < 600, "pages do not stay in memory");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let started = Instant::now();
        for path in &paths {
            black_box(call(&mut router, path).await);
        }
        figures.push(started.elapsed().as_secs_f64() * 1e6 / paths.len() as f64);
    }
    assert!(all_warm(&mut router, &paths).await, "every page is in memory");
    let (median, least, most) = middle(figures);
    println!("{} searches: {median:.2} µs, {least:.2} to {most:.2}, {rounds} rounds", paths.len());
}

async fn all_warm(router: &mut Router, paths: &[String]) -> bool {
    for path in paths {
        if !call(router, path).await.0 {
            return false;
        }
    }
    true
}

fn is_full(body: &[u8]) -> bool {
    std::str::from_utf8(body).expect("a body of text").contains(FULL)
}

/// Whether every page was in memory, and the body.
async fn call(router: &mut Router, path: &str) -> (bool, Bytes) {
    let request = Request::get(path).header("accept-encoding", "identity").body(Body::empty());
    let answer = router.call(request.expect("a request")).await.expect("routers do not fail");
    let status = answer.headers().get("cache-status").map(|status| status.as_bytes().to_vec());
    let warm = status.is_some_and(|status| status.starts_with(b"cellar-l1; hit"));
    let body = to_bytes(answer.into_body(), MOST_BODY_BYTES).await.expect("a body");
    (warm, body)
}
