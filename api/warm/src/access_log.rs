//! Where searches came from, by an access log in any format that [`cellar_model::access_log`] reads.
//!
//! Times do not matter here. Warming turns positions into cells line by line and keeps none.

use std::collections::HashMap;
use std::io::{self, BufRead};

use cellar_model::Collection;
use cellar_model::access_log::{LogError, LogParser};
use cellar_search::hot::HOT_RESOLUTION;
use geo_index::{GridCell, H3Cell, Position};

use super::lines::for_each_line;

/// What a log tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogCounts {
    /// Searches by the cell that they came from.
    pub cells: HashMap<H3Cell, u64>,
    /// Searches.
    pub searches: u64,
    /// Other requests, and searches of other collections.
    pub other: u64,
    /// Lines in no known format, and searches from nowhere on Earth.
    pub bad: u64,
    /// The first of them, with what is wrong.
    pub first_bad: Option<(u64, String)>,
}

impl LogCounts {
    fn reject(&mut self, line: u64, error: &LogError) {
        self.bad += 1;
        self.first_bad.get_or_insert_with(|| (line, error.to_string()));
    }
}

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
pub fn for_each_search(
    reader: impl BufRead,
    collection: &Collection,
    mut each: impl FnMut(Position),
) -> io::Result<LogCounts> {
    let (mut counts, mut parser) = (LogCounts::default(), LogParser::default());
    for_each_line(reader, |number, line| match parser.parse(line) {
        Ok(None) => {}
        Ok(Some(request)) => match request.search().filter(|search| search.name() == collection.as_str()) {
            None => counts.other += 1,
            Some(search) => match search.position() {
                Ok(position) => {
                    counts.searches += 1;
                    each(position);
                }
                Err(error) => counts.reject(number, &error),
            },
        },
        Err(error) => counts.reject(number, &error),
    })?;
    Ok(counts)
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
            let counts = read(line);
            assert!(counts.first_bad.as_ref().is_some_and(|(number, _)| *number == 1), "{line}");
            assert_eq!(
                LogCounts { first_bad: None, ..counts },
                LogCounts { bad: 1, ..LogCounts::default() },
                "{line}"
            );
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
