//! Nearby searches against brute force: set, order and distance, to the last bit.

use geo_index::tree::{NearbyKey, NearbyQuery, NearbySearch, Progress, SearchLimits};
use geo_index::{GridCell, H3Cell, Leaf, Position, SearchError};
use proptest::prelude::*;
use rand::RngExt;

use crate::support::{
    Index, Keep, Point, anywhere, at_most, brute_force, clustered, destination, found, nearby,
    real_or_generated, rng, users,
};

const MAX_RADIUS_M: f64 = 200_000.0;

fn check(index: &Index, points: &[Point], query: &NearbyQuery) {
    let answer = index.nearby(query, SearchLimits::default()).unwrap();
    assert_eq!(found(&answer), brute_force(points, query), "{query:?}");
    let haversine = |hit: &geo_index::tree::Hit| geo_index::distance(query.origin, hit.position());
    for hit in &answer.hits {
        assert!((hit.distance().unwrap().get() - haversine(hit).get()).abs() < 1e-6);
        assert_eq!(hit.payload(), hit.id().as_bytes());
    }
}

/// Radii from 1 m to the maximum, limits from 1 to 100, with and without a category.
fn check_from(index: &Index, points: &[Point], origins: &[Position], seed: u64) {
    let mut rng = rng(seed);
    for origin in origins {
        let radius_m = MAX_RADIUS_M.powf(rng.random_range(0.0..=1.0));
        let mut query = nearby(origin.lat(), origin.lon(), radius_m, rng.random_range(1..=100));
        check(index, points, &query);
        let category = points[rng.random_range(0..points.len())].category.as_deref();
        query.category = category.map(Into::into);
        check(index, points, &query);
    }
}

#[test]
fn real_places_from_where_people_are() {
    for (file, searches) in [("breweries.csv", 400), ("navaids.csv", 400), ("cities.csv", 150)] {
        let points = real_or_generated(file, 11);
        for keep in [Keep::Nothing, Keep::All] {
            let index = Index::keeping(&points, keep);
            check_from(&index, &points, &users(&points, searches, 10_000.0, 5), 6);
        }
    }
}

#[test]
fn real_places_from_anywhere() {
    for file in ["breweries.csv", "navaids.csv", "cities.csv"] {
        let points = real_or_generated(file, 12);
        let index = Index::new(&points);
        let mut rng = rng(7);
        let origins: Vec<_> = (0..150).map(|_| anywhere(&mut rng)).collect();
        check_from(&index, &points, &origins, 8);
    }
}

#[test]
fn generated_places() {
    let points = clustered(30_000, 13);
    let index = Index::new(&points);
    check_from(&index, &points, &users(&points, 500, 20_000.0, 14), 15);
}

#[test]
fn every_limit() {
    let points = clustered(5_000, 16);
    let index = Index::new(&points);
    let origin = points[17].position;
    for limit in 1..=100 {
        check(&index, &points, &nearby(origin.lat(), origin.lon(), 150_000.0, limit));
    }
}

/// Places thrown around a position at distances from a millimetre to 100 km.
fn around(name: &str, centre: Position, count: usize, seed: u64) -> Vec<Point> {
    let mut rng = rng(seed);
    (0..count)
        .map(|i| {
            let away = 10f64.powf(rng.random_range(-3.0..5.0));
            let position = destination(centre, away, rng.random_range(0.0..std::f64::consts::TAU));
            Point::new(format!("{name}{i}"), position.lat(), position.lon())
        })
        .collect()
}

#[test]
fn poles_and_the_antimeridian() {
    for (lat, lon) in [
        (90.0, 0.0),
        (-90.0, 77.0),
        (0.0, 180.0),
        (-17.0, -180.0),
        (66.5, 180.0),
        (89.999, -180.0),
        (0.0, 0.0),
    ] {
        let centre = Position::new(lat, lon).unwrap();
        let points = around("p", centre, 3_000, 21);
        let index = Index::new(&points);
        let mut origins: Vec<_> = around("o", centre, 60, 22).iter().map(|point| point.position).collect();
        origins.push(centre);
        origins.push(Position::new(lat, -lon).unwrap());
        check_from(&index, &points, &origins, 23);
    }
}

