//! What is called exact equals brute force: set, order and distances, on data of every kind.

use geo_index::edge::{
    CacheCell, DensityCounts, DensityMap, MapRules, PlannerMemory, Reason, Refined, Wanted, refine, synthetic,
};
use geo_index::tree::NearbyQuery;
use geo_index::{GeohashCell, Grid, GridCell as _, Meters, Position};
use proptest::prelude::*;
use rand::{Rng, RngExt};

use super::world::{cell_answer, follow, follow_hint};
use crate::support::{Point, anywhere, at_most, brute_force, destination, rng};

/// Places around a position, spread in one of the ways that data is spread.
fn places(around: Position, seed: u64) -> Vec<Point> {
    let mut rng = rng(seed);
    let count = rng.random_range(0..600);
    let spread_m = 10f64.powf(rng.random_range(1.0..5.5));
    let kind = rng.random_range(0..5);
    let centre = near(around, spread_m, &mut rng);
    (0..count)
        .map(|i| {
            let position = match kind {
                // Everything on one point, or most of it.
                0 => centre,
                1 if i % 10 != 0 => centre,
                // A lattice, where distances tie.
                2 => lattice(around, spread_m, i),
                // Dense in the middle, thin outside.
                3 => near(around, spread_m * rng.random::<f64>().powi(4), &mut rng),
                _ => near(around, spread_m, &mut rng),
            };
            let category = ["bar", "café", "museum"][rng.random_range(0..3)];
            Point {
                category: Some(category.into()),
                ..Point::new(format!("p{}", (i * 7919) % 1_009), position.lat(), position.lon())
            }
        })
        .collect()
}

fn near(around: Position, spread_m: f64, rng: &mut impl Rng) -> Position {
    destination(around, spread_m * rng.random::<f64>().sqrt(), rng.random_range(0.0..std::f64::consts::TAU))
}

/// Points mirrored about a centre, so that many lie at one distance from it.
fn lattice(around: Position, spread_m: f64, i: usize) -> Position {
    let step = spread_m / 2e6;
    let (row, column) = ((i / 24) as f64 - 12.0, (i % 24) as f64 - 12.0);
    let lon = around.lon() + column * step;
    let lat = (around.lat() + row * step).clamp(-90.0, 90.0);
    Position::new(lat, (lon + 540.0).rem_euclid(360.0) - 180.0).unwrap()
}

fn origin() -> impl Strategy<Value = Position> {
    let lat =
        prop_oneof![4 => -90.0..=90.0, 1 => Just(90.0), 1 => Just(-90.0), 1 => 89.9..=90.0, 1 => Just(0.0)];
    let lon = prop_oneof![4 => -180.0..=180.0, 1 => Just(180.0), 1 => Just(-180.0), 1 => 179.9..=180.0];
    (lat, lon).prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
}

fn query(user: Position, radius_m: f64, limit: usize, category: Option<&str>) -> NearbyQuery {
    let radius = Meters::new(radius_m).unwrap();
    NearbyQuery {
        origin: user,
        radius,
        limit: at_most(limit),
        category: category.map(Into::into),
        after: None,
    }
}

