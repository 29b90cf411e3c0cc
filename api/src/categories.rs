//! `cellar categories`.

use cellar_cache::clock::SystemClock;
use cellar_cli_kit::{CliError, code, progress, say};
use cellar_jobs::categories::count;
use cellar_model::{Category, Collection, grouped};
use cellar_search::category_counts::CategoryCounts;
use cellar_store::{CategoryPart, Store, StoreError};
use clap::Args;
use indicatif::ProgressStyle;
use serde::Serialize;

use super::interrupt;
use super::store_args::StoreArgs;
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar categories --collection cities
  cellar categories --collection cities --count
  cellar categories --collection cities --json | jq -r '.categories[].category'

A category is listed as soon as a place has it, and stays listed. How many places each has is what the last run with \
--count found, which reads the whole collection; until then there are no numbers.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Lists the categories of a collection
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CategoriesArgs {
    /// Collection whose categories to list
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// Count the places of each, and keep the numbers in the table
    #[arg(long)]
    count: bool,

    /// Print the list as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct List {
    categories: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

/// Categories that are read at a time.
const PART: usize = 1_000;

/// Lists them.
pub async fn run(args: CategoriesArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let told =
        || ("the earlier counts stay".to_owned(), format!("count again with `{}`", interrupt::command()));
    let listed = interrupt::unless_stopped(run_on(&args, &*open.store), told).await;
    open.close().await;
    let list = listed?;
    if args.json {
        say(&serde_json::to_string(&list).map_err(|error| CliError::failure(error.to_string()))?)?;
    } else {
        let number = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), grouped);
        let lines =
            list.categories.iter().map(|line| format!("{:>12}  {}", number(line.count), line.category));
        say(&lines.collect::<Vec<_>>().join("\n"))?;
    }
    Ok(code::OK)
}

async fn run_on(args: &CategoriesArgs, store: &dyn Store) -> Result<List, CliError> {
    if store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    let counts = if args.count {
        let bar = progress::spinner().with_style(style());
        let counted = count(store, &args.collection, &SystemClock, |places| {
            bar.set_message(grouped(places));
            bar.tick();
        });
        let counted = counted.await;
        bar.finish_and_clear();
        let counts = counted.explained()?;
        counts.write(store, &args.collection).await.explained()?;
        Some(counts)
    } else {
        CategoryCounts::read(store, &args.collection).await.explained()?
    };
    let count_of =
        |category: &Category| counts.as_ref().and_then(|counts| counts.counts.get(category).copied());
    let (mut categories, mut after) = (Vec::new(), None);
    loop {
        let part = match store.categories(&args.collection, after.as_ref(), PART).await {
            // Then the places that were counted are all that is known.
            Err(StoreError::NoCategoryIndex) => {
                let counted = counts.iter().flat_map(|counts| counts.counts.keys().cloned());
                CategoryPart { categories: counted.collect(), more: false }
            }
            part => part.explained()?,
        };
        after = part.categories.last().cloned().filter(|_| part.more);
        let line = |category: &Category| Line { category: category.to_string(), count: count_of(category) };
        categories.extend(part.categories.iter().map(line));
        if after.is_none() {
            return Ok(List { categories });
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} places counted [{elapsed}]")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
