//! `cellar warm`: areas as people have them, what is printed, and how it ends.

use std::fmt::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::process::{Desk, Ended};

/// Places in clumps around the centre of Paris, and one far away.
pub(super) fn desk() -> Desk {
    let desk = Desk::new();
    let mut csv = String::from("id,lat,lon\n");
    for n in 0..600 {
        let (north, east) = (f64::from(n % 25) * 1e-3, f64::from(n / 25) * 1e-3);
        writeln!(csv, "p{n},{},{}", 48.85 + north, 2.34 + east).unwrap();
    }
    csv += "far,10,10\n";
    desk.write("a.csv", csv);
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn warm(desk: &Desk, args: &[&str]) -> Value {
    json(&desk.ok(&[&["warm", "-c", "places", "--json"], args].concat()))
}

const SQUARE: &str = r#"{"type":"Feature","properties":{},"geometry":{"type":"Polygon",
    "coordinates":[[[2.3,48.8],[2.4,48.8],[2.4,48.9],[2.3,48.9],[2.3,48.8]]]}}"#;

#[test]
fn every_kind_of_area_is_warmed_and_verified() {
    let desk = desk();
    desk.write("cells", "861fb4667ffffff\ngh:u09tv\nu09w\n");
    desk.write("square.geojson", SQUARE);
    let search = "/v1/collections/places/nearby?lat=48.86&lon=2.35";
    desk.write("log", format!("::1 - - [x] \"GET {search} HTTP/1.1\" 200 9\nnonsense\n"));
    for (what, cells) in [
        (&["--cells", "cells"][..], 3),
        (&["--bbox", "2.3,48.8,2.4,48.9"], 0),
        (&["--area", "square.geojson"], 0),
        (&["--access-log", "log"], 1),
    ] {
        let report = warm(&desk, &[what, &["--verify", "1"]].concat());
        assert_eq!((&report["cells"], &report["places"]), (&cells.into(), &600.into()), "{what:?}: {report}");
        assert_eq!(report["differences"], 0, "{what:?}: {report}");
        let count = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(count("verified"), count("pages") - count("splits"), "{what:?}: {report}");
        assert!(count("splits") > 0 && count("empty") > 0 && count("queries") > 0, "{what:?}: {report}");
    }
}

#[test]
fn the_margin_says_how_far_around() {
    let desk = desk();
    let pages = |margin: &str| {
        let report = warm(&desk, &["--bbox", "2.35,48.86,2.35,48.86", "--margin", margin, "--verify", "0"]);
        assert_eq!(report["verified"], 0);
        report["pages"].as_u64().unwrap()
    };
    let pages = ["0", "1000", "100000"].map(pages);
    assert!(pages[0] > 0 && pages.is_sorted() && pages[0] < pages[2], "{pages:?}");
    let elsewhere = warm(&desk, &["--bbox", "-171,-20,171,-12", "--max-pages", "1000000"]);
    assert_eq!(elsewhere["places"], 0);
}

#[test]
fn a_dry_run_promises_no_more_than_it_knows() {
    let desk = desk();
    let text = desk.ok(&["warm", "-c", "places", "--bbox", "2.3,48.8,2.4,48.9", "--dry-run"]);
    assert!(text.contains("queries") && text.contains("at least "), "{text}");
    let prediction = warm(&desk, &["--bbox", "2.3,48.8,2.4,48.9", "--dry-run"]);
    let report = warm(&desk, &["--bbox", "2.3,48.8,2.4,48.9"]);
    assert_eq!(prediction["at_least"], true);
    assert!(prediction["queries"].as_f64() <= report["queries"].as_f64(), "{prediction} {report}");
    assert!(prediction["asked"].as_u64().unwrap() > 0);
}

#[test]
fn a_budget_that_is_used_up_is_a_failure() {
    let desk = desk();
    let ended =
        desk.run(&["warm", "-c", "places", "--bbox", "2.3,48.8,2.4,48.9", "--max-pages", "2", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report = json(&ended.stdout);
    assert_eq!(report["pages"], 2);
    assert!(report["left_out"].as_u64().unwrap() > 0);
    assert!(ended.stderr.starts_with("cellar: stopped at --max-pages 2: "), "{ended:?}");
}

#[test]
fn bad_lines_are_listed_with_their_numbers() {
    let desk = desk();
    desk.write("cells", "861fb4667ffffff\nParis\n\nh3:123\n");
    let ended = desk.run(&["warm", "-c", "places", "--cells", "cells", "--json"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(json(&ended.stdout)["cells"], 1);
    assert!(ended.stderr.contains("cells, line 2: a cell is `gh:`"), "{ended:?}");
    assert!(ended.stderr.contains("cells, line 4: not an H3 cell index"), "{ended:?}");
}

#[test]
fn standard_input_is_a_file_named_minus() {
    let desk = desk();
    desk.write("cells", "gh:u09tv\n");
    let mut command = desk.cellar(&["warm", "-c", "places", "--cells", "-", "--json"]);
    let ended = Ended::of(command.stdin(Stdio::from(std::fs::File::open(desk.path("cells")).unwrap())));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(json(&ended.stdout)["cells"], 1);
}

#[test]
fn a_server_is_asked_at_the_centre_of_each_cell() {
    let desk = desk();
    desk.write("cells", "861fb4667ffffff\ngh:u09tv\n");
    let server = desk.serve(&[]);
    let report = warm(&desk, &["--cells", "cells", "--url", &server.url]);
    assert_eq!(report["front"]["answered"], 2, "{report}");
    assert_eq!(report["front"]["failed"], 0, "{report}");
    let of_box = warm(&desk, &["--bbox", "2.3,48.8,2.4,48.9", "--url", &server.url]);
    assert!(of_box["front"]["answered"].as_u64().unwrap() > 2, "{of_box}");
    let wrong = format!("{}/nowhere", server.url);
    let ended = desk.run(&["warm", "-c", "places", "--cells", "cells", "--url", &wrong, "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(json(&ended.stdout)["front"]["failed"], 2);
    assert!(
        ended.stderr.contains("2 requests failed, the first: ") && ended.stderr.contains("404"),
        "{ended:?}"
    );
    server.stop();
}

#[test]
fn what_makes_no_sense_is_one_line() {
    let desk = desk();
    desk.write("point.geojson", r#"{"type":"Point","coordinates":[1,2]}"#);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--top", "5"], 2, "--top needs --redis"),
        (&["--cells", "no"], 1, "cannot read no: "),
        (&["--area", "point.geojson"], 1, "point.geojson: a geometry of it is a point"),
        (&["--bbox", "1,2,3,4", "-c", "nope"], 1, "there is no collection `nope`"),
    ];
    for (args, code, text) in cases {
        let all = if args.contains(&"-c") { vec!["warm"] } else { vec!["warm", "-c", "places"] };
        let ended = desk.run(&[&all[..], args].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(*code), ""), "{args:?}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("cellar: {text}")), "{args:?}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{args:?}: {ended:?}");
    }
    desk.run(&["warm", "-c", "places", "--cells", "no", "--data", "new"]);
    assert!(!desk.path("new").exists(), "nothing is created for a file that is not there");
}
