//! `loadtest workload`.

mod source;
mod users;

#[cfg(test)]
mod tests;

pub use source::Source;
pub use users::UsersArgs;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cellar_api::cli::{CliError, code};
use clap::{Args, ValueEnum};
use geo_index::Collection;
use indicatif::{ProgressBar, ProgressStyle};

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

One seed and one set of flags give the same stream on every machine.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Asks of one stream, at most: a day at 10,000 requests per second.
const MAX_ASKS: f64 = 864_000_000.0;

/// Shows what users would ask, or writes it down
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WorkloadArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub users: UsersArgs,

    /// Requests per second of made-up users
    #[arg(long, default_value = "300", value_parser = |text: &str| super::cost::within(text, 1e-3, 1e6), env = "LOADTEST_RPS")]
    pub rps: f64,

    /// How long made-up users ask, 1s to 365d
    #[arg(long, default_value = "10m", value_parser = duration, env = "LOADTEST_DURATION")]
    pub duration: Duration,

    /// How requests of made-up users are spaced; a run has `poisson` unless it is told
    #[arg(long, value_enum, default_value_t = Arrivals::Constant, env = "LOADTEST_ARRIVALS")]
    pub arrivals: Arrivals,

    /// Only searches of this collection count in an access log
    #[arg(long, short, value_name = "NAME", env = "LOADTEST_COLLECTION")]
    pub collection: Option<Collection>,

    /// Lifetimes of a cache, in seconds, for the summary
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "60,300,3600",
          value_parser = |text: &str| super::cost::within(text, 0.001, 1e9), env = "LOADTEST_TTL")]
    pub ttl: Vec<f64>,

    /// Writes the stream to a file instead of a summary; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json", env = "LOADTEST_EXPORT")]
    pub export: Option<PathBuf>,

    /// Form of the file
    #[arg(long, value_enum, default_value_t = FileFormat::Csv, env = "LOADTEST_FORMAT")]
    pub format: FileFormat,

    /// Prints the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Form of a file
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// A header and a line for each ask
    Csv,
    /// A JSON object in each line
    Jsonl,
}

/// Makes the stream, and prints or writes what was asked for. Notes go to standard error.
pub fn run(args: &WorkloadArgs) -> Result<u8, CliError> {
    let count = (args.rps * args.duration.as_secs_f64()).round();
    if count > MAX_ASKS {
        return Err(CliError::usage(format!(
            "--rps for --duration are {count:.0} asks; at most {MAX_ASKS:.0} are possible"
        )));
    }
    let instants = Instants::steady(args.rps, args.duration, args.arrivals, args.users.seed);
    let source = args.users.source(args.collection.as_ref(), instants, args.duration)?;
    for note in &source.notes {
        eprintln!("{note}");
    }
    let bar = ProgressBar::new(source.asks.unwrap_or(count as u64)).with_style(style());
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
    let written = if path == Path::new("-") {
        export(plan, format, BufWriter::new(io::stdout().lock()))
    } else {
        File::create(path).and_then(|file| export(plan, format, BufWriter::new(file)))
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failure(format!("cannot write {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// The plan, counted by a bar every now and then.
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
    ProgressStyle::with_template("{bar:40} {pos}/{len} asks [{elapsed}, {eta} left]")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Prints a result. A reader that has seen enough and closed the pipe is no failure.
pub(super) fn say(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failure(format!("cannot write the result: {error}")))
        }
        _ => Ok(()),
    }
}

/// A time from a second to a year.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let year = Duration::from_hours(365 * 24);
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| (Duration::from_secs(1)..=year).contains(time))
        .ok_or_else(|| "a time from 1s to 365d is expected".to_owned())
}
