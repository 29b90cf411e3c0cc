//! Streams of users: from files, or generated.

use std::io::{self, BufRead};

use geo_index::edge::crowd::{Home, people};
use geo_index::{Collection, Position};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::jobs::warm::{for_each_line, for_each_search};

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
}

/// What a file of positions holds.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Positions, and times in seconds where they are given.
    pub found: Vec<(Position, Option<f64>)>,
    /// Lines that hold no position.
    pub bad: u64,
}

impl Stream {
    /// Searches at an even pace.
    pub fn paced(positions: impl IntoIterator<Item = Position>, per_second: f64) -> Self {
        let request = |(i, position)| Request { at_s: i as f64 / per_second, position };
        let requests: Vec<Request> = positions.into_iter().enumerate().map(request).collect();
        Self { duration_s: (requests.len() as f64 / per_second).max(f64::MIN_POSITIVE), requests }
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
        Self { requests, duration_s }
    }

    /// People who live in homes, at an even pace.
    pub fn of_people(homes: &[Home], count: usize, per_second: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self::paced(people(homes, count, &mut || rng.random()), per_second)
    }

    /// People who are where the places are, each place as likely as the next, at an even pace.
    pub fn uniform(places: &[Position], count: usize, per_second: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let count = if places.is_empty() { 0 } else { count };
        Self::paced((0..count).map(|_| places[rng.random_range(0..places.len())]), per_second)
    }
}

/// Reads lines of `lat,lon` or `lat,lon,time`, the time in seconds. A first line without numbers is a header.
pub fn read_positions(reader: impl BufRead) -> io::Result<Lines> {
    let mut lines = Lines::default();
    for_each_line(reader, |number, line| match position(line) {
        Some(found) => lines.found.push(found),
        None if line.is_empty() || number == 1 => {}
        None => lines.bad += 1,
    })?;
    Ok(lines)
}

fn position(line: &str) -> Option<(Position, Option<f64>)> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let number = |text: &&str| text.parse::<f64>().ok();
    let (lat, lon) = (cells.first().and_then(number)?, cells.get(1).and_then(number)?);
    let at_s = match cells.get(2) {
        Some(time) => Some(number(time).filter(|at_s| at_s.is_finite())?),
        None => None,
    };
    Some((Position::new(lat, lon).ok()?, at_s))
}

/// Reads the searches of a collection from an access log; their times are not looked at.
pub fn read_log_positions(reader: impl BufRead, collection: &Collection) -> io::Result<Lines> {
    let mut lines = Lines::default();
    let counts = for_each_search(reader, collection, |position| lines.found.push((position, None)))?;
    lines.bad = counts.bad;
    Ok(lines)
}
