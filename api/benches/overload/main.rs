//! What a server does with more than it can do: answers, refusals and times at multiples of what it was measured to do.
//!
//! ```text
//! cargo bench -p cellar --bench overload --profile dist -- [--seconds 10] [--factors 0.5,1,2,5,10]
//!     [--connections 64,2000,8000] [--only cpu|table|bare] [--server-cpus 0] [--client-cpus 1]
//! ```
//!
//! `cpu`: searches that memory answers. `table`: places by id, each of which is read from a table that takes 20 ms. The server
//! is the binary, in a process of its own. Its capacity is what 64 connections get that ask again as soon as they are
//! answered. `bare`: one axum route that returns as many bytes, to
//! tell what the connections alone cost. Then so many times that rate is offered over so many connections, at instants that are fixed beforehand, whatever
//! comes back (an open loop): a time begins when its request was due. A connection that still waits for an answer when its
//! next request is due leaves that one out; `sent` says how many were sent. After each load the time is taken until one
//! request alone is answered well.

mod client;
mod server;
mod table;

use std::time::Duration;

use client::{Outcome, closed, open};
use server::{Bound, Server};

/// Connections that capacity is measured with.
const MEASURED_WITH: usize = 64;

struct Args {
    seconds: f64,
    factors: Vec<f64>,
    connections: Vec<usize>,
    bounds: Vec<Bound>,
    server_cpus: Option<String>,
}

impl Args {
    fn read() -> Self {
        let mut args = Self {
            seconds: 10.0,
            factors: vec![0.5, 1.0, 2.0, 5.0, 10.0],
            connections: vec![64, 2_000, 8_000],
            bounds: vec![Bound::Cpu, Bound::Bare, Bound::Table],
            server_cpus: None,
        };
        let mut given = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(name) = given.next() {
            let value = given.next().unwrap_or_else(|| panic!("{name} needs a value"));
            match name.as_str() {
                "--seconds" => args.seconds = value.parse().expect("seconds"),
                "--factors" => args.factors = list(&value),
                "--connections" => args.connections = list(&value),
                "--only" => args.bounds = vec![bound(&value)],
                "--server-cpus" => args.server_cpus = Some(value),
                "--client-cpus" => keep_to(&value),
                _ => panic!("there is no argument {name}"),
            }
        }
        args
    }
}

fn bound(name: &str) -> Bound {
    match name {
        "cpu" => Bound::Cpu,
        "table" => Bound::Table,
        "bare" => Bound::Bare,
        _ => panic!("there is no bound {name}"),
    }
}

fn list<T: std::str::FromStr>(text: &str) -> Vec<T> {
    let read = |part: &str| part.parse().unwrap_or_else(|_| panic!("{part} is no number"));
    text.split(',').map(read).collect()
}

/// Before any thread is made.
fn keep_to(cpus: &str) {
    let id = std::process::id().to_string();
    let kept = std::process::Command::new("taskset").args(["-pc", cpus, &id]).output();
    assert!(kept.is_ok_and(|kept| kept.status.success()), "taskset does not take {cpus}");
}

fn main() {
    if std::env::args().any(|arg| arg == "--bare") {
        return server::serve_bare();
    }
    let args = Args::read();
    server::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!(
        "| bound | connections | offered | sent | good | of capacity | refused | other | p50 | p99 | CPU of the server | again well after |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for bound in &args.bounds {
        let server = Server::start(*bound, args.server_cpus.as_deref(), &runtime);
        let time = Duration::from_secs_f64(args.seconds);
        let before = server.cpu_seconds();
        let measured = runtime.block_on(closed(server.address, &server.paths, MEASURED_WITH, time));
        let used = server.cpu_seconds() - before;
        let capacity = measured.good_per_second();
        println!(
            "| {bound:?} | {MEASURED_WITH} | as it can | {} | {capacity:.0}/s | 100 % | {} | {} | {} | {} | {} | |",
            per_second(measured.sent, time),
            per_second(measured.refused, time),
            per_second(measured.other, time),
            measured.quantile(0.5),
            measured.quantile(0.99),
            cpu(used, &measured, time),
        );
        for &connections in &args.connections {
            for &factor in &args.factors {
                let rate = capacity * factor;
                let before = server.cpu_seconds();
                let outcome = runtime.block_on(open(server.address, &server.paths, connections, rate, time));
                let used = cpu(server.cpu_seconds() - before, &outcome, time);
                let well = runtime.block_on(client::until_well(server.address, &server.paths[0]));
                row(*bound, connections, factor, rate, capacity, time, &outcome, &used, well);
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the columns")]
fn row(
    bound: Bound,
    connections: usize,
    factor: f64,
    rate: f64,
    capacity: f64,
    time: Duration,
    outcome: &Outcome,
    used: &str,
    well: Duration,
) {
    println!(
        "| {bound:?} | {connections} | {factor} × = {rate:.0}/s | {} | {:.0}/s | {:.0} % | {} | {} | {} | {} | {used} | {:.2} s |",
        per_second(outcome.sent, time),
        outcome.good_per_second(),
        outcome.good_per_second() / capacity * 100.0,
        per_second(outcome.refused, time),
        per_second(outcome.other, time),
        outcome.quantile(0.5),
        outcome.quantile(0.99),
        well.as_secs_f64(),
    );
}

/// How much of a core the server had, and what that is for each good answer.
fn cpu(used: f64, outcome: &Outcome, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let each = used / seconds / outcome.good_per_second() * 1e6;
    format!("{:.0} %, {each:.1} µs an answer", used / seconds * 100.0)
}

fn per_second(count: u64, time: Duration) -> String {
    format!("{:.0}/s", count as f64 / time.as_secs_f64())
}
