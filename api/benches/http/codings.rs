//! What compressing answers takes and saves: bytes and CPU time of this thread, coding by coding and level by level, and of
//! whole requests to the router.

use std::hint::black_box;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response};
use cellar_search::cells::encoding::Coding;
use rustix::time::{ClockId, clock_gettime};
use tower::Service as _;

use super::server;
use super::support::{Places, middle};

/// Answers of a kind that are measured.
const ANSWERS: usize = 200;
const MOST_BODY_BYTES: usize = 16 << 20;
const ACCEPTED: [&str; 5] = ["identity", "zstd", "br", "gzip", "gzip, deflate, br, zstd"];
const LEVELS: [(Coding, &[u8]); 3] =
    [(Coding::Zstd, &[1, 3, 6, 9]), (Coding::Brotli, &[1, 2, 3, 4, 5, 9]), (Coding::Gzip, &[1, 3, 6, 9])];

/// Prints two tables: of each kind of answer by level, and of requests by `Accept-Encoding`.
#[tokio::main]
pub(crate) async fn run(rounds: usize) {
    let places = Places::read();
    let (mut router, _background) = server::cellar().await;
    let kinds = kinds(&places);
    for (name, paths) in &kinds {
        let mut bodies = Vec::new();
        for path in paths {
            bodies.push(body(call(&mut router, path, "identity").await).await);
        }
        let mean = |bytes: usize| bytes as f64 / bodies.len() as f64;
        println!(
            "{name}: {} answers of {:.0} bytes",
            bodies.len(),
            mean(bodies.iter().map(Bytes::len).sum())
        );
        for (coding, level) in
            LEVELS.iter().flat_map(|&(coding, levels)| levels.iter().map(move |&l| (coding, l)))
        {
            let encode = |body: &Bytes| coding.encode_at(body, level).expect("memory to write to").len();
            let bytes = mean(bodies.iter().map(encode).sum());
            let cpu_us = fastest(rounds, bodies.len(), || {
                for body in &bodies {
                    black_box(encode(body));
                }
            });
            println!("  {:>8} {level}: {bytes:>8.0} bytes {cpu_us:>9.1} µs", coding.name());
        }
    }
    println!("whole requests");
    for (name, paths) in &kinds {
        for accepted in ACCEPTED {
            let mut figures = Vec::new();
            let mut bytes = 0;
            for _ in 0..rounds {
                let started = cpu_s();
                bytes = 0;
                for path in paths {
                    bytes += body(call(&mut router, path, accepted).await).await.len();
                }
                figures.push((cpu_s() - started) * 1e6 / paths.len() as f64);
            }
            let (median, least, _) = middle(figures);
            let bytes = bytes / paths.len();
            println!(
                "  {name:>14} {accepted:>24}: {bytes:>8} bytes, {least:>9.1} µs, median {median:>9.1} µs"
            );
        }
    }
}

/// Requests of each kind.
fn kinds(places: &Places) -> Vec<(&'static str, Vec<String>)> {
    let users = places.users(ANSWERS, 1);
    let nearby = |limit: usize| {
        let path = |at: &geo_index::Position| {
            format!("/v1/collections/cities/nearby?lat={:.5}&lon={:.5}&limit={limit}", at.lat(), at.lon())
        };
        users.iter().map(path).collect::<Vec<_>>()
    };
    let items = users.iter().map(|at| {
        let (west, south) = (at.lon().min(178.0), at.lat().min(88.0));
        format!(
            "/v1/collections/cities/items?bbox={west:.3},{south:.3},{:.3},{:.3}&limit=100",
            west + 1.5,
            south + 1.5
        )
    });
    let document = |path: &str| vec![path.to_owned()];
    vec![
        ("nearby, 5", nearby(5)),
        ("nearby, 20", nearby(20)),
        ("nearby, 100", nearby(100)),
        ("items, 100", items.collect()),
        ("metrics", document("/metrics")),
        ("openapi.json", document("/openapi.json")),
        ("explorer", document("/explorer")),
    ]
}

async fn call(router: &mut Router, path: &str, accepted: &str) -> Response<Body> {
    let request = Request::get(path).header("accept-encoding", accepted).body(Body::empty());
    let answer = router.call(request.expect("a request")).await.expect("routers do not fail");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer
}

async fn body(answer: Response<Body>) -> Bytes {
    to_bytes(answer.into_body(), MOST_BODY_BYTES).await.expect("a body")
}

/// CPU time of one of `count` parts of some work, in the fastest of several rounds: others that use the machine only add.
fn fastest(rounds: usize, count: usize, work: impl Fn()) -> f64 {
    let round = || {
        let started = cpu_s();
        work();
        (cpu_s() - started) * 1e6 / count as f64
    };
    (0..rounds).map(|_| round()).fold(f64::MAX, f64::min)
}

/// CPU time of this thread so far.
fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
