//! What an open loop sees and a closed one does not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cellar_loadtest::record::Latencies;
use cellar_loadtest::run::RunSettings;

use crate::stub::{Reply, Stub, answer};
use crate::support::{begin, plan, run, settings, until};

const SECOND: Duration = Duration::from_secs(1);

/// All that comes within a second of the 100th request has to wait for its end.
fn stalls_once() -> Stub {
    let lock = Mutex::new(());
    Stub::new(move |number| {
        let _inside = lock.lock().unwrap();
        if number == 100 {
            std::thread::sleep(SECOND);
        }
        Reply::Bytes(answer(200, "", "x"))
    })
}

/// The same number of requests, each sent when the one before is answered, as a closed loop does.
fn closed_loop(stub: &Stub, requests: usize) -> Latencies {
    let mut stream = TcpStream::connect(stub.address).unwrap();
    let mut latencies = Latencies::default();
    for _ in 0..requests {
        let sent = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let read = stream.read(&mut [0; 1_024]).unwrap();
        assert!(read > 0);
        latencies.record(sent.elapsed());
    }
    latencies
}

#[test]
fn a_stall_is_seen_by_all_who_came_during_it() {
    // 1,000 requests in 4 s: those planned in the first half of the stall, one in eight, wait for more than half a second.
    let open = run(250.0, settings(&stalls_once().url(), 4 * SECOND)).recorder.total();
    assert_eq!(open.succeeded.count(), 1_000);
    assert!(open.latency.quantile(0.9) >= SECOND / 2, "{:?}", open.latency.quantile(0.9));
    // A closed loop has one slow request of 1,000, whatever the machine: its p99 is not the stall.
    let closed = closed_loop(&stalls_once(), 1_000);
    assert!(closed.max() >= SECOND);
    assert!(open.latency.quantile(0.9) > 2 * closed.quantile(0.9));
}

#[test]
fn service_time_is_part_of_each_latency() {
    let service = Duration::from_millis(20);
    let stub = Stub::new(move |_| {
        std::thread::sleep(service);
        Reply::Bytes(answer(200, "", "x"))
    });
    let total = run(50.0, settings(&stub.url(), SECOND)).recorder.total();
    assert_eq!(total.succeeded.count(), 50);
    assert!(total.latency.quantile(0.0001) >= service.saturating_sub(Duration::from_micros(20)));
    assert!(total.first_byte.quantile(0.0001) >= service.saturating_sub(Duration::from_micros(20)));
}

#[test]
fn connections_are_used_again_and_the_warm_up_is_not_measured() {
    let stub = Stub::always("", "x");
    let warm = RunSettings { warmup: SECOND / 2, ..settings(&stub.url(), SECOND) };
    let finished = run(100.0, warm);
    assert_eq!(finished.recorder.total().planned, 100);
    assert_eq!(stub.requests(), 150);
    assert!(finished.connections[0] < 150, "{:?}", finished.connections);
}

#[test]
fn workers_share_the_plan_and_nothing_is_lost_or_sent_twice() {
    let stub = Stub::always("", "x");
    let three = RunSettings { workers: 3, ..settings(&stub.url(), SECOND) };
    let total = run(300.0, three).recorder.total();
    assert_eq!((total.planned, total.succeeded.count(), stub.requests()), (300, 300, 300));
}

#[test]
fn a_run_that_is_stopped_tells_what_it_has_measured() {
    let stub = Stub::always("", "x");
    let long = settings(&stub.url(), 3_600 * SECOND);
    let plan = plan(100.0, &long);
    let running = begin(long, plan);
    until("some requests", || stub.requests() >= 20);
    running.stop();
    let finished = running.finish().unwrap();
    let total = finished.recorder.total();
    assert!(finished.interrupted && total.succeeded.count() >= 19);
    assert_eq!(total.planned, total.done() + total.unsent + total.cut);
    assert!(finished.measured < 60 * SECOND);
}
