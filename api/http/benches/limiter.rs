//! What the limit of a client's requests costs each request: `cargo bench -p cellar-http --bench limiter`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::SystemClock;
use cellar_http::rate::{Client, Rate, RateLimiter};
use criterion::{Criterion, criterion_group, criterion_main};

/// More than are kept: the buckets of most are forgotten before they come again.
const CLIENTS: u32 = 1 << 20;

fn limiter(per_second: f64, burst: u32) -> Arc<RateLimiter> {
    Arc::new(RateLimiter::new(Rate { per_second, burst }, Arc::new(SystemClock)))
}

fn address(number: u32) -> Client {
    Client::Address(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

fn takes(c: &mut Criterion) {
    let mut group = c.benchmark_group("limiter");
    let free = limiter(1e9, 1_000_000);
    group.bench_function("one client", |bench| bench.iter(|| free.take(black_box(address(1)))));
    let key: Arc<str> = "qve5rc97ffak".into();
    group.bench_function("one key", |bench| {
        bench.iter(|| free.take(black_box(Client::Key(Arc::clone(&key)))));
    });
    let spent = limiter(1e-3, 1);
    spent.take(address(1));
    group.bench_function("a client that has no token", |bench| {
        bench.iter(|| spent.take(black_box(address(1))));
    });
    let many = limiter(10.0, 60);
    let mut number = 0_u32;
    group.bench_function("a million clients in turns", |bench| {
        bench.iter(|| {
            number = (number + 1) % CLIENTS;
            many.take(black_box(address(number)))
        });
    });
    let shared = limiter(1e9, 1_000_000);
    group.bench_function("one client, two threads", |bench| {
        bench.iter_custom(|iterations| on_two_threads(&shared, iterations, |_| address(1)));
    });
    group.bench_function("many clients, two threads", |bench| {
        bench.iter_custom(|iterations| on_two_threads(&shared, iterations, |i| address(i as u32 % 1_024)));
    });
    group.finish();
}

/// So many on each of two threads at once.
fn on_two_threads(limiter: &Arc<RateLimiter>, iterations: u64, client: fn(u64) -> Client) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for i in 0..iterations {
                    black_box(limiter.take(client(i)));
                }
            });
        }
    });
    began.elapsed()
}

criterion_group!(benches, takes);
criterion_main!(benches);
