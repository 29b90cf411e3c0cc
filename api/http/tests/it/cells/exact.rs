//! What a client makes of a cell answer is what brute force finds, or not certified.

use axum::http::Method;
use cellar_cache::Policy;
use cellar_search::cells::EdgeConfig;
use geo_index::edge::{CacheCell, CellAnswer, CellPlace, Refined, refine};
use geo_index::{Grid, Meters, Position, distance};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use cellar_test_kit::server::{Server, request};

/// Where data and geometry are nasty: poles, the antimeridian, a pentagon, and a plain town.
const TOWNS: [(f64, f64); 7] = [
    (90.0, 0.0),
    (-89.999, 12.0),
    (-17.7, 180.0),
    (64.7, -179.999),
    (2.3008, -5.2454),
    (0.0, 0.0),
    (48.85, 2.35),
];
/// Of these 200 lie on one point: more than an answer lists.
const PLACES: usize = 700;
const USERS: usize = 40;

type Point = (String, Position, &'static str);

/// A position up to so many metres away, most of them near.
fn near(around: Position, spread_m: f64, rng: &mut StdRng) -> Position {
    let away = spread_m * rng.random::<f64>().powi(3) / 111_195.0;
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let lat = (around.lat() + away * angle.cos()).clamp(-90.0, 90.0);
    let lon = around.lon() + away * angle.sin() / lat.to_radians().cos().max(1e-4);
    Position::new(lat, (lon + 540.0).rem_euclid(360.0) - 180.0).unwrap()
}

fn places(town: Position, rng: &mut StdRng) -> Vec<Point> {
    let crowd = near(town, 3_000.0, rng);
    let place = |index: usize, rng: &mut StdRng| {
        let position = if index < 200 { crowd } else { near(town, 250_000.0, rng) };
        let category = ["bar", "café", "bar & café"][rng.random_range(0..3)];
        (format!("p{}", (index * 7_919) % 10_007), position, category)
    };
    (0..PLACES).map(|index| place(index, rng)).collect()
}

async fn load(server: &Server, collection: &str, places: &[Point]) {
    server.put(&format!("/v1/collections/{collection}"), "").await;
    let features: Vec<_> = places
        .iter()
        .map(|(id, position, category)| {
            json!({ "type": "Feature", "id": id, "properties": { "category": category },
                "geometry": { "type": "Point", "coordinates": [position.lon(), position.lat()] } })
        })
        .collect();
    let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
    let uri = format!("/v1/collections/{collection}/items");
    let answer = server.send(request(Method::POST, &uri, batch)).await;
    assert_eq!(answer.json()["written"], places.len(), "{}", answer.text);
}

/// Reads an answer as a client would, from its JSON alone.
fn read(json: &Value) -> CellAnswer<()> {
    let place = |feature: &Value| {
        let [lon, lat] = [0, 1].map(|axis| feature["geometry"]["coordinates"][axis].as_f64().unwrap());
        let id = feature["id"].as_str().unwrap().to_owned();
        CellPlace { id, position: Position::new(lat, lon).unwrap(), payload: () }
    };
    CellAnswer {
        cell: json["cell"].as_str().unwrap().parse().unwrap(),
        certified_radius: Meters::new(json["certified_radius_m"].as_f64().unwrap()).unwrap(),
        places: json["features"].as_array().unwrap().iter().map(place).collect(),
    }
}

fn nearest(places: &[Point], from: Position, category: Option<&str>) -> Vec<(f64, String)> {
    let wanted = places.iter().filter(|(.., other)| category.is_none_or(|category| category == *other));
    let mut all: Vec<_> = wanted.map(|(id, at, _)| (distance(from, *at).get(), id.clone())).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    all
}

/// The list is the nearest to the centre, and everything closer than the certificate is on it.
fn check_certificate(answer: &CellAnswer<()>, places: &[Point], category: Option<&str>) {
    let horizon = answer.cell.horizon().get();
    let mut all = nearest(places, answer.cell.centre(), category);
    all.retain(|(metres, _)| *metres <= horizon);
    let listed: Vec<_> = answer.places.iter().map(|place| place.id.as_str()).collect();
    let expected: Vec<_> = all.iter().take(128).map(|(_, id)| id.as_str()).collect();
    assert_eq!(listed, expected, "{}", answer.cell);
    let certified = answer.certified_radius.get();
    assert!(all.iter().skip(128).all(|(metres, _)| *metres >= certified), "{} says {certified}", answer.cell);
    assert!(all.len() > 128 || certified.to_bits() == horizon.to_bits(), "{} says {certified}", answer.cell);
}

async fn check_user(
    server: &Server,
    collection: &str,
    places: &[Point],
    town: Position,
    rng: &mut StdRng,
) -> bool {
    let user = near(town, 150_000.0, rng);
    let beside = near(user, 20_000.0, rng);
    let cell = if rng.random_bool(0.5) {
        CacheCell::at(Grid::Geohash, beside, rng.random_range(3..=7))
    } else {
        CacheCell::at(Grid::H3, beside, rng.random_range(3..=9))
    };
    let category = [None, Some("bar"), Some("bar & café"), Some("none")][rng.random_range(0..4)];
    let query = category
        .map_or_else(String::new, |category| format!("?category={}", cellar_model::escape_segment(category)));
    let uri = format!("/v1/collections/{collection}/cells/{}/nearby{query}", cell.unwrap());
    let sent = server.get(&uri).await;
    assert_eq!(sent.status, 200, "{uri}: {}", sent.text);
    let answer = read(&sent.json());
    check_certificate(&answer, places, category);
    let radius = Meters::new(10f64.powf(rng.random_range(1.0..5.2))).unwrap();
    let limit: usize = rng.random_range(1..=100);
    let Refined::Exact(hits) = refine(&answer, user, radius, limit.try_into().unwrap()) else { return false };
    let mut expected = nearest(places, user, category);
    expected.retain(|(metres, _)| *metres <= radius.get());
    expected.truncate(limit);
    let found: Vec<_> = hits.iter().map(|hit| (hit.distance.get(), hit.place.id.clone())).collect();
    assert_eq!(found, expected, "{uri} for {user:?} within {radius}, {limit} places");
    true
}

#[tokio::test]
async fn certified_results_are_those_of_brute_force() {
    let server = Server::cached(Policy::default(), EdgeConfig::default());
    let mut certified = 0;
    for (number, (lat, lon)) in TOWNS.into_iter().enumerate() {
        let mut rng = StdRng::seed_from_u64(number as u64);
        let town = Position::new(lat, lon).unwrap();
        let (places, collection) = (places(town, &mut rng), format!("town-{number}"));
        load(&server, &collection, &places).await;
        for _ in 0..USERS {
            certified += usize::from(check_user(&server, &collection, &places, town, &mut rng).await);
        }
    }
    let share = certified as f64 / (USERS * TOWNS.len()) as f64;
    assert!(share > 0.3, "{share} of the answers were of use");
}

#[tokio::test]
async fn an_empty_collection_is_certified_to_be_empty() {
    let server = Server::new();
    server.put("/v1/collections/nothing", "").await;
    for cell in ["gh:u09t", "h3:831fb4fffffffff", "gh:zzz", "gh:bpbpbpb", "h3:830800fffffffff"] {
        let answer = server.get(&format!("/v1/collections/nothing/cells/{cell}/nearby")).await;
        let read = read(&answer.json());
        assert_eq!((read.places.len(), read.certified_radius), (0, read.cell.horizon()), "{cell}");
        let hits = refine(&read, read.cell.centre(), Meters::new(10_000.0).unwrap(), 20.try_into().unwrap());
        assert_eq!(hits, Refined::Exact(vec![]));
    }
}
