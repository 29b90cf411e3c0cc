//! What goes wrong is said in one line that names it and how to mend it, and never on standard output.

use std::net::TcpListener;

use super::process::{Desk, Ended};

/// A directory with a file, an empty directory, a broken database and a collection.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("file", "not a directory");
    desk.write("a.csv", "id,lat,lon\na,1,2\n");
    std::fs::create_dir(desk.path("directory")).unwrap();
    std::fs::create_dir(desk.path("broken")).unwrap();
    desk.write("broken/cellar.db", "not a database, ".repeat(1_000));
    desk.ok(&["import", "a.csv", "-c", "places"]);
    desk.write("empty.csv", "id,lat,lon\n");
    desk.ok(&["import", "empty.csv", "-c", "empty"]);
    desk
}

fn assert_fails(ended: &Ended, code: i32, parts: &[&str], of: &str) {
    assert_eq!(ended.code, Some(code), "{of}: {ended:?}");
    assert_eq!(ended.stdout, "", "{of}");
    let line = ended.stderr.lines().next().unwrap_or_default();
    for part in parts {
        assert!(ended.stderr.contains(part), "{of}: {part:?} is missing in {:?}", ended.stderr);
    }
    // Without a command there is the list of them.
    if !parts.iter().any(|part| part.starts_with("Usage: ")) {
        assert!(line.starts_with("cellar: ") && ended.stderr.lines().count() == 1, "{of}: {ended:?}");
    }
    // What is allowed says by itself what to do.
    assert!(code != 1 || line.contains("; "), "{of}: it does not say what to do: {line}");
    for internal in ["Interceptor", "SdkBody", "endpoint params", "panicked", "RUST_BACKTRACE"] {
        assert!(!ended.stderr.contains(internal), "{of}: {ended:?}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_named() {
    let desk = desk();
    let near = ["nearby", "-c", "places", "--lat", "1", "--lon", "2"];
    let near = |more: &[&'static str]| [&near[..], more].concat();
    let cases: Vec<(Vec<&str>, &[&str])> = vec![
        (vec![], &["Usage: cellar [OPTIONS] <COMMAND>"]),
        (vec!["sreve"], &["'sreve'", "'serve'"]),
        (vec!["nearby", "-c", "places", "--lat", "91", "--lon", "2"], &["latitude 91", "-90 and 90"]),
        (vec!["nearby", "-c", "places", "--lat", "1", "--lon", "-181"], &["longitude -181", "-180 and 180"]),
        (vec!["nearby", "-c", "places", "--lat", "NaN", "--lon", "2"], &["latitude NaN", "-90 and 90"]),
        (vec!["nearby", "-c", "places", "--lat", "north", "--lon", "2"], &["'north'", "--lat"]),
        (vec!["nearby", "-c", "places", "--lat", "1"], &["--lon <DEGREES>"]),
        (vec!["nearby", "-c", "Places", "--lat", "1", "--lon", "2"], &["'Places'", "--collection", "a-z"]),
        (near(&["--radius", "0"]), &["--radius", "1 to 20015115 metres"]),
        (near(&["--radius", "20015116"]), &["--radius", "1 to 20015115 metres"]),
        (near(&["--limit", "0"]), &["--limit", "1..=100"]),
        (near(&["--limit", "101"]), &["--limit", "1..=100"]),
        (near(&["--endpoint-url", "http://localhost:8000"]), &["--table <NAME>"]),
        (
            near(&["--table", "t", "--endpoint-url", "localhost"]),
            &["--endpoint-url", "http://localhost:8000"],
        ),
        (near(&["--mode", "exact"]), &["--url <URL>"]),
        (near(&["--url", "http://localhost:8080", "--mode", "both"]), &["--mode", "cell", "exact"]),
        (near(&["--url", "http://localhost:8080", "--table", "t"]), &["--url <URL>", "--table <NAME>"]),
        (near(&["--url", "localhost:8080"]), &["--url localhost:8080", "http://localhost:8080"]),
        (near(&["--url", "ftp://localhost"]), &["--url ftp://localhost", "http://localhost:8080"]),
        (vec!["get", "-c", "places"], &["<ID>"]),
        (vec!["get", "a"], &["--collection <NAME>"]),
        (vec!["import", "-c", "places"], &["<FILE>"]),
        (vec!["import", "a.csv", "-c", "places", "--rejects", "a.csv"], &["--rejects"]),
        (vec!["import", "a.csv", "-c", "places", "--format", "shp"], &["--format", "csv"]),
        (vec!["import", "a.csv", "-c", "places", "--delimiter", "ab"], &["--delimiter", "one character"]),
        (vec!["export", "-c", "places"], &["<FILE>"]),
        (vec!["export", "b", "-c", "places", "--format", "csv"], &["--format", "ndjson"]),
        (vec!["verify", "-c", "places", "--searches", "0"], &["--searches"]),
        (vec!["edge-map"], &["--collection <NAME>"]),
        (vec!["edge-map", "-c", "Places"], &["'Places'", "--collection", "a-z"]),
        (vec!["edge-map", "-c", "places", "--certify", "0.2"], &["--certify", "0.5 to 1"]),
        (vec!["edge-plan"], &["--collection <NAME>", "--places <FILE>", "--generate <COUNT>"]),
        (vec!["edge-plan", "-c", "places", "--generate", "5"], &["--generate"]),
        (vec!["edge-plan", "-c", "places", "--radius", "0"], &["--radius", "1 to 200000 metres"]),
        (vec!["edge-plan", "-c", "places", "--ttl", "60,0"], &["--ttl", "1..=604800"]),
        (vec!["edge-plan", "-c", "places", "--only", "s2 4"], &["--only", "geohash 4", "density map"]),
        (vec!["edge-plan", "-c", "places", "--country", "US"], &["--users <FILE>"]),
        (vec!["edge-plan", "-c", "places", "--listed", "5000"], &["--listed", "8..=1024"]),
        (
            vec!["edge-plan", "-c", "places", "--rps", "100000", "--duration", "86400"],
            &["8,640,000,000 searches; at most 2,000,000"],
        ),
        (vec!["serve", "--listen", "8080"], &["--listen", "'8080'"]),
        (vec!["demo", "--places", "0"], &["--places", "1..=1000000"]),
        (vec!["table"], &["Usage: cellar table [OPTIONS] <COMMAND>"]),
        (vec!["table", "create", "--table"], &["--table <NAME>"]),
    ];
    for (args, parts) in cases {
        assert_fails(&desk.run(&args), 2, parts, &format!("{args:?}"));
    }
    let wrong = Ended::of(desk.cellar(&["serve"]).env("CELLAR_MAX_IN_FLIGHT", "0"));
    assert_fails(&wrong, 2, &["CELLAR_MAX_IN_FLIGHT is 0; allowed: 1 to "], "a variable");
}

#[test]
fn what_is_not_there_is_named() {
    let desk = desk();
    let no_collection = "there is no collection `nope`; `cellar import FILE --collection nope` creates it";
    let cases: &[(&[&str], &[&str])] = &[
        (&["get", "a", "-c", "nope"], &[no_collection]),
        (&["get", "z", "-c", "places"], &["collection `places` has no place `z`"]),
        (&["get", "z", "-c", "places", "--data", "mistyped"], &["no data in mistyped", "check --data"]),
        (&["collections", "--data", "mistyped"], &["no data in mistyped", "check --data"]),
        (&["export", "-", "-c", "places", "--data", "mistyped"], &["no data in mistyped", "check --data"]),
        (&["nearby", "-c", "nope", "--lat", "1", "--lon", "2"], &[no_collection]),
        (
            &["nearby", "-c", "places", "--lat", "1", "--lon", "2", "--url", "http://127.0.0.1:1"],
            &["refused", "check --url"],
        ),
        (&["verify", "-c", "nope"], &[no_collection]),
        (&["categories", "-c", "nope"], &[no_collection]),
        (&["reindex", "-c", "nope"], &[no_collection]),
        (&["export", "-", "-c", "nope"], &[no_collection]),
        (&["export", "b.geojson", "-c", "nope"], &[no_collection]),
        (&["export", "no/b.geojson", "-c", "places"], &["no/b.geojson", "a file in a directory that exists"]),
        (&["export", "directory", "-c", "places"], &["cannot write directory", "has to be a file"]),
        (&["edge-map", "-c", "nope"], &[no_collection]),
        (
            &["edge-map", "-c", "places", "-o", "no/map.json"],
            &["cannot write no/map.json", "a file in a directory"],
        ),
        (&["edge-plan", "-c", "nope"], &[no_collection]),
        (&["edge-plan", "--places", "no.csv"], &["cannot read no.csv", "name a file"]),
        (&["edge-plan", "--places", "directory"], &["cannot read directory", "name a file"]),
        (&["edge-plan", "--places", "file"], &["file: ", "mend the file"]),
        (&["edge-plan", "-c", "places", "--positions", "no.csv"], &["cannot read no.csv", "name a file"]),
        (&["edge-plan", "-c", "places", "--positions", "file"], &["file: ", "latitude", "--lat-column"]),
        (
            &["edge-plan", "-c", "places", "--users", "a.csv"],
            &["a.csv has no places with a population", "`population`"],
        ),
        (&["edge-plan", "-c", "empty"], &["there are no places", "import some"]),
        (&["import", "no.csv", "-c", "places"], &["cannot open no.csv", "name a file"]),
        (&["import", "directory", "-c", "places"], &["directory is a directory", "name the file"]),
        (&["import", "file", "-c", "places", "--format", "csv"], &["file: ", "--id-column NAME"]),
        (&["get", "a", "-c", "places", "--data", "file"], &["data directory file", "--data"]),
        (&["serve", "--data", "file/below"], &["data directory file/below", "--data"]),
        (&["serve", "--data", "broken"], &["broken/cellar.db", "damaged", "--data"]),
    ];
    for (args, parts) in cases {
        assert_fails(&desk.run(args), 1, parts, &format!("{args:?}"));
    }
    assert!(!desk.path("b.geojson").exists());
    desk.run(&["import", "no.csv", "-c", "places", "--data", "new"]);
    assert!(!desk.path("new").exists(), "nothing is created for a file that is not there");
}

#[test]
fn a_port_in_use_is_named() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for subcommand in ["serve", "demo"] {
        let parts = [&format!("cannot listen on {address}: "), "name another address with --listen"];
        assert_fails(&desk.run(&[subcommand, "--listen", &address]), 1, &parts, subcommand);
    }
}

#[test]
fn a_table_out_of_reach_is_explained() {
    let desk = Desk::new();
    // Nobody listens on port 1.
    let closed = "http://127.0.0.1:1";
    let subcommands: &[&[&str]] = &[
        &["serve", "--listen", "127.0.0.1:0"],
        &["table", "create"],
        &["get", "a", "-c", "places"],
        &["export", "-", "-c", "places"],
        &["verify", "-c", "places"],
        &["edge-map", "-c", "places"],
        &["edge-plan", "-c", "places"],
    ];
    for args in subcommands {
        let args = [args, &["--table", "t", "--endpoint-url", closed][..]].concat();
        for region in [None, Some(""), Some(" ")] {
            let mut command = desk.cellar(&args);
            let ended = Ended::of(command.envs(region.map(|region| ("AWS_REGION", region))));
            assert_fails(&ended, 1, &["no AWS region is configured; set AWS_REGION"], &format!("{args:?}"));
        }
        let mut command = desk.cellar(&args);
        command.env("AWS_REGION", "local").env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
        let ended = Ended::of(&mut command);
        assert_fails(&ended, 1, &["refused", "check the endpoint"], &format!("{args:?}"));
    }
}
