//! Counts of cells and vector tiles, over a store in memory.

mod counts;
mod kept;
mod tiles;

use std::time::Duration;

use axum::http::Method;
use cellar_cache::Policy;
use cellar_search::cells::EdgeConfig;
use geo_index::Position;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use cellar_test_kit::server::{Server, request};

/// Where data and geometry are nasty: poles, the antimeridian, a pentagon, corners of tiles, and a plain town.
const TOWNS: [(f64, f64); 7] = [
    (90.0, 0.0),
    (-89.999, 12.0),
    (-17.7, 180.0),
    (64.7, -179.999),
    (2.3008, -5.2454),
    (0.0, 0.0),
    (48.85, 2.35),
];

/// A server that keeps pages.
fn kept() -> Server {
    Server::cached(Policy::default().jitter(0.0).early_refresh(0.0), EdgeConfig::default())
}

/// A server that reads the whole world, however slow the machine is.
fn patient() -> Server {
    Server::with_time_limit(Duration::from_mins(5))
}

struct Point {
    id: String,
    at: Position,
    category: &'static str,
}

/// A position up to so many metres away, most of them near.
fn near(around: Position, spread_m: f64, rng: &mut StdRng) -> Position {
    let away = spread_m * rng.random::<f64>().powi(3) / 111_195.0;
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let lat = (around.lat() + away * angle.cos()).clamp(-90.0, 90.0);
    let lon = around.lon() + away * angle.sin() / lat.to_radians().cos().max(1e-4);
    Position::new(lat, (lon + 540.0).rem_euclid(360.0) - 180.0).unwrap()
}

/// Of the places of a town, so many lie on one point.
fn town((lat, lon): (f64, f64), (places, crowd): (usize, usize), rng: &mut StdRng) -> Vec<Point> {
    let town = Position::new(lat, lon).unwrap();
    let spot = near(town, 3_000.0, rng);
    let point = |index: usize| {
        let at = if index < crowd { spot } else { near(town, 250_000.0, rng) };
        Point { id: format!("p{index}"), at, category: ["bar", "café"][index % 2] }
    };
    (0..places).map(point).collect()
}

fn feature(point: &Point) -> serde_json::Value {
    let properties = json!({ "name": format!("Place {}", point.id), "category": point.category,
        "rating": 4.5, "beds": -3, "open": true, "tags": ["a", "b"] });
    json!({ "type": "Feature", "id": point.id, "properties": properties,
        "geometry": { "type": "Point", "coordinates": [point.at.lon(), point.at.lat()] } })
}

async fn load(server: &Server, collection: &str, points: &[Point]) {
    server.put(&format!("/v1/collections/{collection}"), "").await;
    for part in points.chunks(1_000) {
        let features: Vec<_> = part.iter().map(feature).collect();
        let batch = json!({ "type": "FeatureCollection", "features": features }).to_string();
        let uri = format!("/v1/collections/{collection}/items");
        let answer = server.send(request(Method::POST, &uri, batch)).await;
        assert_eq!(answer.json()["written"], part.len(), "{}", answer.text);
    }
}
