//! Logs of all formats, whole and broken.

use std::fmt::Write as _;

use geo_index::Position;
use proptest::prelude::*;

use super::*;

const NEARBY: &str =
    "/v1/collections/bars/nearby?lat=48.8566&lon=2.3522&radius=5000&limit=10&category=wine%20bar";

fn all(log: &str, speed: f64) -> Log {
    read(log.as_bytes(), Some(&"bars".parse().unwrap()), speed).unwrap()
}

fn common(second: u32, target: &str) -> String {
    format!(
        "10.0.0.{} - - [10/Oct/2000:13:55:{second:02} +0200] \"GET {target} HTTP/1.1\" 200 5\n",
        second % 3
    )
}

#[test]
fn every_format_tells_the_same_search() {
    let fields = "#Version: 1.0\n#Fields: time date cs-method cs-uri-query c-ip cs-uri-stem\n";
    let (stem, query) = NEARBY.split_once('?').unwrap();
    for log in [
        common(0, NEARBY),
        common(0, NEARBY).replace(" 200 5", " 200 5 \"https://x.example/\" \"curl/8 \\\"x\\\"\""),
        format!("{fields}11:55:00\t2000-10-10\tGET\t{query}\t10.0.0.0\t{stem}\n"),
        format!("2000-10-10\t11:55:00\tCDG1\t9\t10.0.0.0\tGET\tx\t{stem}\t200\t-\tcurl\t{query}\t-\tHit\n"),
        format!(
            r#"{{"time":"2000-10-10T11:55:00Z","remote_addr":"10.0.0.0","request":"GET {NEARBY} HTTP/2.0"}}"#
        ),
        format!(
            r#"{{"ts":971178900.0,"http":{{"method":"GET","url":"https://a.example{NEARBY}"}},"ip":"10.0.0.0"}}"#
        ),
        format!(r#"{{"msec":971178900000,"path":"{stem}","args":"{query}","client":"10.0.0.0"}}"#),
    ] {
        let log = all(&log, 1.0);
        let search = Search {
            user: xxh3_64(b"10.0.0.0"),
            position: Position::new(48.8566, 2.3522).unwrap(),
            radius: geo_index::Meters::new(5_000.0),
            limit: 10,
            category: Some("wine bar".to_owned()),
            page: 0,
        };
        assert_eq!(log.searches, [Planned { at: Duration::ZERO, search }], "{log:?}");
        assert_eq!((log.other, log.bad_lines.count), (0, 0), "{log:?}");
    }
}

#[test]
fn time_runs_as_fast_as_asked_for() {
    let millis = |log: &Log| log.searches.iter().map(|planned| planned.at.as_millis()).collect::<Vec<_>>();
    // Out of order; two in one second, of whole seconds.
    let text = [common(20, NEARBY), common(10, NEARBY), common(10, NEARBY), common(11, NEARBY)].concat();
    assert_eq!(millis(&all(&text, 1.0)), [0, 500, 1_000, 10_000]);
    assert_eq!(millis(&all(&text, 10.0)), [0, 50, 100, 1_000]);
    // A log with parts of seconds is taken at its word.
    let json = |ts: f64| format!("{{\"ts\":{ts},\"url\":\"{NEARBY}\"}}\n");
    let text = [json(5.0), json(5.0), json(5.25)].concat();
    assert_eq!(millis(&all(&text, 0.5)), [0, 0, 500]);
}

#[test]
fn cursors_go_on_behind_the_page_of_the_same_user() {
    let more = format!("{NEARBY}&cursor=abc");
    let text = [common(0, NEARBY), common(1, NEARBY), common(3, &more), common(6, &more), common(9, NEARBY)]
        .concat();
    let pages: Vec<u32> = all(&text, 1.0).searches.iter().map(|planned| planned.search.page).collect();
    assert_eq!(pages, [0, 0, 1, 2, 0]);
}

#[test]
fn cells_are_asked_from_their_centre() {
    let log = all(&common(0, "/v1/collections/bars/cells/gh%3Au09tv/nearby"), 1.0);
    let centre = "gh:u09tv".parse::<geo_index::Cell>().unwrap().centre();
    assert_eq!(log.searches[0].search.position, centre);
    assert_eq!((log.searches[0].search.limit, log.searches[0].search.radius), (20, None));
}

#[test]
fn what_is_no_search_is_counted() {
    let mut text = String::new();
    for target in ["/health", "/v1/collections/inns/nearby?lat=1&lon=2", "/v1/collections/bars/items/nearby"]
    {
        text += &common(0, target);
    }
    text += &common(0, NEARBY).replace("GET", "POST");
    text += "{\"message\":\"started\"}\n\n#a comment\n";
    let log = all(&text, 1.0);
    assert_eq!((log.searches.len(), log.other, log.bad_lines.count), (0, 5, 0));
    let every = read(text.as_bytes(), None, 1.0).unwrap();
    assert_eq!((every.searches.len(), every.other), (1, 4));
}

#[test]
fn broken_lines_are_told_with_their_numbers() {
    let bad_lines = [
        "nonsense",
        "{broken",
        "x - - [10/Oct/2000:13:55:36 +0200] \"GET\" 400 0",
        "x - - [10/Oct/2000:13:55:36 +0200] \"GET /v1/collections/bars/nearby?lat=91&lon=2 HTTP/1.1\" 400 2",
        "x - - [yesterday] \"GET /v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1\" 200 2",
        "{\"url\":\"/v1/collections/bars/nearby?lat=1&lon=2\"}",
        "x - - [10/Oct/2000:13:55:36 +0200] \"GET /v1/collections/bars/nearby?lat=1&lon=2&limit=0 HTTP/1.1\" 400 2",
        "2000-10-10\t11:55:00\tCDG1",
    ];
    let text = bad_lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{}{line}", common(0, NEARBY)).unwrap();
        text
    });
    let log = all(&text, 1.0);
    assert_eq!(
        (log.searches.len(), log.bad_lines.count),
        (bad_lines.len(), bad_lines.len() as u64),
        "{}",
        log.bad_lines
    );
    let numbers: Vec<u64> = log.bad_lines.first.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 4, 6, 8, 10]);
    assert!(log.bad_lines.to_string().contains("line 8: latitude"), "{}", log.bad_lines);
    assert!(log.bad_lines.to_string().ends_with("; …)"), "{}", log.bad_lines);
}

fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(NEARBY.to_owned()),
        Just("/v1/collections/bars/cells/gh:u0/nearby".to_owned()),
        Just(" - - [10/Oct/2000:13:55:36 +0200] \"GET ".to_owned()),
        Just(" HTTP/1.1\" 200 5".to_owned()),
        Just("{\"time\":1,\"request\":\"".to_owned()),
        Just("\"}".to_owned()),
        Just("#Fields: date time cs-uri-stem cs-uri-query".to_owned()),
        Just("2000-10-10\t11:55:00\t".to_owned()),
        Just("\t".to_owned()),
        "\\PC{0,12}",
        "[0-9.eE+-]{1,20}",
    ];
    let line = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_is_read_line_by_line(text in lines(), speed in 0.01_f64..100.0) {
        let log = read(text.as_bytes(), None, speed).unwrap();
        let counted = log.searches.len() as u64 + log.other + log.bad_lines.count;
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')).count() as u64;
        prop_assert_eq!(counted, lines);
        prop_assert!(log.searches.is_sorted_by_key(|planned| planned.at));
        prop_assert!(log.searches.first().is_none_or(|planned| planned.at == Duration::ZERO));
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(bytes.as_slice(), None, 1.0).unwrap();
    }
}
