//! How much a command says, and whether in colours.
//!
//! Results go to standard output whatever is asked for here. Everything else, such as progress and notes, goes to standard
//! error, and `--quiet` leaves it out. Errors and warnings are always told.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use clap::{Args, ColorChoice};

use crate::visible;

static TERMINAL: OnceLock<Terminal> = OnceLock::new();

/// Flags of every command.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Output")]
pub struct Terminal {
    /// Print results, warnings and errors only: no progress, no notes
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Log more: information, with -vv details of this program, with -vvv those of its libraries; `RUST_LOG` says it exactly
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Whether help and the log have colours; `auto`: on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { quiet: false, verbose: 0, color: ColorChoice::Auto }
    }
}

impl Terminal {
    /// Makes it what counts in this process, from now on.
    pub fn install(self) {
        // The first one counts.
        let _ = TERMINAL.set(self);
    }

    /// Whether what goes to standard error has colours.
    pub fn colours(self) -> bool {
        let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => io::stderr().is_terminal() && unset("NO_COLOR"),
        }
    }

    /// What is logged unless something else is asked for.
    pub(crate) fn log(self) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error,aws_config=off,dynoxide=off,cellar::audit=info",
            (false, 0) => crate::DEFAULT_LOG,
            (false, 1) => "info,aws_config=error,dynoxide=error",
            (false, 2) => {
                "info,aws_config=warn,dynoxide=warn,cellar=debug,cellar_cache=debug,cellar_changes=debug,\
                 cellar_coordination=debug,cellar_http=debug,cellar_jobs=debug,cellar_purge=debug,cellar_search=debug,\
                 cellar_store=debug,cellar_warm=debug,cellar_loadtest=debug"
            }
            (false, _) => "trace",
        }
    }
}

/// What counts in this process.
pub fn current() -> Terminal {
    TERMINAL.get().copied().unwrap_or_default()
}

/// Whether only results, warnings and errors are wanted.
pub fn is_quiet() -> bool {
    current().quiet
}

/// Tells something that is neither result nor error, unless that is not wanted.
pub fn note(text: &str) {
    if !is_quiet() {
        tell(text);
    }
}

/// Tells a warning, or why the command ends. A standard error that nobody reads is no failure.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(text));
}

/// The choice of colours among arguments that are not parsed yet: help may be asked for with them.
pub fn color_of(arguments: &[std::ffi::OsString]) -> ColorChoice {
    let texts: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let named = texts.iter().enumerate().rev().find_map(|(at, text)| match text.strip_prefix("--color")? {
        "" => texts.get(at + 1).map(ToString::to_string),
        rest => rest.strip_prefix('=').map(str::to_owned),
    });
    named.and_then(|named| clap::ValueEnum::from_str(&named, false).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> ColorChoice {
        color_of(&arguments.iter().map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_choice_counts_and_nonsense_is_left_to_the_parser() {
        assert_eq!(of(&["cellar", "serve", "--help"]), ColorChoice::Auto);
        assert_eq!(of(&["cellar", "--color=never", "--help", "--color", "always"]), ColorChoice::Always);
        assert_eq!(of(&["cellar", "--color", "never"]), ColorChoice::Never);
        assert_eq!(of(&["cellar", "--color"]), ColorChoice::Auto);
        assert_eq!(of(&["cellar", "--color=red"]), ColorChoice::Auto);
    }

    #[test]
    fn more_is_logged_with_every_v() {
        let at = |quiet, verbose| Terminal { quiet, verbose, ..Terminal::default() }.log();
        assert!(at(true, 0).starts_with("error,") && at(false, 0).starts_with("warn,"));
        assert!(at(false, 1).starts_with("info,") && at(false, 2).contains("cellar=debug"));
        assert_eq!(at(false, 9), "trace");
        for log in [at(true, 0), at(false, 0), at(false, 1), at(false, 2), at(false, 3)] {
            tracing_subscriber::EnvFilter::try_new(log).unwrap();
        }
    }
}
