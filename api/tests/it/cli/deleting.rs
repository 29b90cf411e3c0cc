//! `cellar delete`, `cellar collections`, and `cellar import --replace`.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::process::{Desk, Ended, Process, until};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_collection_is_deleted_and_listed_no_more() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon\na,1,2\nb,1,2.01\n");
    for name in ["wineries", "bars"] {
        desk.ok(&["import", "a.csv", "-c", name]);
    }
    assert_eq!(
        desk.ok(&["collections"]),
        "collection  status  title\nbars        active\nwineries    active\n"
    );
    let unconfirmed = desk.run(&["delete", "wineries"]);
    assert_eq!(unconfirmed.code, Some(2), "{unconfirmed:?}");
    assert!(unconfirmed.stderr.contains("confirm it with --yes"), "{unconfirmed:?}");
    assert_eq!(json_of(&desk.ok(&["collections", "--json"]))["collections"][1]["status"], "active");

    let deleted = desk.ok(&["delete", "wineries", "--yes", "--json"]);
    assert_eq!(json_of(&deleted), json!({ "collection": "wineries", "status": "deleted", "deleted": 2 }));
    let list = json!({ "collections": [{ "id": "bars", "status": "active" }] });
    assert_eq!(json_of(&desk.ok(&["collections", "--json"])), list);
    let gone = desk.run(&["delete", "wineries", "--yes"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.starts_with("cellar: there is no collection `wineries`; "), "{gone:?}");
    assert!(desk.ok(&["export", "-", "-c", "bars", "--format", "ndjson"]).lines().count() == 2);

    desk.write("c.csv", "id,lat,lon\nc,1,2\n");
    desk.ok(&["import", "c.csv", "-c", "wineries"]);
    assert_eq!(desk.ok(&["export", "-", "-c", "wineries", "--format", "ndjson"]).lines().count(), 1);
}

#[test]
fn a_marked_collection_can_neither_be_read_nor_written() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    desk.ok(&["import", "a.csv", "-c", "wineries"]);
    let marked = desk.ok(&["delete", "wineries", "--no-wait", "--yes"]);
    assert_eq!(marked, "collection `wineries` is being deleted\n");
    assert_eq!(
        desk.ok(&["collections"]),
        "collection  status            title\nwineries    deleting, 0 gone\n"
    );
    let refused = desk.run(&["import", "a.csv", "-c", "wineries"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("collection `wineries` is being deleted"), "{refused:?}");
    assert_eq!(desk.run(&["export", "-", "-c", "wineries"]).code, Some(1));
}

/// Ids of a collection.
fn ids(desk: &Desk, name: &str) -> Vec<String> {
    let exported = desk.ok(&["export", "-", "-c", name, "--format", "ndjson"]);
    let id = |line: &str| json_of(line)["id"].as_str().unwrap().to_owned();
    let mut ids: Vec<_> = exported.lines().map(id).collect();
    ids.sort();
    ids
}

fn csv(rows: impl IntoIterator<Item = usize>) -> String {
    let rows: Vec<_> = rows.into_iter().map(|i| format!("p-{i:02},{i},2\n")).collect();
    format!("id,lat,lon\n{}", rows.concat())
}

#[test]
fn a_refresh_removes_what_is_gone() {
    let desk = Desk::new();
    desk.write("a.csv", csv(0..20));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk.ok(&["import", "a.csv", "-c", "others"]);

    desk.write("b.csv", csv(2..22));
    let dry = desk.ok(&["import", "b.csv", "-c", "places", "--replace", "--dry-run"]);
    assert!(dry.ends_with("2 of 20 places would be removed\n"), "{dry}");
    assert_eq!(ids(&desk, "places").len(), 20);
    let summary = json_of(&desk.ok(&["import", "b.csv", "-c", "places", "--replace", "--json"]));
    assert_eq!((&summary["stored"], &summary["removed"]), (&json!(20), &json!(2)), "{summary}");
    assert_eq!(summary["places_before"], 20);
    let expected: Vec<_> = (2..22).map(|i| format!("p-{i:02}")).collect();
    assert_eq!(ids(&desk, "places"), expected);
    assert_eq!(ids(&desk, "others").len(), 20);
    let again = desk.ok(&["import", "b.csv", "-c", "places", "--replace"]);
    assert!(again.ends_with("0 of 20 places removed\n"), "{again}");
}

fn refused(ended: &Ended, parts: &[&str]) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "{part:?} is missing: {ended:?}");
    }
}

#[test]
fn a_refresh_that_would_remove_too_much_writes_nothing() {
    let desk = Desk::new();
    desk.write("a.csv", csv(0..20));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let replace = ["import", "b.csv", "-c", "places", "--replace"];
    desk.write("b.csv", csv(5..21));
    let parts = ["5 of 20 places would be removed, 25.0 %; at most 20 % may", "--max-removed"];
    refused(&desk.run(&replace), &parts);
    refused(&desk.run(&[&replace[..], &["--dry-run"]].concat()), &parts);
    desk.write("empty.csv", "id,lat,lon\n");
    refused(
        &desk.run(&["import", "empty.csv", "-c", "places", "--replace"]),
        &["20 of 20 places", "100.0 %"],
    );
    assert_eq!(ids(&desk, "places").len(), 20, "not even the new one was stored");
    desk.ok(&[&replace[..], &["--max-removed", "25"]].concat());
    assert_eq!(ids(&desk, "places").len(), 16);
}

