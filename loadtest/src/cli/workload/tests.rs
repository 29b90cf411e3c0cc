//! Flags and files.

use std::io::Write as _;

use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: WorkloadArgs,
}

fn parse(args: &[&str]) -> Result<WorkloadArgs, clap::Error> {
    Command::try_parse_from([&["workload"], args].concat()).map(|command| command.args)
}

fn source(args: &[&str]) -> Result<(Vec<Planned>, Vec<String>, Duration), CliError> {
    let args = parse(args).unwrap();
    let instants = (0..50).map(Duration::from_secs);
    let source = args.users.source(args.collection.as_ref(), instants, Duration::from_secs(50))?;
    Ok((source.plan.collect(), source.notes, source.duration))
}

fn file(dir: &TempDir, name: &str, content: &[u8]) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn flags_are_checked() {
    assert!(parse(&[]).is_ok());
    assert!(parse(&["--diurnal", "--start-hour", "3", "--day", "10m", "--limit", "10-50"]).is_ok());
    for wrong in [
        &["--users", "0"][..],
        &["--users", "10000001"],
        &["--zipf", "4.1"],
        &["--zipf", "NaN"],
        &["--rps", "0"],
        &["--duration", "0s"],
        &["--start-hour", "3"],
        &["--radius", "0"],
        &["--radius", "200001"],
        &["--radius", "5000-500"],
        &["--limit", "101"],
        &["--category", "cafe:0"],
        &["--category", "cafe,:1"],
        &["--paging", "1"],
        &["--searches", "0.5"],
        &["--speed", "2"],
        &["--replay", "a", "--positions", "b"],
        &["--ttl", "0"],
        &["--export", "x", "--json"],
    ] {
        assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
    }
    let error = run(&parse(&["--rps", "1000000", "--duration", "1h"]).unwrap()).unwrap_err();
    assert_eq!(error.code, code::USAGE);
}

#[test]
fn arrivals_are_as_they_are_asked_for() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("stream.csv");
    let instants = |more: &[&str]| {
        let flags = ["--rps", "20", "--duration", "30s", "--users", "50", "--export", path.to_str().unwrap()];
        run(&parse(&[&flags[..], more].concat()).unwrap()).unwrap();
        let (searches, ..) = source(&["--stream", path.to_str().unwrap()]).unwrap();
        searches.into_iter().map(|planned| planned.at).collect::<Vec<_>>()
    };
    let even: Vec<Duration> = (0..600).map(|number| Duration::from_millis(50 * number)).collect();
    assert_eq!(instants(&[]), even);
    // Those of a run with this seed.
    let random: Vec<Duration> =
        Instants::constant(20.0, Duration::from_secs(30), Arrivals::Poisson, 7).collect();
    let same = |(a, b): (Duration, Duration)| a.abs_diff(b) < Duration::from_micros(2);
    let found = instants(&["--arrivals", "poisson", "--seed", "7"]);
    assert_eq!(found.len(), random.len());
    assert!(found.into_iter().zip(random).all(same));
}

#[test]
fn a_written_stream_is_asked_as_it_was() {
    let dir = TempDir::new().unwrap();
    let flags = ["--users", "20", "--radius", "500-900", "--category", "any,cafe", "--paging", "0.6"];
    let made = source(&flags).unwrap().0;
    assert_eq!(made.len(), 50);
    for (name, format) in [("a.csv", FileFormat::Csv), ("a.jsonl", FileFormat::Jsonl)] {
        let path = dir.path().join(name);
        write(made.clone().into_iter(), format, &path).unwrap();
        let (read, notes, duration) = source(&["--stream", path.to_str().unwrap()]).unwrap();
        assert_eq!((read, notes, duration), (made.clone(), vec![], Duration::from_secs(49)));
    }
}

#[test]
fn logs_may_be_compressed_and_broken() {
    let dir = TempDir::new().unwrap();
    let line = |second: u32| {
        format!(
            "h - - [10/Oct/2000:13:55:{second:02} +0000] \"GET /v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1\" 200 1\n"
        )
    };
    let log = [line(0), "nonsense\n".to_owned(), line(10)].concat();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    for (name, content) in [("a.log", log.into_bytes()), ("a.log.gz", gzip.finish().unwrap())] {
        let path = file(&dir, name, &content);
        let (searches, notes, duration) = source(&["--replay", &path, "--speed", "2", "-c", "bars"]).unwrap();
        assert_eq!((searches.len(), duration), (2, Duration::from_secs(5)));
        assert_eq!(notes, [format!("{path}: 1 unreadable line (line 2: neither a log line nor JSON)")]);
        let error = source(&["--replay", &path, "-c", "inns"]).unwrap_err().to_string();
        assert!(error.contains("no search to replay; 2 other requests"), "{error}");
    }
}

#[test]
fn users_live_where_a_file_says() {
    let dir = TempDir::new().unwrap();
    let path = file(&dir, "p.csv", b"lat,lon,population\n90,0,0\n-17,179.9999,5\nx,y,1\n");
    let (searches, notes, _) = source(&["--positions", &path, "--stay"]).unwrap();
    assert_eq!((searches.len(), notes.len()), (50, 1));
    let home = geo_index::Position::new(-17.0, 179.9999).unwrap();
    assert!(searches.iter().all(|planned| geo_index::distance(planned.search.position, home).get() < 200.0));
    // Some of them are across the antimeridian.
    assert!(searches.iter().any(|planned| planned.search.position.lon() < 0.0));
}

#[test]
fn a_file_of_positions_is_read_as_the_options_say() {
    let dir = TempDir::new().unwrap();
    let path = file(&dir, "p.txt", b"a note\nN\xf6rd;-17,5;100,25;north\n");
    let told = ["--delimiter", ";", "--columns", "town,lat,lon,side", "--skip", "1", "--encoding", "latin1"];
    let (searches, notes, _) = source(&[["--positions", &path].as_slice(), &told].concat()).unwrap();
    assert_eq!((searches.len(), notes.len()), (50, 0));
    let home = geo_index::Position::new(-17.5, 100.25).unwrap();
    assert!(
        searches.iter().any(|planned| geo_index::distance(planned.search.position, home).get() < 2_000.0)
    );
    // What its errors advise is there, and means something only with a file.
    let unnamed = file(&dir, "q.csv", b"id,breite,laenge\n1,2,3\n");
    let error = source(&["--positions", &unnamed]).unwrap_err().to_string();
    assert!(error.contains("--lat-column"), "{error}");
    assert!(source(&["--positions", &unnamed, "--lat-column", "breite", "--lon-column", "laenge"]).is_ok());
    let error = source(&["--skip", "1"]).unwrap_err().to_string();
    assert!(error.contains("--positions"), "{error}");
}

#[test]
fn files_that_are_of_no_use_are_told_in_one_line() {
    let dir = TempDir::new().unwrap();
    let empty = file(&dir, "empty", b"");
    for args in
        [["--replay", &empty], ["--stream", &empty], ["--positions", &empty], ["--stream", "/nowhere/x"]]
    {
        let error = source(&args).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("cannot use /") && !error.contains('\n'), "{args:?}: {error}");
    }
    let args = parse(&["--duration", "1s", "--export", "/nowhere/out.csv"]).unwrap();
    assert!(run(&args).unwrap_err().to_string().starts_with("cannot write /nowhere/out.csv: "));
}
