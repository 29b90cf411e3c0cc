//! Tiles have the places that brute force puts there, by a decoder that knows nothing of what encodes them.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

use axum::http::{Method, StatusCode};
use geo_index::Position;
use mvt_reader::Reader;
use mvt_reader::feature::{Feature, Value};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Point, TOWNS, kept, load, patient, town};
use cellar_test_kit::server::{Server, request};

const EXTENT: f64 = 4_096.0;
const BUFFER: f64 = 64.0;

/// A layer's name and features; `None` of a tile of no places.
async fn decoded(server: &Server, uri: &str) -> Option<(String, Vec<Feature<i32>>)> {
    let (mut status, mut headers, mut body) = server.receive(request(Method::GET, uri, "")).await;
    // On a machine that has no time, asking again gets further.
    for _ in 0..100 {
        if status != StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        (status, headers, body) = server.receive(request(Method::GET, uri, "")).await;
    }
    assert_eq!(status, StatusCode::OK, "{uri}");
    assert_eq!(headers["content-type"], "application/vnd.mapbox-vector-tile", "{uri}");
    let (_, _, again) = server.receive(request(Method::GET, uri, "")).await;
    assert_eq!(again, body, "always the same bytes");
    let reader = Reader::new(body.to_vec()).unwrap();
    let layers = reader.get_layer_metadata().unwrap();
    let layer = layers.first()?;
    assert_eq!((layers.len(), layer.version, layer.extent), (1, 2, 4_096));
    Some((layer.name.clone(), reader.get_features_as(0).unwrap()))
}

fn text<'a>(feature: &'a Feature<i32>, name: &str) -> Option<&'a str> {
    match feature.properties.as_ref()?.get(name)? {
        Value::String(text) => Some(text),
        other => panic!("{other:?}"),
    }
}

fn spot(feature: &Feature<i32>) -> (i32, i32) {
    let geo_types::Geometry::MultiPoint(points) = &feature.geometry else { panic!("{feature:?}") };
    assert_eq!(points.0.len(), 1, "{feature:?}");
    (points.0[0].x(), points.0[0].y())
}

fn count(feature: &Feature<i32>) -> u64 {
    match feature.properties.as_ref().unwrap().get("count") {
        Some(Value::UInt(count)) => *count,
        other => panic!("{other:?}"),
    }
}

/// Where a position is in a tile, in its units, if its projection has it.
fn unit(at: Position, zoom: u8, (x, y): (u32, u32)) -> Option<(f64, f64)> {
    let world = EXTENT * f64::from(1_u32 << zoom);
    let lat = at.lat().to_radians();
    let down = (1.0 - (lat.tan() + 1.0 / lat.cos()).ln() / PI) / 2.0;
    if !(0.0..1.0).contains(&down) {
        return None;
    }
    let along = (at.lon() + 180.0) / 360.0 * world - f64::from(x) * EXTENT;
    let along = [along, along - world, along + world];
    let inside = along.into_iter().find(|along| (0.0..EXTENT).contains(along));
    let near = along.into_iter().find(|along| (-BUFFER..EXTENT + BUFFER).contains(along));
    Some((inside.or(near).unwrap_or(f64::MAX), down * world - f64::from(y) * EXTENT))
}

fn is_within((x, y): (f64, f64), margin: f64) -> bool {
    let range = -margin..EXTENT + margin;
    range.contains(&x) && range.contains(&y)
}

/// Ids in the tile and its buffer, and how many places are in the tile itself. Data has no place so close to a border that
/// rounding counts.
fn brute(points: &[Point], zoom: u8, tile: (u32, u32)) -> (BTreeSet<&str>, u64) {
    let all = || points.iter().filter_map(|point| Some((point, unit(point.at, zoom, tile)?)));
    let near = all().filter(|(_, at)| is_within(*at, BUFFER)).map(|(point, _)| point.id.as_str()).collect();
    (near, all().filter(|(_, at)| is_within(*at, 0.0)).count() as u64)
}

