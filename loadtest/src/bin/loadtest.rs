//! The `loadtest` command.

use std::process::ExitCode;

use cellar_cli_kit::terminal;
use cellar_loadtest::cli::Cli;

/// A request allocates a few dozen small blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = Cli::read(std::env::args_os().collect()).and_then(Cli::execute);
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::tell(&format!("loadtest: {error}"));
            ExitCode::from(error.code)
        }
    }
}
