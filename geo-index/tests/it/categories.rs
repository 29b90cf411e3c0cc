//! Trees of categories: exact at any rarity, and how many Queries that takes.

use std::collections::BTreeSet;

use geo_index::tree::{BoxQuery, NearbyQuery, SearchLimits};
use geo_index::{BBox, CategoryFilter, Leaf, Position};
use proptest::prelude::*;

use crate::support::{
    Index, Keep, Point, anywhere, at_most, brute_force, clustered, found, nearby, real_or_generated, rng,
    users,
};

/// What an index by category holds of one.
fn of_category(points: &[Point], category: &str) -> Vec<Point> {
    points.iter().filter(|point| point.category.as_deref() == Some(category)).cloned().collect()
}

/// Queries of a search, by an index that keeps nothing; its answer is compared with brute force.
fn queries(index: &Index, points: &[Point], query: &NearbyQuery) -> usize {
    let before = index.queries.get();
    let answer = index.nearby_coarse(query, SearchLimits::default()).unwrap();
    assert_eq!(found(&answer), brute_force(points, query), "{query:?}");
    index.queries.get() - before
}

fn mean(counts: &[usize]) -> f64 {
    counts.iter().sum::<usize>() as f64 / counts.len() as f64
}

/// 200,000 places within one degree: 3 of one category, 20 of each of two others, and the rest.
fn one_degree() -> Vec<Point> {
    let mut rng = rng(15);
    (0..200_000)
        .map(|i| {
            let (lat, lon) = (35.2 + rng.random_range(0.0..1.0), 139.2 + rng.random_range(0.0..1.0));
            let category = match i {
                0..3 => "embassy",
                _ if i % 10_000 == 7 => "museum",
                _ if i % 10_000 == 8 => "0541",
                _ => "town",
            };
            Point { category: Some(category.into()), ..Point::new(format!("{i:06}"), lat, lon) }
        })
        .collect()
}

#[test]
fn any_rarity_is_exact_and_cheap() {
    let all = one_degree();
    let mut rng = rng(16);
    for (category, count) in [("embassy", 3), ("museum", 20), ("0541", 20), ("town", 199_957), ("nowhere", 0)]
    {
        let points = of_category(&all, category);
        assert_eq!(points.len(), count);
        let index = Index::of_category(&points, &all, Keep::Nothing);
        let searches = if count > 1_000 { 40 } else { 60 };
        for radius_m in [100.0, 1_000.0, 10_000.0, 50_000.0, 200_000.0] {
            let origin = |_| {
                let (lat, lon) = (35.2 + rng.random_range(0.0..1.0), 139.2 + rng.random_range(0.0..1.0));
                Position::new(lat, lon).unwrap()
            };
            let origins: Vec<Position> = (0..searches).map(origin).collect();
            let count_at =
                |at: &Position| queries(&index, &points, &nearby(at.lat(), at.lon(), radius_m, 20));
            let counts: Vec<usize> = origins.iter().map(count_at).collect();
            let (mean, most) = (mean(&counts), *counts.iter().max().unwrap());
            println!("{category:8} {:6.1} km: {mean:5.2} queries, at most {most}", radius_m / 1e3);
            // A root, and the coarse pages around: few places take no more, wherever they are.
            if count <= 128 {
                assert!(radius_m > 10_000.0 || mean <= 3.0, "{category}, {radius_m} m: {mean} queries");
                assert!(most <= 8, "{category}, {radius_m} m: {most} queries");
            } else {
                // 200,000 within one degree lie under four splits, in the tree of all places as well. The root, the way down
                // and the pages around: 2.6 of these.
                assert!(radius_m > 10_000.0 || mean <= 6.0, "{category}, {radius_m} m: {mean} queries");
                let plain = |origin: &Position| {
                    let before = index.queries.get();
                    let query = nearby(origin.lat(), origin.lon(), radius_m, 20);
                    index.nearby(&query, SearchLimits::default()).unwrap();
                    index.queries.get() - before
                };
                let plain: Vec<usize> = origins.iter().map(plain).collect();
                println!("{:8} {:6.1} km: {:5.2} queries", "plain", radius_m / 1e3, self::mean(&plain));
                assert!(mean <= self::mean(&plain) + 0.5, "{category}, {radius_m} m: {mean} queries");
            }
        }
    }
}

