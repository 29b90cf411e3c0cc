//! How many searches are certified at the first try, on real places and users who live where people do.

use std::collections::HashMap;

use geo_index::edge::synthetic::{self, PopulationCentre};
use geo_index::edge::{CacheCell, CellAnswer, DensityCounts, DensityMap, PlannerMemory, Wanted};
use geo_index::{Meters, Position};
use rand::RngExt;

use super::world::{follow, indexed_answer};
use crate::support::{Index, Point, at_most, brute_force, have_real_data, nearby, real_or_generated, rng};

const USERS: usize = 4_000;

/// Users of the reference stream of the design.
fn people(points: &[Point], count: usize) -> Vec<Position> {
    let mut rng = rng(11);
    let centre = |point: &Point| PopulationCentre { position: point.position, population: point.weight };
    let centres: Vec<PopulationCentre> = points.iter().map(centre).collect();
    synthetic::users(&centres, count, &mut || rng.random())
}

/// The contiguous United States, roughly.
fn in_the_states(point: &Point) -> bool {
    (24.5..49.4).contains(&point.position.lat()) && (-125.0..-66.9).contains(&point.position.lon())
}

struct Share {
    first: f64,
    second: f64,
    places: f64,
    cells: usize,
}

fn share(
    index: &Index,
    answers: &mut HashMap<CacheCell, CellAnswer<()>>,
    users: &[Position],
    (radius_m, limit): (f64, usize),
    map: &DensityMap,
    memory: &PlannerMemory,
) -> Share {
    let mut share = Share { first: 0.0, second: 0.0, places: 0.0, cells: 0 };
    let mut cells = std::collections::HashSet::new();
    for &user in users {
        let wanted = Wanted { position: user, radius: Meters::new(radius_m).unwrap(), limit: at_most(limit) };
        let outcome = follow(wanted, map, memory, |cell| {
            cells.insert(cell);
            answers.entry(cell).or_insert_with(|| indexed_answer(index, cell)).clone()
        });
        let certified = f64::from(u8::from(outcome.results.is_some()));
        share.first += if outcome.tries == 1 { certified } else { 0.0 } / users.len() as f64;
        share.second += if outcome.tries <= 2 { certified } else { 0.0 } / users.len() as f64;
        share.places += outcome.places as f64 / users.len() as f64;
    }
    share.cells = cells.len();
    share
}

fn map_of(points: &[Point]) -> DensityMap {
    let mut counts = DensityCounts::default();
    for point in points {
        counts.add(point.position);
    }
    counts.map()
}

/// Restaurants of twenty metropolitan areas: 8,000 in each.
fn restaurants(cities: &[Point]) -> Vec<Point> {
    let mut rng = rng(12);
    let mut metros: Vec<&Point> = cities.iter().collect();
    metros.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let centres: Vec<Position> = metros.iter().take(20).map(|metro| metro.position).collect();
    let places = synthetic::places_around(&centres, 160_000, &mut || rng.random());
    let point = |(i, at): (usize, &Position)| Point::new(format!("r{i}"), at.lat(), at.lon());
    places.iter().enumerate().map(point).collect()
}

fn report(name: &str, points: &[Point], streams: &[(&str, Vec<Position>)], must_hold: bool) {
    let map = map_of(points);
    let index = Index::new(points);
    let mut answers = HashMap::new();
    for (people, users) in streams {
        for (hints, map, memory) in [
            ("none", &DensityMap::default(), PlannerMemory::new(0)),
            ("map", &map, PlannerMemory::new(0)),
            ("memory", &DensityMap::default(), PlannerMemory::default()),
            ("both", &map, PlannerMemory::default()),
        ] {
            for (radius_km, limit) in [(2.0, 20), (10.0, 20), (25.0, 20), (50.0, 20), (10.0, 100)] {
                let wanted = (radius_km * 1e3, limit);
                let share = share(&index, &mut answers, users, wanted, map, &memory);
                println!(
                    "{name:12} {people:6} {hints:7} {radius_km:3} km {limit:4} {:7.4} {:7.4} {:7.1} {:7}",
                    share.first, share.second, share.places, share.cells
                );
                if must_hold && wanted == (10_000.0, 20) && hints == "map" {
                    assert!(share.first >= 0.95, "{name}: {} at the first try", share.first);
                    assert!(share.second >= 0.99, "{name}: {} within two tries", share.second);
                }
            }
        }
    }
}

