//! `cellar edge-map`.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use cellar_cache::clock::SystemClock;
use cellar_cli_kit::output::OutputFile;
use cellar_cli_kit::{CliError, code, progress, say, terminal};
use cellar_jobs::edge_map::{Summary, key_value_store, make};
use cellar_model::Collection;
use cellar_model::grouped;
use cellar_search::edge_map::StoredMap;
use cellar_store::Store;
use clap::Args;
use geo_index::edge::{ANSWER_MAX, MapRules};
use indicatif::ProgressStyle;

use super::interrupt;
use super::store_args::StoreArgs;
use crate::explain::{OrExplain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar edge-map --collection cities > cities-map.json
  cellar edge-map --collection cities --output cities-map.json --json
  cellar edge-map --collection restaurants --certify 0.7 --dry-run --output /dev/null
  cellar edge-map --collection restaurants --remove

Counts the places of a collection and notes the coarsest cells, of geohash precision 3 to 7, whose answers serve users \
there at the first try: large ones in the country, small ones in the middle of a city. The map is stored in the table, where `cellar serve` finds it within a minute, and \
written in the form that CloudFront's KeyValueStore imports. It is a hint. `cellar serve` makes it anew once a day.

If the map goes to standard output, the summary goes to standard error.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Makes the density map, which says how coarse a cell at the edge may be
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EdgeMapArgs {
    /// Collection to make the map of
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// File to write for CloudFront's `KeyValueStore`; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// Share of each cell's area in which its answer should serve users, 0.5 to 1; less makes for coarser cells, more
    /// hits at the edge and more second tries
    #[arg(long, value_name = "SHARE", default_value = "0.95", value_parser = certified)]
    certify: f64,

    /// Places in a cell answer, 128 to 1024: what the server lists (`CELLAR_EDGE_ANSWER_PLACES`)
    #[arg(long, value_name = "COUNT", default_value_t = 128,
          value_parser = clap::value_parser!(u16).range(128..=1_024))]
    listed: u16,

    /// Store nothing in the table
    #[arg(long)]
    dry_run: bool,

    /// Take the stored map away instead of making one: clients begin at precision 4 then
    #[arg(long, conflicts_with = "dry_run")]
    remove: bool,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

pub(super) fn certified(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|share| (0.5..=1.0).contains(share)).ok_or_else(|| "a share is 0.5 to 1".to_owned())
}

/// Makes the map, stores and writes it, and prints a summary.
pub async fn run(args: EdgeMapArgs) -> Result<u8, CliError> {
    let open = args.store.open_existing().await?;
    let told = || ("no map is stored".to_owned(), format!("begin again with `{}`", interrupt::command()));
    let outcome = interrupt::unless_stopped(run_on(&args, &*open.store), told).await;
    open.close().await;
    let Some((file, summary)) = outcome? else {
        say(&format!("collection `{}` has no stored map any more", args.collection))?;
        return Ok(code::OK);
    };
    let to_stdout = args.output == Path::new("-");
    if to_stdout {
        say(&file)?;
    }
    let text = if args.json {
        serde_json::to_string(&summary).map_err(|error| CliError::failure(error.to_string()))?
    } else {
        summary.table()
    };
    if to_stdout {
        terminal::note(&text);
    } else {
        say(&text)?;
    }
    Ok(code::OK)
}

/// The map as a file, and the summary; `None` if the stored map was removed instead.
async fn run_on(args: &EdgeMapArgs, store: &dyn Store) -> Result<Option<(String, Summary)>, CliError> {
    if store.collection(&args.collection).await.explained()?.is_none() {
        return Err(no_collection(&args.collection));
    }
    if args.remove {
        StoredMap::remove(store, &args.collection).await.explained()?;
        return Ok(None);
    }
    let bar = progress::spinner().with_style(style());
    let listed = NonZeroUsize::new(args.listed.into()).unwrap_or(ANSWER_MAX);
    let rules = MapRules { certified: args.certify, listed };
    let made = make(store, &args.collection, rules, &SystemClock, |places| {
        bar.set_message(grouped(places));
        bar.tick();
    })
    .await;
    bar.finish_and_clear();
    let (stored, mut summary) = made.explained()?;
    let file = key_value_store(&args.collection, &stored.map);
    // The file first: a path that cannot be written should change nothing.
    if args.output != Path::new("-") {
        write(&args.output, &file).map_err(|error| unwritable(&args.output, &error))?;
    }
    if !args.dry_run {
        stored.write(store, &args.collection).await.explained()?;
        summary.stored = true;
    }
    Ok(Some((file, summary)))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OutputFile::create(path)?;
    file.write_all(text.as_bytes())?;
    file.finish()
}

fn unwritable(path: &Path, error: &io::Error) -> CliError {
    CliError::failure(format!("cannot write {}: {error}", path.display()))
        .hint("it has to be a file in a directory that exists and can be written")
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} places counted [{elapsed}]")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