#[test]
fn pentagons() {
    for level in [0, 3, 4, 6, 9] {
        let resolution = h3o::Resolution::try_from(level).unwrap();
        for (i, pentagon) in (0_u64..).zip(resolution.pentagons()) {
            let centre = H3Cell::from_index(pentagon.into()).unwrap().centre();
            let points = around("p", centre, 600, 30 + i);
            let index = Index::new(&points);
            let origins: Vec<_> = around("o", centre, 8, 31 + i).iter().map(|p| p.position).collect();
            check_from(&index, &points, &origins, 32);
        }
    }
}

#[test]
fn thousands_of_places_on_one_point() {
    let mut points: Vec<_> =
        (0..5_000).map(|i| Point::new(format!("{}", i * 7919 % 5_000), 40.7, -74.0)).collect();
    points.extend(around("near", points[0].position, 500, 41));
    for keep in [Keep::Nothing, Keep::All] {
        let index = Index::keeping(&points, keep);
        for (lat, lon) in [(40.7, -74.0), (40.700_01, -74.0), (40.75, -74.1)] {
            for limit in [1, 20, 100] {
                check(&index, &points, &nearby(lat, lon, 20_000.0, limit));
            }
        }
    }
}

#[test]
fn a_partition_over_one_megabyte() {
    let mut points = around("p", Position::new(47.0, 8.0).unwrap(), 2_000, 51);
    for (i, point) in points.iter_mut().enumerate() {
        point.bytes = if i % 3 == 0 { 60_000 } else { 900 };
    }
    let index = Index::keeping(&points, Keep::Nothing);
    let origins: Vec<_> = points.iter().step_by(100).map(|point| point.position).collect();
    check_from(&index, &points, &origins, 52);
}

#[test]
fn the_radius_is_inclusive_to_the_last_bit() {
    let points = around("p", Position::new(-33.0, 151.0).unwrap(), 400, 61);
    let index = Index::new(&points);
    let origin = Position::new(-33.01, 151.02).unwrap();
    for point in &points {
        let exact = geo_index::distance(origin, point.position).get();
        for radius in [exact, exact.next_down(), exact.next_up()] {
            check(&index, &points, &nearby(origin.lat(), origin.lon(), radius.max(1e-9), 100));
        }
    }
}

#[test]
fn equal_distances_are_ordered_by_id() {
    // Mirrored in latitude and longitude: four places for every distance.
    let mut points = Vec::new();
    for i in 0..300 {
        let (lat, lon) = (f64::from(i) * 1e-4, f64::from(i % 17) * 1e-4);
        for (name, lat, lon) in [("d", lat, lon), ("a", -lat, lon), ("c", lat, -lon), ("b", -lat, -lon)] {
            points.push(Point::new(format!("{name}{i}"), lat, lon));
        }
    }
    let index = Index::new(&points);
    for limit in 1..=100 {
        check(&index, &points, &nearby(0.0, 0.0, 10_000.0, limit));
    }
}

/// Follows cursors to the end and compares the whole walk with brute force.
fn walk(index: &Index, points: &[Point], first: &NearbyQuery) {
    let mut query = first.clone();
    let mut walked = Vec::new();
    loop {
        let answer = index.nearby(&query, SearchLimits::default()).unwrap();
        let page = found(&answer);
        assert_eq!(page, brute_force(points, &query));
        walked.extend(page);
        let Some(next) = answer.next else { break };
        query.after = Some(next);
    }
    let everything = NearbyQuery { limit: at_most(usize::MAX / 8), ..first.clone() };
    assert_eq!(walked, brute_force(points, &everything));
}

#[test]
fn cursors_walk_to_the_end() {
    let mut points = clustered(3_000, 71);
    let crowded = points[5].position;
    points.extend((0..700).map(|i| Point::new(format!("crowd{i}"), crowded.lat(), crowded.lon())));
    for keep in [Keep::Nothing, Keep::All] {
        let index = Index::keeping(&points, keep);
        for (i, origin) in users(&points, 12, 5_000.0, 72).into_iter().chain([crowded]).enumerate() {
            let mut query = nearby(origin.lat(), origin.lon(), 60_000.0, 1 + i * 8);
            walk(&index, &points, &query);
            query.category = Some("bar".into());
            walk(&index, &points, &query);
        }
    }
}

