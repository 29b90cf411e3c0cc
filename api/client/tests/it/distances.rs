//! `distances.json`: distances to the last bit.

use geo_index::{Position, distance};
use rand::{Rng, RngExt};
use serde_json::{Value, json};

use crate::{assert_checked_in, rng};

const MEANING: &str =
    "latitude and longitude of two positions and their distance in metres, all to the last bit";

/// Where formulas, and the pieces of sine, cosine and arcsine, have their edges.
const LATITUDES: [f64; 9] = [-90.0, -89.999_999_9, -45.0, 0.0, 1e-300, 45.000_000_1, 60.0, 89.999, 90.0];
const LONGITUDES: [f64; 10] =
    [-180.0, -179.999_999, -135.0, -90.0, 0.0, 1e-9, 60.0, 90.000_000_1, 179.5, 180.0];

fn anywhere(rng: &mut impl Rng) -> (f64, f64) {
    (rng.random_range(-90.0..=90.0), rng.random_range(-180.0..=180.0))
}

/// Every edge with some others, and pairs that are 1 mm to half the globe apart.
fn pairs() -> Vec<[(f64, f64); 2]> {
    let edges: Vec<_> = LATITUDES.iter().flat_map(|&lat| LONGITUDES.map(|lon| (lat, lon))).collect();
    let count = edges.len();
    let mut pairs: Vec<_> =
        (0..6 * count).map(|i| [edges[i % count], edges[(i * 37 + i / count * 11) % count]]).collect();
    let mut rng = rng(1);
    for i in 0..700 {
        let from = anywhere(&mut rng);
        let degrees = 10f64.powi(i % 11 - 8);
        let near = |value: f64, most: f64, by: f64| (value + by * degrees).clamp(-most, most);
        let to = (
            near(from.0, 90.0, rng.random_range(-1.0..=1.0)),
            near(from.1, 180.0, rng.random_range(-1.0..=1.0)),
        );
        pairs.push([from, to]);
    }
    pairs
}

#[test]
fn distances_are_what_is_checked_in() {
    let cases: Vec<Value> = pairs()
        .into_iter()
        .map(|[a, b]| {
            let [from, to] = [a, b].map(|(lat, lon)| Position::new(lat, lon).unwrap());
            json!([a.0, a.1, b.0, b.1, distance(from, to).get()])
        })
        .collect();
    assert_checked_in("distances.json", MEANING, &[("cases", cases)]);
}
