//! A run that names no collection: what the first region has decides.

use std::process::Output;
use std::time::Duration;

use cellar_loadtest::matrix::table::{Places, Table};
use cellar_loadtest::matrix::{Caching, Stack};
use geo_index::edge::MapRules;
use tokio::net::TcpSocket;

use crate::cli::{code, complaint, loadtest, report, run_for};
use crate::matrix::cellar;
use crate::stub::{Reply, Stub, answer};

/// A server that lists this, and then answers searches.
fn lists(status: u16, body: &'static str) -> Stub {
    Stub::new(move |number| {
        Reply::Bytes(if number == 0 { answer(status, "", body) } else { answer(200, "", "x") })
    })
}

/// The exit code and the one line that a run ends with.
fn refusal(output: &Output) -> (i32, String) {
    (code(output), complaint(output))
}

fn refused(stub: &Stub) -> (i32, String) {
    let refusal = refusal(&run_for("1s", &[stub.url()], &[]));
    assert_eq!(stub.requests(), 1, "searches were sent");
    refusal
}

#[test]
fn the_only_collection_of_the_first_region_is_searched() {
    let first = lists(200, r#"{"collections":[{"id":"bars","title":"Bars","links":[]}],"links":[]}"#);
    let second = Stub::always("", "x");
    let output = run_for("1s", &[first.url(), second.url()], &["--json"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let report = report(&output);
    assert_eq!(report.settings.collection, "bars");
    let planned: Vec<u64> = report.regions.iter().map(|region| region.part.planned).collect();
    assert_eq!(planned, [first.requests() - 1, second.requests()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_ours_says_what_it_has() {
    let places = Places::Demo(200, 1);
    let table = Table::fill(cellar(), &"inns".parse().unwrap(), &places, MapRules::default()).unwrap();
    assert!(!table.map().is_empty(), "clients and the formula have the map that the server has");
    let hour = Duration::from_hours(1);
    let stack = Stack::start(cellar(), &table.data(), Caching::L1, (hour, 128)).unwrap();
    let url = stack.url().to_owned();
    let output = run_for("1s", &[url.clone(), url], &["--json", "--time-limit", "30s"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let report = report(&output);
    assert_eq!((report.settings.collection.as_str(), report.total.failed), ("inns", 0));
}

#[test]
fn with_several_or_none_somebody_has_to_choose() {
    let (exit, said) = refused(&lists(200, r#"{"collections":[{"id":"bars"},{"id":"inns"}]}"#));
    assert!(exit == 2 && said.contains("add --collection NAME, one of `bars`, `inns`"), "{exit} {said}");
    let (exit, said) = refused(&lists(200, r#"{"collections":[]}"#));
    assert!(
        exit == 2 && said.contains("has no collection") && said.contains("--collection NAME"),
        "{exit} {said}"
    );
}

#[test]
fn a_server_that_does_not_list_them_is_one_line() {
    let endless = Stub::new(|_| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        Reply::Endless(head, [b"10000\r\n".to_vec(), vec![b' '; 1 << 16], b"\r\n".to_vec()].concat())
    });
    for (stub, why) in [
        (lists(500, "{}"), "status 500"),
        (lists(302, ""), "status 302"),
        (lists(200, "places"), "is not a list of collections"),
        (lists(200, r#"{"collections":[{"id":"Bars\n"}]}"#), "is not a list of collections"),
        (Stub::new(|_| Reply::Last(b"SSH-2.0\r\n\r\n".to_vec())), "malformed head"),
        (Stub::new(|_| Reply::Last(Vec::new())), "closed too early"),
        (endless, "body too long"),
    ] {
        let (exit, said) = refused(&stub);
        assert!(exit == 1 && said.contains(why) && said.contains("--collection NAME"), "{exit} {said}");
    }
    // The port is taken, and nobody listens.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    let (exit, said) = refusal(&run_for("1s", &[format!("http://{address}")], &[]));
    assert!(exit == 1 && said.contains("connection refused"), "{exit} {said}");
}

#[test]
fn nobody_elses_server_is_asked_and_a_log_needs_a_name() {
    let first = lists(200, r#"{"collections":[{"id":"bars"}]}"#);
    let (exit, said) = refusal(&run_for("1s", &[first.url(), "http://192.0.2.1".to_owned()], &[]));
    assert!(exit == 2 && said.contains("--i-own-this-target"), "{exit} {said}");
    let region = format!("us-east-1={}", first.url());
    let output = loadtest(&["--regions", &region, "--replay", "access.log"]);
    let (exit, said) = refusal(&output);
    assert!(exit == 2 && said.contains("--collection is missing"), "{exit} {said}");
    assert_eq!(first.requests(), 0);
}
