//! Where searches came from, by an access log: common or combined log format, or an object of JSON in each line.
//!
//! Of a request only its target counts. Warming turns positions into cells line by line and keeps none.

use std::collections::HashMap;
use std::io::{self, BufRead};

use geo_index::{Collection, GridCell, H3Cell, Position};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::lines::for_each_line;
use crate::hot::HOT_RESOLUTION;

/// What a log tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogCounts {
    /// Searches by the cell that they came from.
    pub cells: HashMap<H3Cell, u64>,
    /// Searches.
    pub searches: u64,
    /// Other requests, and searches of other collections.
    pub other: u64,
    /// Lines in neither format, and searches from nowhere on Earth.
    pub bad: u64,
}

/// What a line holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    /// A search from this position.
    Search(Position),
    Other,
    Bad,
}

/// Members of a JSON line that may hold what follows the `?`.
const QUERY_MEMBERS: [&str; 5] = ["query", "args", "query_string", "querystring", "cs-uri-query"];

const COLLECTIONS: &str = "/v1/collections/";

/// Counts the searches of a collection.
pub fn read_log(reader: impl BufRead, collection: &Collection) -> io::Result<LogCounts> {
    let mut cells: HashMap<H3Cell, u64> = HashMap::new();
    let counts = for_each_search(reader, collection, |position| {
        let cell = H3Cell::at(position, HOT_RESOLUTION).expect("H3 has this resolution");
        *cells.entry(cell).or_default() += 1;
    })?;
    Ok(LogCounts { cells, ..counts })
}

/// Calls `each` for every search of a collection, in the order of the log. The counts have no cells.
pub(crate) fn for_each_search(
    reader: impl BufRead,
    collection: &Collection,
    mut each: impl FnMut(Position),
) -> io::Result<LogCounts> {
    let mut counts = LogCounts::default();
    for_each_line(reader, |_, line| {
        if line.is_empty() {
            return;
        }
        match parse(line, collection) {
            Line::Search(position) => {
                counts.searches += 1;
                each(position);
            }
            Line::Other => counts.other += 1,
            Line::Bad => counts.bad += 1,
        }
    })?;
    Ok(counts)
}

fn parse(line: &str, collection: &Collection) -> Line {
    if line.starts_with('{') {
        return match serde_json::from_str::<Value>(line) {
            Ok(json) => target_in(&json).map_or(Line::Other, |target| search(&target, collection)),
            Err(_) => Line::Bad,
        };
    }
    // host ident user [time] "GET target HTTP/1.1" status bytes …
    let request: Option<Vec<&str>> = line.split('"').nth(1).map(|request| request.split(' ').collect());
    match request.as_deref() {
        Some(["GET" | "HEAD", target, protocol]) if protocol.starts_with("HTTP/") => {
            search(target, collection)
        }
        Some([_, _, protocol]) if protocol.starts_with("HTTP/") => Line::Other,
        _ => Line::Bad,
    }
}

/// The first text of a value that holds the path of a search, with its query, which may be a member of its own.
fn target_in(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => {
            let word = text.split([' ', '"']).find(|word| word.contains(COLLECTIONS))?;
            Some(word.to_owned())
        }
        Value::Array(values) => values.iter().find_map(target_in),
        Value::Object(members) => {
            let target = members.values().find_map(target_in)?;
            let query = QUERY_MEMBERS.iter().find_map(|name| members.get(*name)?.as_str());
            match query {
                Some(query) if !target.contains('?') => {
                    Some(format!("{target}?{}", query.trim_start_matches('?')))
                }
                _ => Some(target),
            }
        }
        _ => None,
    }
}

/// What the target of a request searches: a path, or a whole URL.
fn search(target: &str, collection: &Collection) -> Line {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some((_, path)) = path.split_once(COLLECTIONS) else { return Line::Other };
    let segments: Vec<_> =
        path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy()).collect();
    if segments[0] != collection.as_str() {
        return Line::Other;
    }
    let position = match &segments[1..] {
        [nearby] if nearby == "nearby" => position(query),
        // Such an answer is computed from the cell's centre.
        [cells, cell, nearby] if cells == "cells" && nearby == "nearby" => {
            cell.parse::<geo_index::Cell>().ok().map(geo_index::Cell::centre)
        }
        _ => return Line::Other,
    };
    position.map_or(Line::Bad, Line::Search)
}