fn category() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![3 => Just(None), 1 => Just(Some("bar")), 1 => Just(Some("none of these"))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    /// Any cell of either grid, a user in it or beside it, any request.
    #[test]
    fn what_is_called_exact_is(
        around in origin(), seed in any::<u64>(), h3 in any::<bool>(), level in 0..5_u8, away in -1.0..5.0_f64,
        radius in 0.0..5.3_f64, limit in prop_oneof![1..=100_usize, Just(20)], category in category(),
        server_filters in any::<bool>(),
    ) {
        let points = places(around, seed);
        let mut rng = rng(seed ^ 1);
        let cell = if h3 {
            CacheCell::at(Grid::H3, around, 3 + level)
        } else {
            CacheCell::at(Grid::Geohash, around, 3 + level)
        }
        .unwrap();
        let user = near(around, 10f64.powf(away), &mut rng);
        let asked = category.filter(|_| server_filters);
        let answer = cell_answer(&points, cell, asked).filtered(|place| {
            category.is_none_or(|category| {
                points.iter().any(|point| point.id == place.id && point.category.as_deref() == Some(category))
            })
        });
        let query = query(user, 10f64.powf(radius), limit, category);
        if let Refined::Exact(hits) = refine(&answer, user, query.radius, query.limit) {
            let hits: Vec<_> = hits.iter().map(|hit| (hit.place.id.clone(), hit.distance.get())).collect();
            prop_assert_eq!(hits, brute_force(&points, &query));
        }
    }

    /// A plan ends within its tries, whatever the map says; what it returns is exact.
    #[test]
    fn plans_end_and_are_exact(
        around in origin(), seed in any::<u64>(), away in -1.0..5.0_f64, radius in 0.0..5.3_f64,
        limit in prop_oneof![1..=100_usize, Just(20)], category in category(), entries in entries(),
        hint in any::<Option<u8>>(), by_map in any::<bool>(),
    ) {
        let points = places(around, seed);
        let user = near(around, 10f64.powf(away), &mut rng(seed ^ 1));
        let query = query(user, 10f64.powf(radius), limit, category);
        let truth = brute_force(&points, &query);
        let map = DensityMap::from_entries(rows_at(user, entries));
        let hint = if by_map { map.precision_at(user) } else { hint };
        let memory = PlannerMemory::default();
        let wanted = Wanted { position: user, radius: query.radius, limit: query.limit };
        for turn in 0..2 {
            let server = |cell| cell_answer(&points, cell, category);
            let outcome = follow_hint(wanted, hint, &memory, server);
            if let Some(results) = outcome.results {
                prop_assert_eq!(results, truth.clone());
                prop_assert!(turn == 0 || outcome.tries == 1, "what worked was forgotten");
            }
        }
    }
}

/// Rows of a map that anybody may have written: none, digits at random, anything.
fn entries() -> impl Strategy<Value = Vec<String>> {
    let row = prop_oneof![
        4 => "[03-7x]{32}",
        2 => "x{32}",
        2 => "[4-8]",
        2 => "[5-7]{32}",
        2 => "[5-7]{31}x[0-9b-hjkmnp-z]{7}",
        1 => "x{32}[0-9b-hjkmnp-z]{224}",
        1 => "[0-9]{32}",
        1 => ".{0,40}",
    ];
    prop::collection::vec(row, 0..4)
}

/// The rows under the user's own keys, under one beside them, and under what is no key.
fn rows_at(user: Position, rows: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let own = |level| GeohashCell::at(user, level).unwrap().to_string();
    rows.into_iter().zip([own(2), own(4), "s0".into(), "\u{0}é".into()]).map(|(row, key)| (key, row))
}

/// Under the tree of a city, plans end as they should: exact, and nearly all with their first answer.
#[test]
fn answers_under_the_tree_are_those_of_brute_force() {
    let mut rng = rng(8);
    let centre = Position::new(34.05, -118.25).unwrap();
    let places = synthetic::places_around(&[centre], 8_000, &mut || rng.random());
    let points: Vec<Point> =
        places.iter().enumerate().map(|(i, at)| Point::new(format!("{i}"), at.lat(), at.lon())).collect();
    let mut counts = DensityCounts::default();
    for &place in &places {
        counts.add(place);
    }
    for (certified, least) in [(0.95, 0.95), (0.7, 0.8)] {
        let map = counts.map_by(MapRules { certified, ..MapRules::default() });
        let precisions: std::collections::BTreeSet<u8> =
            map.cells().map(|(_, precision)| precision).collect();
        assert!(precisions.len() >= 4, "{precisions:?}");
        let (mut first, users) = (0, 300);
        for _ in 0..users {
            let user = near(centre, 30_000.0, &mut rng);
            let wanted = query(user, 10_000.0, 20, None);
            let (radius, limit) = (wanted.radius, wanted.limit);
            let plan = Wanted { position: user, radius, limit };
            let memory = PlannerMemory::new(0);
            let outcome = follow(plan, &map, &memory, |cell| cell_answer(&points, cell, None));
            first += usize::from(outcome.results.is_some() && outcome.tries == 1);
            if let Some(results) = outcome.results {
                assert_eq!(results, brute_force(&points, &wanted));
            }
        }
        assert!(first as f64 >= least * f64::from(users), "{certified}: {first} of {users}");
    }
}

