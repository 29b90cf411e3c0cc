//! The whole experiment, as a table and as JSON. `loadtest/matrix.schema.json` is generated of these types.

use comfy_table::{CellAlignment, Table, presets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;

/// Version of the form of the JSON; it changes when a member goes or changes its meaning.
pub const FORM: u32 = 1;

/// What the experiment found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixReport {
    /// Version of the form of this document.
    pub form: u32,
    /// Version of the program.
    pub version: String,
    /// When it began, in UTC, as RFC 3339 has it.
    pub started: String,
    /// Processors of the machine, which sender, server, table and caches share.
    pub processors: usize,
    /// What was searched, in words.
    pub places: String,
    /// Who searched, in words.
    pub users: String,
    /// Seed of all that is random.
    pub seed: u64,
    /// Requests per second that were to be sent.
    pub rps: f64,
    /// Seconds of each combination.
    pub duration_s: f64,
    /// Seconds for which answers and pages stay fresh, in every tier.
    pub lifetime_s: f64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// What was measured, in order.
    pub rows: Vec<Row>,
}

/// Headings of the table.
pub(super) const HEADER: [&str; 17] = [
    "asking",
    "tiers",
    "",
    "req/s",
    "p50 ms",
    "p99 ms",
    "edge",
    "formula",
    "rendered",
    "L1",
    "L2",
    "database",
    "read units",
    "bytes",
    "$/million",
    "certified",
    "differ",
];

/// Columns that hold words.
const WORDS: usize = 3;

impl MatrixReport {
    /// Comparisons with the exact endpoint that found a difference.
    pub fn differ(&self) -> u64 {
        self.rows.iter().filter_map(|row| row.verified.as_ref()).map(|verified| verified.differ).sum()
    }

    /// Whether all combinations were measured as they should.
    pub fn is_valid(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.faults.is_empty())
    }

    /// The schema of the form.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    /// What was done, in two lines.
    pub(super) fn heading(&self) -> String {
        format!(
            "{}; {}\n{} requests/s for {} s each, fresh for {} s in every tier; {} processors for sender, servers and caches",
            self.places, self.users, self.rps, self.duration_s, self.lifetime_s, self.processors
        )
    }

    /// What was not measured as it should, and answers that differ.
    pub(super) fn complaints(&self) -> Vec<String> {
        let of = |row: &Row| {
            let name = format!("{}, {}, {}", row.asking, row.caching, temperature(row));
            let examples = row.verified.iter().flat_map(|verified| &verified.examples);
            row.faults.iter().chain(examples).map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(of).collect()
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(HEADER);
        table.add_rows(self.rows.iter().map(cells));
        for column in table.column_iter_mut().skip(WORDS) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut lines =
            vec![self.heading(), String::new(), table.trim_fmt(), String::new(), NOTES.to_owned()];
        lines.extend(self.complaints().into_iter().map(|complaint| format!("! {complaint}")));
        if self.interrupted {
            lines.push("stopped before the end".to_owned());
        }
        lines.join("\n")
    }
}

/// What the columns mean.
pub(super) const NOTES: &str = "edge, rendered: of the answers that it was asked for; L1, L2: of the pages. formula: Σ p·λT/(1+λT), an edge that has run \
for ever. database: of all answers, those that no cache had. read units: per request. certified: of the answers looked at, those that vouch for what the user wants; differ: of these, \
those that differ from the exact endpoint. !: not measured as it should.";

/// `cold` or `warm`.
pub(super) const fn temperature(row: &Row) -> &'static str {
    if row.warm { "warm" } else { "cold" }
}

/// A row of the table.
pub(super) fn cells(row: &Row) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let ratio = |ratio: Option<f64>| or_dash(ratio.map(|ratio| format!("{ratio:.3}")));
    let ms = |ms: Option<f64>| or_dash(ms.map(|ms| format!("{ms:.2}")));
    let fault = if row.faults.is_empty() { "" } else { " !" };
    let differ = row.verified.as_ref().map(|verified| format!("{}/{}", verified.differ, verified.compared));
    vec![
        row.asking.clone(),
        row.caching.clone(),
        format!("{}{fault}", temperature(row)),
        format!("{:.1}", row.succeeded_rps),
        ms(row.p50_ms),
        ms(row.p99_ms),
        ratio(row.hits.edge),
        ratio(row.formula),
        ratio(row.hits.rendered),
        ratio(row.hits.l1),
        ratio(row.hits.l2),
        ratio(row.database_share),
        ratio(row.read_units),
        format!("{:.0}", row.answer_bytes),
        format!("{:.2}", row.million_usd),
        ratio(row.certified),
        or_dash(differ),
    ]
}
