//! The subcommands of `loadtest`: their arguments, output and exit codes.
//!
//! An error is one line: what went wrong and how to fix it. Results go to standard output, everything else to standard error.

pub mod cold_start;
pub mod compare;
pub mod cost;
mod file;
mod interrupt;
pub mod matrix;
pub mod run;
mod values;
pub mod workload;

use std::ffi::OsString;

use cellar_cli_kit::shell::{CompletionsArgs, ManArgs};
use cellar_cli_kit::terminal::{Terminal, color_of};
use cellar_cli_kit::{CliError, log_to_stderr, usage};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Exit codes, the same for every subcommand.
pub mod code {
    pub use cellar_cli_kit::code::{FAILURE, OK, USAGE};

    /// Answers differ from the exact endpoint's.
    pub const DIFFERENT: u8 = 97;
    /// The measurement is not valid: the rate was not kept, or no request succeeded.
    pub const INVALID: u8 = 98;
    /// A condition of `--fail-if` is true or could not be measured; with `compare`, something is worse.
    pub const CONDITION: u8 = 99;
    /// Stopped by a signal, with no other reason to fail.
    pub const INTERRUPTED: u8 = 130;
}

/// Open-model load test of a nearby-search API: the effect of cells, cache tiers and cold starts
#[derive(Debug, Parser)]
#[command(
    name = "loadtest",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = run::HELP
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::RunArgs,
    #[command(flatten)]
    terminal: Terminal,
}

#[derive(Debug, Subcommand)]
enum Command {
    ColdStart(Box<cold_start::ColdStartArgs>),
    Compare(compare::CompareArgs),
    Matrix(Box<matrix::MatrixArgs>),
    Workload(Box<workload::WorkloadArgs>),
    Cost(Box<cost::CostArgs>),
    #[command(after_help = COMPLETIONS)]
    Completions(CompletionsArgs),
    #[command(after_help = MAN)]
    Man(ManArgs),
}

const COMPLETIONS: &str = "\
Examples:
  loadtest completions bash > ~/.local/share/bash-completion/completions/loadtest
  loadtest completions fish > ~/.config/fish/completions/loadtest.fish

Exit codes: 0 done, 1 failed, 2 wrong usage.";

const MAN: &str = "\
Examples:
  loadtest man cost | man -l -
  loadtest man --directory /usr/local/share/man/man1

Exit codes: 0 done, 1 failed, 2 wrong usage.";

impl Cli {
    /// Reads arguments. Ends the process if it is asked for help or for the version.
    ///
    /// # Errors
    ///
    /// They make no sense.
    pub fn read(arguments: Vec<OsString>) -> Result<Self, CliError> {
        let command = Self::command().color(color_of(&arguments));
        let read =
            command.try_get_matches_from(arguments).and_then(|matches| Self::from_arg_matches(&matches));
        read.map_err(|error| usage::complaint(&error).unwrap_or_else(|| error.exit()))
    }

    /// Runs the command and returns the exit code.
    ///
    /// # Errors
    ///
    /// The command fails.
    pub fn execute(self) -> Result<u8, CliError> {
        self.terminal.install();
        // This program logs nothing itself, and what its libraries log is for who asks for it.
        if self.terminal.verbose > 0 {
            log_to_stderr(|name| std::env::var(name).ok());
        }
        match self.command {
            None => run::run(&self.run),
            Some(Command::ColdStart(args)) => cold_start::execute(&args),
            Some(Command::Compare(args)) => compare::run(&args),
            Some(Command::Matrix(args)) => matrix::run(&args),
            Some(Command::Workload(args)) => workload::run(&args),
            Some(Command::Cost(args)) => cost::run(&args),
            Some(Command::Completions(args)) => args.run(Self::command()),
            Some(Command::Man(args)) => args.run(Self::command()),
        }
    }
}

#[cfg(test)]
mod tests;
