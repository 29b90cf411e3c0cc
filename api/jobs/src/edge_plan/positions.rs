//! Streams of users, and those that files hold.

use std::io::{self, BufRead};

use cellar_input::{Input, InputError, ReadOptions};
use cellar_model::Collection;
use cellar_model::edge_cache::Sessions;
use cellar_warm::for_each_search;
use geo_index::Position;

/// A search of a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When, in seconds of the stream.
    pub at_s: f64,
    /// Where from.
    pub position: Position,
}

/// Searches in order of time.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The searches.
    pub requests: Vec<Request>,
    /// How long they take, in seconds; more than 0.
    pub duration_s: f64,
    /// How users search again, where that is known.
    pub sessions: Option<Sessions>,
}

/// What a file of positions holds.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Positions, and times in seconds where they are given.
    pub found: Vec<(Position, Option<f64>)>,
    /// Lines that hold no position.
    pub bad: u64,
    /// The first of them, with what is wrong.
    pub first_bad: Option<(u64, String)>,
}

impl Lines {
    fn reject(&mut self, line: u64, reason: String) {
        self.bad += 1;
        self.first_bad.get_or_insert((line, reason));
    }
}

impl Stream {
    /// Searches at an even pace.
    pub fn paced(positions: impl IntoIterator<Item = Position>, per_second: f64) -> Self {
        let request = |(i, position)| Request { at_s: i as f64 / per_second, position };
        let requests: Vec<Request> = positions.into_iter().enumerate().map(request).collect();
        let duration_s = (requests.len() as f64 / per_second).max(f64::MIN_POSITIVE);
        Self { requests, duration_s, sessions: None }
    }

    /// Searches at their own times if all have one, else at an even pace.
    pub fn of_lines(lines: &Lines, per_second: f64) -> Self {
        let timed = |&(position, at_s): &(Position, Option<f64>)| Some(Request { at_s: at_s?, position });
        let Some(mut requests) = lines.found.iter().map(timed).collect::<Option<Vec<Request>>>() else {
            return Self::paced(lines.found.iter().map(|&(position, _)| position), per_second);
        };
        requests.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        let (first_s, last_s) =
            (requests.first().map_or(0.0, |r| r.at_s), requests.last().map_or(0.0, |r| r.at_s));
        for request in &mut requests {
            request.at_s -= first_s;
        }
        // A stream of one moment takes a second.
        let duration_s = if last_s > first_s { last_s - first_s } else { 1.0 };
        Self { requests, duration_s, sessions: None }
    }
}

/// Reads positions of any file that an import reads, with the times in a column `time`, in seconds; also lines of `lat,lon` or
/// `lat,lon,time` without a header.
///
/// # Errors
///
/// The input cannot be read on, or nothing in it says where latitudes and longitudes are.
pub fn read_positions(input: Input, options: &ReadOptions) -> Result<Lines, InputError> {
    let mut lines = Lines::default();
    cellar_input::read_positions(input, options, &["time"], |line| match line {
        Ok(found) => lines.found.push((found.position, found.number)),
        Err(reject) => lines.reject(reject.line, reject.reason),
    })?;
    Ok(lines)
}

/// Reads the searches of a collection from an access log; their times are not looked at.
pub fn read_log_positions(reader: impl BufRead, collection: &Collection) -> io::Result<Lines> {
    let mut lines = Lines::default();
    let counts = for_each_search(reader, collection, |position| lines.found.push((position, None)))?;
    (lines.bad, lines.first_bad) = (counts.bad, counts.first_bad);
    Ok(lines)
}
