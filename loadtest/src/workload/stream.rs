//! Plans as files: CSV or JSON lines. What is written reads back the same.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use geo_index::{Meters, Position};
use serde::{Deserialize, Serialize};

use crate::plan::{Planned, Search};

/// Highest page number in a file.
const MAX_PAGE: u32 = 10_000;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A header and a line for each search.
    Csv,
    /// A JSON object per line, with the same names.
    JsonLines,
}

/// A search as a line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Nanoseconds from the start of the run.
    at_ns: u64,
    user: u64,
    lat: f64,
    lon: f64,
    radius_m: Option<f64>,
    limit: usize,
    category: Option<String>,
    page: u32,
}

impl From<Planned> for Line {
    fn from(planned: Planned) -> Self {
        let Planned { at, search } = planned;
        Self {
            at_ns: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
            user: search.user,
            lat: search.position.lat(),
            lon: search.position.lon(),
            radius_m: search.radius.map(Meters::get),
            limit: search.limit,
            category: search.category,
            page: search.page,
        }
    }
}

impl TryFrom<Line> for Planned {
    type Error = String;

    fn try_from(line: Line) -> Result<Self, String> {
        let position = Position::new(line.lat, line.lon).map_err(|error| error.to_string())?;
        let radius = line
            .radius_m
            .map(|metres| Meters::new(metres).ok_or(format!("radius_m {metres} is not a distance")));
        if line.page > MAX_PAGE {
            return Err(format!("page {} is above {MAX_PAGE}", line.page));
        }
        if line.limit == 0 {
            return Err("limit is 0".to_owned());
        }
        Ok(Self {
            at: Duration::from_nanos(line.at_ns),
            search: Search {
                user: line.user,
                position,
                radius: radius.transpose()?,
                limit: line.limit,
                category: line.category,
                page: line.page,
            },
        })
    }
}

/// Writes a plan; returns the number of searches.
///
/// # Errors
///
/// The writer fails.
pub fn export(plan: impl Iterator<Item = Planned>, format: Format, mut out: impl Write) -> io::Result<u64> {
    let mut count = 0;
    match format {
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            for planned in plan {
                csv.serialize(Line::from(planned)).map_err(of_csv)?;
                count += 1;
            }
            csv.flush()?;
        }
        Format::JsonLines => {
            for planned in plan {
                serde_json::to_writer(&mut out, &Line::from(planned))?;
                out.write_all(b"\n")?;
                count += 1;
            }
            out.flush()?;
        }
    }
    Ok(count)
}

/// The error of the writer, of the same kind.
fn of_csv(error: csv::Error) -> io::Error {
    let kind = match error.kind() {
        csv::ErrorKind::Io(error) => error.kind(),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// A line or what is wrong with it, and the line number.
type Numbered = Result<(u64, Line), (u64, String)>;

/// A plan that is read line by line; an item is a search, or a line number and what is wrong with the line.
pub struct Imported {
    lines: Box<dyn Iterator<Item = Numbered> + Send>,
    last: Duration,
}

impl Imported {
    /// Reads a file of either format: JSON lines begin with a brace.
    ///
    /// # Errors
    ///
    /// The reader fails.
    pub fn new(mut reader: impl BufRead + Send + 'static) -> io::Result<Self> {
        let json = reader.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let lines: Box<dyn Iterator<Item = Numbered> + Send> =
            if json { Box::new(json_lines(reader)) } else { Box::new(csv_lines(reader)) };
        Ok(Self { lines, last: Duration::ZERO })
    }

    /// Rejects lines that are not in order of time.
    fn in_order(&mut self, line: Line) -> Result<Planned, String> {
        let planned = Planned::try_from(line)?;
        if planned.at < self.last {
            return Err("earlier than the previous line".to_owned());
        }
        self.last = planned.at;
        Ok(planned)
    }
}

impl Iterator for Imported {
    type Item = Result<Planned, (u64, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some(line.and_then(|(number, line)| self.in_order(line).map_err(|why| (number, why))))
    }
}

fn json_lines(reader: impl BufRead) -> impl Iterator<Item = Numbered> {
    (1..).zip(reader.lines()).filter_map(|(number, line)| match line {
        Ok(line) if line.trim().is_empty() => None,
        Ok(line) => {
            Some(serde_json::from_str(&line).map(|line| (number, line)).map_err(|e| (number, e.to_string())))
        }
        Err(error) => Some(Err((number, error.to_string()))),
    })
}

fn csv_lines(reader: impl BufRead) -> impl Iterator<Item = Numbered> {
    let csv = csv::Reader::from_reader(reader);
    // Records are one line each unless a category has a line break.
    (2..).zip(csv.into_deserialize::<Line>()).map(|(number, line)| match line {
        Ok(line) => Ok((number, line)),
        Err(error) => Err((error.position().map_or(number, csv::Position::line), plain(&error))),
    })
}

/// What is wrong with a record, without its position.
fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        _ => error.to_string(),
    }
}
