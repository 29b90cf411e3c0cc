//! The searches of an access log, asked again at their own pace or faster.
//!
//! | module | what it holds |
//! |---|---|
//! | `line` | a line of any format as what was requested, when and by whom |
//! | `instant` | times as logs write them |
//! | `target` | the URL of a search as an ask |
//!
//! Formats are told apart line by line: the combined (or common) log format, `CloudFront`'s standard log, whose `#Fields`
//! header says what is where, and an object of JSON in each line.
//!
//! Invariant: every line counts: as an ask, as a request for something else, or as broken, with its number and why.

mod instant;
mod line;
mod target;

#[cfg(test)]
mod tests;

use std::io::{self, BufRead};
use std::time::Duration;

use geo_index::Collection;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use self::line::{Fields, Line};
use self::target::Target;
use crate::lines::{Broken, each_line};
use crate::plan::{Ask, Planned};

/// Asks of one log, at most: they are kept in memory, some 250 bytes each while it is read.
pub const MAX_ASKS: usize = 10_000_000;

/// Nanoseconds of a second.
const SECOND_NS: i64 = 1_000_000_000;

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Its searches, in order of time from the first, at the asked-for speed.
    pub asks: Vec<Planned>,
    /// Requests for something else, and searches of other collections.
    pub other: u64,
    /// Searches left out because there were [`MAX_ASKS`] already.
    pub left_out: u64,
    /// Lines that could not be read.
    pub broken: Broken,
}

/// Reads the searches of a collection, or of all, and replays them `speed` times as fast (more than 0).
///
/// Logs need not be in order. One that tells whole seconds only would ask in bursts: its requests of one second
/// are spread evenly over it. A user is a client address; a request with a cursor asks for the page behind the one
/// that the same user asked for last.
pub fn read(reader: impl BufRead, collection: Option<&Collection>, speed: f64) -> io::Result<Log> {
    let (mut log, mut fields) = (Log::default(), Fields::default());
    let mut found: Vec<(i64, Target, u64)> = Vec::new();
    each_line(reader, &mut log.broken, |number, text, broken| {
        match line::parse(text, &mut fields).and_then(|line| search(line, collection)) {
            Ok(None) => {}
            Ok(Some(Search::Other)) => log.other += 1,
            Ok(Some(Search::Of(..))) if found.len() >= MAX_ASKS => log.left_out += 1,
            Ok(Some(Search::Of(at_ns, target, user))) => found.push((at_ns, target, user)),
            Err(why) => broken.add(number, why),
        }
    })?;
    // Stable: what the log has in one instant stays in its order.
    found.sort_by_key(|(at_ns, ..)| *at_ns);
    spread(&mut found);
    log.asks = asks(found, speed);
    Ok(log)
}

/// A request of the log.
enum Search {
    Other,
    /// When in nanoseconds since 1970, for what, and whose.
    Of(i64, Target, u64),
}

/// `None` is a line without a request: a comment, or empty.
fn search(line: Line<'_>, collection: Option<&Collection>) -> Result<Option<Search>, String> {
    let Line::Request { at_ns, client, reads, target } = line else { return Ok(None) };
    let target = if reads { target::parse(&target)? } else { None };
    Ok(Some(match target {
        Some(target) if collection.is_none_or(|wanted| *wanted == target.collection) => {
            // A log that does not tell when is of no use for its searches only.
            let at_ns = at_ns?;
            Search::Of(at_ns, target, xxh3_64(client.as_bytes()))
        }
        _ => Search::Other,
    }))
}

fn spread(found: &mut [(i64, Target, u64)]) {
    if found.iter().any(|(at_ns, ..)| at_ns % SECOND_NS != 0) {
        return;
    }
    for second in found.chunk_by_mut(|a, b| a.0 == b.0) {
        let count = second.len() as i64;
        for (index, (at_ns, ..)) in second.iter_mut().enumerate() {
            *at_ns += SECOND_NS * index as i64 / count;
        }
    }
}

fn asks(found: Vec<(i64, Target, u64)>, speed: f64) -> Vec<Planned> {
    let first_ns = found.first().map_or(0, |(at_ns, ..)| *at_ns);
    let mut pages: FxHashMap<u64, u32> = FxHashMap::default();
    let plan = found.into_iter().map(|(at_ns, target, user)| {
        let page = pages.entry(user).or_default();
        *page = if target.goes_on { page.saturating_add(1) } else { 0 };
        // At most 292 years: far less than a duration holds.
        let at = Duration::from_nanos(at_ns.abs_diff(first_ns));
        let Target { position, radius, limit, category, .. } = target;
        let ask = Ask { user, position, radius, limit, category, page: *page };
        Planned { at: Duration::try_from_secs_f64(at.as_secs_f64() / speed).unwrap_or(Duration::MAX), ask }
    });
    plan.collect()
}
