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

use cellar_cli_kit::CliError;
use clap::{Parser, Subcommand};

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
}

#[derive(Debug, Subcommand)]
enum Command {
    ColdStart(Box<cold_start::ColdStartArgs>),
    Compare(compare::CompareArgs),
    Matrix(Box<matrix::MatrixArgs>),
    Workload(Box<workload::WorkloadArgs>),
    Cost(Box<cost::CostArgs>),
}

impl Cli {
    /// Runs the command and returns the exit code.
    ///
    /// # Errors
    ///
    /// The command fails.
    pub fn execute(self) -> Result<u8, CliError> {
        match self.command {
            None => run::run(&self.run),
            Some(Command::ColdStart(args)) => cold_start::execute(&args),
            Some(Command::Compare(args)) => compare::run(&args),
            Some(Command::Matrix(args)) => matrix::run(&args),
            Some(Command::Workload(args)) => workload::run(&args),
            Some(Command::Cost(args)) => cost::run(&args),
        }
    }
}

#[cfg(test)]
mod tests;
