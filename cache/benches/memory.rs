//! The tier in memory at ten thousand, a million and five million entries: bytes per entry, and how long operations take
//! while it is full, while everything in it is past its time, and after all of it was invalidated.
//!
//! `cargo bench -p cellar-cache --bench memory [-- LARGEST]`. One thread, each operation timed by itself; values cost nothing
//! to load, and an insertion is the whole way of a miss: a register entry, a task, a load, keeping. Where an operation took over a
//! millisecond, what the thread waited for a core by Linux's account (`schedstat`) is taken off, so that other load on the
//! machine does not look like a stall. Bytes are the growth of the process (`VmRSS`), so each size has a process of its own.

mod support;

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use cellar_cache::Trace;
use support::{FRESH, Id, Ids, cache, entry_weight};

/// Operations that are timed in each state.
const OPERATIONS: usize = 500_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, entries] = &args[..]
        && flag == "--entries"
    {
        return measure(entries.parse().expect("a number")).await;
    }
    let largest = args.first().and_then(|arg| arg.parse().ok()).unwrap_or(5_000_000_u64);
    for entries in [10_000, 1_000_000, 5_000_000].into_iter().filter(|entries| *entries <= largest) {
        let this = std::env::current_exe().expect("this binary");
        let status = Command::new(this).args(["--entries", &entries.to_string()]).status();
        assert!(status.expect("this binary starts").success());
    }
}

async fn measure(entries: u64) {
    let weight = entry_weight().await;
    let mut bench = Bench::new(entries, weight);
    let before = resident_bytes();
    for number in 0..entries {
        bench.insert(number).await;
    }
    bench.cache.run_pending_tasks();
    let (kept, accounted) = bench.cache.memory_size();
    let each = (resident_bytes() - before) / kept as f64;
    println!("{kept} entries: {each:.0} bytes each, {} accounted", accounted / kept);
    println!("{:>28} {:>9} {:>9} {:>9} {:>9} {:>9}", "each in ns", "mean", "p50", "p99", "p99.9", "max");
    bench.gets("hit");
    bench.inserts("insert into a full tier").await;
    bench.clock.advance(2 * FRESH);
    bench.gets("get past its time");
    bench.inserts("insert, all past their time").await;
    let started = Instant::now();
    bench.cache.invalidate_memory();
    println!("{:>28} {:>9.0}", "invalidate_memory", started.elapsed().as_secs_f64() * 1e9);
    bench.gets("get after it");
    bench.inserts("insert after it").await;
}

struct Bench {
    cache: Ids,
    clock: std::sync::Arc<cellar_cache::clock::ManualClock>,
    trace: Trace,
    entries: u64,
    next: u64,
    times: Vec<u64>,
    /// How long this thread had waited for a core when that was last looked at.
    waited: u64,
    random: fastrand::Rng,
}

impl Bench {
    fn new(entries: u64, weight: u64) -> Self {
        let (cache, clock) = cache(entries * weight);
        let mut times = vec![0; OPERATIONS];
        times.clear();
        let random = fastrand::Rng::with_seed(1);
        Self { cache, clock, trace: Trace::default(), entries, next: entries, times, waited: 0, random }
    }

    async fn insert(&mut self, number: u64) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let value = self.cache.get_or_load(&Id::new(number), deadline, &mut self.trace).await;
        black_box(value.expect("a value"));
    }

    fn gets(&mut self, name: &str) {
        for _ in 0..OPERATIONS {
            let id = Id::new(self.random.u64(..self.entries));
            let started = Instant::now();
            black_box(self.cache.get_if_present(&id, &mut self.trace));
            self.took(started);
        }
        self.print(name);
    }

    async fn inserts(&mut self, name: &str) {
        for _ in 0..OPERATIONS {
            self.next += 1;
            let started = Instant::now();
            self.insert(self.next).await;
            self.took(started);
        }
        self.print(name);
    }

    fn took(&mut self, since: Instant) {
        let mut took = since.elapsed().as_nanos() as u64;
        if took > 1_000_000 || self.times.len().is_multiple_of(64) {
            let waited = waited_ns();
            if took > 1_000_000 {
                took = took.saturating_sub(waited - self.waited);
            }
            self.waited = waited;
        }
        self.times.push(took);
    }

    fn print(&mut self, name: &str) {
        let times = &mut self.times;
        times.sort_unstable();
        let mean = times.iter().map(|time| *time as f64).sum::<f64>() / times.len() as f64;
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(at);
        println!("{name:>28} {mean:>9.0} {p50:>9} {p99:>9} {p999:>9} {max:>9}");
        times.clear();
    }
}

/// How long this thread was ready to run and had no core.
fn waited_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split_whitespace().nth(1).and_then(|waited| waited.parse().ok()).expect("a number")
}

/// Memory of this process, from Linux's account.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1024.0
}
