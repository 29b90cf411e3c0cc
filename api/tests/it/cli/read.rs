//! `nearby` and `verify` on imported places.

use serde_json::Value;

use super::import::{csv, good_rows};
use super::process::Desk;

fn imported(rows: usize) -> Desk {
    let desk = Desk::new();
    desk.write("a.csv", csv(rows));
    assert_eq!(desk.run(&["import", "a.csv", "-c", "places"]).code, Some(3));
    desk
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn nearby_prints_what_the_api_answers() {
    let desk = imported(600);
    let server = desk.serve(&[]);
    for (lat, lon, radius, limit) in
        [("0.5", "-0.25", "200000", "100"), ("-1.25", "1.5", "150000", "7"), ("89.9", "0", "1", "1")]
    {
        let args = ["--lat", lat, "--lon", lon, "--radius", radius, "--limit", limit];
        let answer = server
            .get(&format!("/v1/collections/places/nearby?lat={lat}&lon={lon}&radius={radius}&limit={limit}"));
        let printed = json(&desk.ok(&[&["nearby", "-c", "places", "--json"][..], &args].concat()));
        assert_eq!(printed["features"], answer["features"], "{args:?}");
        assert_eq!(printed["type"], "FeatureCollection");
    }
    server.stop();
}

#[test]
fn nearby_aligns_its_table() {
    let desk = Desk::new();
    desk.write(
        "a.csv",
        "id,name,category,lat,lon\nx1,Zur Post,inn,10,20\nlonger-id,\"A\u{1b}[31m\",,10.5,-0.001\nx2,,inn,10.01,20\n",
    );
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let printed = desk.ok(&["nearby", "-c", "places", "--lat", "10", "--lon", "20"]);
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    assert_eq!(
        lines[..3],
        [
            " distance  id  name      category       lat       lon",
            "      0 m  x1  Zur Post  inn       10.00000  20.00000",
            "  1.11 km  x2            inn       10.01000  20.00000",
        ]
    );
    assert!(lines[3].starts_with("2 places; "), "{printed}");
    let printed = desk.ok(&["nearby", "-c", "places", "--lat", "10.5", "--lon", "0"]);
    assert!(printed.contains("longer-id") && !printed.contains('\u{1b}'), "{printed:?}");
}

#[test]
fn verify_finds_no_difference() {
    let desk = imported(1_000);
    let table = desk.ok(&["verify", "-c", "places", "--searches", "40"]);
    let number = |name: &str| {
        let line = table.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(number("places"), good_rows(1_000).len().to_string());
    assert_eq!(number("differences"), "0");
    // Pages of results behind a search are searches, too.
    assert!(number("searches compared").parse::<u32>().unwrap() >= 40, "{table}");
    let report = json(&desk.ok(&["verify", "-c", "places", "--searches", "40", "--seed", "7", "--json"]));
    assert_eq!(report["differences"], 0, "{report}");
    assert!(
        report["searches"].as_u64().unwrap() >= 40 && report["results"].as_u64().unwrap() > 0,
        "{report}"
    );
}

#[test]
fn nearby_asks_a_server_and_says_who_vouches() {
    let desk = imported(600);
    let server = desk.serve(&[]);
    let place = ["-c", "places", "--lat", "0.5", "--lon", "-0.25", "--radius", "40000", "--limit", "7"];
    let local = json(&desk.ok(&[&["nearby", "--json"][..], &place].concat()));
    let ask = |more: &[&str]| desk.ok(&[&["nearby", "--url", &server.url], &place[..], more].concat());
    for mode in ["cell", "exact"] {
        let printed = json(&ask(&["--json", "--mode", mode]));
        assert_eq!(printed["features"], local["features"], "{mode}");
    }
    let (by_cell, by_exact) = (ask(&[]), ask(&["--mode", "exact"]));
    assert!(by_cell.contains("certified by the answer of gh:ebpf;"), "{by_cell}");
    assert!(by_exact.contains("by the exact endpoint; asked: exact"), "{by_exact}");
    let rows =
        |text: &str| text.lines().filter(|line| line.contains(" km ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&by_cell), rows(&desk.ok(&[&["nearby"][..], &place].concat())));
    server.stop();
}
