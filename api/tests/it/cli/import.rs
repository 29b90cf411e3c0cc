//! Imports and exports by processes, some of which are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use serde_json::{Value, json};

use super::process::{Desk, Process, until};

/// Every so many rows one is bad.
const BAD_EVERY: usize = 100;

/// Latitude and longitude of a row, dense enough that searches find several. They have few digits, of which
/// `serde_json` makes exactly the number that was written.
fn position(n: usize) -> (f64, f64) {
    ((n * 7_919 % 40_960) as f64 / 16_384.0 - 1.25, (n * 104_729 % 61_440) as f64 / 16_384.0 - 1.875)
}

/// Rows of which one in a hundred is bad.
pub(super) fn csv(rows: usize) -> String {
    let mut csv = String::from("id,name,lat,lon\n");
    for n in 0..rows {
        let (lat, lon) = position(n);
        let lat = if n % BAD_EVERY == 50 { "north".to_owned() } else { lat.to_string() };
        writeln!(csv, "r-{n},\"Place, {n}\",{lat},{lon}").unwrap();
    }
    csv
}

/// The places that are to be stored, as features by id.
pub(super) fn good_rows(rows: usize) -> BTreeMap<String, Value> {
    let good = (0..rows).filter(|n| n % BAD_EVERY != 50);
    good.map(|n| {
        let (lat, lon) = position(n);
        let id = format!("r-{n}");
        let feature = json!({"type": "Feature", "id": id,
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {"name": format!("Place, {n}")}});
        (id, feature)
    })
    .collect()
}

/// Features by id, none of which may come twice.
fn by_id(features: impl Iterator<Item = Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for mut feature in features {
        // Whole numbers are written without a fraction.
        for number in feature["geometry"]["coordinates"].as_array_mut().unwrap() {
            *number = number.as_f64().unwrap().into();
        }
        let id = feature["id"].as_str().unwrap().to_owned();
        assert!(found.insert(id.clone(), feature).is_none(), "{id} came twice");
    }
    found
}

fn exported(desk: &Desk, collection: &str) -> BTreeMap<String, Value> {
    let lines = desk.ok(&["export", "-", "-c", collection, "--format", "ndjson"]);
    by_id(lines.lines().map(|line| serde_json::from_str(line).unwrap()))
}

fn rejected_lines(desk: &Desk) -> Vec<u64> {
    let text = desk.read("a.csv.rejected.jsonl");
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["line"].as_u64().unwrap()).collect()
}

#[test]
fn a_running_server_has_the_rows_and_keeps_them() {
    let desk = Desk::new();
    desk.write("a.csv", csv(1_000));
    let server = desk.serve(&["--data", "data"]);
    assert_eq!(desk.run(&["import", "a.csv", "-c", "places", "--data", "data"]).code, Some(3));
    let all = |server: &super::process::Running| {
        let mut path = Some("/v1/collections/places/items?bbox=-2,-2,2,2&limit=100".to_owned());
        let mut features = Vec::new();
        while let Some(next) = path {
            let page = server.get(&next);
            features.extend(page["features"].as_array().unwrap().clone());
            let links = page["links"].as_array().unwrap();
            let next = links.iter().find(|link| link["rel"] == "next");
            path = next.map(|link| link["href"].as_str().unwrap().replace(&server.url, ""));
        }
        by_id(features.into_iter())
    };
    assert_eq!(all(&server), good_rows(1_000));
    let (lat, lon) = position(1);
    let nearest = server.get(&format!("/v1/collections/places/nearby?lat={lat}&lon={lon}&limit=1&radius=10"));
    assert_eq!(
        (&nearest["features"][0]["id"], &nearest["features"][0]["distance_m"]),
        (&"r-1".into(), &0.0.into())
    );
    server.stop();

    let again = desk.serve(&["--data", "data"]);
    assert_eq!(all(&again), good_rows(1_000));
    again.stop();
}

#[test]
fn an_import_that_was_killed_is_completed_by_the_next() {
    const ROWS: usize = 20_000;
    /// Lists of two chunks: the checkpoint of the first is durable by then.
    const LISTED: usize = 2 * 2_000 / BAD_EVERY;
    let desk = Desk::new();
    desk.write("a.csv", csv(ROWS));
    let import = ["import", "a.csv", "-c", "places", "--json"];
    let child = desk.cellar(&import).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Process(child);
    until("the second chunk", || {
        let listed = std::fs::read_to_string(desk.path("a.csv.rejected.jsonl")).unwrap_or_default();
        (listed.lines().count() >= LISTED).then_some(())
    });
    child.0.kill().unwrap();
    assert_eq!(child.wait().signal(), Some(9), "it was killed before its end");

    let bad: Vec<u64> = (0..ROWS as u64).filter(|n| n % BAD_EVERY as u64 == 50).map(|n| n + 2).collect();
    let good = good_rows(ROWS);
    for run in ["second", "third"] {
        let ended = desk.run(&import);
        assert_eq!(ended.code, Some(3), "{run}: {ended:?}");
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(summary["read"], ROWS, "{run}");
        assert_eq!(
            (&summary["stored"], &summary["rejected"]),
            (&good.len().into(), &bad.len().into()),
            "{run}"
        );
        let resumed = summary["resumed_from"].as_u64();
        assert_eq!(resumed.is_some(), run == "second", "{summary}");
        assert!(resumed.is_none_or(|from| (2_000..ROWS as u64).contains(&from)), "{summary}");
        assert_eq!(resumed.is_some(), ended.stderr.starts_with("going on after record "), "{ended:?}");
        assert_eq!(rejected_lines(&desk), bad, "{run}");
        assert!(exported(&desk, "places") == good, "{run}: the places differ");
    }
}

#[test]
fn what_is_exported_imports_as_the_same() {
    let desk = Desk::new();
    desk.write("a.csv", csv(1_500));
    let ended = desk.run(&["import", "a.csv", "-c", "places", "--json"]);
    assert_eq!(ended.code, Some(3));
    let stored: Value = serde_json::from_str(&ended.stdout).unwrap();
    let files = ["a.geojson", "a.ndjson", "a.geojson.gz", "a.ndjson.gz"];
    for (n, file) in files.iter().enumerate() {
        let copy = format!("copy-{n}");
        let said = desk.ok(&["export", file, "-c", "places"]);
        let checksum = said
            .strip_prefix(&format!("1485 places in {file}, checksum "))
            .unwrap_or_else(|| panic!("{said}"));
        assert_eq!(checksum.trim_end(), stored["checksum"], "{file}");
        let gzipped = std::fs::read(desk.path(file)).unwrap().starts_with(&[0x1f, 0x8b]);
        assert_eq!(gzipped, n >= 2, "{file}");
        desk.ok(&["import", file, "-c", &copy]);
        assert!(exported(&desk, &copy) == good_rows(1_500), "{file}: the places differ");
    }
    let names: BTreeSet<_> =
        std::fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let expected = [&files[..], &["a.csv", "a.csv.rejected.jsonl", "cellar-data"]].concat();
    assert_eq!(names, expected.iter().map(Into::into).collect(), "nothing else is left behind");
}