#[test]
fn there_is_no_next_when_there_is_surely_nothing_more() {
    // In the middle of a root, so that no other one is within the radius.
    let centre = Leaf::at(Position::new(10.0, 20.0).unwrap()).ancestor(3).unwrap().centre();
    let points = ["a", "b", "c"].map(|id| Point::new(id, centre.lat(), centre.lon()));
    let index = Index::new(&points);
    for (limit, more) in [(2, true), (3, false), (4, false)] {
        let query = nearby(centre.lat(), centre.lon(), 5_000.0, limit);
        let answer = index.nearby(&query, SearchLimits::default()).unwrap();
        assert_eq!(answer.next.is_some(), more, "limit {limit}");
    }
}

#[test]
fn a_cursor_skips_what_lies_before_it() {
    let points = around("p", Position::new(10.0, 20.0).unwrap(), 5_000, 81);
    let index = Index::keeping(&points, Keep::Nothing);
    let query = |after| NearbyQuery { after, ..nearby(10.0, 20.0, 100_000.0, 20) };
    let limits = SearchLimits::default();
    let all = brute_force(&points, &NearbyQuery { limit: at_most(5_000), ..query(None) });
    let (id, at) = all[4_900].clone();
    let far = NearbyKey { distance: geo_index::Meters::new(at).unwrap(), id };
    let answer = index.nearby(&query(Some(far.clone())), limits).unwrap();
    assert_eq!(found(&answer), brute_force(&points, &query(Some(far))));
    assert!(answer.work.pages < 60, "{} pages for the last places of 5,000", answer.work.pages);
}

#[test]
fn a_search_over_budget_fails_loudly() {
    let points = clustered(20_000, 91);
    let index = Index::new(&points);
    let query = NearbyQuery { category: Some("absent".into()), ..nearby(0.0, 0.0, 2_000_000.0, 10) };
    let limits = SearchLimits { page_budget: at_most(5), fan_out: at_most(8) };
    assert_eq!(index.nearby(&query, limits).unwrap_err(), SearchError::PageBudget { budget: 5 });
}

/// Follows cursors for some pages, and compares each with brute force.
fn pages_of(index: &Index, points: &[Point], first: NearbyQuery, pages: usize) {
    let mut query = first;
    for _ in 0..pages {
        let answer = index.nearby(&query, SearchLimits::default()).unwrap();
        assert_eq!(found(&answer), brute_force(points, &query), "{query:?}");
        query.after = answer.next;
        if query.after.is_none() {
            return;
        }
    }
}

/// 20,000 places on one point: with the same coordinates, or with a few different ones, or each with its own.
#[test]
fn a_crowd_beyond_a_page_is_searched_exactly() {
    for spots in [1_usize, 2, 7, 5_000] {
        let at = |i: usize| 1.0 + (i % spots) as f64 * 4e-6 / spots as f64;
        let id = |i: usize| format!("{:05}", i * 7_919 % 20_000);
        let mut points: Vec<_> = (0..20_000)
            .map(|i| {
                let category = ["bar", "café"][usize::from(i % 5_000 == 17)];
                Point { category: Some(category.into()), ..Point::new(id(i), at(i), 1.0) }
            })
            .collect();
        points.extend(around("n", Position::new(1.0, 1.0).unwrap(), 300, 5));
        let index = Index::new(&points);
        for (lat, lon) in [(1.0, 1.0), (1.000_002, 1.0), (0.999_99, 1.000_01), (1.1, 0.9)] {
            for limit in [1, 100, 1_000] {
                pages_of(&index, &points, nearby(lat, lon, 50_000.0, limit), 4);
            }
            let few = NearbyQuery { category: Some("café".into()), ..nearby(lat, lon, 50_000.0, 3) };
            pages_of(&index, &points, few, 4);
        }
    }
}

/// 20,000 places with the same coordinates: what is read is what is answered, wherever a cursor stands.
#[test]
fn a_crowd_on_one_spot_is_paged_through() {
    let points: Vec<_> = (0..20_000).map(|i| Point::new(format!("{i:05}"), 1.0, 1.0)).collect();
    let index = Index::new(&points);
    let (mut query, mut walked) = (nearby(1.0, 1.0, 10.0, 500), Vec::new());
    index.nearby(&query, SearchLimits::default()).unwrap();
    loop {
        let before = index.queries.get();
        let answer = index.nearby(&query, SearchLimits::default()).unwrap();
        // The rest of a run, and then two runs at once.
        assert!(index.queries.get() - before <= 3, "{} reads", index.queries.get() - before);
        walked.extend(answer.hits.iter().map(|hit| hit.id().to_owned()));
        query.after = answer.next;
        if query.after.is_none() {
            break;
        }
    }
    let all: Vec<_> = points.into_iter().map(|point| point.id).collect();
    assert_eq!(walked, all);
}

