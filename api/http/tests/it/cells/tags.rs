//! Tags: whatever may change an answer has one of its tags, and there are no more of them than CDNs take.

use cellar_model::Collection;
use cellar_model::canonical::CellUrl;
use cellar_model::key::edge_tag;
use cellar_search::cells::representation::tags;
use geo_index::edge::CacheCell;
use geo_index::tree::ROOT_RESOLUTION;
use geo_index::{Grid, GridCell, H3Cell, Leaf, Meters, Position, distance};
use serde_json::json;

use cellar_test_kit::collection;
use cellar_test_kit::server::Server;

/// Tags of an object in CloudFront, at most.
const MAX_TAGS: usize = 50;
const MAX_TAG_BYTES: usize = 16 << 10;

/// Poles, the antimeridian, the twelve pentagons and whatever lies between.
fn nasty() -> Vec<Position> {
    let mut positions =
        vec![(90.0, 0.0), (-90.0, 0.0), (89.99, 179.99), (-89.9, -180.0), (0.0, 180.0), (51.0, -180.0)];
    positions.extend((0..300).map(|i| {
        let lat = (f64::from(i) / 150.0 - 1.0).asin().to_degrees();
        (lat, (f64::from(i) * 137.507_764).rem_euclid(360.0) - 180.0)
    }));
    let pentagons = [4_u64, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117].map(|base| {
        // Mode 1, resolution 3, three digits 0, the others 7.
        let text = format!("{:x}", (1_u64 << 59) | (3 << 52) | (base << 45) | 0xf_ffff_ffff);
        text.parse::<H3Cell>().expect("a pentagon").centre()
    });
    positions.into_iter().map(|(lat, lon)| Position::new(lat, lon).unwrap()).chain(pentagons).collect()
}

#[test]
fn no_answer_has_more_tags_than_cdns_take() {
    let collection: Collection = "x".repeat(64).parse().unwrap();
    let mut most = 0;
    for position in nasty() {
        for (grid, level) in [(Grid::Geohash, 3), (Grid::Geohash, 4), (Grid::H3, 3)] {
            let cell = CacheCell::at(grid, position, level).unwrap();
            let url = CellUrl { collection: collection.clone(), cell, category: None };
            let tags = tags(&url, cell.horizon());
            assert!(tags.len() <= MAX_TAGS, "{cell}: {}", tags.len());
            assert!(tags.join(", ").len() <= MAX_TAG_BYTES);
            most = most.max(tags.len());
        }
    }
    assert!((20..=MAX_TAGS).contains(&most), "{most}");
}

#[test]
fn what_lies_within_the_extent_has_a_tag() {
    for (number, position) in nasty().into_iter().enumerate() {
        let cell = CacheCell::at(Grid::Geohash, position, 3 + (number % 5) as u8).unwrap();
        let url = CellUrl { collection: collection("w"), cell, category: None };
        let extent = Meters::new(cell.horizon().get() * (number % 7 + 1) as f64 / 7.0).unwrap();
        let tags = tags(&url, extent);
        let centre = cell.centre();
        for step in 0..64_u32 {
            let (share, angle) = (f64::from(step % 8 + 1) / 8.0, f64::from(step) * 0.8);
            let away = share * extent.get() / 111_195.0;
            let lat = (centre.lat() + away * angle.cos()).clamp(-90.0, 90.0);
            let lon = centre.lon() + away * angle.sin() / lat.to_radians().cos().max(1e-6);
            let place = Position::new(lat, (lon + 540.0).rem_euclid(360.0) - 180.0).unwrap();
            if distance(centre, place) <= extent {
                let root = Leaf::at(place).ancestor(ROOT_RESOLUTION).unwrap();
                assert!(tags.contains(&edge_tag(&url.collection, root)), "{cell} {place:?}");
            }
        }
    }
}

/// 128 places nearby hide what is farther away, and the tags know it; the last place listed has one.
#[tokio::test]
async fn the_tags_are_those_of_the_certified_disc() {
    let server = Server::with_wineries(300).await;
    let answer = server.get("/v1/collections/wineries/cells/gh:s00/nearby").await;
    let (json, tags) = (answer.json(), answer.header("cache-tag"));
    assert_eq!(json["numberReturned"], json!(128));
    for feature in json["features"].as_array().unwrap() {
        let [lon, lat] = [0, 1].map(|axis| feature["geometry"]["coordinates"][axis].as_f64().unwrap());
        let root = Leaf::at(Position::new(lat, lon).unwrap()).ancestor(ROOT_RESOLUTION).unwrap();
        assert!(tags.split(", ").any(|tag| tag == edge_tag(&collection("wineries"), root)), "{feature}");
    }
    let fine = server.get("/v1/collections/wineries/cells/gh:s0000/nearby").await;
    let count = |tags: &str| tags.split(", ").count();
    assert!(count(fine.header("cache-tag")) < count(tags), "{tags}");
}
