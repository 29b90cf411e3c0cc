//! Counts of cells are those of brute force.

use std::collections::BTreeMap;

use geo_index::{BBox, GridCell as _, H3Cell, Position};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::{Point, TOWNS, kept, load, near, patient, town};
use cellar_store::Store as _;
use cellar_test_kit::server::Server;
use cellar_test_kit::{collection, place};

/// Cells with a place of the box, and how many places each has.
fn brute(points: &[Point], bbox: BBox, resolution: u8, category: Option<&str>) -> BTreeMap<String, u64> {
    let wanted = || points.iter().filter(|point| category.is_none_or(|category| category == point.category));
    let cell = |point: &Point| H3Cell::at(point.at, resolution).unwrap().to_string();
    let mut counts: BTreeMap<_, _> =
        wanted().filter(|point| bbox.contains(point.at)).map(|point| (cell(point), 0)).collect();
    for point in wanted() {
        if let Some(count) = counts.get_mut(&cell(point)) {
            *count += 1;
        }
    }
    counts
}

fn counts(document: &Value) -> BTreeMap<String, u64> {
    let features = document["features"].as_array().unwrap();
    assert_eq!(document["numberReturned"], features.len());
    assert_eq!(document["counts"], "exact");
    let of = |feature: &Value| {
        let properties = &feature["properties"];
        assert_eq!(
            (&feature["id"], &document["resolution"]),
            (&properties["cell"], &properties["resolution"])
        );
        (feature["id"].as_str().unwrap().to_owned(), properties["count"].as_u64().unwrap())
    };
    features.iter().map(of).collect()
}

fn around(town: Position, rng: &mut StdRng) -> BBox {
    let (one, other) = (near(town, 300_000.0, rng), near(town, 300_000.0, rng));
    let (south, north) = (one.lat().min(other.lat()), one.lat().max(other.lat()));
    BBox::new(one.lon(), south, other.lon(), north).unwrap()
}

#[tokio::test]
async fn counts_are_those_of_brute_force() {
    let server = kept();
    let mut listed = 0;
    for (number, at) in TOWNS.into_iter().enumerate() {
        let mut rng = StdRng::seed_from_u64(number as u64);
        let points = town(at, (700, 200), &mut rng);
        let collection = format!("town-{number}");
        load(&server, &collection, &points).await;
        for round in 0..16 {
            let (bbox, resolution) = (around(Position::new(at.0, at.1).unwrap(), &mut rng), round % 16);
            let category = [None, Some("bar"), Some("none")][rng.random_range(0..3)];
            let query = category.map_or_else(String::new, |category| format!("&category={category}"));
            let [west, south, east, north] = bbox.edges();
            let uri = format!(
                "/v1/collections/{collection}/cells?bbox={west},{south},{east},{north}&resolution={resolution}{query}"
            );
            let mut answer = server.get(&uri).await;
            // On a machine that has no time, asking again gets further.
            for _ in 0..100 {
                if answer.status != 503 {
                    break;
                }
                answer = server.get(&uri).await;
            }
            assert_eq!(answer.status, 200, "{uri}: {}", answer.text);
            let found = counts(&answer.json());
            assert_eq!(found, brute(&points, bbox, resolution, category), "{uri}");
            assert_eq!(answer.json()["places"], found.values().sum::<u64>());
            listed += found.len();
        }
    }
    assert!(listed > 1_000, "{listed}");
}

#[tokio::test]
async fn the_whole_world_has_every_place() {
    let server = patient();
    let mut rng = StdRng::seed_from_u64(7);
    let points: Vec<_> = (0..500)
        .map(|index| Point {
            id: format!("p{index}"),
            at: Position::new(
                f64::from(rng.random_range(-1.0_f32..1.0)).asin().to_degrees(),
                rng.random_range(-180.0..=180.0),
            )
            .unwrap(),
            category: "bar",
        })
        .collect();
    load(&server, "world", &points).await;
    for resolution in [0, 1, 3, 7] {
        let uri = format!("/v1/collections/world/cells?bbox=-180,-90,180,90&resolution={resolution}");
        let answer = server.get(&uri).await;
        assert_eq!(counts(&answer.json()), brute(&points, BBox::WORLD, resolution, None));
        assert_eq!(answer.json()["places"], 500);
    }
}