#[test]
fn the_place_of_a_rejected_record_stays() {
    let desk = Desk::new();
    desk.write("a.csv", csv(0..20));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let replace = ["import", "b.csv", "-c", "places", "--replace"];
    desk.write("b.csv", csv(2..20) + "p-01,91,2\n");
    refused(&desk.run(&replace), &["1 records are rejected, the first in line 20", "--allow-rejected"]);
    let allowed = desk.run(&[&replace[..], &["--allow-rejected"]].concat());
    assert_eq!(allowed.code, Some(3), "{allowed:?}");
    assert!(allowed.stdout.ends_with("1 of 20 places removed\n"), "{allowed:?}");
    assert_eq!(ids(&desk, "places")[0], "p-01");

    desk.write("b.csv", csv(3..20) + ",1,2\n");
    let parts = ["1 rejected records have no id, the first in line 19", "without --replace"];
    refused(&desk.run(&[&replace[..], &["--allow-rejected"]].concat()), &parts);
    assert_eq!(ids(&desk, "places").len(), 19);
    desk.write("c.csv", csv(1..20) + ",1,2\n");
    let nothing_to_lose = desk.run(&["import", "c.csv", "-c", "places", "--replace"]);
    assert_eq!(nothing_to_lose.code, Some(3), "nothing would go: {nothing_to_lose:?}");
}

#[test]
fn several_files_replace_a_collection_and_made_ids_stay() {
    let desk = Desk::new();
    desk.write("a.csv", "name,lat,lon\nA,1,2\nA,1,2\nA,1,2\n");
    desk.write("b.csv", "name;lat;lon\nB;3;4\nC;5;6\n");
    let import = ["import", "a.csv", "b.csv", "-c", "places", "--generate-ids", "--replace", "--json"];
    let first = json_of(&desk.ok(&import));
    assert_eq!((&first["stored"], &first["removed"]), (&5.into(), &0.into()));
    let again = json_of(&desk.ok(&import));
    assert_eq!(
        (&again["stored"], &again["removed"]),
        (&5.into(), &0.into()),
        "equal records keep their places"
    );
    desk.write("b.csv", "name;lat;lon\nB;3;4\n");
    let fewer = json_of(&desk.ok(&import));
    assert_eq!((&fewer["stored"], &fewer["removed"]), (&4.into(), &1.into()));
}

#[test]
fn what_cannot_be_replaced_is_said() {
    let desk = Desk::new();
    desk.write("a.csv", csv(0..2));
    for (args, parts) in [
        (&["import", "-", "-c", "places", "--replace"][..], &["reads its input twice", "name a file"][..]),
        (&["import", "a.csv", "-c", "places", "--replace", "--max-removed", "101"], &["0 to 100 percent"]),
        (&["import", "a.csv", "-c", "places", "--allow-rejected"], &["--replace"]),
    ] {
        let ended = desk.run(args);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for part in parts {
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
        }
    }
}

/// Starts a command whose output nobody reads.
fn start(desk: &Desk, args: &[&str]) -> Process {
    Process(desk.cellar(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn many(rows: impl IntoIterator<Item = usize>) -> String {
    let rows: Vec<_> = rows.into_iter().map(|i| format!("p-{i:05},{},{}\n", i % 90, i % 170)).collect();
    format!("id,lat,lon\n{}", rows.concat())
}

/// The second process waits for writers that may take the collection for alive, for 90 s.
#[cfg(unix)]
#[test]
fn a_deletion_that_was_killed_is_completed_by_the_next() {
    let desk = Desk::new();
    desk.write("a.csv", many(0..8_000));
    desk.write("b.csv", csv(0..3));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk.ok(&["import", "b.csv", "-c", "others"]);
    let mut deleting = start(&desk, &["delete", "places", "--yes"]);
    until("it has begun", || {
        let list = json_of(&desk.ok(&["collections", "--json"]));
        let entry = list["collections"].as_array()?.iter().find(|entry| entry["id"] == "places")?.clone();
        (entry["status"] == "deleting").then_some(())
    });
    deleting.0.kill().unwrap();
    assert_eq!(deleting.wait().signal(), Some(9), "it was killed before its end");
    assert_eq!(desk.run(&["export", "-", "-c", "places"]).code, Some(1), "nothing of it can be read");

    let deleted = json_of(&desk.ok(&["delete", "places", "--yes", "--json"]));
    assert_eq!(deleted["status"], "deleted");
    let list = json!({ "collections": [{ "id": "others", "status": "active" }] });
    assert_eq!(json_of(&desk.ok(&["collections", "--json"])), list);
    desk.ok(&["import", "b.csv", "-c", "places"]);
    assert_eq!(ids(&desk, "places"), ids(&desk, "others"), "nothing of the old ones is left");
}

#[cfg(unix)]
#[test]
fn a_refresh_that_was_killed_between_its_halves_is_completed_by_the_next() {
    let desk = Desk::new();
    desk.write("a.csv", many(0..6_000));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk.write("b.csv", many((1_000..6_000).chain([9_999])));
    let replace = ["import", "b.csv", "-c", "places", "--replace", "--json"];
    let mut replacing = start(&desk, &replace);
    // The last row is stored; what is gone from the file still has to go.
    until("the last row", || (desk.run(&["get", "p-09999", "-c", "places"]).code == Some(0)).then_some(()));
    replacing.0.kill().unwrap();
    let killed = replacing.wait().signal() == Some(9);
    let summary = json_of(&desk.ok(&replace));
    assert!(killed || summary["removed"] == 0, "{summary}");
    let expected: Vec<_> = (1_000..6_000).chain([9_999]).map(|i| format!("p-{i:05}")).collect();
    assert!(ids(&desk, "places") == expected);
}
