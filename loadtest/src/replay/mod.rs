//! The searches of an access log, replayed at their own pace or faster.
//!
//! Invariant: every line counts: as a search, as a request for something else, or as unreadable, with its number and the reason.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead};
use std::time::Duration;

use cellar_model::Collection;
use cellar_model::access_log::{LogError, LogParser, LoggedRequest, LoggedSearch};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::lines::{BadLines, each_line};
use crate::plan::{Planned, Search};

/// Most searches of one log: they are kept in memory, some 250 bytes each while it is read.
pub const MAX_SEARCHES: usize = 10_000_000;

/// The limit of the API where a URL has none.
const DEFAULT_LIMIT: usize = 20;

/// Nanoseconds of a second.
const SECOND_NS: i64 = 1_000_000_000;

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Its searches in order of time, the first at zero, at the chosen speed.
    pub searches: Vec<Planned>,
    /// Requests for something else, and searches of other collections.
    pub other: u64,
    /// Searches without the address of a client.
    pub nameless: u64,
    /// Searches left out because there were [`MAX_SEARCHES`] already.
    pub left_out: u64,
    /// Lines that could not be read.
    pub bad_lines: BadLines,
}

/// Reads the searches of a collection, or of all of them, to be replayed `speed` times as fast (more than 0).
///
/// Logs need not be in order. Replaying a log with whole seconds only would send bursts, so its requests of one second are spread
/// evenly over it. A user is a client address; a request with a cursor asks for the page after the one that the same user asked
/// for last.
///
/// # Errors
///
/// The reader fails.
pub fn read(reader: impl BufRead, collection: Option<&Collection>, speed: f64) -> io::Result<Log> {
    let (mut log, mut parser) = (Log::default(), LogParser::default());
    let mut found: Vec<Found> = Vec::new();
    each_line(reader, &mut log.bad_lines, |number, text, bad_lines| {
        let request = parser.parse(text);
        match request.and_then(|request| request.map(|request| find(&request, collection)).transpose()) {
            Ok(None) => {}
            Ok(Some(None)) => log.other += 1,
            Ok(Some(Some(_))) if found.len() >= MAX_SEARCHES => log.left_out += 1,
            Ok(Some(Some(search))) => {
                log.nameless += u64::from(search.nameless);
                found.push(search);
            }
            Err(error) => bad_lines.add(number, error.to_string()),
        }
    })?;
    // A stable sort: requests of one instant stay in the order of the log.
    found.sort_by_key(|search| search.at_ns);
    spread(&mut found);
    log.searches = plan(found, speed);
    Ok(log)
}

/// A search in the log.
struct Found {
    /// Nanoseconds since 1970.
    at_ns: i64,
    /// Its page is not known yet.
    search: Search,
    /// Whether it asks for a further page.
    continues: bool,
    /// Whether the log does not say who asked.
    nameless: bool,
}

/// The search of a request; `None` for any other request, and for searches of another collection.
fn find(request: &LoggedRequest<'_>, wanted: Option<&Collection>) -> Result<Option<Found>, LogError> {
    let Some(logged) = request.search() else { return Ok(None) };
    let (collection, search) = (logged.collection()?, search(request, &logged)?);
    if wanted.is_some_and(|wanted| *wanted != collection) {
        return Ok(None);
    }
    // Only searches need a time.
    Ok(Some(Found {
        at_ns: request.at_ns()?,
        search,
        continues: logged.continues(),
        nameless: request.client.is_empty(),
    }))
}

fn search(request: &LoggedRequest<'_>, logged: &LoggedSearch<'_>) -> Result<Search, LogError> {
    Ok(Search {
        user: xxh3_64(request.client.as_bytes()),
        position: logged.position()?,
        radius: logged.radius()?,
        limit: logged.limit()?.unwrap_or(DEFAULT_LIMIT),
        category: logged.category(),
        page: 0,
    })
}

fn spread(found: &mut [Found]) {
    if found.iter().any(|search| search.at_ns % SECOND_NS != 0) {
        return;
    }
    for second in found.chunk_by_mut(|a, b| a.at_ns == b.at_ns) {
        let count = second.len() as i64;
        for (index, search) in second.iter_mut().enumerate() {
            search.at_ns += SECOND_NS * index as i64 / count;
        }
    }
}

fn plan(found: Vec<Found>, speed: f64) -> Vec<Planned> {
    let first_ns = found.first().map_or(0, |search| search.at_ns);
    let mut pages: FxHashMap<u64, u32> = FxHashMap::default();
    let plan = found.into_iter().map(|Found { at_ns, search, continues, .. }| {
        let page = pages.entry(search.user).or_default();
        *page = if continues { page.saturating_add(1) } else { 0 };
        // At most 292 years: far less than a duration holds.
        let at = Duration::from_nanos(at_ns.abs_diff(first_ns));
        let at = Duration::try_from_secs_f64(at.as_secs_f64() / speed).unwrap_or(Duration::MAX);
        Planned { at, search: Search { page: *page, ..search } }
    });
    plan.collect()
}