fn position(query: &str) -> Option<Position> {
    let degrees = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name)?.1.parse().ok()
    };
    Position::new(degrees("lat")?, degrees("lon")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &str) -> LogCounts {
        read_log(log.as_bytes(), &"bars".parse().unwrap()).unwrap()
    }

    /// Where a log of one line says that a search came from.
    fn cell(line: &str) -> Option<H3Cell> {
        let counts = read(line);
        assert_eq!(counts.searches + counts.other + counts.bad, 1, "{line}");
        counts.cells.into_keys().next()
    }

    fn at(lat: f64, lon: f64) -> H3Cell {
        H3Cell::at(Position::new(lat, lon).unwrap(), HOT_RESOLUTION).unwrap()
    }

    #[test]
    fn all_formats_tell_the_cell() {
        let paris = Some(at(48.8566, 2.3522));
        let target = "/v1/collections/bars/nearby?radius=5000&lat=48.8566&lon=%2B2.3522";
        for line in [
            format!(r#"::1 - bob [10/Oct/2000:13:55:36 -0700] "GET {target} HTTP/1.1" 200 2326"#),
            format!(
                r#"::1 - - [10/Oct/2000:13:55:36 -0700] "HEAD {target} HTTP/2.0" 200 - "-" "curl/8 \"x\"""#
            ),
            format!(r#"{{"time":1,"request":"GET {target} HTTP/1.1","status":200}}"#),
            format!(r#"{{"http":{{"method":"GET","url":"https://api.example{target}"}}}}"#),
            r#"{"cs-uri-stem":"/v1/collections/bars/nearby","cs-uri-query":"lat=48.8566&lon=2.3522"}"#
                .to_owned(),
            r#"{"path":"/v1/collections/bars/nearby","query":"?lat=48.8566&lon=2.3522"}"#.to_owned(),
        ] {
            assert_eq!(cell(&line), paris, "{line}");
        }
        let centre = "u09tvw".parse::<geo_index::GeohashCell>().unwrap().centre();
        for of_cell in ["gh:u09tvw", "gh%3Au09tvw"] {
            let line =
                format!(r#"- - - [] "GET /v1/collections/bars/cells/{of_cell}/nearby HTTP/1.1" 200 1"#);
            assert_eq!(cell(&line), Some(at(centre.lat(), centre.lon())), "{line}");
        }
    }

    #[test]
    fn other_requests_are_no_searches() {
        for line in [
            r#"::1 - - [x] "GET /health HTTP/1.1" 200 2"#,
            r#"::1 - - [x] "GET /v1/collections/cafes/nearby?lat=1&lon=2 HTTP/1.1" 200 2"#,
            r#"::1 - - [x] "GET /v1/collections/bars/items/nearby HTTP/1.1" 200 2"#,
            r#"::1 - - [x] "POST /v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1" 405 2"#,
            r#"{"request":"GET /health HTTP/1.1"}"#,
            r#"{"message":"started","n":[1,null]}"#,
        ] {
            assert_eq!(read(line), LogCounts { other: 1, ..LogCounts::default() }, "{line}");
        }
    }

    #[test]
    fn bad_lines_are_counted() {
        for line in [
            "nonsense",
            "{broken",
            r#"::1 - - [x] "GET" 400 0"#,
            r#"::1 - - [x] "\x16\x03\x01" 400 0"#,
            r#"::1 - - [x] "GET /v1/collections/bars/nearby?lat=91&lon=2 HTTP/1.1" 400 2"#,
            r#"::1 - - [x] "GET /v1/collections/bars/nearby?lat=NaN&lon=2 HTTP/1.1" 400 2"#,
            r#"::1 - - [x] "GET /v1/collections/bars/nearby?lat=1 HTTP/1.1" 400 2"#,
            r#"::1 - - [x] "GET /v1/collections/bars/cells/u09/nearby HTTP/1.1" 400 2"#,
            r#"{"path":"/v1/collections/bars/nearby"}"#,
        ] {
            assert_eq!(read(line), LogCounts { bad: 1, ..LogCounts::default() }, "{line}");
        }
    }

    #[test]
    fn searches_of_a_cell_add_up() {
        let line =
            |lat| format!("- - - [] \"GET /v1/collections/bars/nearby?lat={lat}&lon=2 HTTP/1.1\" 200 1\n");
        let counts = read(&[line("48"), line("48.0001"), "\n".to_owned(), line("10"), line("x")].concat());
        assert_eq!((counts.searches, counts.bad, counts.other), (3, 1, 0));
        assert_eq!(counts.cells[&at(48.0, 2.0)], 2);
        assert_eq!(counts.cells[&at(10.0, 2.0)], 1);
    }
}
