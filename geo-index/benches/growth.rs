//! How a search grows with the number of places: 10⁴ to 10⁷ in the same 1,000 clusters, so that they get denser.
//!
//! `cargo bench -p geo-index --bench growth [-- 1000000]`; the argument is the largest number of places.

mod cpu;
#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod support;

use std::hint::black_box;

use cpu::cpu_seconds;
use geo_index::tree::SearchLimits;
use support::{Index, Keep, in_clusters, nearby, users};

const QUERIES: usize = 5_000;
const CLUSTERS: usize = 1_000;
const RADIUS_M: f64 = 10_000.0;
const LIMIT: usize = 20;

fn main() {
    let largest = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(10_000_000);
    println!("{QUERIES} searches, {LIMIT} nearest within 10 km");
    println!(
        "{:>9} {:>8} {:>11} {:>14} {:>16} {:>11} {:>8}",
        "places", "warm", "to 10⁴", "cold queries", "cold read units", "cold rounds", "results"
    );
    let mut first = None;
    for places in [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|count| *count <= largest) {
        let points = in_clusters(places, CLUSTERS, 1);
        let users = users(&points, QUERIES, 3_000.0, 2);
        let queries: Vec<_> =
            users.iter().map(|user| nearby(user.lat(), user.lon(), RADIUS_M, LIMIT)).collect();
        let search = |index: &Index| {
            let (mut results, mut rounds) = (0, 0);
            for query in &queries {
                let answer = index.nearby(query, SearchLimits::default()).expect("within the page budget");
                rounds += answer.work.rounds;
                results += black_box(answer).hits.len();
            }
            (results as f64 / QUERIES as f64, rounds as f64 / QUERIES as f64)
        };

        let cold = Index::keeping(&points, Keep::Nothing);
        let (results, rounds) = search(&cold);
        let (cold_queries, read_units) = (cold.queries.get() as f64, cold.read_units.get());
        drop(cold);

        let warm = Index::new(&points);
        search(&warm);
        let best = (0..5).map(|_| {
            let start = cpu_seconds();
            search(&warm);
            (cpu_seconds() - start) / QUERIES as f64 * 1e6
        });
        let best = best.fold(f64::INFINITY, f64::min);
        let ratio = best / *first.get_or_insert(best);
        println!(
            "{places:>9} {best:>5.2} µs {ratio:>10.2}x {:>14.2} {:>16.2} {rounds:>11.2} {results:>8.1}",
            cold_queries / QUERIES as f64,
            read_units / QUERIES as f64,
        );
    }
}
