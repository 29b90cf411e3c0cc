//! `cellar get`.

use cellar_cli_kit::{CliError, code, say};
use cellar_model::place::Place;
use cellar_model::{Collection, PlaceId};
use cellar_store::Store;
use clap::Args;

use super::store_args::StoreArgs;
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar get gn-42 --collection cities
  cellar get gn-42 --collection cities | jq .properties

Exit codes: 0 found, 1 failed or no such place, 2 wrong usage.";

/// Prints one place as a GeoJSON Feature
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct GetArgs {
    /// Id of the place
    #[arg(value_name = "ID")]
    id: PlaceId,

    /// Collection of the place
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    #[command(flatten)]
    store: StoreArgs,
}

/// Prints the place.
pub async fn run(args: GetArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let found = find(&*open.store, &args.collection, &args.id).await;
    open.close().await;
    say(&found?.feature())?;
    Ok(code::OK)
}

async fn find(store: &dyn Store, collection: &Collection, id: &PlaceId) -> Result<Place, CliError> {
    if let Some(place) = store.get(collection, id).await.explained()? {
        return Ok(place);
    }
    if store.collection(collection).await.explained()?.is_none() {
        return Err(no_collection(collection));
    }
    Err(CliError::failure(format!("collection `{collection}` has no place `{}`", id.as_str()))
        .hint("ids are those of the import; `cellar nearby` shows some"))
}
