//! `cellar reindex`.

use cellar_cli_kit::{CliError, code, progress, say, terminal};
use cellar_jobs::categories::{Reindexed, reindex};
use cellar_model::{Collection, grouped};
use cellar_store::{DynamoStore, Store as _};
use clap::Args;
use indicatif::ProgressStyle;

use super::interrupt;
use super::store_args::StoreArgs;
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar reindex --collection cities
  cellar table create --table places && cellar reindex --collection cities --table places

For collections that an earlier version of cellar has filled: writes each place anew, with the keys of its categories. \
Searches by category are exact before, while and after it runs; from its end on they read what they need and nothing else. \
Run it when all programs that write to the table are of this version. It may be stopped and run again. It costs what an \
import of the collection costs.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Indexes the places of a collection by category, if an earlier version has stored them
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReindexArgs {
    /// Collection to index
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Indexes it.
pub async fn run(args: ReindexArgs) -> Result<u8, CliError> {
    let open = args.store.open().await?;
    let told =
        || ("what is indexed stays so".to_owned(), format!("complete it with `{}`", interrupt::command()));
    let done = interrupt::unless_stopped(run_on(&args, &open.store), told).await;
    open.close().await;
    let Reindexed { places, partly } = done?;
    if args.json {
        let report = serde_json::to_string(&Reindexed { places, partly });
        say(&report.map_err(|error| CliError::failure(error.to_string()))?)?;
    } else {
        say(&format!("{} places of `{}` are indexed by category", grouped(places), args.collection))?;
    }
    if partly > 0 {
        terminal::tell(&format!(
            "cellar: {} places have categories that cannot be searched for: longer than 200 bytes, with control \
             characters, or more than four",
            grouped(partly)
        ));
    }
    Ok(code::OK)
}

async fn run_on(args: &ReindexArgs, store: &DynamoStore) -> Result<Reindexed, CliError> {
    if store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    let bar = progress::spinner().with_style(style());
    let done = reindex(store, &args.collection, |places| {
        bar.set_message(grouped(places));
        bar.tick();
    });
    let done = done.await;
    bar.finish_and_clear();
    done.explained()
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} places indexed [{elapsed}]")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
