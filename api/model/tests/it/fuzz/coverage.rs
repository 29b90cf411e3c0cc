//! How many URLs had which outcome: a fuzz test that only ever sees one proves nothing.

use std::collections::BTreeMap;
use std::fmt;

use super::Outcome;

/// Parameters of a request for a position.
const NAMES: [&str; 8] = ["lat", "lon", "radius", "limit", "category", "precision", "mode", "cursor"];

/// Of every so many URLs at least one has each of the outcomes.
const SHARE: usize = 5_000;

/// Counts by outcome.
#[derive(Default)]
pub(super) struct Coverage(BTreeMap<String, usize>);

impl Coverage {
    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    pub(super) fn count(&mut self, url: &str, outcome: &Outcome) {
        *self.0.entry(name(url, outcome)).or_default() += 1;
    }

    /// Every kind of refusal with every parameter that it can concern, cells of both grids as sent, and positions at
    /// every precision.
    pub(super) fn assert_broad(&self) {
        let least = self.total() / SHARE;
        for wanted in wanted() {
            let count = self.0.get(&wanted).copied().unwrap_or_default();
            assert!(count >= least && count > 0, "{wanted}: {count}, at least {least} are wanted\n{self}");
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, count)| writeln!(f, "{count:9} {name}"))
    }
}

fn name(url: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pass => "pass".into(),
        Outcome::Uri(uri) => {
            let cell = uri.split('/').nth(5).unwrap_or_default();
            let of = if url.contains("/cells/") { "cell path" } else { "position" };
            let category = if uri.contains("category=") { ", category" } else { "" };
            match cell.strip_prefix("gh:") {
                Some(geohash) => format!("{of}: gh {}{category}", geohash.len()),
                None => format!("{of}: h3 {}{category}", &cell[4..5]),
            }
        }
        Outcome::Refused { kind, parameter } => {
            let parameter = parameter.as_deref().unwrap_or("-");
            let known = NAMES.contains(&parameter) || ["-", "collection", "cell"].contains(&parameter);
            format!("{kind}: {}", if known { parameter } else { "(another name)" })
        }
    }
}

fn wanted() -> Vec<String> {
    let mut wanted = vec!["pass".to_owned(), "parameter-unknown: (another name)".into()];
    wanted.extend(["query-too-long: -", "query-malformed: -"].map(String::from));
    for (kind, parameters) in [
        ("query-malformed", &["collection", "cell"][..]),
        ("query-malformed", &NAMES),
        ("parameter-repeated", &NAMES),
        ("parameter-invalid", &["collection", "cell"]),
        ("parameter-invalid", &NAMES),
        ("parameter-out-of-range", &["cell", "lat", "lon", "radius", "limit", "category", "precision"]),
        ("parameter-missing", &["lat", "lon"]),
        // Known beside a position, unknown beside a cell.
        ("parameter-unknown", &["lat", "lon", "radius", "limit", "precision", "mode", "cursor"]),
    ] {
        wanted.extend(parameters.iter().map(|parameter| format!("{kind}: {parameter}")));
    }
    for category in ["", ", category"] {
        wanted.extend(
            (3..=7).flat_map(|length| {
                ["position", "cell path"].map(|of| format!("{of}: gh {length}{category}"))
            }),
        );
        wanted.extend((3..=9).map(|resolution| format!("cell path: h3 {resolution}{category}")));
    }
    wanted
}