/// `cargo test -p geo-index --test it share -- --nocapture` prints the table of docs/EDGE.md.
#[test]
fn most_searches_are_certified_at_the_first_try() {
    let cities = real_or_generated("cities.csv", 1);
    let home: Vec<Point> = cities.iter().filter(|point| in_the_states(point)).cloned().collect();
    let streams = [("USA", people(&home, USERS)), ("world", people(&cities, USERS))];
    println!("places       users  hints    radius limit     1st     2nd  places   cells");
    let real = have_real_data();
    report("breweries", &real_or_generated("breweries.csv", 1), &streams, real);
    report("cities", &cities, &streams, real);
    report("restaurants", &restaurants(&home), &streams[..1], false);
}

/// A category's answers under the map of all places, which is as dense as they are, and under a map of its own: exact either
/// way. `cargo test -p geo-index --test it share::categories -- --nocapture` prints the table of docs/adr/0019.
#[test]
fn categories_under_the_map_of_all_places() {
    println!("places        category       places of it  hints   1st     2nd     places  cells");
    let cities = real_or_generated("cities.csv", 1);
    let home: Vec<Point> = cities.iter().filter(|point| in_the_states(point)).cloned().collect();
    let mut restaurants = restaurants(&home);
    for (number, point) in restaurants.iter_mut().enumerate() {
        let category =
            ["vegan", "grill", "noodles"][usize::from(number % 1_000 > 0) + usize::from(number % 10 > 0)];
        point.category = Some(category.into());
    }
    let breweries = real_or_generated("breweries.csv", 1);
    for (file, all, users) in [
        ("cities", &cities, people(&cities, 2_000)),
        ("breweries", &breweries, people(&cities, 2_000)),
        ("restaurants", &restaurants, people(&home, 2_000)),
    ] {
        let mut by_count: HashMap<&str, usize> = HashMap::new();
        for category in all.iter().filter_map(|point| point.category.as_deref()) {
            *by_count.entry(category).or_default() += 1;
        }
        let mut by_count: Vec<(usize, &str)> =
            by_count.into_iter().map(|(name, count)| (count, name)).collect();
        by_count.sort_unstable();
        for at in [0, by_count.len() / 2, by_count.len() - 1] {
            let (count, name) = by_count[at];
            let points: Vec<Point> =
                all.iter().filter(|point| point.category.as_deref() == Some(name)).cloned().collect();
            let index = Index::new(&points);
            let (mut answers, wanted) = (HashMap::new(), (10_000.0, 20));
            for (hints, density, memory) in [
                ("all", map_of(all), PlannerMemory::new(0)),
                ("own", map_of(&points), PlannerMemory::new(0)),
                ("none", DensityMap::default(), PlannerMemory::new(0)),
                ("all, memory", map_of(all), PlannerMemory::default()),
            ] {
                let share = share(&index, &mut answers, &users, wanted, &density, &memory);
                println!(
                    "{file:13} {name:14} {count:9}  {hints:11} {:.4}  {:.4}  {:6.1} {:6}",
                    share.first, share.second, share.places, share.cells
                );
                for &user in users.iter().step_by(20) {
                    let radius = Meters::new(wanted.0).unwrap();
                    let wanted = Wanted { position: user, radius, limit: at_most(wanted.1) };
                    let outcome = follow(wanted, &density, &PlannerMemory::new(0), |cell| {
                        answers.entry(cell).or_insert_with(|| indexed_answer(&index, cell)).clone()
                    });
                    let query = nearby(user.lat(), user.lon(), radius.get(), 20);
                    let truth = brute_force(&points, &query);
                    assert!(outcome.results.is_none_or(|found| found == truth), "{name} at {user:?}");
                }
            }
        }
    }
}
