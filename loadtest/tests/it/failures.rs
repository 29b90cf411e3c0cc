//! Whatever a server does, the run ends, and each request has a class.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_loadtest::http::{Keep, Pool, RequestError};
use cellar_loadtest::record::Failure;
use cellar_loadtest::run::RunSettings;

use crate::stub::{Reply, Stub, answer};
use crate::support::{LIMIT, run, settings};

const SECOND: Duration = Duration::from_secs(1);

/// Twenty requests, all of which fail in the same way.
fn all_fail(settings: RunSettings, failure: Failure) {
    let finished = run(20.0, settings);
    let total = finished.recorder.total();
    assert_eq!((total.planned, total.unsent, total.done()), (20, 0, 20), "{failure:?}");
    assert_eq!(total.failures.into_iter().collect::<Vec<_>>(), [(failure, 20)]);
    assert_eq!(total.succeeded.count(), 0);
}

fn server_fails(behaviour: impl Fn(u64) -> Reply + Send + Sync + 'static, failure: Failure) {
    all_fail(settings(&Stub::new(behaviour).url(), SECOND), failure);
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let free: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    all_fail(settings(&format!("http://{free}"), SECOND), Failure::Refused);
}

#[test]
fn statuses_are_classes() {
    for (status, failure) in
        [(503, Failure::ServerError), (404, Failure::ClientError), (302, Failure::Redirect)]
    {
        server_fails(move |_| Reply::Bytes(answer(status, "location: /\r\n", "no")), failure);
    }
}

#[test]
fn a_server_that_hangs_up_is_noticed() {
    server_fails(|_| Reply::Last(Vec::new()), Failure::Closed);
    server_fails(
        |_| Reply::Last(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nhalf".to_vec()),
        Failure::Closed,
    );
}

#[test]
fn garbage_is_garbage() {
    server_fails(|_| Reply::Last(b"\x16\x03\x01 what?\r\n\r\n".to_vec()), Failure::BadHead);
    server_fails(|_| Reply::Last(b"HTTP/1.1 200 X\r\nno colon\r\n\r\n".to_vec()), Failure::BadHead);
    let chunked = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhm\r\n0\r\n\r\n";
    server_fails(|_| Reply::Last(chunked.to_vec()), Failure::BadBody);
}

#[test]
fn an_endless_head_and_an_endless_body_end() {
    let lines = b"x-more: 0123456789012345678901234567890123456789\r\n".repeat(100);
    server_fails(move |_| Reply::Endless(b"HTTP/1.1 200 X\r\n".to_vec(), lines.clone()), Failure::BadHead);
    let finished = {
        let head = b"HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
        let stub = Stub::new(move |_| Reply::Endless(head.clone(), vec![b' '; 1 << 20]));
        run(2.0, settings(&stub.url(), SECOND))
    };
    let failures = finished.recorder.total().failures;
    assert_eq!(failures.into_iter().collect::<Vec<_>>(), [(Failure::BodyTooLong, 2)]);
}

#[test]
fn a_server_that_says_nothing_costs_a_user_the_time_limit() {
    let stub = Stub::new(|_| Reply::Silence);
    let limited = RunSettings { time_limit: SECOND / 5, ..settings(&stub.url(), SECOND) };
    let total = run(20.0, limited).recorder.total();
    assert_eq!(total.done() + total.unsent, 20);
    assert_eq!(total.failures.get(&Failure::TimeLimit), Some(&total.done()));
    assert!(total.done() > 0 && total.latency.quantile(0.01) >= SECOND / 5);
}

#[tokio::test]
async fn what_finds_no_connection_until_its_deadline_is_not_sent() {
    let stub = Stub::new(|_| Reply::Silence);
    let mut settings = settings(&stub.url(), SECOND);
    settings.http.connections = 1;
    let pool = Arc::new(Pool::new(settings.regions[0].target.clone(), settings.http));
    let holder = Arc::clone(&pool);
    let held = tokio::spawn(async move { holder.get("/", Keep::Nothing, Instant::now() + LIMIT).await });
    while stub.requests() == 0 {
        tokio::task::yield_now().await;
    }
    let second = pool.get("/", Keep::Nothing, Instant::now() + SECOND / 20).await;
    assert!(matches!(second, Err(RequestError::Unsent)), "{second:?}");
    assert_eq!(stub.requests(), 1);
    held.abort();
}

#[test]
fn requests_that_wait_for_connections_are_sent_or_counted_as_unsent() {
    let stub = Stub::new(|_| Reply::Silence);
    let mut few = RunSettings { time_limit: SECOND / 2, ..settings(&stub.url(), SECOND / 4) };
    few.http.connections = 1;
    let total = run(40.0, few).recorder.total();
    assert_eq!((total.planned, total.done() + total.unsent), (10, 10));
    assert_eq!(total.failures.get(&Failure::TimeLimit), Some(&total.done()));
}

#[test]
fn what_exceeds_the_most_under_way_is_not_sent() {
    let stub = Stub::new(|_| Reply::Silence);
    let few = RunSettings { time_limit: 5 * SECOND, max_in_flight: 3, ..settings(&stub.url(), SECOND / 4) };
    let total = run(40.0, few).recorder.total();
    assert_eq!((total.planned, total.done(), total.unsent), (10, 3, 7));
}

#[test]
fn random_failures_are_counted_one_by_one() {
    let fails = |number: u64| fastrand::Rng::with_seed(number).f64() < 0.02;
    let stub = Stub::new(move |number| Reply::Bytes(answer(if fails(number) { 500 } else { 200 }, "", "x")));
    let total = run(500.0, settings(&stub.url(), 2 * SECOND)).recorder.total();
    let expected = (0..1_000).filter(|&number| fails(number)).count() as u64;
    assert_eq!(stub.requests(), 1_000);
    assert!(expected > 5);
    assert_eq!((total.failed(), total.statuses.get(&500)), (expected, Some(&expected)));
    assert_eq!(total.succeeded.count(), 1_000 - expected);
}