/// From anywhere on the globe, with nothing of the category near: what a search costs that finds nothing.
#[test]
fn finding_nothing_within_the_horizon_is_bounded() {
    let mut rng = rng(17);
    let (mut worst, mut sum) = (0, 0);
    let few: Vec<Point> =
        (0..100).map(|i| Point::new(format!("{i}"), -75.0 + f64::from(i) / 1e3, 0.0)).collect();
    // More than a page in every coarse cell around, and all of it out of reach.
    let many: Vec<Point> = clustered(20_000, 18);
    for (points, bound) in [(&few, 5), (&many, 60)] {
        let index = Index::keeping(points, Keep::Nothing);
        for _ in 0..400 {
            let at = anywhere(&mut rng);
            let count = queries(&index, points, &nearby(at.lat(), at.lon(), 200_000.0, 20));
            (worst, sum) = (worst.max(count), sum + count);
            assert!(count <= bound, "{count} queries at {at:?}");
        }
    }
    println!("nothing within 200 km: {} queries in the mean, {worst} at most", sum as f64 / 800.0);
}

/// `cargo test -p geo-index --test it categories -- --nocapture` prints the table of docs/adr/0019.
#[test]
fn work_with_and_without_categories() {
    println!(
        "{:14} {:20} {:>7} {:>9} {:>8} {:>11} {:>5}",
        "file", "category", "places", "radius", "queries", "read units", "most"
    );
    for file in ["breweries.csv", "navaids.csv", "cities.csv"] {
        let all = real_or_generated(file, 1);
        let origins = users(&all, 40, 3_000.0, 1);
        let names: BTreeSet<&str> = all.iter().filter_map(|point| point.category.as_deref()).collect();
        let mut by_count: Vec<(usize, &str)> =
            names.into_iter().map(|name| (of_category(&all, name).len(), name)).collect();
        by_count.sort_unstable();
        let chosen: BTreeSet<(usize, &str)> =
            [0, by_count.len() / 2, by_count.len() - 1].into_iter().map(|i| by_count[i]).collect();
        let none = (0, "nowhere");
        let trees = chosen.iter().copied().chain([none]).map(|(_, name)| Some(name)).chain([None]);
        for category in trees {
            let points = category.map_or_else(|| all.clone(), |name| of_category(&all, name));
            let index = Index::of_category(&points, &all, Keep::Nothing);
            for radius_m in [100.0, 1_000.0, 10_000.0, 50_000.0, 200_000.0] {
                let (queries_before, units_before) = (index.queries.get(), index.read_units.get());
                let mut most = 0;
                for (i, origin) in origins.iter().enumerate() {
                    let query = nearby(origin.lat(), origin.lon(), radius_m, 20);
                    let before = index.queries.get();
                    let answer = match category {
                        Some(_) => index.nearby_coarse(&query, SearchLimits::default()).unwrap(),
                        None => index.nearby(&query, SearchLimits::default()).unwrap(),
                    };
                    most = most.max(index.queries.get() - before);
                    if i % 4 == 0 || points.len() < 5_000 {
                        assert_eq!(
                            found(&answer),
                            brute_force(&points, &query),
                            "{file} {category:?} {query:?}"
                        );
                    }
                }
                let per_search = |total: f64| total / origins.len() as f64;
                let queries = per_search((index.queries.get() - queries_before) as f64);
                println!(
                    "{file:14} {:20} {:7} {:6.1} km {queries:8.2} {:11.2} {most:5}",
                    category.unwrap_or("(any)"),
                    points.len(),
                    radius_m / 1e3,
                    per_search(index.read_units.get() - units_before),
                );
                assert!(category.is_none() || radius_m > 10_000.0 || queries <= 3.0);
            }
        }
    }
}

/// Half of the globe, where all is listed that the collection has: the list, two roots, and one page of each shard at most.
#[test]
fn the_whole_globe_is_bounded() {
    let all = real_or_generated("cities.csv", 1);
    let shards: BTreeSet<_> = all.iter().filter_map(|point| Leaf::at(point.position).ancestor(1)).collect();
    let mut rng = rng(21);
    for (name, few) in [("nowhere", 0), ("three", 3), ("hundred", 100)] {
        let points: Vec<Point> = all.iter().step_by(all.len() / few.max(1)).take(few).cloned().collect();
        let index = Index::of_category(&points, &all, Keep::Nothing);
        let (mut sum, mut most) = (0, 0);
        for _ in 0..12 {
            let at = anywhere(&mut rng);
            let count = queries(&index, &points, &nearby(at.lat(), at.lon(), 20_037_508.0, 20));
            (sum, most) = (sum + count, most.max(count));
            assert!(count <= shards.len() + 3, "{name}: {count} queries, {} shards", shards.len());
        }
        println!(
            "half the globe, {name}: {:.1} queries, at most {most}; {} shards",
            f64::from(sum as u32) / 12.0,
            shards.len()
        );
        let world = BoxQuery { bbox: BBox::WORLD, limit: at_most(1_000), category: None, after: None };
        let before = index.queries.get();
        assert_eq!(index.scan_coarse(&world, SearchLimits::default()).hits.len(), few);
        assert!(index.queries.get() - before <= shards.len() + 1);
    }
}

