//! The trials of api/benches/faults in short: they run, and find nothing.

use std::path::Path;
use std::process::Command;

use super::process::Ended;

fn trial(script: &str, arguments: &[&str]) -> Ended {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/faults").join(script);
    Ended::of(Command::new("python3").arg("-B").arg(script).arg(env!("CARGO_BIN_EXE_cellar")).args(arguments))
}

/// A server that dies, an engine that dies, a table that is stopped: what follows from this seed.
#[test]
fn nothing_is_lost_and_nothing_stays_stale_while_things_fail_at_random() {
    let ended = trial("soak.py", &["--rounds", "3", "--requests", "40", "--seed", "7"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = |text: &str| assert!(ended.stdout.contains(text), "{text}: {ended:?}");
    told("round 1: server dies");
    told("round 2: engine dies");
    told("round 3: table stopped");
    told("seed 7: 3 rounds, 120 requests, 0 wrong");
}

#[test]
fn the_table_of_faults_can_be_made() {
    let arguments = ["--only", "table", "--faults", "garbage", "--requests", "2", "--settle", "0"];
    let ended = trial("matrix.py", &arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rows: Vec<&str> = ended.stdout.lines().collect();
    assert!(rows[2].starts_with("| nothing | none | 2 × 200; "), "{ended:?}");
    // Whether the warm search is served from memory is a matter of when it was loaded.
    let cells: Vec<&str> = rows[3].split(" | ").collect();
    assert_eq!(cells[..2], ["| table", "garbage"], "{ended:?}");
    for never_in_memory in &cells[3..6] {
        assert!(never_in_memory.starts_with("2 × 503; "), "{ended:?}");
    }
}