#[test]
fn thousands_on_one_point_are_never_guessed() {
    let crowd: Vec<Point> = (0..3_000).map(|i| Point::new(format!("{i:04}"), 52.52, 13.405)).collect();
    let mut rng = rng(5);
    for _ in 0..50 {
        let user = near(crowd[0].position, 3_000.0, &mut rng);
        let radius = Meters::new(10_000.0).unwrap();
        let wanted = Wanted { position: user, radius, limit: at_most(20) };
        let memory = PlannerMemory::default();
        let outcome = follow(wanted, &DensityMap::default(), &memory, |cell| cell_answer(&crowd, cell, None));
        assert!(outcome.results.is_none() && memory.is_empty());
    }
}

#[test]
fn refusals_say_why() {
    let here = Position::new(48.8566, 2.3522).unwrap();
    let cell = CacheCell::at(Grid::Geohash, here, 5).unwrap();
    let radius = Meters::new(10_000.0).unwrap();
    let why = |points: &[Point], radius| match refine(
        &cell_answer(points, cell, None),
        here,
        radius,
        at_most(20),
    ) {
        Refined::NotCertified(why) => Some(why.reason),
        Refined::Exact(_) => None,
    };
    let mut rng = rng(6);
    let dense: Vec<Point> = (0..300)
        .map(|i| (i, near(here, 200.0, &mut rng)))
        .map(|(i, at)| Point::new(format!("{i}"), at.lat(), at.lon()))
        .collect();
    assert_eq!(why(&dense, radius), Some(Reason::TooDense));
    assert_eq!(why(&dense[..5], radius), None);
    assert_eq!(why(&dense[..5], Meters::new(60_000.0).unwrap()), Some(Reason::OutOfHorizon));
    assert_eq!(why(&[], Meters::new(60_000.0).unwrap()), Some(Reason::OutOfHorizon));
    assert_eq!(why(&[], radius), None);
}

#[test]
fn counts_tell_dense_from_sparse() {
    let mut rng = rng(7);
    let mut counts = DensityCounts::default();
    // A quarter with 20,000 places in 2 km, a county with 3,000 in 40 km, and a place here and there.
    let (quarter, county) = (Position::new(48.86, 2.35).unwrap(), Position::new(40.0, -100.0).unwrap());
    (0..20_000).for_each(|_| counts.add(near(quarter, 2_000.0, &mut rng)));
    (0..3_000).for_each(|_| counts.add(near(county, 40_000.0, &mut rng)));
    (0..100).for_each(|_| counts.add(anywhere(&mut rng)));
    let map = counts.map();
    let digit = |at| map.precision_at(at);
    assert!(digit(quarter) >= Some(6), "{:?}", digit(quarter));
    assert!((Some(4)..=Some(5)).contains(&digit(county)), "{:?}", digit(county));
    assert!(map.entries().count() <= counts.occupied());
    let by = |certified, listed| {
        counts.map_by(MapRules { certified, listed: at_most(listed) }).precision_at(quarter).unwrap()
    };
    assert_eq!(Some(by(0.95, 128)), digit(quarter));
    assert!(by(0.0, 128) == 3 && by(0.5, 128) <= by(0.95, 128), "fewer to serve, coarser cells");
    assert!(by(0.95, 4_096) < by(0.95, 32), "longer lists, coarser cells");
}
