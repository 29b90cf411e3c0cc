//! What a command says to a terminal, a file and a pipe: quiet, verbose, in colours, and ended by a signal.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use super::process::{Desk, Ended, Process, until};

/// More than a pipe holds, which is 64 KiB on Linux.
const ROWS: usize = 6_000;

fn filled() -> Desk {
    let desk = Desk::new();
    let row = |n: usize| format!("r-{n},{},{},{}\n", n % 60, n % 90, "x".repeat(40));
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    desk.write("a.csv", format!("id,lat,lon,note\n{}", rows.concat()));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk
}

/// Runs a command whose reader goes after the first line; what it said to standard error, and its exit code.
fn read_one_line(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let mut process = Process(child);
    (process.wait().code(), said)
}

/// Runs a command whose reader has gone before anything is written.
fn read_nothing(command: &mut Command) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = Ended::of(command.stdout(writer));
    (ended.code, ended.stderr)
}

#[test]
fn a_pipe_that_closes_ends_a_command_quietly() {
    let desk = filled();
    for format in ["geojson", "ndjson"] {
        let mut export = desk.cellar(&["export", "-", "-c", "places", "--format", format]);
        assert_eq!(read_one_line(&mut export), (Some(0), String::new()), "{format}");
    }
    let near = ["nearby", "-c", "places", "--lat", "1", "--lon", "2"];
    let commands: [&[&str]; 24] = [
        &["--help"],
        &["--version"],
        &["serve", "--help"],
        &["export", "-", "-c", "places"],
        &["export", "b.geojson", "-c", "places"],
        &["export", "backup", "--format", "dynamodb-json"],
        &["import", "a.csv", "-c", "places"],
        &["import", "a.csv", "-c", "places", "--json"],
        &["import", "a.csv", "-c", "places", "--preview"],
        &near,
        &["get", "r-1", "-c", "places"],
        &["collections"],
        &["stats"],
        &["categories", "-c", "places"],
        &["reindex", "-c", "places"],
        &["verify", "-c", "places", "--searches", "3"],
        &["warm", "-c", "places", "--bbox", "0,0,1,1"],
        &["edge-map", "-c", "places"],
        &["edge-plan", "-c", "places", "--rps", "1", "--duration", "10", "--only", "geohash 4"],
        &["contract"],
        &["contract", "--json"],
        &["completions", "bash"],
        &["man"],
        &["serve", "--print-config"],
    ];
    for args in commands {
        let (code, said) = read_nothing(&mut desk.cellar(args));
        assert_eq!(code, Some(0), "{args:?}: {said}");
        for word in ["panicked", "pipe", "cannot write", "cellar: "] {
            assert!(!said.contains(word), "{args:?}: {said}");
        }
    }
    let (code, said) = read_nothing(&mut desk.cellar(&["table", "roots", "-c", "places"]));
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn a_server_that_nobody_listens_to_serves() {
    let desk = Desk::new();
    for subcommand in [&["serve"][..], &["demo", "--places", "1"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = desk.cellar(&[subcommand, &["--listen", "127.0.0.1:0"]].concat());
        let child = command.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        drop(command);
        let mut process = Process(child);
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
        process.signal("TERM");
        assert_eq!(process.wait().code(), Some(0), "{subcommand:?}");
    }
}

#[test]
fn quiet_leaves_out_what_is_no_result() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    let import = ["import", "a.csv", "-c", "places"];
    let loud = desk.run(&import);
    assert!(loud.stderr.contains("a.csv: "), "how it is read: {loud:?}");
    let quiet = desk.run(&[&["--quiet"][..], &import].concat());
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    assert!(quiet.stdout.contains("stored"), "{quiet:?}");
    let after = desk.run(&[&import[..], &["-q"]].concat());
    assert_eq!((after.code, after.stderr.as_str()), (Some(0), ""));
    let wrong = desk.run(&["get", "z", "-c", "places", "-q"]);
    assert!(wrong.code == Some(1) && wrong.stderr.starts_with("cellar: "), "errors are told: {wrong:?}");
    let both = desk.run(&["collections", "-q", "-v"]);
    assert!(both.code == Some(2) && both.stderr.contains("--verbose"), "{both:?}");
}

#[test]
fn more_is_logged_if_it_is_asked_for() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    let said = |args: &[&str], log: Option<&str>| {
        let mut command = desk.cellar(&[&["import", "a.csv", "-c", "places"], args].concat());
        Ended::of(command.envs(log.map(|log| ("RUST_LOG", log)))).stderr
    };
    let lines = |text: &str, level: &str| text.lines().filter(|line| line.contains(level)).count();
    assert_eq!(lines(&said(&[], None), "DEBUG"), 0);
    let traced = said(&["-vvv"], None);
    assert!(lines(&traced, "DEBUG") + lines(&traced, "TRACE") > 0, "{traced}");
    let asked = said(&["-vvv"], Some("error"));
    assert!(lines(&asked, "DEBUG") + lines(&asked, "TRACE") > 0, "a flag counts more than a variable");
}

