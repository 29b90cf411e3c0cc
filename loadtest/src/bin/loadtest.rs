//! The `loadtest` command.

use std::process::ExitCode;

use cellar_loadtest::cli::Cli;
use clap::Parser as _;

/// A request allocates a few dozen small blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().execute() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("loadtest: {error}");
            ExitCode::from(error.code)
        }
    }
}
