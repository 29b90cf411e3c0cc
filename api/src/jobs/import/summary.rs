//! What an import did.

use std::path::PathBuf;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::checkpoint::Counts;
use crate::jobs::checksum::Checksum;
use crate::jobs::grouped;

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
    /// Records that were passed over because a later one within the same 2,000 has the same id. Beyond that an id that
    /// comes again replaces the place stored before, and both count as stored.
    pub repeated: u64,
    /// Items of an export of DynamoDB that are collections.
    pub collections: u64,
    /// Items of an export of DynamoDB that are of other collections than the one asked for, or neither places nor
    /// collections.
    pub skipped: u64,
    /// Checksum of the places stored; that of the collection if it was empty before and no id came again.
    pub checksum: Checksum,
    /// Records that an earlier run had done; `None` if this one began at the beginning.
    pub resumed_from: Option<u64>,
    /// How long this run took.
    pub seconds: f64,
    /// Records that this run read per second.
    pub rows_per_second: f64,
    /// Where rejected records are listed, if there are any.
    pub rejects_file: Option<PathBuf>,
    /// Whether nothing was written.
    pub dry_run: bool,
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
            table.add_row(["rejected rows".into(), path.display().to_string()]);
        }
        table.trim_fmt()
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
