//! An answer from memory beside a bare axum route that returns as many bytes: CPU of the server per request.
//!
//! `cargo bench -p cellar --bench http [-- [exact|cell|cell-br] [ROUNDS [REQUESTS [CONNECTIONS [RATE]]]]]`. Each server is a process of its
//! own, started from this binary; one client sends the same requests to both, in turns: so many in a second, or without a
//! rate as fast as answers come, which is another rate for each server. `exact` searches where people are and finds
//! 20 places within 10 km; the others ask for the cells of precision 4 around these positions, plain or in brotli. The
//! client checks that everything was in memory, and that the store was asked for nothing.
//!
//! `… -- codings [ROUNDS]` measures what compressing answers takes and saves, in this process, and
//! `… -- router [ROUNDS]` calls the router in this process, without sockets, with the searches of `exact`.

mod client;
mod codings;
mod router;
mod server;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared by the benchmarks, each of which uses a part")]
mod support;

use client::{Load, LoadStats, drive, get, get_as};
use geo_index::Grid;
use geo_index::edge::{CacheCell, DEFAULT_PRECISION};
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
    let mut first = args.next();
    if first.as_deref() == Some("--serve") {
        return server::run(&args.next().expect("a role"));
    }
    if first.as_deref() == Some("codings") {
        return codings::run(args.next().and_then(|arg| arg.parse().ok()).unwrap_or(15));
    }
    if first.as_deref() == Some("router") {
        return router::run(args.next().and_then(|arg| arg.parse().ok()).unwrap_or(50));
    }
    let mode = first.as_deref().and_then(Mode::read);
    if mode.is_some() {
        first = args.next();
    }
    let mode = mode.unwrap_or(Mode::Exact);
    let rounds = first.and_then(|arg| arg.parse().ok()).unwrap_or(7_usize);
    let requests = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(60_000_usize);
    let connections = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(16_usize);
    let load = Load { requests, connections, rate: args.next().and_then(|arg| arg.parse().ok()) };

    let places = Places::read();
    let cellar = Server::start(Role::Cellar);
    let (searches, body_bytes) = warm(mode, &places, &cellar);
    let bare = Server::start(Role::Bare(body_bytes));
    println!(
        "{mode:?}: {} places, {} requests, bodies of {body_bytes} bytes, {connections} connections",
        places.len(),
        searches.len()
    );

    let queries = cellar.metric("cellar_store_queries_total");
    let round = |server: &Server| {
        let before = server.cpu_seconds();
        let stats = drive(server.address, &searches, load);
        let cpu_us = (server.cpu_seconds() - before) / stats.answers as f64 * 1e6;
        (cpu_us, stats)
    };
    println!("{:>12} {:>12} {:>8} {:>14} {:>14}", "cellar", "bare", "ratio", "cellar", "bare");
    let (mut of_cellar, mut of_bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut search_us = 0.0;
    for _ in 0..rounds {
        let (ours, stats) = round(&cellar);
        assert_eq!(stats.warm, stats.answers, "every page is in memory");
        let (theirs, bare_stats) = round(&bare);
        let rate = |stats: &LoadStats| stats.answers as f64 / stats.took.as_secs_f64();
        println!(
            "{ours:>9.1} µs {theirs:>9.1} µs {:>8.2} {:>12.0}/s {:>12.0}/s",
            ours / theirs,
            rate(&stats),
            rate(&bare_stats)
        );
        search_us += stats.search_us as f64 / stats.answers as f64;
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

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Exact,
    Cell,
    CellBrotli,
}

impl Mode {
    fn read(text: &str) -> Option<Self> {
        match text {
            "exact" => Some(Self::Exact),
            "cell" => Some(Self::Cell),
            "cell-br" => Some(Self::CellBrotli),
            _ => None,
        }
    }
}

/// Requests whose answers are all in memory by now, and the mean length of these.
fn warm(mode: Mode, places: &Places, cellar: &Server) -> (Vec<Vec<u8>>, usize) {
    let searches = match mode {
        Mode::Exact => exact(places, cellar),
        Mode::Cell => cells(places, "identity"),
        Mode::CellBrotli => cells(places, "br"),
    };
    // What the import wrote is on its way through the change feed, which takes pages out of memory.
    for _ in 0..600 {
        if feed_is_through(cellar) {
            let stats = drive(cellar.address, &searches, Load::single(searches.len()));
            if stats.warm == stats.answers {
                return (searches, stats.body_bytes / stats.answers);
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("pages do not stay in memory");
}

fn feed_is_through(cellar: &Server) -> bool {
    let lag = cellar.metric("cellar_feed_lag_seconds");
    lag.and_then(|lag| lag.parse().ok()).is_some_and(|lag: f64| lag < 1.0)
}

/// Searches that find 20 places within 10 km.
fn exact(places: &Places, cellar: &Server) -> Vec<Vec<u8>> {
    let candidates = places.users(CANDIDATES, 1);
    let candidates = candidates.iter().map(|position| get(&path(position)));
    let mut connection = client::Connection::open(cellar.address);
    let full = |search: &Vec<u8>| connection.ask(search).body().contains(FULL);
    let searches: Vec<_> = candidates.filter(full).take(POSITIONS).collect();
    assert!(!searches.is_empty(), "somewhere there are 20 places within 10 km");
    searches
}

/// A search for 20 places within 10 km.
fn path(position: &geo_index::Position) -> String {
    let (lat, lon) = (position.lat(), position.lon());
    format!("/v1/collections/cities/nearby?lat={lat:.5}&lon={lon:.5}&radius=10000&limit=20")
}

/// Canonical URLs of the cells that people are in, as the edge asks for them; a cell with many people comes often.
fn cells(places: &Places, coding: &str) -> Vec<Vec<u8>> {
    let request = |position: &geo_index::Position| {
        let cell = CacheCell::at(Grid::Geohash, *position, DEFAULT_PRECISION).expect("a cell");
        get_as(&format!("/v1/collections/cities/cells/{cell}/nearby"), coding)
    };
    places.users(POSITIONS, 1).iter().map(request).collect()
}