#[test]
fn colours_are_for_terminals_and_whoever_asks_for_them() {
    let desk = Desk::new();
    let escapes = |args: &[&str], variables: &[(&str, &str)]| {
        let to = File::create(desk.path("out")).unwrap();
        let mut command = desk.cellar(args);
        command.envs(variables.iter().copied()).stdout(to.try_clone().unwrap()).stderr(to);
        command.status().unwrap();
        desk.read("out").contains('\u{1b}')
    };
    let logs = ["export", "-", "-c", "places", "-vvv", "--data", "new"];
    for args in [&["--help"][..], &["serve", "--help"], &["sreve"], &logs] {
        assert!(!escapes(args, &[]), "{args:?}");
        assert!(!escapes(&[args, &["--color=never"]].concat(), &[("CLICOLOR_FORCE", "1")]), "{args:?}");
    }
    assert!(escapes(&["--color", "always", "--help"], &[]));
    assert!(escapes(&["serve", "--help", "--color=always"], &[]));
    assert!(escapes(&["serve", "--help", "--color=always"], &[("NO_COLOR", "1")]), "a flag counts more");
    let wrong = desk.run(&["collections", "--color", "red"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("auto, always, never"), "{wrong:?}");
}

#[test]
fn a_signal_says_how_to_go_on() {
    const MORE: usize = 40_000;
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let desk = Desk::new();
        // Every tenth is rejected, so that the list tells how far the import is.
        let row = |n: usize| format!("r-{n},{},2\n", if n.is_multiple_of(10) { 99 } else { n % 60 });
        let rows: Vec<String> = (0..MORE).map(row).collect();
        desk.write("my places.csv", format!("id,lat,lon\n{}", rows.concat()));
        let import = ["import", "my places.csv", "-c", "places", "--rejects", "list"];
        let mut command = desk.cellar(&import);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let mut process = Process(child);
        until("the second chunk", || {
            let listed = std::fs::read_to_string(desk.path("list")).unwrap_or_default();
            (listed.lines().count() >= 400).then_some(())
        });
        process.signal(signal);
        assert_eq!(process.wait().code(), Some(code), "{signal}");
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        let last = said.lines().last().unwrap_or_default();
        let command = "cellar import 'my places.csv' -c places --rejects list";
        assert!(last.starts_with("cellar: interrupted; ") && last.contains(" records are done; "), "{said}");
        assert!(last.ends_with(&format!("go on after them with `{command}`")), "{said}");

        let resumed = desk.run(&["import", "my places.csv", "-c", "places", "--rejects", "list", "--json"]);
        assert_eq!(resumed.code, Some(3), "{resumed:?}");
        let summary: serde_json::Value = serde_json::from_str(&resumed.stdout).unwrap();
        assert!(summary["resumed_from"].as_u64() >= Some(2_000), "{summary}");
        assert_eq!((&summary["read"], &summary["rejected"]), (&MORE.into(), &(MORE / 10).into()));
    }
}

#[test]
fn an_interrupted_export_is_not_taken_for_a_whole_one() {
    /// More than a part of a scan, which is a megabyte, and a pipe hold.
    const MANY: usize = 40_000;
    let desk = Desk::new();
    let rows: Vec<String> = (0..MANY).map(|n| format!("r-{n},{},{}\n", n % 60, n % 90)).collect();
    desk.write("a.csv", format!("id,lat,lon\n{}", rows.concat()));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let mut command = desk.cellar(&["export", "-", "-c", "places", "--format", "ndjson"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let mut out = BufReader::new(process.0.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    // It waits for us to read on, and hears of the signal then.
    process.signal("INT");
    let (mut rest, mut said) = (String::new(), String::new());
    out.read_to_string(&mut rest).unwrap();
    process.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(process.wait().code(), Some(130), "{said}");
    assert!(rest.lines().count() + 1 < MANY);
    let command = "cellar export - -c places --format ndjson";
    let expected = format!("cellar: interrupted; the output is not complete; begin again with `{command}`\n");
    assert_eq!(said, expected);
}
