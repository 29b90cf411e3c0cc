//! Places of every kind, people among them, and what brute force finds.

use std::path::Path;

use cellar_client::Wanted;
use cellar_client::{Found, HttpTransport};
use cellar_model::demo;
use cellar_model::place::Place;
use geo_index::{Meters, Position, distance};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use cellar_test_kit::{collection, place};

/// The category of nearly a third of the places.
pub(super) const SOME: &str = "café & bar";

/// A collection and the middle of its users.
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) places: Vec<Place>,
    /// Users are drawn from around these.
    middles: Vec<Position>,
    /// How far users are from there, at most.
    spread_m: f64,
}

pub(super) fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub(super) fn at(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).expect("a valid position")
}

/// A position up to so many metres away, most of them near; over the poles and the antimeridian, too.
pub(super) fn near(around: Position, spread_m: f64, rng: &mut StdRng) -> Position {
    let away_deg = spread_m * rng.random::<f64>().powi(3) / 111_195.0;
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let lat = (around.lat() + away_deg * angle.cos()).clamp(-90.0, 90.0);
    let lon = around.lon() + away_deg * angle.sin() / lat.to_radians().cos().max(1e-3);
    at(lat, (lon + 540.0).rem_euclid(360.0) - 180.0)
}

fn scattered(count: usize, position: impl Fn(usize, &mut StdRng) -> Position) -> Vec<Place> {
    let mut rng = rng(count as u64);
    let some = |index: usize, rng: &mut StdRng| {
        // Ids in another order than distances.
        let (id, at) = (format!("p{}", (index * 7_919) % 10_007), position(index, rng));
        let category = [SOME, "inn", "museum"][rng.random_range(0..3)];
        place(&id, at.lat(), at.lon(), &format!(r#"{{"name":"№ {index}","category":"{category}"}}"#))
    };
    (0..count).map(|index| some(index, &mut rng)).collect()
}

impl Site {
    fn around(name: &'static str, middle: Position, places: Vec<Place>) -> Self {
        Self { name, places, middles: vec![middle], spread_m: 60_000.0 }
    }

    /// Places of every density around a position.
    pub(super) fn town(name: &'static str, middle: Position) -> Self {
        Self::around(name, middle, scattered(400, |_, rng| near(middle, 250_000.0, rng)))
    }

    /// More places on one point than an answer lists, and some beside.
    fn crowd() -> Self {
        let middle = at(52.52, 13.405);
        let position =
            |index, rng: &mut StdRng| if index < 200 { middle } else { near(middle, 50_000.0, rng) };
        Self { spread_m: 20_000.0, ..Self::around("crowd", middle, scattered(260, position)) }
    }

    /// A lattice, where distances tie: users stand on it.
    fn lattice() -> Self {
        let middle = at(0.0, 0.0);
        let position = |index: usize, _: &mut StdRng| {
            at((index % 20) as f64 * 0.01 - 0.1, (index / 20) as f64 * 0.01 - 0.1)
        };
        Self { spread_m: 0.0, ..Self::around("lattice", middle, scattered(400, position)) }
    }

    fn empty() -> Self {
        Self::around("empty", at(-33.87, 151.21), vec![])
    }

    /// Every third brewery, or as many places of the generated data.
    fn breweries() -> Self {
        let places = breweries().unwrap_or_else(|| {
            println!("breweries.csv is not there; the generated data stands in for it");
            demo::places(3_000, 5).collect()
        });
        let middles = places.iter().step_by(17).map(|place| place.position).collect();
        Self { name: "breweries", places, middles, spread_m: 30_000.0 }
    }

    /// One site of each kind.
    pub(super) fn all() -> Vec<Self> {
        vec![
            Self::town("town", at(48.8566, 2.3522)),
            Self::town("north", at(90.0, 0.0)),
            Self::town("south", at(-89.99, 70.0)),
            Self::town("antimeridian", at(-17.7, 180.0)),
            Self::town("west-of-it", at(64.7, -179.99)),
            // On a pentagon of H3.
            Self::town("pentagon", at(2.300_882, -5.245_39)),
            Self::crowd(),
            Self::lattice(),
            Self::empty(),
            Self::breweries(),
        ]
    }

    /// What a user wants.
    pub(super) fn wanted(&self, rng: &mut StdRng) -> Wanted {
        let middle = self.middles[rng.random_range(0..self.middles.len())];
        let category = [None, None, Some(SOME), Some("micro"), Some("nobody's")][rng.random_range(0..5)];
        Wanted {
            collection: collection(self.name),
            category: category.map(Into::into),
            position: near(middle, self.spread_m, rng),
            radius: Meters::new(10f64.powf(rng.random_range(1.0..5.3))).expect("a radius"),
            limit: [20, rng.random_range(1..=100)][rng.random_range(0..2)],
        }
    }

    /// Ids and distances.
    pub(super) fn brute_force(&self, wanted: &Wanted) -> Vec<(String, f64)> {
        let mut all: Vec<_> = self
            .places
            .iter()
            .filter(|place| {
                wanted
                    .category
                    .as_ref()
                    .is_none_or(|filter| filter.allows(place.properties.category().as_deref()))
            })
            .map(|place| (place.id.to_string(), distance(wanted.position, place.position).get()))
            .filter(|(_, metres)| *metres <= wanted.radius.get())
            .collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(wanted.limit);
        all
    }
}

/// Ids and distances.
pub(super) fn results(found: &Found) -> Vec<(String, f64)> {
    found.hits.iter().map(|hit| (hit.place.id.to_string(), hit.distance.get())).collect()
}

/// What a user at a position wants without thinking.
pub(super) fn usual(name: &str, position: Position) -> Wanted {
    let radius = Meters::new(5_000.0).expect("a radius");
    Wanted { collection: collection(name), category: None, position, radius, limit: 20 }
}

/// A transport that goes straight to a loopback address.
pub(super) fn transport(url: &str) -> HttpTransport {
    HttpTransport::with_client(url, http_client()).expect("a good URL")
}

pub(super) fn http_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

fn breweries() -> Option<Vec<Place>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let directory = std::env::var_os("CELLAR_TEST_DATA").map_or_else(beside, Into::into);
    let mut reader = csv::Reader::from_path(directory.join("breweries.csv")).ok()?;
    let read = |row: csv::StringRecord| {
        let properties = serde_json::json!({ "name": row[1], "category": row[2] }).to_string();
        let position = Position::new(row[3].parse().ok()?, row[4].parse().ok()?).ok()?;
        Some(place(&row[0], position.lat(), position.lon(), &properties))
    };
    Some(reader.records().step_by(3).filter_map(|row| read(row.ok()?)).collect())
}
