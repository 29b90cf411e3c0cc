//! A restore drill by the binary: from one data directory to another, through files.

use serde_json::Value;

use super::import::csv;
use super::process::Desk;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A desk with an export of two collections, and its summary.
fn backed_up() -> (Desk, Value) {
    let desk = Desk::new();
    desk.write("a.csv", csv(1_000));
    desk.write("b.csv", "id,lat,lon\nr-1,1,2\n");
    assert_eq!(desk.run(&["import", "a.csv", "-c", "places"]).code, Some(3));
    desk.ok(&["import", "b.csv", "-c", "others"]);
    let written = json(&desk.ok(&["export", "backups", "--format", "dynamodb-json", "--json"]));
    (desk, written)
}

#[test]
fn a_restore_drill_ends_with_the_same_counts_and_checksums() {
    let (desk, written) = backed_up();
    assert_eq!((&written["exported"], &written["collections"]), (&991.into(), &2.into()));
    let restored = json(&desk.ok(&["import", "backups", "--data", "restored", "--json"]));
    assert_eq!((&restored["stored"], &restored["checksum"]), (&991.into(), &written["checksum"]));
    let again = desk.ok(&["export", "again", "--format", "dynamodb-json", "--json", "--data", "restored"]);
    assert_eq!(json(&again)["checksum"], written["checksum"]);

    let of = |data: &str| {
        let args = ["-c", "places", "--data", data, "--json"];
        let export = json(&desk.ok(&[&["export", "a.ndjson"], &args[..]].concat()));
        let verified = json(&desk.ok(&[&["verify", "--searches", "5"], &args[..]].concat()));
        assert_eq!(verified["checksum"], export["checksum"]);
        (export["exported"].clone(), export["checksum"].clone())
    };
    assert_eq!(of("restored"), of("cellar-data"));
}

#[test]
fn a_damaged_export_is_one_line_and_nothing_is_stored() {
    let (desk, written) = backed_up();
    let data = desk.path(written["file"].as_str().unwrap()).join("data/000000.json.gz");
    let bytes = std::fs::read(&data).unwrap();
    std::fs::write(&data, &bytes[..bytes.len() / 2]).unwrap();
    let ended = desk.run(&["import", "backups", "--data", "restored"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.stderr.contains("000000.json.gz is damaged: its MD5 is"), "{ended:?}");
    assert!(!desk.path("restored").exists(), "nothing is created");
}

#[test]
fn a_collection_is_needed_unless_all_can_be_told_apart() {
    let (desk, _) = backed_up();
    for args in
        [&["import", "a.csv"][..], &["export", "a.ndjson"], &["export", "-", "--format", "dynamodb-json"]]
    {
        let ended = desk.run(args);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{args:?}: {ended:?}");
    }
    let only = ["export", "one", "--format", "dynamodb-json", "-c", "others", "--json"];
    assert_eq!(json(&desk.ok(&only))["exported"], 1);
    let ended = desk.run(&["import", "backups", "-c", "others", "--data", "restored", "--json"]);
    let summary = json(&ended.stdout);
    assert_eq!((&summary["stored"], &summary["skipped"]), (&1.into(), &991.into()));
}
