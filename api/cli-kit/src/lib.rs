//! What the commands of Cellar have in common: errors in one line, exit codes, usage.
//!
//! An error is one line, what went wrong and how to mend it; details are for the log.

pub mod output;
pub mod progress;
pub mod shell;
pub mod terminal;
pub mod usage;

use std::fmt;
use std::io::{self, Write as _};

use tracing_subscriber::EnvFilter;

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
    /// Interrupted from the keyboard (SIGINT): 128 and the signal's number, as shells have it.
    pub const INTERRUPTED: u8 = 130;
    /// Told to end (SIGTERM).
    pub const TERMINATED: u8 = 143;
}

/// What is logged unless `RUST_LOG` says otherwise.
pub const DEFAULT_LOG: &str = "warn,aws_config=error,dynoxide=error,cellar::audit=info,cellar::start=info";

/// The variable that chooses what is logged.
pub const LOG: &str = "RUST_LOG";
/// The variable that chooses the form of the log.
pub const LOG_FORMAT: &str = "CELLAR_LOG_FORMAT";
/// What it may be.
pub const LOG_FORMATS: &str = "text or json";

/// Whether the log is JSON; `variable` finds the value of a variable.
pub fn logs_json(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable(LOG_FORMAT).is_some_and(|format| format.eq_ignore_ascii_case("json"))
}

/// Sends warnings and errors to standard error, or what `-v` or `RUST_LOG` asks for: as text, or, with
/// `CELLAR_LOG_FORMAT=json`, as a JSON object a line. `variable` finds the value of a variable.
pub fn log_to_stderr(variable: impl Fn(&str) -> Option<String>) {
    let terminal = terminal::current();
    // A flag says more than the environment.
    let asked = variable(LOG).filter(|asked| !asked.is_empty() && terminal.verbose == 0);
    let filter = asked.and_then(|asked| EnvFilter::try_new(asked).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(terminal.log()));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if logs_json(variable) {
        log.json().flatten_event(true).init();
    } else {
        log.with_ansi(terminal.colours()).init();
    }
}

/// Prints a result. A reader that has seen enough and closed the pipe is no failure.
pub fn say(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// How writing a result went: a reader that has seen enough and closed the pipe is no failure.
pub fn written(outcome: io::Result<()>) -> Result<(), CliError> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::failure(format!("cannot write the result: {error}"))
                .hint("check where standard output goes"))
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

    /// Says how to mend it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.message))?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {}", visible(hint)))
    }
}

/// The text with control characters made visible, so that nothing in a file can steer the terminal.
///
/// ```
/// assert_eq!(cellar_cli_kit::visible("a\u{1b}[31mRED"), "a\\u{1b}[31mRED");
/// ```
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Marks that turn the direction of writing can hide as much as controls.
        let hidden = c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hidden { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

impl std::error::Error for CliError {}
