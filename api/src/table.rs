//! `cellar table`: what is done to a table as a whole.

use std::time::Duration;

use cellar_cli_kit::{CliError, code, say};
use cellar_model::Collection;
use cellar_store::table::{Created, Stream};
use cellar_store::{DEFAULT_TABLE, Store};
use clap::{Args, Subcommand};

use super::roots;
use super::store_args::StoreArgs;
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar table create --table cellar
  cellar table create --table cellar --endpoint-url http://localhost:8000
  cellar table roots --collection cities --table cellar

`table roots` is for collections of a version that did not keep the list of roots: without it, boxes and searches that \
span much of the globe look everywhere. It reads the whole table once. First bring all programs that write to the \
table up to this version.

Region and credentials come from the usual AWS environment (AWS_REGION, AWS_PROFILE, ...). The table is billed on \
demand, with the indexes by_cell and by_category to by_category_4 and a stream of new and old images. A table of an \
earlier version gets the indexes that it lacks, one after the other; `cellar reindex` then makes use of them. The \
embedded engine needs no such step.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Creates the DynamoDB table, or lists where its places are
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TableArgs {
    #[command(subcommand)]
    action: TableAction,
}

#[derive(Debug, Subcommand)]
enum TableAction {
    /// Creates the table and waits until it can be used; one that exists gets indexes that it lacks
    #[command(after_help = EXAMPLES)]
    Create(StoreArgs),
    /// Lists the roots (H3 cells of resolution 3) that have places, for a collection that has no such list yet
    #[command(after_help = EXAMPLES)]
    Roots(RootsArgs),
}

#[derive(Args, Debug)]
struct RootsArgs {
    /// Collection to list the roots of
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    #[command(flatten)]
    store: StoreArgs,
}

/// Does it.
pub async fn run(args: TableArgs) -> Result<u8, CliError> {
    match args.action {
        TableAction::Create(store) => create(store).await,
        TableAction::Roots(args) => list_roots(args).await,
    }
}

async fn list_roots(args: RootsArgs) -> Result<u8, CliError> {
    let settles = roots::settles(args.store.is_embedded());
    let open = args.store.open().await?;
    let listed = list_on(&*open.store, &args.collection, settles).await;
    open.close().await;
    let (places, roots) = listed?;
    say(&format!("{} has {places} places below {roots} roots", args.collection))?;
    Ok(code::OK)
}

async fn list_on(
    store: &dyn Store,
    collection: &Collection,
    settles: Duration,
) -> Result<(usize, usize), CliError> {
    if store.collection(collection).await.explained()?.is_none() {
        return Err(no_collection(collection));
    }
    store.register_all_roots(collection, settles).await.explained()
}

async fn create(mut store: StoreArgs) -> Result<u8, CliError> {
    store.table.get_or_insert_with(|| DEFAULT_TABLE.to_owned());
    let store = store.connect().await?;
    let created = store.create_table(Stream::On).await.explained()?;
    match created {
        Created::New => say(&format!("table {} is ready", store.table()))?,
        Created::Existed => say(&format!("table {} exists already", store.table()))?,
    }
    Ok(code::OK)
}
