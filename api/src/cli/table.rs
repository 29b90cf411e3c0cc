//! `cellar table`.

use clap::{Args, Subcommand};

use super::store_args::StoreArgs;
use super::{CliError, code};
use crate::store::DEFAULT_TABLE;
use crate::store::table::{Created, Stream};

const EXAMPLES: &str = "\
Examples:
  cellar table create --table cellar
  cellar table create --table cellar --endpoint-url http://localhost:8000

Region and credentials come from the usual AWS environment (AWS_REGION, AWS_PROFILE, ...). The table is billed on \
demand, with the index by_cell and a stream of new and old images. The embedded engine needs no such step.

Exit codes: 0 the table is there, 1 failed, 2 wrong usage.";

/// Creates the DynamoDB table
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TableArgs {
    #[command(subcommand)]
    action: TableAction,
}

#[derive(Debug, Subcommand)]
enum TableAction {
    /// Creates the table and waits until it can be used; does nothing if it exists
    #[command(after_help = EXAMPLES)]
    Create(StoreArgs),
}

/// Creates the table.
pub async fn run(args: TableArgs) -> Result<u8, CliError> {
    let TableAction::Create(mut store) = args.action;
    store.table.get_or_insert_with(|| DEFAULT_TABLE.to_owned());
    let store = store.connect().await?;
    let created = store.create_table(Stream::On).await?;
    match created {
        Created::New => println!("table {} is ready", store.table()),
        Created::Existed => println!("table {} exists already", store.table()),
    }
    Ok(code::OK)
}
