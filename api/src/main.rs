//! The `cellar` command: an exact nearby-search API on a DynamoDB table keyed by cell.

use std::ffi::OsString;
use std::process::ExitCode;

use cellar::settings::Settings;
use cellar::{
    categories, changes, collections, contract, delete, demo, edge, edge_map, edge_plan, export, get, health,
    hook, import, key, nearby, reindex, search, serve, settings, stats, table, verify, warm,
};
use cellar_cli_kit::shell::{CompletionsArgs, ManArgs};
use cellar_cli_kit::terminal::{self, Terminal, color_of};
use cellar_cli_kit::{CliError, log_to_stderr};
use cellar_config::Env as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// A request allocates a few dozen small blocks: this takes 7 % off the CPU of a warm one (`benches/http`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exact nearby search on a DynamoDB table keyed by cell
#[derive(Debug, Parser)]
#[command(name = "cellar", version, propagate_version = true)]
struct Cellar {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    terminal: Terminal,
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
    Stats(stats::StatsArgs),
    Delete(delete::DeleteArgs),
    Get(get::GetArgs),
    Nearby(nearby::NearbyArgs),
    Search(search::SearchArgs),
    Categories(categories::CategoriesArgs),
    Changes(changes::ChangesArgs),
    Reindex(reindex::ReindexArgs),
    Verify(verify::VerifyArgs),
    Warm(Box<warm::WarmArgs>),
    EdgeMap(edge_map::EdgeMapArgs),
    EdgePlan(Box<edge_plan::EdgePlanArgs>),
    Health(health::HealthArgs),
    Hook(Box<hook::HookArgs>),
    Key(key::KeyArgs),
    Contract(contract::ContractArgs),
    #[command(after_help = COMPLETIONS)]
    Completions(CompletionsArgs),
    #[command(after_help = MAN)]
    Man(ManArgs),
}

const COMPLETIONS: &str = "\
Examples:
  cellar completions bash > ~/.local/share/bash-completion/completions/cellar
  cellar completions zsh > ~/.zfunc/_cellar
  cellar completions fish > ~/.config/fish/completions/cellar.fish

Exit codes: 0 done, 1 failed, 2 wrong usage.";

const MAN: &str = "\
Examples:
  cellar man serve | man -l -
  cellar man --directory /usr/local/share/man/man1

Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match Box::pin(start(arguments)).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::tell(&format!("cellar: {error}"));
            ExitCode::from(error.code)
        }
    }
}

async fn start(arguments: Vec<OsString>) -> Result<u8, CliError> {
    let command = Cellar::command().color(color_of(&arguments));
    let parsed = settings::parse(&command, arguments, serve::in_files);
    let (matches, settings) = parsed?;
    let cellar = Cellar::from_arg_matches(&matches).map_err(|error| CliError::usage(error.to_string()))?;
    cellar.terminal.install();
    log_to_stderr(|name| settings.var(name));
    run(cellar.command, &settings).await
}

async fn run(command: Command, settings: &Settings) -> Result<u8, CliError> {
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Serve(args) => serve::run(args, settings).await,
        Command::Edge(args) => edge::run(args).await,
        Command::Table(args) => table::run(args).await,
        Command::Import(args) => import::run(*args).await,
        Command::Export(args) => export::run(args).await,
        Command::Collections(args) => collections::run(args).await,
        Command::Stats(args) => stats::run(args).await,
        Command::Delete(args) => delete::run(args).await,
        Command::Get(args) => get::run(args).await,
        Command::Nearby(args) => nearby::run(args).await,
        Command::Search(args) => search::run(args).await,
        Command::Categories(args) => categories::run(args).await,
        Command::Changes(args) => changes::run(args).await,
        Command::Reindex(args) => reindex::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Warm(args) => warm::run(*args).await,
        Command::EdgeMap(args) => edge_map::run(args).await,
        Command::EdgePlan(args) => edge_plan::run(*args).await,
        Command::Health(args) => health::run(args).await,
        Command::Hook(args) => hook::run(*args).await,
        Command::Key(args) => key::run(args),
        Command::Contract(args) => contract::run(&args, &Cellar::command()),
        Command::Completions(args) => args.run(Cellar::command()),
        Command::Man(args) => args.run(Cellar::command()),
    }
}
