//! A search answered from memory beside a bare axum route that returns as many bytes: CPU of the server per request.
//!
//! `cargo bench -p cellar-api --bench http [-- ROUNDS [REQUESTS [CONNECTIONS]]]`. Each server is a process of its own, started from this
//! binary; one client sends the same requests to both, in turns. Searches start where people are and find 20 places within
//! 10 km. The client checks that every page was in memory, and that the store was asked for none.

mod client;
mod server;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by the benchmarks, each of which uses a part")]
mod support;

use client::{Tally, drive, get};
use server::{Role, Server};
use support::{Places, middle};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Positions that are searched from.
const POSITIONS: usize = 2_000;
/// Positions that are tried to find these.
const CANDIDATES: usize = 20_000;
const FULL: &str = r#""numberReturned":20"#;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let first = args.next();
    if first.as_deref() == Some("--serve") {
        return server::run(&args.next().expect("a role"));
    }
    let rounds = first.and_then(|arg| arg.parse().ok()).unwrap_or(7_usize);
    let requests = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(60_000_usize);
    let connections = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(16_usize);

    let places = Places::read();
    let cellar = Server::start(Role::Cellar);
    let (searches, body_bytes) = warm(&places, &cellar);
    let bare = Server::start(Role::Bare(body_bytes));
    println!(
        "{} places, {} positions, bodies of {body_bytes} bytes, {connections} connections",
        places.len(),
        searches.len()
    );

    let queries = cellar.metric("cellar_store_queries_total");
    let round = |server: &Server| {
        let before = server.cpu_seconds();
        let tally = drive(server.address, &searches, requests, connections);
        let cpu_us = (server.cpu_seconds() - before) / tally.answers as f64 * 1e6;
        (cpu_us, tally)
    };
    println!("{:>12} {:>12} {:>8} {:>14} {:>14}", "cellar", "bare", "ratio", "cellar", "bare");
    let (mut of_cellar, mut of_bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut search_us = 0.0;
    for _ in 0..rounds {
        let (ours, tally) = round(&cellar);
        assert_eq!(tally.warm, tally.answers, "every page is in memory");
        let (theirs, bare_tally) = round(&bare);
        let rate = |tally: &Tally| tally.answers as f64 / tally.took.as_secs_f64();
        println!(
            "{ours:>9.1} µs {theirs:>9.1} µs {:>8.2} {:>12.0}/s {:>12.0}/s",
            ours / theirs,
            rate(&tally),
            rate(&bare_tally)
        );
        search_us += tally.search_us as f64 / tally.answers as f64;
        of_cellar.push(ours);
        of_bare.push(theirs);
        ratios.push(ours / theirs);
    }
    assert_eq!(cellar.metric("cellar_store_queries_total"), queries, "the store is not asked");
    println!("of which the search: {:.1} µs", search_us / rounds as f64);
    for (name, figures) in [("cellar, µs", of_cellar), ("bare, µs", of_bare), ("ratio", ratios)] {
        let (median, least, most) = middle(figures);
        println!("{name:>10}: median {median:.2}, {least:.2} to {most:.2}");
    }
}

/// Searches whose pages are all in memory by now, and the mean length of their answers.
fn warm(places: &Places, cellar: &Server) -> (Vec<Vec<u8>>, usize) {
    let request = |position: &geo_index::Position| {
        let (lat, lon) = (position.lat(), position.lon());
        get(&format!("/v1/collections/cities/nearby?lat={lat:.5}&lon={lon:.5}&radius=10000&limit=20"))
    };
    let candidates = places.users(CANDIDATES, 1);
    let candidates = candidates.iter().map(request);
    let mut connection = client::Connection::open(cellar.address);
    let full = |search: &Vec<u8>| connection.ask(search).body().contains(FULL);
    let searches: Vec<_> = candidates.filter(full).take(POSITIONS).collect();
    assert!(!searches.is_empty(), "somewhere there are 20 places within 10 km");
    // What the import wrote may still be on its way through the change feed, which takes pages out of memory.
    for _ in 0..100 {
        let tally = drive(cellar.address, &searches, searches.len(), 1);
        if tally.warm == tally.answers {
            return (searches, tally.body_bytes / tally.answers);
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("pages do not stay in memory");
}
