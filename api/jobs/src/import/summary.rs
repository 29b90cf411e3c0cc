//! What an import did.

use std::path::PathBuf;
use std::time::Duration;

use cellar_cli_kit::visible;
use cellar_model::checksum::Checksum;
use cellar_model::grouped;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::checkpoint::Counts;
use super::findings::Findings;

/// What an import did. `read` = `stored` + `rejected` + `repeated` + `collections` + `skipped`; all include the records of earlier runs
/// of the same import that was cut off.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Records of the input.
    pub read: u64,
    /// Places written: new, or in place of one with the same id. In a dry run, places that would be.
    pub stored: u64,
    /// Records that are not places.
    pub rejected: u64,
    /// Records whose id another record before them has. They are listed with both lines.
    pub repeated: u64,
    /// Items of an export of DynamoDB that are collections.
    pub collections: u64,
    /// Items of an export of DynamoDB that are of other collections than the one asked for, or neither places nor
    /// collections.
    pub skipped: u64,
    /// Checksum of the places stored; that of the collection if it was empty before.
    pub checksum: Checksum,
    /// Records that an earlier run had done; `None` if this one began at the beginning.
    pub resumed_from: Option<u64>,
    /// How long this run took.
    pub seconds: f64,
    /// Records that this run read per second.
    pub rows_per_second: f64,
    /// Where rejected and repeated records are listed, if there are any.
    pub rejects_file: Option<PathBuf>,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What else was found out.
    pub findings: Findings,
}

impl Summary {
    pub(super) fn new(counts: Counts, resumed_from: Option<u64>, took: Duration) -> Self {
        let seconds = took.as_secs_f64();
        let rows = counts.read - resumed_from.unwrap_or(0);
        Self {
            read: counts.read,
            stored: counts.stored,
            rejected: counts.rejected,
            repeated: counts.repeated,
            collections: counts.collections,
            skipped: counts.skipped,
            checksum: counts.checksum,
            resumed_from,
            seconds,
            rows_per_second: if seconds > 0.0 { rows as f64 / seconds } else { 0.0 },
            rejects_file: None,
            dry_run: false,
            findings: Findings::default(),
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        let stored = if self.dry_run { "would be stored" } else { "stored" };
        table.add_row(["read".into(), grouped(self.read)]);
        table.add_row([stored.into(), grouped(self.stored)]);
        table.add_row(["rejected".into(), grouped(self.rejected)]);
        table.add_row(["repeated".into(), grouped(self.repeated)]);
        for (name, count) in [("collections", self.collections), ("skipped", self.skipped)] {
            if count > 0 {
                table.add_row([name.into(), grouped(count)]);
            }
        }
        table.add_row(["checksum".into(), self.checksum.to_string()]);
        if let Some(records) = self.resumed_from {
            table.add_row(["done before".into(), grouped(records)]);
        }
        let rate = grouped(self.rows_per_second.round() as u64);
        table.add_row(["took".into(), format!("{:.1} s, {rate} rows/s", self.seconds)]);
        if let Some(path) = &self.rejects_file {
            table.add_row(["listed in".into(), path.display().to_string()]);
        }
        self.findings.rows().into_iter().for_each(|(name, value)| {
            table.add_row([name.to_owned(), visible(&value)]);
        });
        table.trim_fmt()
    }
}

impl Findings {
    /// What there is to tell, in a line each.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let places = |count: u64| -> String {
            if count == 1 { "1 place".into() } else { format!("{} places", grouped(count)) }
        };
        let mut rows = Vec::new();
        if self.with_category + self.without_category > 0 {
            let (with, without) = (grouped(self.with_category), grouped(self.without_category));
            rows.push(("categories", format!("{with} places with, {without} without")));
        }
        if !self.categories.is_empty() {
            let most: Vec<String> =
                self.categories.iter().map(|(name, count)| format!("{name} ({})", grouped(*count))).collect();
            let bound = if self.categories_at_least { ", each at least" } else { "" };
            rows.push(("most frequent", format!("{}{bound}", most.join(", "))));
        }
        let mut tell = |count: u64, name, text: &str| {
            if count > 0 {
                rows.push((name, format!("{} {text}", places(count))));
            }
        };
        tell(self.null_island, "at 0, 0", "at latitude 0 and longitude 0, which often means unknown");
        tell(self.altitudes, "altitudes", "had an altitude, which is not kept");
        tell(self.generated_ids, "made ids", "without an id got one made of what they hold");
        tell(self.identical, "identical", "equal another in all they hold; their ids are numbered");
        tell(
            self.float_ids,
            "float ids",
            "have an id such as `1.0`, as if a program had made decimals of whole numbers",
        );
        for (column, count) in &self.misfits {
            let text = format!("with no number in `{column}`, a column of numbers; stored as text");
            rows.push(("mixed types", format!("{} {text}", places(*count))));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_this_run() {
        let counts =
            Counts { read: 5000, stored: 4900, rejected: 90, repeated: 7, skipped: 3, ..Counts::default() };
        let summary = Summary::new(counts, Some(3000), Duration::from_secs(4));
        assert!((summary.rows_per_second - 500.0).abs() < 1e-9);
        let table = summary.table();
        for text in ["5,000", "4,900", "skipped", "0000000000000000", "done before", "3,000", "500 rows/s"] {
            assert!(table.contains(text), "{text} in\n{table}");
        }
    }
}
