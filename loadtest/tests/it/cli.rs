//! The command itself.

use std::process::{Command, Output, Stdio};

use cellar_loadtest::matrix::MatrixReport;
use cellar_loadtest::report::Report;

use crate::stub::{Reply, Stub, answer};
use crate::support::until;

pub(crate) fn loadtest(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(args).stdin(Stdio::null());
    command
}

/// A short run; the machine may be slow, so nobody is late.
pub(crate) fn run(urls: &[String], more: &[&str]) -> Output {
    run_for("1s", urls, &[&["--collection", "places"], more].concat())
}

/// The same for so long, without a collection.
pub(crate) fn run_for(duration: &str, urls: &[String], more: &[&str]) -> Output {
    let names = ["us-east-1", "us-west-2"];
    let regions: Vec<String> = names.iter().zip(urls).map(|(name, url)| format!("{name}={url}")).collect();
    let regions = regions.join(",");
    let args = ["--regions", &regions, "--late-after", "30s", "--rps", "100", "--duration", duration];
    loadtest(&[&args[..], more].concat())
}

pub(crate) fn report(output: &Output) -> Report {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

/// Standard error, which is one line; standard output is empty.
pub(crate) fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty() && text.lines().count() == 1, "{output:?}");
    text
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_reports() {
    for (name, schema) in
        [("report.schema.json", Report::schema()), ("matrix.schema.json", MatrixReport::schema())]
    {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let generated = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&file, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == generated, "run the tests with UPDATE_SCHEMA=1, and commit {name}");
    }
}

