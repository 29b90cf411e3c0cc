//! `loadtest matrix`.

mod args;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use cellar_cli_kit::{CliError, progress, say, terminal};
use geo_index::edge::{ANSWER_MAX, DensityMap, MapRules};
use indicatif::ProgressStyle;

pub use self::args::MatrixArgs;
use super::interrupt::interrupted;
use super::workload::UsersArgs;
use super::{code, file};
use crate::matrix::combination::stacks;
use crate::matrix::experiment::{Experiment, Plans};
use crate::matrix::rates::Rates;
use crate::matrix::table::{Places, Table};
use crate::matrix::{Combination, MatrixReport, Scheme, html, report};
use crate::plan::Plan;
use crate::schedule::{Arrivals, MAX_LENGTH, Schedule, Stage};
use crate::workload::Numbers;

/// Default search radius, in metres: the distance of a short ride.
const RADIUS_M: f64 = 10_000.0;

/// Length of the plan that rates are counted over, relative to the measured one: over a short plan, the rates of rare answers are
/// overestimated.
const RATES_TIMES: u32 = 25;

/// Runs the experiment, or reads a saved report, and presents it; returns the exit code, which is that of the measurement.
///
/// # Errors
///
/// The arguments are not valid, a stack does not start, or a report cannot be written.
pub fn run(args: &MatrixArgs) -> Result<u8, CliError> {
    [&args.out, &args.html].into_iter().flatten().try_for_each(|path| has_directory(path))?;
    if let Some(path) = &args.from {
        let report = saved(path)?;
        return tell(args, &report).map(|()| exit_code(&report));
    }
    let cellar = cellar(args.cellar.as_deref())?;
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| CliError::failure(format!("cannot start: {error}")))?;
    let report = runtime.block_on(measure(args, cellar))?;
    tell(args, &report)?;
    Ok(exit_code(&report))
}

/// The experiment takes long, so an output directory that does not exist is reported at once.
fn has_directory(path: &Path) -> Result<(), CliError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let there = directory.is_none_or(Path::is_dir);
    there.then_some(()).ok_or_else(|| {
        CliError::usage(format!("cannot write `{}`: there is no such directory", path.display()))
    })
}

fn saved(path: &Path) -> Result<MatrixReport, CliError> {
    let report: MatrixReport = file::read(path, "report of `loadtest matrix --json`")?;
    if report.form == report::FORM { Ok(report) } else { Err(file::foreign(path, report.form, report::FORM)) }
}

fn tell(args: &MatrixArgs, report: &MatrixReport) -> Result<(), CliError> {
    let json = || serde_json::to_string_pretty(report).unwrap_or_default();
    if args.json {
        terminal::note(&report.text());
        say(&json())?;
    } else {
        say(&report.text())?;
    }
    let out = args.out.as_deref().map(|path| (path, json()));
    let html = args.html.as_deref().map(|path| (path, html(report)));
    file::write_all([out, html])
}

fn exit_code(report: &MatrixReport) -> u8 {
    if report.differ() > 0 {
        code::DIFFERENT
    } else if report.interrupted {
        code::INTERRUPTED
    } else if report.is_valid() {
        code::OK
    } else {
        code::INVALID
    }
}

/// The program `cellar`, by default the one in the directory of this program.
fn cellar(named: Option<&Path>) -> Result<PathBuf, CliError> {
    if let Some(path) = named {
        let there = path.is_file();
        return there.then(|| path.to_owned()).ok_or_else(|| {
            CliError::usage(format!("--cellar {}: there is no such program", path.display()))
        });
    }
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("cellar"));
    beside.filter(|path| path.is_file()).ok_or_else(|| {
        CliError::usage(
            "there is no `cellar` in the directory of this program: build it with `cargo build --release --bin cellar`, or give its path with --cellar",
        )
    })
}