/// The tile of a zoom that a position is in.
fn tile_of(at: Position, zoom: u8) -> (u32, u32) {
    let last = (1_u32 << zoom) - 1;
    let world = f64::from(1_u32 << zoom);
    let lat = at.lat().clamp(-85.0, 85.0).to_radians();
    let down = (1.0 - (lat.tan() + 1.0 / lat.cos()).ln() / PI) / 2.0;
    let index = |part: f64| ((part * world) as u32).min(last);
    (index((at.lon() + 180.0) / 360.0), index(down))
}

async fn check(server: &Server, collection: &str, points: &[Point], zoom: u8, tile: (u32, u32)) -> usize {
    let uri = format!("/v1/collections/{collection}/tiles/{zoom}/{}/{}", tile.0, tile.1);
    let (near, inside) = brute(points, zoom, tile);
    let Some((layer, features)) = decoded(server, &uri).await else {
        assert!(near.is_empty() || (near.len() > 1_000 && inside == 0), "{uri}: {}", near.len());
        return 0;
    };
    if near.len() <= 1_000 {
        assert_eq!(layer, "places", "{uri}");
        let found: Vec<_> = features.iter().map(|feature| text(feature, "id").unwrap()).collect();
        assert_eq!(found.len(), near.len(), "{uri}: each once");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), near, "{uri}");
        for feature in &features {
            let point = points.iter().find(|point| Some(&*point.id) == text(feature, "id")).unwrap();
            let (x, y) = unit(point.at, zoom, tile).unwrap();
            let at = spot(feature);
            assert!(
                (f64::from(at.0) - x).abs() <= 1.001 && (f64::from(at.1) - y).abs() <= 1.001,
                "{uri} {at:?}"
            );
            assert_eq!(text(feature, "category"), Some(point.category));
        }
    } else {
        assert_eq!(layer, "clusters", "{uri}");
        assert_eq!(features.iter().map(count).sum::<u64>(), inside, "{uri}");
        assert!(features.len() <= 256);
        assert!(
            features.iter().all(|feature| is_within((spot(feature).0.into(), spot(feature).1.into()), 0.0))
        );
    }
    features.len()
}

#[tokio::test]
async fn tiles_have_what_brute_force_puts_there() {
    let server = kept();
    let mut drawn = 0;
    for (number, at) in TOWNS.into_iter().enumerate() {
        let mut rng = StdRng::seed_from_u64(number as u64);
        let points = town(at, (1_300, 1_050), &mut rng);
        let collection = format!("town-{number}");
        load(&server, &collection, &points).await;
        for zoom in [0, 1, 5, 8, 10, 16, 22] {
            let tiles: BTreeSet<_> =
                points.iter().rev().step_by(97).map(|point| tile_of(point.at, zoom)).collect();
            for tile in tiles.into_iter().chain([tile_of(points[0].at, zoom)]).take(6) {
                drawn += check(&server, &collection, &points, zoom, tile).await;
            }
        }
    }
    assert!(drawn > 1_000, "{drawn}");
}

/// Clusters of all tiles of a zoom have every place once.
#[tokio::test]
async fn a_zoom_has_every_place_once() {
    let server = patient();
    let mut rng = StdRng::seed_from_u64(5);
    // Whole degrees, which lie on the borders of tiles: the meridians of every zoom up to 3, the equator of all.
    let grid = (-8..8).flat_map(|x| (-8..8).map(move |y| (f64::from(y) * 5.0, f64::from(x) * 22.5)));
    let mut points: Vec<_> = grid
        .enumerate()
        .map(|(index, (lat, lon))| Point {
            id: format!("g{index}"),
            at: Position::new(lat, lon).unwrap(),
            category: "bar",
        })
        .collect();
    points.extend(town((0.0, 0.0), (1_300, 1_200), &mut rng));
    load(&server, "grid", &points).await;
    for zoom in 0..=3_u8 {
        let (mut inside, mut of_ids) = (0, BTreeMap::<String, u32>::new());
        for (x, y) in (0..1_u32 << zoom).flat_map(|x| (0..1_u32 << zoom).map(move |y| (x, y))) {
            let uri = format!("/v1/collections/grid/tiles/{zoom}/{x}/{y}");
            let Some((layer, features)) = decoded(&server, &uri).await else { continue };
            for feature in &features {
                if layer == "clusters" {
                    inside += count(feature);
                } else if is_within((spot(feature).0.into(), spot(feature).1.into()), 0.0) {
                    inside += 1;
                    *of_ids.entry(text(feature, "id").unwrap().to_owned()).or_default() += 1;
                }
            }
        }
        assert_eq!(inside, points.len() as u64, "zoom {zoom}");
        assert!(of_ids.values().all(|times| *times == 1), "zoom {zoom}");
    }
}

