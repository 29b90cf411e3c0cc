//! `loadtest compare`: two reports side by side.

use std::path::{Path, PathBuf};

use cellar_cli_kit::{CliError, say, terminal};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use super::{code, file};
use crate::compare::{Change, Compared, compare};
use crate::report::Report;
use crate::report::model::FORM;

/// Compare two reports: what differs, and whether that may be chance (Mann–Whitney test over the seconds of the runs)
///
/// Exit code 99 if anything is worse in the second report.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// Baseline report, as printed by --json
    a: PathBuf,
    /// Report to compare with it
    b: PathBuf,
    /// Ignore differences of less than this share of the baseline
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    least: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Compares two reports and prints the differences; returns the exit code.
pub fn run(args: &CompareArgs) -> Result<u8, CliError> {
    if !(0.0..=1.0).contains(&args.least) {
        return Err(CliError::usage("--least must be a share from 0 to 1"));
    }
    let (a, b) = (read(&args.a)?, read(&args.b)?);
    let compared = compare(&a, &b, args.least);
    if compared.is_empty() {
        return Err(CliError::failure("the runs are too short to compare: measure for 8 s or more"));
    }
    if a.settings.stages != b.settings.stages || a.settings.mode != b.settings.mode {
        terminal::tell("the runs differ in their rates or modes, which may explain differences");
    }
    if args.json {
        say(&serde_json::to_string_pretty(&compared).unwrap_or_default())?;
    } else {
        say(&table(&compared).to_string())?;
    }
    let worse = compared.iter().any(|metric| metric.change == Change::Worse);
    Ok(if worse { code::CONDITION } else { code::OK })
}

fn read(path: &Path) -> Result<Report, CliError> {
    let report: Report = file::read(path, "report of `loadtest --json`")?;
    if report.form == FORM { Ok(report) } else { Err(file::foreign(path, report.form, FORM)) }
}

fn table(compared: &[Compared]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["metric, by second", "A", "B", "change", "p", ""]);
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for Compared { metric, a, b, p, change } in compared {
        let relative = if *a == 0.0 { "-".to_owned() } else { format!("{:+.1} %", (b - a) / a * 100.0) };
        let row = [metric.clone(), format!("{a:.4}"), format!("{b:.4}"), relative, format!("{p:.4}")];
        table.add_row(row.into_iter().chain([change.word().to_owned()]));
    }
    table
}
