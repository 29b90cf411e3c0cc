//! `edge-map` and `edge-plan`.

use std::io::Write as _;

use serde_json::{Value, json};

use super::import::{csv, good_rows};
use super::process::Desk;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn imported(rows: usize) -> Desk {
    let desk = Desk::new();
    desk.write("a.csv", csv(rows));
    assert_eq!(desk.run(&["import", "a.csv", "-c", "places"]).code, Some(3));
    desk
}

#[test]
fn the_map_is_stored_served_and_written() {
    let desk = imported(2_000);
    let dry = desk.run(&["edge-map", "-c", "places", "--dry-run"]);
    assert!(dry.stderr.contains("not stored"), "{dry:?}");
    let server = desk.serve(&[]);
    let path = "/v1/collections/places/edge-map";
    assert_eq!(server.get(path)["rows"], json!({}));
    server.stop();

    let summary = json(&desk.ok(&["edge-map", "-c", "places", "--output", "map.json", "--json"]));
    assert_eq!(summary["places"], good_rows(2_000).len());
    assert_eq!(summary["stored"], true);
    let cells: u64 =
        summary["cells"].as_array().unwrap().iter().map(|row| row["cells"].as_u64().unwrap()).sum();
    assert!(cells >= 9, "{summary}");

    let file = desk.read("map.json");
    assert_eq!(json(&dry.stdout), json(&file), "a dry run makes the same map");
    let served = desk.serve(&[]);
    let document = served.get(path);
    assert_eq!(document["places"], summary["places"]);
    for row in json(&file)["data"].as_array().unwrap() {
        let key = row["key"].as_str().unwrap().strip_prefix("places:").unwrap();
        assert_eq!(document["rows"][key], row["value"], "{key}");
        assert_eq!(row["value"].as_str().unwrap().len(), 32);
    }
    assert_eq!(document["rows"].as_object().unwrap().len() as u64, summary["rows"].as_u64().unwrap());
    served.stop();

    desk.ok(&["edge-map", "-c", "places", "--remove"]);
    let without = desk.serve(&[]);
    assert_eq!(without.get(path)["rows"], json!({}));
    without.stop();
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_stored_map_alone() {
    let desk = imported(100);
    let ended = desk.run(&["edge-map", "-c", "places", "--output", "no/map.json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let server = desk.serve(&[]);
    assert_eq!(server.get("/v1/collections/places/edge-map")["rows"], json!({}));
    server.stop();
}

const USERS: &str = "id,name,lat,lon,population,country\nu1,Here,0,0,50000,AA\nu2,There,1,1,50000,BB\n";

#[test]
fn a_plan_weighs_every_precision() {
    let desk = imported(1_000);
    desk.write("users.csv", USERS);
    let quick = ["--rps", "10", "--duration", "20", "--sample", "5"];
    let from_store =
        desk.ok(&[&["edge-plan", "-c", "places", "--users", "users.csv", "--json"][..], &quick].concat());
    let report = json(&from_store);
    assert_eq!((&report["requests"], &report["listed"]), (&json!(200), &json!(128)));
    let schemes = report["schemes"].as_array().unwrap();
    assert_eq!(schemes.len(), 1 + 5 + 7 + 5);
    for scheme in schemes {
        let share = |name: &str| scheme[name].as_f64().unwrap();
        assert!(
            (0.0..=1.0).contains(&share("first_try")) && share("first_try") <= share("two_tries"),
            "{scheme}"
        );
        assert!(share("two_tries") + share("exact_share") <= 1.0 + 1e-9, "{scheme}");
        let hits: Vec<f64> =
            scheme["cases"].as_array().unwrap().iter().map(|t| t["hit_ratio"].as_f64().unwrap()).collect();
        assert!(hits.len() == 3 && hits.is_sorted(), "{scheme}");
        // Pages are packed, so a small one may grow.
        let packs = scheme["scheme"] == "pages" || share("brotli_bytes") < share("json_bytes");
        assert!(packs && share("brotli_bytes") > 0.0, "{scheme}");
        assert!(share("search_bytes") >= share("brotli_bytes"), "{scheme}");
    }
    let from_file = desk.ok(&[
        &["edge-plan", "--places", "a.csv", "--users", "users.csv", "--json"][..],
        &quick,
    ]
    .concat());
    assert_eq!(json(&from_file), report, "the same places, the same seed");
}

/// Two searches as CloudFront logs them: by a position, and by a cell whose colon was percent-encoded.
const CLOUDFRONT: &str = "#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status cs-uri-query\n\
    2026-11-30\t01:02:03\t10.0.0.1\tGET\t/v1/collections/places/nearby\t200\tlat=0&lon=%252B0.5\n\
    2026-11-30\t01:02:03\t10.0.0.1\tGET\t/v1/collections/places/cells/gh%253As00/nearby\t200\t-\n";

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_plan_follows_the_users_it_is_given() {
    let desk = imported(300);
    desk.write("users.csv", USERS);
    desk.write("positions.csv", "lat,lon,time\n0,0,0\n0,0,100\n0.001,0,30\n");
    desk.write("log", "- - - [] \"GET /v1/collections/places/nearby?lat=0&lon=0 HTTP/1.1\" 200 1\n");
    let plan = |args: &[&str]| desk.ok(&[&["edge-plan", "--sample", "1", "--ttl", "50"], args].concat());
    let table = plan(&["-c", "places", "--positions", "positions.csv"]);
    assert!(
        table.starts_with("3 searches in 100 s over 297 places: the 20 nearest within 10000 m"),
        "{table}"
    );
    // Fetched at 0 and 100 s.
    let row = table.lines().find(|line| line.contains("geohash 3")).unwrap();
    assert!(row.split_whitespace().count() > 10, "{table}");
    let case = table.lines().filter(|line| line.contains("geohash 3")).nth(1).unwrap();
    let cells: Vec<&str> = case.split_whitespace().collect();
    // Lifetime, locations and writes; hits of all requests, and of those after the first lifetime.
    assert_eq!(cells[2..7], ["50", "1", "0", "33.33", "0.00"], "{table}");
    assert!(plan(&["-c", "places", "--access-log", "log"]).starts_with("1 searches in 0 s"));
    desk.write("cloudfront.gz", gzipped(CLOUDFRONT));
    assert!(plan(&["-c", "places", "--access-log", "cloudfront.gz"]).starts_with("2 searches in 0 s"));
    desk.write("odd.csv", "north;east\n0,5;0,25\n");
    let options = ["--lat-column", "north", "--lon-column", "east"];
    let odd = plan(&[&["-c", "places", "--positions", "odd.csv"][..], &options].concat());
    assert!(odd.starts_with("1 searches in 0 s"), "{odd}");
    let odd = plan(&[&["--places", "odd.csv", "--duration", "1"][..], &options].concat());
    assert!(odd.contains("over 1 places"), "places of a plan need no ids: {odd}");
    let unused = desk.run(&[&["edge-plan", "-c", "places"][..], &options].concat());
    assert_eq!(unused.code, Some(2), "{unused:?}");
    let generated = plan(&["--generate", "30", "--users", "users.csv", "--country", "AA", "--duration", "1"]);
    assert!(generated.starts_with("300 searches in 1 s over 30 places"), "{generated}");
    assert!(plan(&["-c", "places", "--duration", "1"]).starts_with("300 searches in 1 s"));
}
