//! The `cellar` command: an exact nearby-search API on a DynamoDB table keyed by cell.

use std::process::ExitCode;

use cellar_api::cli::{self, CliError, usage};
use clap::{Parser, Subcommand};

/// A request allocates a few dozen small blocks: this takes 7 % off the CPU of a warm one (`benches/http`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exact nearby search on a DynamoDB table keyed by cell
#[derive(Debug, Parser)]
#[command(name = "cellar", version, propagate_version = true)]
struct Cellar {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(cli::demo::DemoArgs),
    Serve(cli::serve::ServeArgs),
    Edge(cli::edge::EdgeArgs),
    Table(cli::table::TableArgs),
    Import(cli::import::ImportArgs),
    Export(cli::export::ExportArgs),
    Get(cli::get::GetArgs),
    Nearby(cli::nearby::NearbyArgs),
    Verify(cli::verify::VerifyArgs),
    Warm(Box<cli::warm::WarmArgs>),
    EdgeMap(cli::edge_map::EdgeMapArgs),
    EdgePlan(Box<cli::edge_plan::EdgePlanArgs>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let parsed = Cellar::try_parse();
    cli::log_to_stderr();
    let done = match parsed {
        Ok(cellar) => run(cellar.command).await,
        Err(error) => Err(usage::complaint(&error).unwrap_or_else(|| error.exit())),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("cellar: {error}");
            ExitCode::from(error.code)
        }
    }
}

async fn run(command: Command) -> Result<u8, CliError> {
    match command {
        Command::Demo(args) => cli::demo::run(args).await,
        Command::Serve(args) => cli::serve::run(args).await,
        Command::Edge(args) => cli::edge::run(args).await,
        Command::Table(args) => cli::table::run(args).await,
        Command::Import(args) => cli::import::run(args).await,
        Command::Export(args) => cli::export::run(args).await,
        Command::Get(args) => cli::get::run(args).await,
        Command::Nearby(args) => cli::nearby::run(args).await,
        Command::Verify(args) => cli::verify::run(args).await,
        Command::Warm(args) => cli::warm::run(*args).await,
        Command::EdgeMap(args) => cli::edge_map::run(args).await,
        Command::EdgePlan(args) => cli::edge_plan::run(*args).await,
    }
}
