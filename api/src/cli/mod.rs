//! The subcommands of `cellar`: their arguments, what they print, and how they end.
//!
//! An error is one line, what went wrong and how to mend it; details are for the log.

pub mod cache_args;
pub mod demo;
pub mod edge;
pub mod edge_map;
pub mod edge_plan;
pub mod edge_purge_args;
pub mod export;
pub mod get;
pub mod import;
pub mod nearby;
pub mod serve;
pub mod store_args;
pub mod table;
pub mod usage;
pub mod verify;
pub mod warm;

use std::fmt;
use std::io::{self, Write as _};

use geo_index::Collection;

/// Exit codes, the same for every subcommand.
pub mod code {
    /// Done.
    pub const OK: u8 = 0;
    /// Not done.
    pub const FAILURE: u8 = 1;
    /// The arguments make no sense.
    pub const USAGE: u8 = 2;
    /// Done, but some records were rejected and are listed.
    pub const REJECTED: u8 = 3;
}

/// Sends warnings and errors to standard error, or what `RUST_LOG` asks for.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter =
        filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,aws_config=error,dynoxide=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Prints a result. A reader that has seen enough and closed the pipe is no failure.
fn say(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failure(format!("cannot write the result: {error}")))
        }
        _ => Ok(()),
    }
}

/// Why a subcommand failed, for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// What went wrong.
    pub message: String,
    /// How to mend it, if there is something to do.
    pub hint: Option<String>,
    /// Exit code, one of [`code`].
    pub code: u8,
}

impl CliError {
    /// A failure.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: code::FAILURE }
    }

    /// Arguments that make no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: code::USAGE }
    }

    /// A collection that is not there.
    pub(crate) fn no_collection(name: &Collection) -> Self {
        Self::failure(format!("there is no collection `{name}`"))
            .hint(format!("`cellar import FILE --collection {name}` creates it"))
    }

    /// Says how to mend it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for CliError {}