/// What a search keeps in memory does not grow with the crowd: here are 100 MB on one point, each place at its own
/// coordinates, so that all of them have to be looked at.
#[test]
fn a_search_of_a_large_crowd_keeps_little() {
    let place = |i: usize| {
        let bytes = 60_000;
        Point { bytes, ..Point::new(format!("{i:04}"), 1.0 + i as f64 * 1e-9, 1.0) }
    };
    let points: Vec<_> = (0..1_700).map(place).collect();
    let index = Index::new(&points);
    let query = nearby(1.000_000_9, 1.0, 10.0, 5);
    let answer = index.nearby(&query, SearchLimits::default()).unwrap();
    assert_eq!(found(&answer), brute_force(&points, &query));
    assert!(answer.next.is_some());
}

/// Two places in the world and no limit to the radius.
#[test]
fn half_the_globe_is_a_few_reads() {
    let points = [Point::new("a", 48.8566, 2.3522), Point::new("b", -33.87, 151.21)];
    let half = geo_index::HALF_CIRCUMFERENCE.get();
    let mut rng = rng(12);
    let origins = (0..60).map(|_| anywhere(&mut rng));
    let antipode = Position::new(-48.8566, 2.3522 - 180.0).unwrap();
    for origin in origins.chain([points[0].position, antipode, Position::new(90.0, 0.0).unwrap()]) {
        let index = Index::keeping(&points, Keep::Nothing);
        for (limit, most) in [(10, 3), (1, 3)] {
            index.queries.set(0);
            let query = nearby(origin.lat(), origin.lon(), half, limit);
            let answer = index.nearby(&query, SearchLimits::default()).unwrap();
            assert_eq!(found(&answer), brute_force(&points, &query), "{origin:?}");
            assert!(index.queries.get() <= most, "{} reads from {origin:?}", index.queries.get());
            assert!(limit == 1 || answer.next.is_none());
        }
    }
}

/// Radii up to half the globe, over places of all the world: which roots exist may be known or not.
#[test]
fn far_horizons_equal_brute_force() {
    let points = clustered(3_000, 33);
    let half = geo_index::HALF_CIRCUMFERENCE.get();
    let mut rng = rng(13);
    for keep in [Keep::Nothing, Keep::All] {
        let index = Index::keeping(&points, keep);
        for round in 0..60 {
            let origin = anywhere(&mut rng);
            let radius = [half, half * 0.99, 9_000_000.0, 1_500_000.0, 330_000.0, 250_000.0][round % 6];
            let query = nearby(origin.lat(), origin.lon(), radius, [1, 40, 100][round % 3]);
            pages_of(&index, &points, query, 3);
        }
        // From the farthest on: behind all but the last places.
        let query = nearby(10.0, 20.0, half, 50);
        let all = brute_force(&points, &NearbyQuery { limit: at_most(5_000), ..query.clone() });
        let (id, at) = all[2_930].clone();
        let after = Some(NearbyKey { distance: geo_index::Meters::new(at).unwrap(), id });
        pages_of(&index, &points, NearbyQuery { after, ..query }, 3);
    }
}

/// A search of the default horizon where there is nothing asks which roots exist, rather than for each of them.
#[test]
fn an_empty_neighbourhood_is_a_few_reads() {
    let points = [Point::new("far", -48.0, -170.0)];
    let index = Index::keeping(&points, Keep::Nothing);
    let query = nearby(48.0, 11.0, 200_000.0, 20);
    let answer = index.nearby(&query, SearchLimits::default()).unwrap();
    assert!(answer.hits.is_empty() && answer.next.is_none());
    assert!(index.queries.get() <= 5, "{} reads", index.queries.get());
}

