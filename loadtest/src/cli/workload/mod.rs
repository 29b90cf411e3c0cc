//! `loadtest workload`.

mod source;
mod users;

#[cfg(test)]
mod tests;

pub use source::Source;
pub use users::UsersArgs;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cellar_cli_kit::{CliError, code, progress, say, terminal, written};
use cellar_model::Collection;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::values::{duration, within};
use crate::plan::{Plan, Planned};
use crate::schedule::{Arrivals, Instants};
use crate::workload::{Format, Summary, export};

const EXAMPLES: &str = "\
Examples:
  loadtest workload
  loadtest workload --rps 300 --duration 10m --users 1000000 --zipf 1.2 --diurnal
  loadtest workload --rps 300 --duration 10m --arrivals poisson --export stream.csv
  loadtest workload --radius 500:3,2000:5,10000:2 --category any:6,cafe:3,museum --export stream.csv
  loadtest workload --replay access.log --speed 10 --collection cities
  loadtest workload --positions cities.csv --export - --format jsonl | head

The same seed and flags give the same stream on every machine.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Most searches of one stream: a day at 10,000 requests per second.
const MAX_SEARCHES: f64 = 864_000_000.0;

/// Show what users would search for, or write it to a file
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WorkloadArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub users: UsersArgs,

    /// Requests per second of synthetic users
    #[arg(long, default_value = "300", value_parser = |text: &str| within(text, 1e-3, 1e6))]
    pub rps: f64,

    /// How long synthetic users search, 1s to 365d
    #[arg(long, default_value = "10m", value_parser = duration)]
    pub duration: Duration,

    /// How arrivals of synthetic users are spaced; the default of a run is `poisson`
    #[arg(long, value_enum, default_value_t = Arrivals::Constant)]
    pub arrivals: Arrivals,

    /// Only take searches of this collection from an access log
    #[arg(long, short, value_name = "NAME")]
    pub collection: Option<Collection>,

    /// Cache lifetimes for the summary, in seconds
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "60,300,3600",
          value_parser = |text: &str| within(text, 0.001, 1e9))]
    pub ttl: Vec<f64>,

    /// Write the stream to a file instead of printing a summary; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub export: Option<PathBuf>,

    /// Format of the file
    #[arg(long, value_enum, default_value_t = FileFormat::Csv)]
    pub format: FileFormat,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Format of a file
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// A header and a line for each search
    Csv,
    /// A JSON object in each line
    Jsonl,
}

/// Generates the stream, and summarizes or writes it. Notes go to standard error.
pub fn run(args: &WorkloadArgs) -> Result<u8, CliError> {
    let count = (args.rps * args.duration.as_secs_f64()).round();
    if count > MAX_SEARCHES {
        return Err(CliError::usage(format!(
            "--rps over --duration makes {count:.0} searches; the most is {MAX_SEARCHES:.0}"
        )));
    }
    let instants = Instants::constant(args.rps, args.duration, args.arrivals, args.users.seed);
    let source = args.users.source(args.collection.as_ref(), instants, args.duration)?;
    for note in &source.notes {
        terminal::note(note);
    }
    let bar = progress::bar(source.searches.unwrap_or(count as u64)).with_style(style());
    let plan = shown(source.plan, &bar);
    let done = match &args.export {
        Some(path) => write(plan, args.format, path),
        None => summarize(args, plan, source.duration),
    };
    bar.finish_and_clear();
    done.map(|()| code::OK)
}

fn summarize(
    args: &WorkloadArgs,
    plan: impl Iterator<Item = Planned>,
    duration: Duration,
) -> Result<(), CliError> {
    let summary = Summary::of(plan, duration, &args.ttl);
    if args.json {
        say(&serde_json::to_string_pretty(&summary).map_err(|error| CliError::failure(error.to_string()))?)
    } else {
        say(&summary.table())
    }
}

fn write(plan: impl Iterator<Item = Planned>, format: FileFormat, path: &Path) -> Result<(), CliError> {
    let format = if format == FileFormat::Csv { Format::Csv } else { Format::JsonLines };
    if path == Path::new("-") {
        return written(export(plan, format, BufWriter::new(io::stdout().lock())).map(drop));
    }
    match File::create(path).and_then(|file| export(plan, format, BufWriter::new(file))) {
        // A FIFO whose reader has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failure(format!("cannot write {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// The plan, with a progress bar.
fn shown(plan: Plan, bar: &ProgressBar) -> impl Iterator<Item = Planned> {
    const STEP: u64 = 1_000;
    let bar = bar.clone();
    (1..).zip(plan).map(move |(count, planned)| {
        if count % STEP == 0 {
            bar.inc(STEP);
        }
        planned
    })
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} searches [{elapsed}, {eta} left]")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