/// An outline is closed, in one piece, and around the cell's centre.
#[tokio::test]
async fn outlines_are_rings() {
    let server = Server::new();
    let mut rng = StdRng::seed_from_u64(1);
    load(&server, "w", &town((-17.7, 180.0), (50, 0), &mut rng)).await;
    let answer = server.get("/v1/collections/w/cells?bbox=170,-30,-170,-5&resolution=4").await.json();
    for feature in answer["features"].as_array().unwrap() {
        let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
        assert!(ring.len() >= 6 && ring.first() == ring.last(), "{feature}");
        let lons = || ring.iter().map(|corner| corner[0].as_f64().unwrap());
        let (west, east) = (lons().fold(f64::MAX, f64::min), lons().fold(f64::MIN, f64::max));
        let cell: H3Cell = feature["id"].as_str().unwrap().parse().unwrap();
        let centre = cell.centre().lon();
        let inside = [centre - 360.0, centre, centre + 360.0].iter().any(|lon| (west..=east).contains(lon));
        assert!(inside && east - west < 2.0, "{feature}");
    }
}

#[tokio::test]
async fn what_is_too_much_is_a_problem_that_says_so() {
    let server = patient();
    let mut rng = StdRng::seed_from_u64(2);
    let points: Vec<_> = (0..5_001)
        .map(|index| Point {
            id: format!("p{index}"),
            at: Position::new(rng.random_range(0.0..2.0), rng.random_range(0.0..2.0)).unwrap(),
            category: "bar",
        })
        .collect();
    load(&server, "many", &points).await;
    let fine = "/v1/collections/many/cells?bbox=0,0,2,2&resolution=15";
    let problem = server.get(fine).await.problem(422, "answer-too-large");
    assert_eq!(problem["parameter"], "resolution");
    assert!(problem["allowed"].as_str().unwrap().contains("5000"), "{problem}");
    let coarse = server.get("/v1/collections/many/cells?bbox=0,0,2,2&resolution=5").await.json();
    assert_eq!(coarse["places"], 5_001);
}

/// A part of the places is never told as if it were all.
#[tokio::test]
async fn more_places_than_are_counted_are_a_problem() {
    let server = patient();
    let at = Position::new(48.85, 2.35).unwrap();
    let point = |index: usize| Point { id: format!("p{index}"), at, category: "bar" };
    load(&server, "crowd", &[point(0)]).await;
    let others: Vec<_> =
        (1..50_000).map(|index| place(&format!("p{index}"), at.lat(), at.lon(), "{}")).collect();
    server.store.put_many(&collection("crowd"), &others).await.unwrap();
    let cells = "/v1/collections/crowd/cells?bbox=2,48,3,49&resolution=9";
    let all = server.get(cells).await.json();
    assert_eq!((&all["places"], &all["numberReturned"]), (&50_000.into(), &1.into()));
    load(&server, "crowd", &[point(50_000)]).await;
    for (uri, parameter) in [(cells, "bbox"), ("/v1/collections/crowd/tiles/0/0/0", "z")] {
        let problem = server.get(uri).await.problem(422, "search-too-broad");
        assert_eq!(problem["parameter"], parameter);
        assert!(problem["allowed"].as_str().unwrap().contains("50000"), "{problem}");
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let server = Server::with_wineries(3).await;
    let cells = "/v1/collections/wineries/cells";
    for (query, slug, parameter) in [
        ("", "parameter-missing", "bbox"),
        ("?bbox=0,0,1,1", "parameter-missing", "resolution"),
        ("?bbox=0,0,1,1&resolution=16", "parameter-out-of-range", "resolution"),
        ("?bbox=0,0,1,1&resolution=x", "parameter-invalid", "resolution"),
        ("?bbox=0,2,1,1&resolution=3", "parameter-out-of-range", "bbox"),
        ("?bbox=0,0,1&resolution=3", "parameter-invalid", "bbox"),
        ("?bbox=0,0,1,1&resolution=3&zoom=4", "parameter-unknown", "zoom"),
    ] {
        let problem = server.get(&format!("{cells}{query}")).await.problem(400, slug);
        assert_eq!(problem["parameter"], parameter, "{query}");
        assert!(problem["allowed"].is_string(), "{problem}");
    }
    server
        .get("/v1/collections/none/cells?bbox=0,0,1,1&resolution=3")
        .await
        .problem(404, "collection-unknown");
}
