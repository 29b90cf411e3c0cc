//! `cellar contract`.

mod facts;
mod readers;

use cellar_cli_kit::{CliError, code, say};
use clap::{Args, Command};
use comfy_table::{Table, presets};

use self::facts::{Contract, Route};
use self::readers::ReadVariable;

const EXAMPLES: &str = "\
Examples:
  cellar contract
  cellar contract --json | jq '.variables[] | select(.read_by[] == \"bootstrap\") | .name'

Everything printed comes from the code that serves, reads and creates, not from a list beside it. The JSON has more than \
the tables: headers and metrics that others rely on, and the answer that a health check may look for.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Prints what others may rely on: routes, environment variables, the table's schema
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ContractArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the contract; `cellar` is the whole command, whose flags read variables.
pub fn run(args: &ContractArgs, cellar: &Command) -> Result<u8, CliError> {
    let contract = Contract::of(cellar)?;
    if args.json {
        say(&serde_json::to_string_pretty(&contract).map_err(|error| CliError::failure(error.to_string()))?)?;
    } else {
        say(&format!(
            "{}\n\n{}\n\n{}",
            routes(&contract.routes),
            variables(&contract.variables),
            table(&contract)
        ))?;
    }
    Ok(code::OK)
}

fn routes(routes: &[Route]) -> Table {
    let mut table = with_header(["route", "methods", "needs a token", "under load"]);
    for route in routes {
        let load = if route.is_data { "shed" } else { "answers" };
        table.add_row([route.path, &route.methods.join(" "), &route.writes.join(" "), load]);
    }
    table
}

fn variables(variables: &[ReadVariable]) -> Table {
    let mut table = with_header(["variable", "default", "allowed", "read by"]);
    for ReadVariable { name, default, allowed, required, read_by } in variables {
        let default = if *required { "(required)" } else { default.as_deref().unwrap_or_default() };
        table.add_row([name, default, allowed.as_deref().unwrap_or_default(), &read_by.join(", ")]);
    }
    table
}

fn table(contract: &Contract) -> Table {
    let schema = &contract.table;
    let mut table = with_header(["keys of", "hash and range", "projection"]);
    let key = |parts: &[cellar_store::table::KeyPart]| {
        parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    table.add_row(["the table", &key(&schema.key), ""]);
    for index in &schema.indexes {
        table.add_row([&index.name, &key(&index.key), index.projection.as_deref().unwrap_or_default()]);
    }
    table
}

fn with_header<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}
