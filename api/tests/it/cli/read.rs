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

/// In a store, by the API, and by the command that asks the API.
#[test]
fn searches_by_properties_and_shapes_print_what_the_api_answers() {
    let desk = Desk::new();
    let line =
        |i: usize| format!("p{i:03},Bar {},{},{},{}\n", i % 4, i % 7, i as f64 / 100.0, i as f64 / 200.0);
    desk.write("a.csv", format!("id,name,stars,lat,lon\n{}", (0..400).map(line).collect::<String>()));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let ring = "[[0,0],[1,0],[1,2],[0,2],[0,0]]";
    let polygon = format!(r#"{{"type":"Polygon","coordinates":[{ring}]}}"#);
    desk.write("area.geojson", format!(r#"{{"type":"Feature","properties":null,"geometry":{polygon}}}"#));
    let server = desk.serve(&[]);
    let features = |text: &str| json(text)["features"].clone();
    for (args, query) in [
        (
            vec!["--filter", "stars >= 5 and name <> 'Bar 1'"],
            "filter=stars%20%3E=%205%20and%20name%20%3C%3E%20'Bar%201'",
        ),
        (vec!["--sort=-stars", "--radius", "60000"], "sort=-stars&radius=60000"),
        (vec!["--fields", "stars", "--limit", "7"], "fields=stars&limit=7"),
        (
            vec!["--open-at", "2026-12-24T18:00+01:00", "--open-at-unknown", "--limit", "7"],
            "open_at=2026-12-24T17:00Z&open_at_unknown=include&limit=7",
        ),
    ] {
        let answer = server.get(&format!("/v1/collections/places/nearby?lat=1&lon=0.5&{query}"));
        let place = ["nearby", "-c", "places", "--lat", "1", "--lon", "0.5", "--json"];
        let command = [&place[..], &args].concat();
        assert_eq!(features(&desk.ok(&command)), answer["features"], "{args:?}");
        let asked = [&command[..], &["--url", &server.url]].concat();
        assert_eq!(features(&desk.ok(&asked)), answer["features"], "{args:?}");
    }
    let flat = "within=0,0,1,0,1,2,0,2&lat=1&lon=0.5&filter=stars=3";
    let answer = server.get(&format!("/v1/collections/places/search?{flat}"));
    assert!(answer["features"].as_array().is_some_and(|features| features.len() == 20));
    let search = ["search", "-c", "places", "--within", "area.geojson", "--lat", "1", "--lon", "0.5"];
    let printed = desk.ok(&[&search[..], &["--filter", "stars=3", "--json"]].concat());
    assert_eq!(features(&printed), answer["features"]);
    let table = desk.ok(&["search", "-c", "places", "--bbox=0,0,0.5,1", "--limit", "100"]);
    assert!(table.contains("\n100 places; "), "{table}");
    for (args, says) in [
        (vec!["--bbox=0,0,0.5,1", "--filter", "stars >"], "at character 8"),
        (vec!["--bbox=0,0,0.5"], "bbox"),
        (vec!["--bbox=0,0,0.5,1", "--open-at", "today"], "2026-12-24T18:00"),
        (vec![], "--bbox"),
    ] {
        let ended = desk.run(&[&["search", "-c", "places"][..], &args].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(says), "{ended:?}");
    }
    server.stop();
}

/// Two places, 900 km apart: what is found without a radius is what the server finds without one, whomever it is asked of.
#[test]
fn without_a_radius_the_servers_horizon_counts() {
    let desk = Desk::new();
    desk.write("a.csv", "id,lat,lon\nnear,10,20\nfar,18,20\n");
    desk.ok(&["import", "a.csv", "-c", "places"]);
    for (horizon, found) in [("5000", 1), ("2000000", 2)] {
        let server = desk.serve_with(&[("CELLAR_HORIZON_M", horizon), ("CELLAR_MAX_RADIUS_M", "3000000")]);
        for mode in ["exact", "cell"] {
            let args = ["nearby", "-c", "places", "--lat", "10", "--lon", "20.01", "--json", "--url"];
            let printed = json(&desk.ok(&[&args[..], &[&server.url, "--mode", mode]].concat()));
            assert_eq!(printed["features"].as_array().unwrap().len(), found, "{mode}, {horizon}");
        }
        server.stop();
    }
}

/// A server whose longest radius is shorter than how far it looks by itself: no radius will do, a longer one is refused.
#[test]
fn the_servers_longest_radius_counts_in_both_modes() {
    let desk = Desk::new();
    let rows: Vec<_> = (0..200).map(|i| format!("p{i:03},{},20", 10.0 + f64::from(i) / 100.0)).collect();
    desk.write("a.csv", format!("id,lat,lon\n{}", rows.join("\n")));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    let server = desk.serve_with(&[("CELLAR_MAX_RADIUS_M", "20000")]);
    for mode in ["cell", "exact"] {
        let ask = |more: &[&str]| {
            let place = ["nearby", "-c", "places", "--lat", "10", "--lon", "20.01"];
            desk.run(&[&place[..], &["--json", "--url", &server.url, "--mode", mode], more].concat())
        };
        let found = |more: &[&str]| {
            let asked = ask(more);
            assert_eq!(asked.code, Some(0), "{mode}: {asked:?}");
            json(&asked.stdout)["features"].as_array().unwrap().len()
        };
        // Every 1.11 km there is one.
        assert_eq!(found(&["--limit", "100"]), 100, "{mode}");
        assert_eq!(found(&["--radius", "20000"]), 18, "{mode}");
        // Within a cell's certificate, too.
        for radius in ["20001", "60000"] {
            let refused = ask(&["--radius", radius, "--limit", "3"]);
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{mode}: {refused:?}");
            assert!(refused.stderr.contains("at most 20000"), "{mode}: {refused:?}");
        }
    }
    server.stop();
}

#[test]
fn a_crowded_point_is_imported_with_a_warning_and_verified() {
    let desk = Desk::new();
    let rows: Vec<_> = (0..10_500).map(|i| format!("p{i},48.5,2.25")).collect();
    let rows = rows.join("\n");
    desk.write("a.csv", format!("id,lat,lon\n{rows}"));
    let imported = desk.run(&["import", "a.csv", "-c", "places"]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let warning = "10,500 places of places lie on one point, latitude 48.5, longitude 2.25";
    assert!(imported.stderr.contains(warning), "{imported:?}");
    let report = json(&desk.ok(&["verify", "-c", "places", "--searches", "40", "--json"]));
    assert_eq!((&report["places"], &report["differences"]), (&10_500.into(), &0.into()));
    let listed = desk.ok(&["table", "roots", "-c", "places"]);
    assert_eq!(listed.trim(), "places has 10500 places below 1 roots");
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