#[test]
fn a_report_is_json_on_standard_output_and_text_beside() {
    // Every second answer is the edge's, of the others every second one Redis's.
    let status = |number: u64| match number % 4 {
        0 | 2 => "cellar-l1; fwd=miss, edge; hit",
        1 => {
            r#"cellar-l2; hit; detail="2 of 2", cellar-l1; fwd=partial; detail="1 of 3", edge; fwd=uri-miss"#
        }
        _ => {
            r#"cellar-l2; fwd=miss; detail="0 of 2", cellar-l1; fwd=miss; detail="0 of 2", edge; fwd=uri-miss"#
        }
    };
    let head = move |number| {
        format!(
            "cache-status: {}\r\nserver-timing: search;dur=1, queries;desc=\"2\"\r\nx-cellar-instance: i-{}\r\nx-cellar-cold: {}\r\n",
            status(number),
            number % 3,
            number == 3
        )
    };
    let stub = Stub::new(move |number| Reply::Bytes(answer(200, &head(number), "x")));
    let output = run(&[stub.url()], &["--json", "--arrivals", "constant"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let report = report(&output);
    assert_eq!(report.total.planned, 100);
    let tiers: Vec<_> =
        report.total.tiers.iter().map(|tier| (tier.tier.name(), tier.asked, tier.served)).collect();
    let expected =
        [("edge", Some(100), 50), ("l1", Some(50), 0), ("l2", Some(50), 25), ("database", None, 25)];
    assert_eq!(tiers, expected);
    assert_eq!(report.total.tiers[0].hit_ratio, Some(0.5));
    assert_eq!((report.total.queries_per_answer, report.total.cold), (Some(1.0), 1));
    assert_eq!((report.instances, report.total.read_units_declared), (Some(3), Some(0.5)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("passed"));
}

#[test]
fn users_ask_the_nearest_region_and_injected_time_is_added() {
    let (east, west) = (Stub::always("", "x"), Stub::always("", "x"));
    let urls = [east.url(), west.url()];
    let report = report(&run(&urls, &["--json", "--client-rtt", "700ms"]));
    let planned: Vec<u64> = report.regions.iter().map(|region| region.part.planned).collect();
    assert_eq!(planned, [east.requests(), west.requests()]);
    assert!(planned[0] > 0 && planned[1] > 0, "{planned:?}");
    assert!(report.total.latency_ms.unwrap().p50 >= 699.0);
}

#[test]
fn conditions_decide_the_exit_code() {
    let stub = [Stub::always("cache-status: edge; fwd=miss\r\n", "x").url()];
    for (condition, expected) in [
        ("p99>1h", 2),
        ("p95>1h", 2),
        ("p95>1000s", 0),
        ("p99>1000s", 0),
        ("p50>=0us", 99),
        ("hit.edge<0.9", 99),
        ("hit.l2<0.9", 99),
        ("us-east-1:errors>0.5", 0),
    ] {
        let output = run(&stub, &["--fail-if", condition]);
        assert_eq!(code(&output), expected, "{condition}: {output:?}");
    }
}

#[test]
fn a_run_in_which_nothing_works_does_not_pass() {
    let stub = [Stub::new(|_| Reply::Bytes(answer(500, "", ""))).url()];
    let output = run(&stub, &[]);
    assert_eq!(code(&output), 98, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("no request succeeded"));
}

#[test]
fn what_makes_no_sense_is_said_at_once() {
    let good = "us-east-1=http://127.0.0.1:9";
    for (args, said) in [
        (&["--regions", "nowhere=http://127.0.0.1:9"][..], "nowhere"),
        (&["--regions", "us-east-1=127.0.0.1:9"], "127.0.0.1:9"),
        (&["--regions", good, "--rps", "0"], "more than 0"),
        (&["--regions", good, "--rps", "-5"], "more than 0"),
        (&["--regions", good, "--rps", "1e12"], "at most 1000000"),
        (&["--regions", good, "--duration", "0s"], "more than 0 s"),
        (&["--regions", good, "--duration", "30"], "30s"),
        (&["--regions", good, "--stages", "10:5"], "30s:100"),
        (&["--regions", good, "--verify", "0.5"], "--mode cell"),
        (&["--regions", good, "--group-within", "1s"], "--late-after"),
        (&["--regions", good, "--fail-if", "p98>1ms"], "p99"),
        (&["--regions", good, "--fail-if", "eu-west-1:p99>1ms"], "eu-west-1"),
        (&["--regions", "us-east-1=http://192.0.2.1"], "--i-own-this-target"),
        (&["--regions", "us-east-1=https://localhost:9", "--ca", "/dev/null"], "/dev/null"),
    ] {
        let output = loadtest(&[args, &["--collection", "places"]].concat());
        let complaint = complaint(&output);
        assert_eq!(code(&output), 2, "{args:?}: {complaint}");
        assert!(complaint.contains(said), "{args:?}: {complaint}");
    }
}

/// Each sending thread opens some files of its own, so 64 of them cannot all begin.
#[cfg(unix)]
#[test]
fn a_sender_without_files_to_open_is_one_line() {
    let region = format!("us-east-1={}", Stub::always("", "x").url());
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        r#"ulimit -n 64 && exec "$@""#,
        "sh",
        env!("CARGO_BIN_EXE_loadtest"),
        "--workers",
        "64",
    ]);
    // It does not go on for an hour with the threads that could begin.
    shell.args(["--regions", &region, "--collection", "c", "--duration", "1h"]).stdin(Stdio::null());
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(code(&output) == 1 && output.stdout.is_empty() && !said.contains("panicked"), "{said}");
    // A slow machine may have said before how the run goes.
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("loadtest: cannot send: ") && last.contains("ulimit -n"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_summary_is_not_lost() {
    let stub = [Stub::always("", "x").url()];
    let output = run(&stub, &["--out", "/dev/full"]);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the report to `/dev/full`"));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("100 requests planned") || !output.stdout.is_empty()
    );
}

#[cfg(unix)]
#[test]
fn a_signal_to_stop_gives_the_report_of_what_was_measured() {
    ["-INT", "-TERM", "-HUP"].into_iter().for_each(is_reported_after);
}

#[cfg(unix)]
fn is_reported_after(signal: &str) {
    let stub = Stub::always("", "x");
    let region = format!("us-east-1={}", stub.url());
    let args =
        ["--regions", &region, "--collection", "places", "--late-after", "30s", "--duration", "1h", "--json"];
    let child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("some requests", || stub.requests() >= 20);
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let report = report(&output);
    assert!(report.outcome.interrupted && report.total.done > 0);
    assert_eq!(code(&output), 130);
}

#[test]
fn a_report_compared_with_itself_is_no_different_and_with_a_slower_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let stub = [Stub::always("", "x").url()];
    let mut measured = report(&run(&stub, &["--json"]));
    let slice = measured.over_time.slices[0];
    let slices = |factor: f64| {
        (0..30).map(move |n| cellar_loadtest::report::model::SlicePart {
            p99_ms: Some((10.0 + f64::from(n % 7)) * factor),
            ..slice
        })
    };
    for (name, factor) in [("a.json", 1.0), ("b.json", 1.5)] {
        measured.over_time.slices = slices(factor).collect();
        std::fs::write(path(name), serde_json::to_string(&measured).unwrap()).unwrap();
    }
    let same = loadtest(&["compare", &path("a.json"), &path("a.json")]);
    assert_eq!(code(&same), 0, "{same:?}");
    let worse = loadtest(&["compare", &path("a.json"), &path("b.json")]);
    assert_eq!(code(&worse), 99, "{worse:?}");
    assert!(String::from_utf8_lossy(&worse.stdout).contains("WORSE"));
    let none = loadtest(&["compare", &path("a.json"), "/dev/null"]);
    assert_eq!(code(&none), 1);
}

#[test]
fn high_rates_are_sent_in_groups_unless_something_else_is_asked_for() {
    let region = format!("us-east-1={}", Stub::always("", "x").url());
    let within_us = |rate: &str, more: &[&str]| {
        let args =
            ["--regions", &region, "--collection", "places", "--duration", "100ms", "--json", "--rps", rate];
        let report = report(&loadtest(&[&args[..], more].concat()));
        (report.settings.group_within_ms * 1e3).round() as u64
    };
    assert_eq!(within_us("100", &[]), 0);
    assert_eq!(within_us("3000", &[]), 1_000);
    assert_eq!(within_us("3000", &["--group-within", "0s"]), 0);
    // Whoever is late counts as late; waiting for others is not to make anybody so.
    assert_eq!(within_us("3000", &["--late-after", "200us"]), 200);
}

/// Runs a command whose reader has gone before anything is written; the exit code, and what it said to standard error.
fn unread(args: &[&str]) -> (i32, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(args).stdout(writer).output().unwrap();
    (code(&output), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_pipe_that_closes_ends_a_command_quietly() {
    let commands: [&[&str]; 9] = [
        &["--help"],
        &["--version"],
        &["completions", "bash"],
        &["man"],
        &["cost", "--rps", "300"],
        &["workload", "--rps", "10", "--duration", "10s"],
        &["workload", "--rps", "10", "--duration", "10s", "--json"],
        &["workload", "--rps", "100", "--duration", "60s", "--export", "-", "--quiet"],
        &["workload", "--rps", "100", "--duration", "60s", "--export", "-", "--format", "jsonl"],
    ];
    for args in commands {
        let (code, said) = unread(args);
        assert_eq!(code, 0, "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("loadtest: "), "{args:?}: {said}");
    }
}

#[test]
fn shells_and_man_get_what_help_says() {
    let script = String::from_utf8(loadtest(&["completions", "bash"]).stdout).unwrap();
    assert!(script.contains("complete -F _loadtest") && script.contains("--regions"), "{script}");
    let page = String::from_utf8(loadtest(&["man", "cost"]).stdout).unwrap();
    assert!(page.contains(".SH NAME\nloadtest\\-cost") && page.contains(".SH EXAMPLES\n.nf\n"), "{page}");
    assert!(complaint(&loadtest(&["man", "matrxi"])).contains("there is no command `matrxi`"));
}
