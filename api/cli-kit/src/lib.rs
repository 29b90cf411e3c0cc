//! What the commands of Cellar have in common: errors in one line, exit codes, usage.
//!
//! An error is one line, what went wrong and how to mend it; details are for the log.

pub mod output;
pub mod usage;

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

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

/// What is logged unless `RUST_LOG` says otherwise.
pub const DEFAULT_LOG: &str = "warn,aws_config=error,dynoxide=error,cellar::audit=info";

/// What the variable that chooses the form of the log may be.
const LOG_FORMAT: &str = "CELLAR_LOG_FORMAT";

/// Sends warnings and errors to standard error, or what `RUST_LOG` asks for: as text, with colours on a terminal, or, with
/// `CELLAR_LOG_FORMAT=json`, as a JSON object a line.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(DEFAULT_LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::env::var(LOG_FORMAT).is_ok_and(|format| format.eq_ignore_ascii_case("json")) {
        log.json().flatten_event(true).init();
    } else {
        let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        log.with_ansi(colours).init();
    }
}

/// Prints a result. A reader that has seen enough and closed the pipe is no failure.
pub fn say(text: &str) -> Result<(), CliError> {
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
