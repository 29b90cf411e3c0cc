//! `loadtest cold-start`: the cost of cold starts of real binaries.

mod args;
mod plan;

use cellar_cli_kit::{CliError, progress, say};
use indicatif::ProgressStyle;
use thiserror::Error;

pub use self::args::ColdStartArgs;

use super::code;
use crate::coldstart::contender::ContenderError;
use crate::coldstart::tls::TlsFront;
use crate::coldstart::{Report, table};
use crate::lambda::InvokeError;

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ColdStartError {
    /// A function that cannot be run.
    #[error(transparent)]
    Contender(#[from] ContenderError),
    /// A placeholder without a value.
    #[error("{0} needs a store; add --store HOST:PORT")]
    NoStore(&'static str),
    /// Not a path.
    #[error("--get {0:?} is not a path; allowed: a path with its query, such as /health")]
    Path(String),
    /// The TLS proxy could not start.
    #[error("cannot start the TLS proxy: {0}")]
    Tls(std::io::Error),
    /// A fleet could not start.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<ColdStartError> for CliError {
    fn from(error: ColdStartError) -> Self {
        let text = error.to_string();
        match error {
            ColdStartError::Contender(_) | ColdStartError::NoStore(_) | ColdStartError::Path(_) => {
                Self::usage(text)
            }
            _ => Self::failure(text),
        }
    }
}

/// Measures and prints the report; returns the exit code.
pub fn execute(args: &ColdStartArgs) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| CliError::failure(format!("no runtime: {error}")))?;
    let text = runtime.block_on(run(args))?;
    say(text.trim_end_matches('\n'))?;
    Ok(code::OK)
}

/// Measures, with a progress bar on standard error, and returns the report as text: tables, or JSON.
///
/// # Errors
///
/// The arguments are not valid, or a fleet cannot start.
pub async fn run(args: &ColdStartArgs) -> Result<String, ColdStartError> {
    let front = match args.store {
        Some(store) => Some(TlsFront::open(store).await.map_err(ColdStartError::Tls)?),
        None => None,
    };
    let plan = plan::of(args, front.as_ref())?;
    let style = ProgressStyle::with_template("{msg:12} {wide_bar} {pos}/{len} {eta}");
    let bar = progress::spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let report = plan.run(&bar).await?;
    Ok(if args.json { json(&report)? } else { table::text(&report) })
}

fn json(report: &Report) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}
