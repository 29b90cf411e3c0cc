//! The `cellar` command: an exact nearby-search API on a DynamoDB table keyed by cell.

use std::process::ExitCode;

use cellar::{
    categories, collections, contract, delete, demo, edge, edge_map, edge_plan, export, get, import, key,
    nearby, reindex, serve, table, verify, warm,
};
use cellar_cli_kit::{CliError, log_to_stderr, usage};
use clap::{CommandFactory as _, Parser, Subcommand};

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
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Edge(edge::EdgeArgs),
    Table(table::TableArgs),
    Import(Box<import::ImportArgs>),
    Export(export::ExportArgs),
    Collections(collections::CollectionsArgs),
    Delete(delete::DeleteArgs),
    Get(get::GetArgs),
    Nearby(nearby::NearbyArgs),
    Categories(categories::CategoriesArgs),
    Reindex(reindex::ReindexArgs),
    Verify(verify::VerifyArgs),
    Warm(Box<warm::WarmArgs>),
    EdgeMap(edge_map::EdgeMapArgs),
    EdgePlan(Box<edge_plan::EdgePlanArgs>),
    Key(key::KeyArgs),
    Contract(contract::ContractArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let parsed = Cellar::try_parse();
    log_to_stderr();
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
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Edge(args) => edge::run(args).await,
        Command::Table(args) => table::run(args).await,
        Command::Import(args) => import::run(*args).await,
        Command::Export(args) => export::run(args).await,
        Command::Collections(args) => collections::run(args).await,
        Command::Delete(args) => delete::run(args).await,
        Command::Get(args) => get::run(args).await,
        Command::Nearby(args) => nearby::run(args).await,
        Command::Categories(args) => categories::run(args).await,
        Command::Reindex(args) => reindex::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Warm(args) => warm::run(*args).await,
        Command::EdgeMap(args) => edge_map::run(args).await,
        Command::EdgePlan(args) => edge_plan::run(*args).await,
        Command::Key(args) => key::run(args),
        Command::Contract(args) => contract::run(&args, &Cellar::command()),
    }
}