/// 20,000 places of a category on one spot, among others.
#[test]
fn a_crowd_of_one_category_is_walked() {
    let mut points: Vec<Point> = (0..20_000).map(|i| Point::new(format!("{i:05}"), 48.0, 11.0)).collect();
    points.extend((0..300).map(|i| Point::new(format!("x{i:03}"), 48.0 + f64::from(i) / 500.0, 11.2)));
    let index = Index::of_category(&points, &clustered(2_000, 23), Keep::All);
    for (lat, radius_m) in [(48.0, 5_000.0), (48.3, 300_000.0), (40.0, 3_000_000.0)] {
        let mut query = nearby(lat, 11.0, radius_m, 100);
        for _ in 0..4 {
            let answer = index.nearby_coarse(&query, SearchLimits::default()).unwrap();
            assert_eq!(found(&answer), brute_force(&points, &query), "{query:?}");
            let Some(next) = answer.next else { break };
            query.after = Some(next);
        }
    }
    let mut query = BoxQuery { bbox: BBox::WORLD, limit: at_most(1_000), category: None, after: None };
    let mut walked = 0;
    loop {
        let answer = index.scan_coarse(&query, SearchLimits::default());
        walked += answer.hits.len();
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    assert_eq!(walked, points.len());
}

/// With all pages at hand, a search by category looks at about as many pages as one of all places. It compares the distances
/// of at most a page of places more: a coarse page may hold some that are far away.
#[test]
fn warm_work_with_and_without_categories() {
    println!("{:14} {:20} {:>9} {:>6} {:>7}", "file", "category", "radius", "pages", "places");
    for file in ["breweries.csv", "navaids.csv", "cities.csv"] {
        let all = real_or_generated(file, 1);
        let origins = users(&all, 40, 3_000.0, 1);
        let names: BTreeSet<&str> = all.iter().filter_map(|point| point.category.as_deref()).collect();
        let mut by_count: Vec<(usize, &str)> =
            names.into_iter().map(|name| (of_category(&all, name).len(), name)).collect();
        by_count.sort_unstable();
        let chosen = [by_count.len() / 2, by_count.len() - 1].map(|i| by_count[i].1);
        let mut plain = Vec::new();
        for category in [None].into_iter().chain(chosen.map(Some)) {
            let points = category.map_or_else(|| all.clone(), |name| of_category(&all, name));
            let index = Index::of_category(&points, &all, Keep::All);
            for (at, radius_m) in [1_000.0, 10_000.0, 50_000.0, 200_000.0].into_iter().enumerate() {
                let (mut pages, mut places) = (0, 0);
                for origin in &origins {
                    let query = nearby(origin.lat(), origin.lon(), radius_m, 20);
                    let search = || match category {
                        Some(_) => index.nearby_coarse(&query, SearchLimits::default()).unwrap(),
                        None => index.nearby(&query, SearchLimits::default()).unwrap(),
                    };
                    // What came along with the pages of one search may lead the next one another way.
                    let is_warm = (0..4).any(|_| {
                        let before = index.queries.get();
                        search();
                        index.queries.get() == before
                    });
                    assert!(is_warm, "{file} {category:?} {query:?}");
                    let before = index.compared.get();
                    pages += search().work.pages;
                    places += index.compared.get() - before;
                }
                let per_search = |total: usize| total as f64 / origins.len() as f64;
                let (pages, places) = (per_search(pages), per_search(places));
                println!(
                    "{file:14} {:20} {:6.1} km {pages:6.2} {places:7.1}",
                    category.unwrap_or("(any)"),
                    radius_m / 1e3
                );
                match category {
                    None => plain.push((pages, places)),
                    Some(name) => {
                        let (most_pages, most_places) =
                            (plain[at].0 * 1.25 + 1.0, plain[at].1 * 1.25 + 128.0);
                        assert!(pages <= most_pages && places <= most_places, "{file} {name} {radius_m}");
                    }
                }
            }
        }
    }
}

/// A filtered search over a budget that is far too small, walked to its end.
#[test]
fn what_ends_early_goes_on() {
    let mut points = clustered(4_000, 19);
    for (i, point) in points.iter_mut().enumerate() {
        point.category = Some(if i % 97 == 0 { "rare" } else { "common" }.into());
    }
    let index = Index::new(&points);
    let limits = SearchLimits { page_budget: at_most(30), fan_out: at_most(4) };
    let (mut rng, mut early) = (rng(20), 0);
    for _ in 0..20 {
        let at = points[rng.random_range(0..points.len())].position;
        let filter: CategoryFilter = "!common".parse().unwrap();
        let all = NearbyQuery { category: Some(filter), ..nearby(at.lat(), at.lon(), 3_000_000.0, 100) };
        let expected = brute_force(&points, &NearbyQuery { limit: at_most(10_000), ..all.clone() });
        let (mut query, mut walked) = (all, Vec::new());
        loop {
            let answer = index.nearby_ending_early(&query, limits).unwrap();
            early += usize::from(answer.next.as_ref().is_some_and(|next| next.id.is_empty()));
            walked.extend(found(&answer));
            let Some(next) = answer.next else { break };
            query.after = Some(next);
        }
        assert_eq!(walked, expected);
    }
    assert!(early > 20, "{early} answers ended early: the budget never mattered");
}

proptest! {
    /// Few places or many, kept pages or none, old ones among them: with coarse pages as without.
    #[test]
    fn coarse_pages_change_no_result(
        count in prop_oneof![0..5_usize, 100..160_usize, 1_000..2_000_usize], seed in 0..6_u64, at in 0..1_000_usize,
        radius in 2.0..7.3_f64, limit in 1..=100_usize, keep in 0..3_u8, fan_out in 1..=16_usize,
    ) {
        let points = clustered(count, seed);
        let keep = [Keep::Nothing, Keep::Splits, Keep::All][usize::from(keep)];
        let index = Index::of_category(&points, &clustered(count / 2, seed + 1), keep);
        let limits = SearchLimits { page_budget: at_most(100_000), fan_out: at_most(fan_out) };
        let near = points.get(at % count.max(1)).map_or_else(|| Position::new(1.0, 2.0).unwrap(), |point| point.position);
        for from in [near, anywhere(&mut rng(at as u64))] {
            let mut query = nearby(from.lat(), from.lon(), 10_f64.powf(radius).min(2e7), limit);
            for _ in 0..3 {
                let answer = index.nearby_coarse(&query, limits).unwrap();
                prop_assert_eq!(found(&answer), brute_force(&points, &query));
                let Some(next) = answer.next else { break };
                query.after = Some(next);
            }
        }
    }

    #[test]
    fn boxes_from_coarse_pages_equal_brute_force(
        west in -180.0..=180.0_f64, width in 0.0..=360.0_f64, south in -90.0..=90.0_f64,
        height in 0.0..=90.0_f64, limit in 1..=100_usize, seed in 0..4_u64, count in 0..600_usize,
    ) {
        let points = clustered(count, seed);
        let index = Index::of_category(&points, &clustered(count, seed + 1), Keep::All);
        let east = (west + width + 180.0).rem_euclid(360.0) - 180.0;
        let bbox = BBox::new(west, south, east, (south + height).min(90.0)).unwrap();
        let limits = SearchLimits { page_budget: at_most(50), fan_out: at_most(16) };
        let mut query =
            BoxQuery { bbox, limit: at_most(limit), category: None, after: None };
        let mut walked = Vec::new();
        loop {
            let answer = index.scan_coarse(&query, limits);
            walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
            let Some(next) = answer.next else { break };
            query.after = Some(next);
        }
        let mut inside: Vec<_> =
            points.iter().filter(|point| bbox.contains(point.position)).map(|point| point.id.clone()).collect();
        walked.sort();
        inside.sort();
        prop_assert_eq!(walked, inside);
    }
}

/// Of places as dense as these, a search that knows the splits reads the pages around, and no more.
#[test]
fn dense_places_take_the_pages_around_once_splits_are_known() {
    let points = one_degree();
    let (mut rng, searches) = (rng(24), 200);
    let origins: Vec<Position> = (0..searches)
        .map(|_| {
            Position::new(35.2 + rng.random_range(0.0..1.0), 139.2 + rng.random_range(0.0..1.0)).unwrap()
        })
        .collect();
    for (name, keep, most) in [("nothing", Keep::Nothing, 6.0), ("splits", Keep::Splits, 3.0)] {
        let index = Index::keeping(&points, keep);
        for pass in ["at first", "then"] {
            let (queries, units) = (index.queries.get(), index.read_units.get());
            let mut rounds = 0;
            for at in &origins {
                let query = nearby(at.lat(), at.lon(), 10_000.0, 20);
                rounds += index.nearby(&query, SearchLimits::default()).unwrap().work.rounds;
            }
            let per_search = |total: f64| total / f64::from(searches);
            let queries = per_search((index.queries.get() - queries) as f64);
            println!(
                "{name:8} {pass:8} {queries:5.2} queries {:6.2} read units {:5.2} rounds",
                per_search(index.read_units.get() - units),
                per_search(rounds as f64)
            );
            assert!(queries <= most, "{name}, {pass}: {queries} queries");
        }
    }
}
