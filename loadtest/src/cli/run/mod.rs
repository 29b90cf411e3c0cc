//! The default: a run.

mod args;
mod collection;
mod live;
mod setup;

use std::time::SystemTime;

use cellar_api::cli::CliError;

pub use self::args::{HELP, RunArgs};
pub(super) use self::setup::in_words;
use super::workload::say;
use super::{code, file};
use crate::report::{self, Facts, Report};
use crate::run::{Finished, start};

/// Runs, and reports.
pub fn run(args: &RunArgs) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::failure(format!("cannot start: {error}")))?;
    let prepared = runtime.block_on(setup::prepare(args))?;
    let started = SystemTime::now();
    let facts = Facts { started, settings: prepared.described, regions: prepared.settings.regions.clone() };
    let finished = runtime.block_on(measure(prepared.settings, prepared.plan, prepared.placement))?;
    let mut report = report::build(facts, &finished);
    report.outcome.conditions = args.fail_if.iter().map(|condition| condition.of(&report)).collect();
    report.outcome.passed &= !report.outcome.conditions.iter().any(|condition| condition.fails);
    print(args, &report)?;
    Ok(exit_code(&report))
}

async fn measure(
    settings: crate::run::RunSettings,
    plan: crate::plan::Plan,
    placement: Box<dyn crate::run::Placement>,
) -> Result<Finished, CliError> {
    let length = settings.warmup + settings.measured;
    let running = start(settings, plan, placement);
    let running = running.map_err(|error| CliError::failure(format!("cannot start a thread: {error}")))?;
    live::watch(&running, length).await;
    running.finish().map_err(|error| CliError::failure(error.to_string()))
}

/// The report: on standard output as JSON or as text, and in files. The text is printed first, and each file is tried, so that nothing is
/// lost when one cannot be written.
fn print(args: &RunArgs, report: &Report) -> Result<(), CliError> {
    let json = || serde_json::to_string_pretty(report).unwrap_or_default();
    let text = report::text(report);
    if args.json {
        eprintln!("{text}");
        say(&json())?;
    } else {
        say(&text)?;
    }
    let out = args.out.as_deref().map(|path| (path, json()));
    let html = args.html.as_deref().map(|path| (path, report::html(report)));
    file::write_all([out, html])
}

/// Differences first: they are what must not be. Then what was asked for, then whether it was a measurement at all.
fn exit_code(report: &Report) -> u8 {
    let outcome = &report.outcome;
    if report.verified.as_ref().is_some_and(|verified| verified.differ > 0) {
        code::DIFFERENT
    } else if outcome.conditions.iter().any(|condition| condition.fails) {
        code::CONDITION
    } else if !outcome.faults.is_empty() {
        code::INVALID
    } else if outcome.interrupted {
        code::INTERRUPTED
    } else {
        code::OK
    }
}