async fn measure(args: &MatrixArgs, cellar: PathBuf) -> Result<MatrixReport, CliError> {
    let started = SystemTime::now();
    let users = users(&args.users);
    let plans = || plan(args, &users, args.duration * 2);
    plans()?.1.iter().for_each(|note| terminal::note(note));
    let places = match &args.places {
        Some(file) => Places::File(file.clone()),
        None => Places::Demo(args.demo_places as usize, args.users.seed),
    };
    let listed = NonZeroUsize::new(args.listed.into()).unwrap_or(ANSWER_MAX);
    let rules = MapRules { certified: args.certify, listed };
    let table = Table::fill(&cellar, &args.collection, &places, rules)?;
    let rates = rates(args, &users, table.map())?;
    let experiment = Experiment {
        cellar,
        data: table.data(),
        collection: args.collection.clone(),
        duration: args.duration,
        lifetime: lifetime(args),
        listed: args.listed,
        late_after: args.late_after,
        verify: args.verify,
        seed: args.users.seed,
        stop: stop_on_interrupt(),
    };
    let plans = || plans().map(|(plan, _)| plan);
    let rows = all(args, &experiment, &plans, &rates).await?;
    Ok(MatrixReport {
        form: report::FORM,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: humantime::format_rfc3339_seconds(started).to_string(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        places: in_words(args, &places),
        users: super::run::in_words(&users),
        seed: args.users.seed,
        rps: args.rps,
        duration_s: args.duration.as_secs_f64(),
        lifetime_s: lifetime(args).as_secs_f64(),
        listed: Some(args.listed),
        certify: Some(args.certify),
        interrupted: experiment.is_stopped(),
        rows,
    })
}

/// All chosen combinations, one after the other.
async fn all(
    args: &MatrixArgs,
    experiment: &Experiment,
    plans: &Plans<'_>,
    rates: &Rates,
) -> Result<Vec<crate::matrix::Row>, CliError> {
    let only = args.only.clone().unwrap_or_default();
    // Measuring a stack warm requires running it cold before.
    let runs = |(scheme, caching)| match Combination::of_stack(scheme, caching).map(|one| only.wants(one)) {
        [_, true] => 2,
        [true, false] => 1,
        [false, false] => 0,
    };
    let length_ms = args.duration.as_millis() as u64 * stacks().map(runs).sum::<u64>();
    let style = ProgressStyle::with_template("{bar:30} {percent} % [{elapsed}, {eta} left] {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = progress::bar(length_ms).with_style(style);
    let mut rows = Vec::new();
    for stack in stacks() {
        if !experiment.is_stopped() {
            experiment.measure(stack, &only, (plans, rates), &bar, &mut rows).await?;
        }
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// First pages only: a cell answer includes further pages, which are therefore not requested.
fn users(args: &UsersArgs) -> UsersArgs {
    let radius = args.radius.clone().unwrap_or_else(|| Numbers::fixed(RADIUS_M));
    UsersArgs { paging: 0.0, radius: Some(radius), ..args.clone() }
}

/// The plan of this length, and notes about it. Arrivals are a Poisson process, as the formula assumes.
fn plan(args: &MatrixArgs, users: &UsersArgs, length: Duration) -> Result<(Plan, Vec<String>), CliError> {
    let schedule = Schedule::new(Duration::ZERO, vec![Stage::constant(args.rps, length)]);
    let schedule = schedule.map_err(|error| CliError::usage(error.to_string()))?;
    let instants = schedule.instants(Arrivals::Poisson, users.seed);
    let source = users.source(Some(&args.collection), instants, length)?;
    Ok((source.plan, source.notes))
}

fn rates(args: &MatrixArgs, users: &UsersArgs, map: &DensityMap) -> Result<Rates, CliError> {
    // The instants of a file are fixed, and so is their number.
    let files = users.replay.is_some() || users.stream.is_some();
    let asked = args.duration * 2;
    let length = if files { asked } else { (asked * RATES_TIMES).min(MAX_LENGTH) };
    let (plan, _) = plan(args, users, length)?;
    let plan = plan.take_while(|planned| planned.at < length).filter(|planned| planned.search.page == 0);
    Ok(Rates::of(plan, length, &Scheme::ALL, map))
}

/// In whole seconds, as caches count it.
fn lifetime(args: &MatrixArgs) -> Duration {
    let lifetime = args.lifetime.unwrap_or(args.duration);
    Duration::from_secs(lifetime.as_secs_f64().ceil() as u64)
}

fn in_words(args: &MatrixArgs, places: &Places) -> String {
    match places {
        Places::Demo(count, seed) => format!("{count} generated places, seed {seed}"),
        // Its directory is private.
        Places::File(file) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            format!("{} of {name}", args.collection)
        }
    }
}

/// A flag that a signal to stop sets.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    tokio::spawn(async move {
        interrupted().await;
        set.store(true, Ordering::Relaxed);
    });
    stop
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Parsed {
        #[command(flatten)]
        args: MatrixArgs,
    }

    #[test]
    fn a_report_does_not_tell_where_a_file_lies() {
        let Parsed { args } = Parsed::parse_from(["matrix", "--collection", "inns"]);
        let places = Places::File(PathBuf::from("/home/somebody/places.csv"));
        assert_eq!(in_words(&args, &places), "inns of places.csv");
    }
}