#[tokio::test]
async fn a_place_has_the_properties_that_are_asked_for() {
    let server = Server::new();
    let point = Point { id: "p1".into(), at: Position::new(48.85, 2.35).unwrap(), category: "café" };
    load(&server, "w", &[point]).await;
    let properties = async |query: &str| {
        let (_, features) = decoded(&server, &format!("/v1/collections/w/tiles/0/0/0{query}")).await.unwrap();
        features[0].properties.clone().unwrap().into_iter().collect::<BTreeMap<_, _>>()
    };
    let string = |text: &str| Value::String(text.to_owned());
    let plain = BTreeMap::from([
        ("id".to_owned(), string("p1")),
        ("name".to_owned(), string("Place p1")),
        ("category".to_owned(), string("café")),
    ]);
    assert_eq!(properties("").await, plain);
    assert_eq!(properties(".mvt?category=caf%C3%A9").await, plain);
    let mut more = plain.clone();
    more.extend([
        ("rating".to_owned(), Value::Double(4.5)),
        ("beds".to_owned(), Value::SInt(-3)),
        ("open".to_owned(), Value::Bool(true)),
    ]);
    assert_eq!(properties(".pbf?fields=rating,beds,open,tags,none,id").await, more);
    assert!(decoded(&server, "/v1/collections/w/tiles/0/0/0?category=bar").await.is_none());
}

#[tokio::test]
async fn bad_tiles_are_named() {
    let server = Server::with_wineries(3).await;
    for (path, slug, parameter, allowed) in [
        ("23/0/0", "parameter-out-of-range", "z", "0 to 22"),
        ("-1/0/0", "parameter-out-of-range", "z", "0 to 22"),
        ("2/4/0", "parameter-out-of-range", "x", "0 to 3"),
        ("2/0/4", "parameter-out-of-range", "y", "0 to 3"),
        ("2/0/1.5", "parameter-invalid", "y", "0 to 3"),
        ("two/0/0", "parameter-invalid", "z", "0 to 22"),
        ("0/0/0?limit=3", "parameter-unknown", "limit", "category, fields"),
    ] {
        let problem = server.get(&format!("/v1/collections/wineries/tiles/{path}")).await.problem(400, slug);
        assert_eq!(
            (&problem["parameter"], &problem["allowed"]),
            (&parameter.into(), &allowed.into()),
            "{path}"
        );
    }
    server.get("/v1/collections/none/tiles/0/0/0").await.problem(404, "collection-unknown");
}

#[tokio::test]
async fn a_map_library_is_told_of_the_tiles() {
    let server = Server::with_wineries(3).await;
    let collection = server.get("/v1/collections/wineries").await.json();
    let link = cellar_test_kit::server::link(&collection, "tiles").unwrap();
    let answer = server.get(link).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!(document["tilejson"], "3.0.0");
    let template = document["tiles"][0].as_str().unwrap();
    assert!(template.ends_with("/v1/collections/wineries/tiles/{z}/{x}/{y}"), "{template}");
    let uri = template.replace("{z}", "0").replace("{x}", "0").replace("{y}", "0");
    let (layer, features) = decoded(&server, &uri).await.unwrap();
    assert_eq!(features.len(), 3);
    let layers: Vec<_> = document["vector_layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["id"].as_str().unwrap())
        .collect();
    assert!(layers.contains(&layer.as_str()));
    let bounds: Vec<_> =
        document["bounds"].as_array().unwrap().iter().map(|edge| edge.as_f64().unwrap()).collect();
    assert!(bounds[0] <= 0.0 && bounds[1] <= 0.0 && bounds[2] >= 0.0 && bounds[3] >= 0.02, "{bounds:?}");
    assert_eq!((&document["minzoom"], &document["maxzoom"]), (&0.into(), &22.into()));
}