#[test]
fn available_pages_do_not_use_up_the_budget() {
    let leaf = Leaf::at(Position::new(48.0, 11.0).unwrap());
    let cell = |i: u32| (47.0 + f64::from(i / 150) / 75.0, 10.0 + f64::from(i % 150) / 75.0);
    let mut points: Vec<_> = (0..22_500)
        .map(|i| (i, cell(i)))
        .map(|(i, (lat, lon))| Point::new(format!("{i}"), lat, lon))
        .collect();
    points.push(Point { category: Some("winery".into()), ..Point::new("here", 48.0, 11.0) });
    let index = Index::new(&points);
    let all = nearby(48.0, 11.0, 100_000.0, points.len());
    index.nearby(&all, SearchLimits::default()).unwrap();
    // Everything is available but the way to the one place that is wanted.
    let query = NearbyQuery { category: Some("winery".into()), limit: at_most(1), ..all };
    let mut search =
        NearbySearch::new(query.clone(), SearchLimits { page_budget: at_most(40), fan_out: at_most(8) });
    let available = |cell: H3Cell| if cell.covers(leaf) { None } else { index.kept(cell) };
    while let Progress::Need(cells) = search.advance(available).unwrap() {
        for (cell, page) in cells.into_iter().flat_map(|cell| index.load(cell)) {
            search.supply(cell, page);
        }
    }
    assert_eq!(found(&search.finish()), brute_force(&points, &query));
}

#[test]
fn work_does_not_depend_on_what_is_far_away() {
    let mut points = around("p", Position::new(48.0, 11.0).unwrap(), 300, 95);
    let few = Index::keeping(&points, Keep::Nothing);
    points.extend(clustered(20_000, 96).into_iter().filter(|point| point.position.lon() < -20.0));
    let many = Index::keeping(&points, Keep::Nothing);
    let query = nearby(48.0, 11.0, 10_000.0, 20);
    few.nearby(&query, SearchLimits::default()).unwrap();
    many.nearby(&query, SearchLimits::default()).unwrap();
    assert_eq!(few.queries.get(), many.queries.get());
}

/// A few hundred places in one of the awkward parts of the sphere, some of them piled up.
fn awkward_points() -> impl Strategy<Value = Vec<Point>> {
    let lat = prop_oneof![-90.0..=90.0_f64, 89.99..=90.0_f64, Just(90.0), Just(-90.0), -0.01..=0.01_f64];
    let lon = prop_oneof![-180.0..=180.0_f64, 179.99..=180.0_f64, Just(180.0), Just(-180.0)];
    let spread = prop_oneof![Just(0.0), Just(1e-7), Just(1e-4), Just(0.1), Just(3.0)];
    let clump = (lat, lon, spread, 1..200_usize, any::<u64>());
    prop::collection::vec(clump, 1..4).prop_map(|clumps| {
        let mut points = Vec::new();
        for (lat, lon, spread, count, seed) in clumps {
            let mut rng = rng(seed);
            for _ in 0..count {
                let lat = (lat + spread * rng.random_range(-1.0..=1.0)).clamp(-90.0, 90.0);
                let lon = (lon + spread * rng.random_range(-1.0..=1.0)).clamp(-180.0, 180.0);
                let category = ["x", "y"].get(rng.random_range(0..3)).map(|&name| name.to_owned());
                points.push(Point { category, ..Point::new(format!("{:03}", points.len()), lat, lon) });
            }
        }
        points
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn any_search_equals_brute_force(
        points in awkward_points(), origin in any::<prop::sample::Index>(), away in 0.0..=1.0_f64,
        bearing in 0.0..std::f64::consts::TAU, radius in 0.0..=1.0_f64, limit in 1..=100_usize,
        category in prop::option::of("[xyz]"), keep in any::<bool>(), fan_out in 1..=16_usize,
    ) {
        let near = origin.get(&points).position;
        let from = destination(near, MAX_RADIUS_M.powf(away), bearing);
        let index = Index::keeping(&points, if keep { Keep::All } else { Keep::Nothing });
        let category = category.as_deref().map(Into::into);
        let query = NearbyQuery { category, ..nearby(from.lat(), from.lon(), MAX_RADIUS_M.powf(radius), limit) };
        let answer = index.nearby(&query, SearchLimits { page_budget: at_most(1_000), fan_out: at_most(fan_out) }).unwrap();
        prop_assert_eq!(found(&answer), brute_force(&points, &query));
    }

    #[test]
    fn any_walk_equals_brute_force(
        points in awkward_points(), origin in any::<prop::sample::Index>(), limit in 1..=60_usize,
    ) {
        let from = origin.get(&points).position;
        walk(&Index::new(&points), &points, &nearby(from.lat(), from.lon(), 50_000.0, limit));
    }
}
