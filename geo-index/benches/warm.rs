//! Warm searches over all of cities.csv beside Redis `GEOSEARCH` on the same places and queries, in one run.
//!
//! Both sides are measured in CPU time per query: Redis by the server's own account (`INFO cpu`), ours by the
//! thread's. Then the same searches by category, in the tree of each, beside those of all places: pages, time, and the
//! ratios of both. `cargo bench -p geo-index --bench warm`; a `redis-server` has to be on the path,
//! and the places come from `$CELLAR_TEST_DATA/cities.csv` or, where that is absent, from a generator.

mod cpu;
#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod support;

use std::collections::BTreeMap;
use std::hint::black_box;

use cpu::cpu_seconds;
use geo_index::Position;
use geo_index::tree::SearchLimits;
use support::{Index, Keep, Point, nearby, real_or_generated, users};

const QUERIES: usize = 20_000;
const LIMIT: usize = 20;

fn main() {
    let points = real_or_generated("cities.csv", 1);
    let users = users(&points, QUERIES, 3_000.0, 1);
    let index = Index::new(&points);
    let mut peer = redis_peer::Redis::start(&points);
    println!("{} places, {QUERIES} population-weighted queries, {LIMIT} nearest", points.len());
    println!("{:>8} {:>14} {:>14} {:>8} {:>8}", "radius", "search", "GEOSEARCH", "ratio", "results");
    for radius_m in [2_000.0, 10_000.0, 50_000.0] {
        let mut best = f64::INFINITY;
        let mut results = 0;
        for _ in 0..4 {
            results = 0;
            let start = cpu_seconds();
            for user in &users {
                let query = nearby(user.lat(), user.lon(), radius_m, LIMIT);
                let answer = index.nearby(&query, SearchLimits::default()).expect("within the page budget");
                results += black_box(answer).hits.len();
            }
            best = best.min((cpu_seconds() - start) / QUERIES as f64 * 1e6);
        }
        let redis = peer.as_mut().map(|peer| peer.geosearch(&users, radius_m, LIMIT));
        let (cpu, ratio) = redis.map_or(("-".to_owned(), "-".to_owned()), |redis| {
            (format!("{redis:.1} µs"), format!("1/{:.1}", redis / best))
        });
        let mean = results as f64 / QUERIES as f64;
        println!("{:>5} km {:>11.2} µs {cpu:>14} {ratio:>8} {mean:>8.1}", radius_m / 1e3, best);
    }
    by_category(&points, &users);
}

/// What warm searches take, each.
#[derive(Clone, Copy)]
struct Warm {
    pages: f64,
    micros: f64,
}

/// Searches in the trees of the rarest, the middle and the most frequent category, in turns with those of all places.
fn by_category(points: &[Point], users: &[Position]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for category in points.iter().filter_map(|point| point.category.as_deref()) {
        *counts.entry(category).or_default() += 1;
    }
    let mut by_count: Vec<(usize, &str)> = counts.into_iter().map(|(name, count)| (count, name)).collect();
    by_count.sort_unstable();
    let chosen = [0, by_count.len() / 2, by_count.len() - 1].map(|at| by_count[at]);
    let plain = Index::new(points);
    println!(
        "\n{:>8} {:16} {:>8} {:>7} {:>9} {:>7} {:>7}",
        "radius", "category", "places", "pages", "search", "pages", "time"
    );
    for radius_m in [2_000.0, 10_000.0, 50_000.0] {
        for (count, name) in chosen {
            let of_it = points.iter().filter(|point| point.category.as_deref() == Some(name));
            let index = Index::of_category(&of_it.cloned().collect::<Vec<_>>(), points, Keep::All);
            let mut best = [Warm { pages: 0.0, micros: f64::INFINITY }; 2];
            for _ in 0..5 {
                for (best, (tree, coarse)) in best.iter_mut().zip([(&plain, false), (&index, true)]) {
                    let pass = pass(tree, users, radius_m, coarse);
                    *best = Warm { pages: pass.pages, micros: best.micros.min(pass.micros) };
                }
            }
            let [all, one] = best;
            println!(
                "{:>5} km {name:16} {count:>8} {:>7.2} {:>6.2} µs {:>7.2} {:>7.2}",
                radius_m / 1e3,
                one.pages,
                one.micros,
                one.pages / all.pages,
                one.micros / all.micros
            );
        }
    }
}

