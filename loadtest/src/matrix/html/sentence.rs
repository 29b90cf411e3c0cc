//! The main finding, in a sentence.

use crate::matrix::{Caching, MatrixReport, Row, Scheme};

/// How many of 1,000 requests reach the database without caches, and behind the most tiers that were measured; for warm combinations, or
/// else for cold ones. `None` if there is nothing to compare.
pub(super) fn sentence(report: &MatrixReport) -> Option<String> {
    [true, false].into_iter().find_map(|warm| of(report, warm))
}

fn of(report: &MatrixReport, warm: bool) -> Option<String> {
    let measured = |row: &&Row| row.warm == warm && row.database_share.is_some();
    let rows: Vec<&Row> = report.rows.iter().filter(measured).collect();
    let raw = Scheme::Raw.to_string();
    let stack = |caching: Caching| {
        rows.iter().filter(move |row| row.caching == caching.to_string()).copied().collect::<Vec<_>>()
    };
    let base = stack(Caching::Nothing).into_iter().find(|row| row.scheme == raw)?;
    let cached = Caching::ALL.into_iter().rev().filter(|caching| *caching != Caching::Nothing);
    let (caching, full) =
        cached.map(|caching| (caching, stack(caching))).find(|(_, rows)| !rows.is_empty())?;
    let (raws, cells): (Vec<&Row>, Vec<&Row>) = full.into_iter().partition(|row| row.scheme == raw);
    let behind = raws.first().map(|row| format!("{} with raw coordinates", seen(row)));
    let behind: Vec<String> = behind.into_iter().chain(range(cells)).collect();
    let state =
        if warm { "warm: the same users have searched before" } else { "cold: nobody has searched before" };
    Some(format!(
        "Of 1,000 requests, the database sees {} with raw coordinates and no cache; {} it sees {} ({state}).",
        seen(base),
        place(caching),
        behind.join(", and ")
    ))
}

/// From the scheme with the fewest requests to the database to the one with the most.
fn range(mut cells: Vec<&Row>) -> Option<String> {
    cells.sort_by(|a, b| a.database_share.unwrap_or(1.0).total_cmp(&b.database_share.unwrap_or(1.0)));
    match &cells[..] {
        [] => None,
        [only] => Some(format!("{} with {}", seen(only), only.scheme)),
        [least, .., most] => {
            Some(format!("{} with {} to {} with {}", seen(least), least.scheme, seen(most), most.scheme))
        }
    }
}

fn seen(row: &Row) -> String {
    match (row.database_share.unwrap_or_default() * 1e3).round() as u64 {
        1_000 => "1,000".to_owned(),
        seen => seen.to_string(),
    }
}

const fn place(caching: Caching) -> &'static str {
    match caching {
        Caching::Nothing => "without a cache",
        Caching::L1 => "behind the process's memory",
        Caching::L1L2 => "behind memory and Redis",
        Caching::L1L2Edge => "behind memory, Redis and the edge",
    }
}
