//! The experiment, small, with real servers: the program `cellar`, redis-server and nginx.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::built;

/// What the program is made of, beside what we are.
const SOURCES: [&str; 4] = ["../api", "../cache/src", "../geo-index/src", "../infra/edge"];

/// The program `cellar`.
pub(crate) fn cellar() -> &'static PathBuf {
    static CELLAR: OnceLock<PathBuf> = OnceLock::new();
    CELLAR.get_or_init(|| built::program("cellar", &SOURCES, &["-p", "cellar", "--bin", "cellar"]))
}

fn matrix(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.arg("matrix").args(args).stdin(Stdio::null()).output().unwrap()
}

/// A small experiment. Nobody is late, as the machine may be slow.
fn small(only: &str, more: &[&str]) -> (Value, Output) {
    let cellar = cellar().to_str().unwrap();
    let args = ["--cellar", cellar, "--only", only, "--json", "--late-after", "1h", "--demo-places", "2000"];
    let output = matrix(&[&args, more].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (report, output)
}

/// Whatever a number is, it is one.
fn number(row: &Value, pointer: &str) -> f64 {
    row.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} of {row:#}"))
}

/// Users who do not move search from the same homes again and again, so that every tier has something to hit, and lifetimes are longer
/// than the test takes.
const FEW_USERS: [&str; 12] = [
    "--users",
    "20",
    "--stay",
    "--rps",
    "40",
    "--duration",
    "2s",
    "--lifetime",
    "1h",
    "--verify",
    "1",
    "--searches=1",
];

#[test]
fn each_tier_saves_what_it_is_there_for() {
    let (report, output) = small("raw,geohash5,nocache,l1+l2+edge", &FEW_USERS);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    // Nobody looks at a bar here.
    for line in
        ["  0 % raw, no cache, cold", " 50 % geohash 5, no cache, cold", " 87 % geohash 5, L1+L2+edge, warm"]
    {
        assert!(told.lines().any(|told| told == line), "{line:?} is not in {told}");
    }
    let rows = report["rows"].as_array().unwrap();
    let names: Vec<String> = rows.iter().map(name).collect();
    let expected = ["raw", "geohash 5"].map(|scheme| {
        ["no cache", "L1+L2+edge"]
            .map(|caching| ["cold", "warm"].map(|warm| format!("{scheme}, {caching}, {warm}")))
    });
    assert_eq!(names, expected.into_iter().flatten().flatten().collect::<Vec<_>>());
    for row in rows {
        assert_eq!(row["failed"], 0, "{row:#}");
        assert!(
            number(row, "/planned") > 20.0 && number(row, "/p99_ms") >= number(row, "/p50_ms"),
            "{row:#}"
        );
        assert!(number(row, "/million_usd") > 0.0, "{row:#}");
    }
    let [raw_none_cold, raw_none, _, raw_edge, cell_none_cold, cell_none, cell_edge_cold, cell_edge] =
        rows.as_slice()
    else {
        panic!("{names:?}")
    };
    // Nothing is kept: each search reads.
    for row in [raw_none_cold, raw_none, cell_none_cold, cell_none] {
        assert!(number(row, "/read_units") > 0.1, "{row:#}");
        assert_eq!((&row["hits"]["edge"], &row["formula"]), (&Value::Null, &Value::Null));
    }
    // No edge keeps an answer to coordinates, but the process has the pages; each user has a cell that was asked for before.
    assert!(number(raw_edge, "/read_units") < number(raw_none, "/read_units") / 2.0, "{raw_edge:#}");
    assert_eq!((number(raw_edge, "/hits/edge"), &raw_edge["formula"]), (0.0, &Value::Null));
    assert!(number(cell_edge, "/hits/edge") > number(cell_edge_cold, "/hits/edge"), "{cell_edge:#}");
    assert!(number(cell_edge, "/hits/edge") > 0.9 && number(cell_edge, "/formula") > 0.9, "{cell_edge:#}");
    assert!(number(cell_edge, "/million_usd") < number(cell_none, "/million_usd"));
}

fn name(row: &Value) -> String {
    let temperature = if row["warm"] == true { "warm" } else { "cold" };
    format!("{}, {}, {temperature}", row["asking"].as_str().unwrap(), row["caching"].as_str().unwrap())
}

#[test]
fn what_a_cell_vouches_for_is_what_the_exact_endpoint_says() {
    let (report, _) = small("h37,l1+l2,cold", &FEW_USERS);
    let row = &report["rows"][0];
    assert_eq!(report["rows"].as_array().unwrap().len(), 1);
    let (compared, planned) = (number(row, "/verified/compared"), number(row, "/planned"));
    assert!((compared - planned * number(row, "/certified")).abs() < 1e-6 && compared > 0.0, "{row:#}");
    assert_eq!((&row["verified"]["differ"], &row["verified"]["unknown"]), (&0.into(), &0.into()), "{row:#}");
    // Memory did not have all of it, so the shared cache was asked.
    assert!(number(row, "/hits/l1") < 1.0 && number(row, "/hits/l2") < 1.0, "{row:#}");
}

/// Searches through the client: the cell that the map says, a second one, at last the exact endpoint.
#[test]
fn adaptive_clients_follow_the_map_and_are_exact() {
    let (report, output) =
        small("adaptive,l1+l2+edge", &[&FEW_USERS[..], &["--listed", "256", "--certify", "0.7"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&report["listed"], &report["certify"]), (&256.into(), &0.7.into()));
    let [cold, warm] = report["rows"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!([cold, warm].map(|row| row["asking"].as_str().unwrap()), ["adaptive"; 2]);
    for row in [cold, warm] {
        assert_eq!((&row["failed"], &row["verified"]["differ"]), (&0.into(), &0.into()), "{row:#}");
        assert!(number(row, "/verified/compared") > 20.0 && number(row, "/requests") >= 1.0, "{row:#}");
        // The map is asked for, too, and is no answer to a search.
        assert!(number(row, "/read_units") >= 0.0 && number(row, "/database_share") < 1.0, "{row:#}");
        assert!(number(row, "/certified") > 0.9 && number(row, "/formula") > 0.9, "{row:#}");
    }
    assert!(number(warm, "/hits/edge") > number(cold, "/hits/edge"), "{report:#}");
    let text = matrix(&["--from", save(&report).path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("adaptive") && text.contains("requests"), "{text}");
}

fn save(report: &Value) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), report.to_string()).unwrap();
    file
}

#[test]
fn what_makes_no_sense_is_said_at_once() {
    let cellar = env!("CARGO_BIN_EXE_loadtest");
    for (args, said) in [
        (&["--only", "h310"][..], "there is no `h310`; allowed: raw, geohash4"),
        (&["--rps", "0"], "from 0.1 to 100000"),
        (&["--duration", "0s"], "from 1s to 1h"),
        (&["--lifetime", "13h"], "from 1s to 12h"),
        (&["--verify", "2"], "from 0 to 1"),
        (&["--listed", "127"], "127 is not in 128..=1024"),
        (&["--certify", "0.4"], "from 0.5 to 1"),
        (&["--cellar", "/nowhere/cellar"], "there is no such program"),
    ] {
        let output = matrix(args);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {complaint}");
        assert!(complaint.contains(said) && output.stdout.is_empty(), "{args:?}: {complaint}");
    }
    // Another program than `cellar`: it cannot import.
    let output =
        matrix(&["--cellar", cellar, "--only", "raw,nocache,cold", "--demo-places", "1", "--duration", "1s"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("loadtest: cannot import "), "{output:?}");
}