/// All searches once; the first pass fills the index, and counts for nothing.
fn pass(index: &Index, users: &[Position], radius_m: f64, has_coarse_pages: bool) -> Warm {
    let (start, mut pages) = (cpu_seconds(), 0);
    for user in users {
        let query = nearby(user.lat(), user.lon(), radius_m, LIMIT);
        let answer = if has_coarse_pages {
            index.nearby_coarse(&query, SearchLimits::default())
        } else {
            index.nearby(&query, SearchLimits::default())
        };
        pages += black_box(answer).expect("within the page budget").work.pages;
    }
    let searches = users.len() as f64;
    Warm { pages: pages as f64 / searches, micros: (cpu_seconds() - start) / searches * 1e6 }
}

/// A throw-away redis-server with the same places.
mod redis_peer {
    use std::net::TcpListener;
    use std::process::{Child, Command, Stdio};

    use geo_index::Position;
    use redis::{Client, Commands, Connection};

    use super::support::Point;

    pub(crate) struct Redis {
        server: Child,
        connection: Connection,
    }

    impl Redis {
        pub(crate) fn start(points: &[Point]) -> Option<Self> {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("a bound port").port().to_string();
            drop(listener);
            let server = Command::new("redis-server")
                .args(["--port", &port, "--save", "", "--appendonly", "no"])
                .stdout(Stdio::null())
                .spawn();
            let Ok(server) = server else {
                println!("redis-server is not on the path: no comparison");
                return None;
            };
            let client = Client::open(format!("redis://127.0.0.1:{port}")).expect("a valid URL");
            let connection = (0..200).find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(25));
                client.get_connection().ok()
            });
            let mut peer = Self { server, connection: connection.expect("redis-server starts") };
            for chunk in points.chunks(5_000) {
                let mut pipe = redis::pipe();
                // Redis cannot hold the poles.
                for point in chunk.iter().filter(|point| point.position.lat().abs() < 85.0) {
                    let (lon, lat) = (point.position.lon(), point.position.lat());
                    pipe.cmd("GEOADD").arg("places").arg(lon).arg(lat).arg(&point.id).ignore();
                }
                pipe.exec(&mut peer.connection).expect("GEOADD");
            }
            Some(peer)
        }

        /// Microseconds of server CPU per query.
        pub(crate) fn geosearch(&mut self, users: &[Position], radius_m: f64, limit: usize) -> f64 {
            let before = self.cpu_seconds();
            for chunk in users.chunks(100) {
                let mut pipe = redis::pipe();
                for user in chunk {
                    let search = pipe.cmd("GEOSEARCH").arg("places");
                    search.arg("FROMLONLAT").arg(user.lon()).arg(user.lat().clamp(-85.0, 85.0));
                    search.arg("BYRADIUS").arg(radius_m).arg("m").arg("ASC").arg("COUNT").arg(limit);
                    search.arg("WITHCOORD").arg("WITHDIST").ignore();
                }
                pipe.exec(&mut self.connection).expect("GEOSEARCH");
            }
            (self.cpu_seconds() - before) / users.len() as f64 * 1e6
        }

        fn cpu_seconds(&mut self) -> f64 {
            let info: redis::InfoDict =
                redis::cmd("INFO").arg("cpu").query(&mut self.connection).expect("INFO");
            let used = |key: &str| info.get::<f64>(key).expect("INFO cpu has it");
            used("used_cpu_user") + used("used_cpu_sys")
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            let _: Result<(), _> = self.connection.del("places");
            self.server.kill().expect("the server is ours");
            self.server.wait().expect("the server is ours");
        }
    }
}
