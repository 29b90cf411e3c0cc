//! Counted work: Queries, read units and round trips of searches, by DynamoDB's rules.

use geo_index::tree::SearchLimits;

use crate::support::{
    Index, Keep, Point, brute_force, found, have_real_data, nearby, real_or_generated, users,
};

/// Means over a stream of searches.
struct Work {
    queries: f64,
    read_units: f64,
    rounds: f64,
    worst_rounds: usize,
    pages: f64,
}

fn measure(points: &[Point], keep: Keep, radius_m: f64) -> Work {
    const SEARCHES: usize = 5_000;
    let index = Index::keeping(points, keep);
    let mut work = Work { queries: 0.0, read_units: 0.0, rounds: 0.0, worst_rounds: 0, pages: 0.0 };
    for user in users(points, SEARCHES, 3_000.0, 1) {
        let query = nearby(user.lat(), user.lon(), radius_m, 20);
        let answer = index.nearby(&query, SearchLimits::default()).unwrap();
        work.rounds += answer.work.rounds as f64 / SEARCHES as f64;
        work.worst_rounds = work.worst_rounds.max(answer.work.rounds);
        work.pages += answer.work.pages as f64 / SEARCHES as f64;
    }
    work.queries = index.queries.get() as f64 / SEARCHES as f64;
    work.read_units = index.read_units.get() / SEARCHES as f64;
    work
}

/// `cargo test --release -p geo-index --test it counted -- --nocapture` prints the table of docs/BENCHMARKS.md.
#[test]
fn work_per_search_over_radius() {
    let points = real_or_generated("cities.csv", 1);
    println!(
        "{:8} {:>9} {:>8} {:>11} {:>7} {:>6} {:>6}",
        "kept", "radius", "queries", "read units", "rounds", "worst", "pages"
    );
    for (name, keep) in [("nothing", Keep::Nothing), ("splits", Keep::Splits), ("pages", Keep::All)] {
        let mut previous: Option<Work> = None;
        for radius_km in [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0] {
            let work = measure(&points, keep, radius_km * 1e3);
            println!(
                "{name:8} {radius_km:6.1} km {:8.2} {:11.2} {:7.2} {:6} {:6.2}",
                work.queries, work.read_units, work.rounds, work.worst_rounds, work.pages
            );
            if keep == Keep::Nothing {
                assert!(
                    work.queries >= 1.0 && work.read_units >= 0.5 && work.rounds >= 1.0,
                    "work went uncounted"
                );
            }
            if have_real_data() {
                if let Some(previous) = previous {
                    assert!(work.queries < previous.queries * 1.6 + 0.1, "a cliff at {radius_km} km");
                    assert!(work.read_units < previous.read_units * 1.6 + 0.1, "a cliff at {radius_km} km");
                }
                let bounded = radius_km > 10.0 || (work.queries <= 2.0 && work.read_units <= 4.0);
                assert!(bounded, "too much work at {radius_km} km");
                assert!(
                    work.worst_rounds <= 12,
                    "{} rounds in sequence at {radius_km} km",
                    work.worst_rounds
                );
            } else {
                // Generated clusters are as narrow as 10 m and hold hundreds: worse than people live.
                assert!(work.queries <= 12.0 && work.worst_rounds <= 24, "too much work at {radius_km} km");
            }
            previous = Some(work);
        }
    }
}

#[test]
fn one_crowded_point_costs_a_bounded_number_of_queries() {
    let crowd: Vec<Point> = (0..5_000).map(|i| Point::new(format!("{i:04}"), 52.52, 13.405)).collect();
    let megabytes = (5_000 * crowd[0].bytes).div_ceil(1 << 20);
    for (lat, lon) in [(52.52, 13.405), (52.5201, 13.4051), (52.53, 13.42), (52.6, 13.6)] {
        let index = Index::keeping(&crowd, Keep::Nothing);
        let query = nearby(lat, lon, 50_000.0, 20);
        let answer = index.nearby(&query, SearchLimits::default()).unwrap();
        assert_eq!(found(&answer), brute_force(&crowd, &query));
        // The root and what lies behind the point: two. The point itself: one for each started megabyte. At
        // most one more root within reach before the point is found.
        assert!(index.queries.get() <= 3 + megabytes, "{} queries from {lat},{lon}", index.queries.get());
    }
}

#[test]
fn kept_splits_save_reads_and_are_never_wrong() {
    let mut points = real_or_generated("breweries.csv", 2);
    let index = Index::keeping(&points, Keep::Splits);
    let sample = users(&points, 300, 5_000.0, 9);
    for user in &sample {
        index.nearby(&nearby(user.lat(), user.lon(), 50_000.0, 50), SearchLimits::default()).unwrap();
    }
    // The same splits over data that has become so sparse that nothing is split any more.
    points.retain(|point| point.id.len() % 7 == 0 || point.id.ends_with('3'));
    let thinned = index.with_points(&points);
    for user in &sample {
        let query = nearby(user.lat(), user.lon(), 50_000.0, 50);
        let answer = thinned.nearby(&query, SearchLimits::default()).unwrap();
        assert_eq!(found(&answer), brute_force(&points, &query));
    }
}
