//! All results, as a table and as JSON. `loadtest/matrix.schema.json` is generated from these types.

use comfy_table::{CellAlignment, Table, presets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;

/// Version of the format of the JSON; it changes when a member is removed or changes its meaning.
pub const FORM: u32 = 1;

/// The report of the experiment.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixReport {
    /// Version of the format of this document.
    pub form: u32,
    /// Version of the program.
    pub version: String,
    /// When it began, in UTC (RFC 3339).
    pub started: String,
    /// Number of processors of the machine, shared by sender, server, table and caches.
    pub processors: usize,
    /// A description of the places.
    pub places: String,
    /// A description of the users.
    pub users: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Scheduled requests per second.
    pub rps: f64,
    /// Duration of each combination, in seconds.
    pub duration_s: f64,
    /// How long answers and pages stay fresh in every tier, in seconds.
    pub lifetime_s: f64,
    /// Places in a cell answer, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<u16>,
    /// Share of users whom the first cell of the density map should serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certify: Option<f64>,
    /// Whether it was stopped early.
    pub interrupted: bool,
    /// The results, in order.
    pub rows: Vec<Row>,
}

/// Headings of the table.
pub(super) const HEADER: [&str; 18] = [
    "scheme",
    "tiers",
    "",
    "req/s",
    "requests",
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

/// Columns of text.
const WORDS: usize = 3;

impl MatrixReport {
    /// Number of comparisons with the exact endpoint that found a difference.
    pub fn differ(&self) -> u64 {
        self.rows.iter().filter_map(|row| row.verified.as_ref()).map(|verified| verified.differ).sum()
    }

    /// Whether all measurements are valid.
    pub fn is_valid(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.faults.is_empty())
    }

    /// The JSON schema of the report.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    /// What was measured, in two lines.
    pub(super) fn heading(&self) -> String {
        format!(
            "{}; {}\n{} requests/s for {} s each, fresh for {} s in every tier; {} processors for sender, servers and caches",
            self.places, self.users, self.rps, self.duration_s, self.lifetime_s, self.processors
        )
    }

    /// Invalid measurements, and answers that differ.
    pub(super) fn complaints(&self) -> Vec<String> {
        let of = |row: &Row| {
            let name = format!("{}, {}, {}", row.scheme, row.caching, temperature(row));
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
            lines.push("stopped early".to_owned());
        }
        lines.join("\n")
    }
}

/// The meaning of the columns.
pub(super) const NOTES: &str = "req/s: searches. requests: for a search. edge, rendered: hit ratio over answers; L1, L2: hit ratio over pages. formula: Σ p·λT/(1+λT), the steady-state hit ratio of the edge. \
database: share of answers for which the database was read. read units: per request. certified: share of checked answers (adaptive: of searches) that certify the \
user's result; differ: of these, those that differ from the exact endpoint. !: not a valid measurement.";

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
        row.scheme.clone(),
        row.caching.clone(),
        format!("{}{fault}", temperature(row)),
        format!("{:.1}", row.succeeded_rps),
        ratio(row.requests),
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
