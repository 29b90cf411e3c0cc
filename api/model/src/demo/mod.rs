//! Demo data to try things out on: places of several categories around real metropolitan areas.
//!
//! Invariant: one seed and one count always give the same places, on every machine.

mod metros;

pub use metros::{Metro, metros};

use std::f64::consts::TAU;

use geo_index::{EARTH_RADIUS_M, Position};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use crate::place::{Place, Properties};

/// Areas that get places, and the most of one country.
const AREAS: usize = 40;
const AREAS_PER_COUNTRY: usize = 4;

/// A category of places: how common it is, and how far from the centre it likes to be.
struct Category {
    name: &'static str,
    share: f64,
    /// Scale of the fall-off as a multiple of the area's own.
    spread: f64,
    nouns: &'static [&'static str],
}

const CATEGORIES: [Category; 10] = [
    Category {
        name: "restaurant",
        share: 0.28,
        spread: 1.0,
        nouns: &["Kitchen", "Table", "Grill", "Canteen", "Oven"],
    },
    Category {
        name: "cafe",
        share: 0.18,
        spread: 0.8,
        nouns: &["Café", "Roastery", "Espresso Bar", "Tea Room"],
    },
    Category { name: "bar", share: 0.10, spread: 0.7, nouns: &["Bar", "Taproom", "Tavern", "Cellar"] },
    Category { name: "supermarket", share: 0.10, spread: 1.3, nouns: &["Market", "Grocer", "Food Hall"] },
    Category { name: "pharmacy", share: 0.08, spread: 1.2, nouns: &["Pharmacy", "Apothecary"] },
    Category { name: "hotel", share: 0.07, spread: 0.8, nouns: &["Hotel", "Inn", "Guest House"] },
    Category { name: "park", share: 0.06, spread: 1.5, nouns: &["Park", "Gardens", "Common"] },
    Category { name: "charging_station", share: 0.06, spread: 1.6, nouns: &["Charging Point", "Charge Hub"] },
    Category { name: "museum", share: 0.04, spread: 0.6, nouns: &["Museum", "Gallery", "Collection"] },
    Category { name: "winery", share: 0.03, spread: 4.0, nouns: &["Winery", "Vineyard", "Estate"] },
];

const ADJECTIVES: [&str; 24] = [
    "Old", "Copper", "Quiet", "Northern", "Golden", "Little", "Blue", "Crooked", "Morning", "Harbour",
    "Garden", "Red", "Silver", "Corner", "Lucky", "Hidden", "Sunny", "Stone", "River", "Market", "Green",
    "Grand", "Wild", "Amber",
];

/// Every so many places shares the point of another: malls and food courts.
const SHARED_POINT: f64 = 0.03;

/// Generates `count` places.
///
/// Each area gets a share that grows with the square root of its population. Density falls off exponentially
/// with the distance from the centre (C. Clark, "Urban Population Densities", 1951); the scale runs from about
/// 3 km for the smallest of the areas to 7 km for the largest.
pub fn places(count: usize, seed: u64) -> impl Iterator<Item = Place> {
    let areas = areas();
    let weights: Vec<f64> = areas.iter().map(|area| (area.population as f64).sqrt()).collect();
    let shares: Vec<f64> = CATEGORIES.iter().map(|category| category.share).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut shared: Option<Position> = None;
    (0..count).map(move |number| {
        let area = &areas[pick(&weights, &mut rng)];
        let category = &CATEGORIES[pick(&shares, &mut rng)];
        let position = match shared.take() {
            Some(position) => position,
            None => around(area, category.spread, &mut rng),
        };
        if rng.random::<f64>() < SHARED_POINT {
            shared = Some(position);
        }
        let adjective = ADJECTIVES[rng.random_range(0..ADJECTIVES.len())];
        let noun = category.nouns[rng.random_range(0..category.nouns.len())];
        let rating = f64::from(rng.random_range(25..=50_u8)) / 10.0;
        let mut properties = Map::new();
        properties.insert("name".into(), Value::from(format!("{adjective} {noun}")));
        properties.insert("category".into(), Value::from(category.name));
        properties.insert("area".into(), Value::from(area.name.as_str()));
        properties.insert("rating".into(), Value::from(rating));
        Place {
            id: format!("demo-{number:05}").parse().expect("a valid id"),
            position,
            properties: Properties::from_map(&properties),
        }
    })
}

/// The largest areas, but no more than a few of one country.
pub fn areas() -> Vec<Metro> {
    let mut chosen: Vec<Metro> = Vec::with_capacity(AREAS);
    for metro in metros() {
        let of_country = chosen.iter().filter(|other| other.country == metro.country).count();
        if chosen.len() < AREAS && of_country < AREAS_PER_COUNTRY {
            chosen.push(metro);
        }
    }
    chosen
}

fn pick(weights: &[f64], rng: &mut ChaCha8Rng) -> usize {
    let mut rest = rng.random::<f64>() * weights.iter().sum::<f64>();
    let found = weights.iter().position(|weight| {
        rest -= weight;
        rest < 0.0
    });
    found.unwrap_or(weights.len() - 1)
}

/// A position around an area's centre. An exponential density over the plane has a Gamma(2) distance.
fn around(area: &Metro, spread: f64, rng: &mut ChaCha8Rng) -> Position {
    let mut exponential = || -(1.0 - rng.random::<f64>()).ln();
    let away_m = area.scale_m() * spread * (exponential() + exponential());
    let bearing = rng.random::<f64>() * TAU;
    let north = (away_m * bearing.cos() / EARTH_RADIUS_M).to_degrees();
    let east = (away_m * bearing.sin() / EARTH_RADIUS_M).to_degrees() / area.centre.lat().to_radians().cos();
    let lat = round((area.centre.lat() + north).clamp(-89.0, 89.0));
    let lon = round((area.centre.lon() + east + 540.0).rem_euclid(360.0) - 180.0);
    Position::new(lat, lon).expect("clamped and wrapped")
}

/// Six decimals, some ten centimetres.
fn round(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_data_set() {
        let data = |seed| places(500, seed).map(|place| place.feature()).collect::<Vec<_>>();
        assert_eq!(data(1), data(1));
        assert_ne!(data(1), data(2));
        assert_eq!(data(1)[..100], places(100, 1).map(|place| place.feature()).collect::<Vec<_>>());
    }

    #[test]
    fn the_data_is_dense_in_cities_and_has_shared_points() {
        let places: Vec<Place> = places(20_000, 1).collect();
        let paris = areas().into_iter().find(|area| area.name == "Paris").unwrap();
        let within = |km: f64| {
            let near = |place: &&Place| geo_index::distance(place.position, paris.centre).get() <= km * 1e3;
            places.iter().filter(near).count()
        };
        assert!(within(5.0) >= 50 && within(20.0) >= 2 * within(5.0), "{} {}", within(5.0), within(20.0));
        let mut points: Vec<_> =
            places.iter().map(|p| (p.position.lat().to_bits(), p.position.lon().to_bits())).collect();
        points.sort_unstable();
        points.dedup();
        assert!((200..2_000).contains(&(places.len() - points.len())));
    }
}
