//! The `loadtest` command.

use std::process::ExitCode;

use cellar_cli_kit::usage;
use cellar_loadtest::cli::Cli;
use clap::Parser as _;

/// A request allocates a few dozen small blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = Cli::try_parse()
        .map_err(|error| usage::complaint(&error).unwrap_or_else(|| error.exit()))
        .and_then(Cli::execute);
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("loadtest: {error}");
            ExitCode::from(error.code)
        }
    }
}
