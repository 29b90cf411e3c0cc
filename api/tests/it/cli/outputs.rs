//! Files that the user names: what is there and is not ours stays what it is.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::{Desk, Ended, Process};

const ROWS: &str = "id,lat,lon\na,1,2\nb,north,2\nc,3,4\n";
const IMPORT: [&str; 5] = ["import", "a.csv", "-c", "places", "--rejects"];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("a.csv", ROWS);
    desk
}

fn import(desk: &Desk, rejects: &str) -> Ended {
    desk.run(&[&IMPORT[..], &[rejects]].concat())
}

/// A link instead of the device itself: a command that removes it does no harm to the machine.
fn link_to_null(desk: &Desk) {
    symlink("/dev/null", desk.path("null")).unwrap();
}

fn leads_to_null(desk: &Desk) -> bool {
    let link = fs::read_link(desk.path("null"));
    link.is_ok_and(|to| {
        to == Path::new("/dev/null") && fs::metadata(to).unwrap().file_type().is_char_device()
    })
}

/// A FIFO, and a process that copies what comes out of it to `copy`.
fn fifo(desk: &Desk) -> Process {
    assert!(Command::new("mkfifo").arg(desk.path("fifo")).status().unwrap().success());
    let copy = fs::File::create(desk.path("copy")).unwrap();
    let reader = Command::new("cat").arg(desk.path("fifo")).stdin(Stdio::null()).stdout(copy).spawn();
    Process(reader.unwrap())
}

#[test]
fn rejected_records_go_into_a_fifo_or_a_device() {
    let desk = desk();
    let mut reader = fifo(&desk);
    let ended = import(&desk, "fifo");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    reader.wait();
    assert!(fs::metadata(desk.path("fifo")).unwrap().file_type().is_fifo());
    assert_eq!(desk.read("copy").lines().count(), 1);
    assert!(desk.read("copy").starts_with(r#"{"line":3,"id":"b","#), "{}", desk.read("copy"));

    link_to_null(&desk);
    assert_eq!(import(&desk, "null").code, Some(3));
    assert!(leads_to_null(&desk));

    let ended = import(&desk, "/dev/stdout");
    assert!(ended.stdout.starts_with(r#"{"line":3,"id":"b","#), "{ended:?}");
    // A file that standard output goes to is not written over.
    let all = fs::File::create(desk.path("all")).unwrap();
    let mut command = desk.cellar(&[&IMPORT[..], &["/dev/stdout", "--json"]].concat());
    assert_eq!(command.stdout(all).stderr(Stdio::null()).status().unwrap().code(), Some(3));
    let lines: Vec<serde_json::Value> =
        desk.read("all").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["line"].as_u64(), lines[1]["rejected"].as_u64()), (Some(3), Some(1)));
}

#[test]
fn a_fifo_without_rejected_records_ends_for_its_reader() {
    let desk = desk();
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    let mut reader = fifo(&desk);
    assert_eq!(import(&desk, "fifo").code, Some(0));
    reader.wait();
    assert_eq!(desk.read("copy"), "");
    assert!(fs::metadata(desk.path("fifo")).unwrap().file_type().is_fifo());
}

#[test]
fn a_file_that_is_no_list_is_refused_before_anything_is_imported() {
    let desk = desk();
    for content in ["my notes\n", "id,lat,lon\n", "{\"type\":\"FeatureCollection\",\"features\":[]}\n"] {
        for good in [true, false] {
            desk.write("a.csv", if good { "id,lat,lon\na,1,2\n" } else { ROWS });
            desk.write("mine", content);
            let ended = import(&desk, "mine");
            assert_eq!(ended.code, Some(2), "{ended:?}");
            assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{ended:?}");
            assert!(ended.stderr.contains("name another file for the list with --rejects"), "{ended:?}");
            assert_eq!(desk.read("mine"), content);
        }
    }
    desk.write("a.csv.rejected.jsonl", "by hand");
    let ended = desk.run(&["import", "a.csv", "-c", "places"]);
    assert_eq!((ended.code, desk.read("a.csv.rejected.jsonl").as_str()), (Some(2), "by hand"));
    let names = fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.filter(|name| name != "a.csv" && name != "mine").collect();
    assert_eq!(names, ["a.csv.rejected.jsonl"], "no data directory was made");
}

#[test]
fn a_list_of_an_earlier_run_is_replaced_and_an_empty_file_filled() {
    let desk = desk();
    desk.write("list", "");
    for _ in 0..2 {
        assert_eq!(import(&desk, "list").code, Some(3));
        assert_eq!(desk.read("list").lines().count(), 1);
    }
    symlink("list", desk.path("link")).unwrap();
    assert_eq!(import(&desk, "link").code, Some(3));
    assert!(desk.path("link").is_symlink());
    assert_eq!(desk.read("list").lines().count(), 1);
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    assert_eq!(import(&desk, "list").code, Some(0));
    assert!(!desk.path("list").exists(), "there is nothing to be listed");
}

#[test]
fn results_go_into_a_fifo_or_a_device() {
    let desk = desk();
    link_to_null(&desk);
    assert_eq!(import(&desk, "null").code, Some(3));
    let commands: [&[&str]; 2] =
        [&["export", "null", "-c", "places"], &["edge-map", "-c", "places", "-o", "null"]];
    for command in commands {
        desk.ok(command);
        assert!(leads_to_null(&desk), "{command:?}");
    }
    let mut reader = fifo(&desk);
    desk.ok(&["export", "fifo", "-c", "places", "--format", "ndjson"]);
    reader.wait();
    assert_eq!(desk.read("copy").lines().count(), 2);
    assert!(fs::metadata(desk.path("fifo")).unwrap().file_type().is_fifo());

    let ended = desk.run(&["export", "null", "-c", "places", "--format", "dynamodb-json"]);
    assert_eq!(ended.code, Some(1), "a device is no directory: {ended:?}");
    assert!(leads_to_null(&desk));
}
