//! The default command: a run.

mod args;
mod collection;
mod live;
mod setup;

use std::time::SystemTime;

use cellar_cli_kit::{CliError, say, terminal};

pub use self::args::{HELP, RunArgs};
pub(super) use self::setup::in_words;
use super::{code, file};
use crate::report::{self, Facts, Report};
use crate::run::{Finished, start};

/// Runs and reports; returns the exit code.
///
/// # Errors
///
/// The arguments are not valid, the sender fails, or a report cannot be written.
pub fn run(args: &RunArgs) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::failure(format!("cannot start: {error}")))?;
    let prepared = runtime.block_on(setup::prepare(args))?;
    let started = SystemTime::now();
    let facts = Facts { started, settings: prepared.described, regions: prepared.settings.regions.clone() };
    let finished = runtime.block_on(measure(prepared.settings, prepared.plan, prepared.routing))?;
    let mut report = report::build(facts, &finished);
    report.outcome.conditions = args.fail_if.iter().map(|condition| condition.of(&report)).collect();
    report.outcome.passed &= !report.outcome.conditions.iter().any(|condition| condition.fails);
    print(args, &report)?;
    Ok(exit_code(&report))
}

async fn measure(
    settings: crate::run::RunSettings,
    plan: crate::plan::Plan,
    routing: Box<dyn crate::run::Routing>,
) -> Result<Finished, CliError> {
    let length = settings.warmup + settings.measured;
    let running = start(settings, plan, routing);
    let running = running.map_err(|error| CliError::failure(format!("cannot start a thread: {error}")))?;
    live::watch(&running, length).await;
    running.finish().map_err(|error| CliError::failure(error.to_string()))
}

/// Prints the report as text or JSON, and writes it to files. The text comes first, and every file is tried, so that nothing is lost when
/// one cannot be written.
fn print(args: &RunArgs, report: &Report) -> Result<(), CliError> {
    let json = || serde_json::to_string_pretty(report).unwrap_or_default();
    let text = report::text(report);
    if args.json {
        terminal::note(&text);
        say(&json())?;
    } else {
        say(&text)?;
    }
    let out = args.out.as_deref().map(|path| (path, json()));
    let html = args.html.as_deref().map(|path| (path, report::html(report)));
    file::write_all([out, html])
}

/// Differences from the exact endpoint take precedence, then conditions, then the validity of the measurement.
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
