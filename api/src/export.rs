//! `cellar export`.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use cellar_cli_kit::{CliError, code, say, written};
use cellar_jobs::backup::{ITEMS_PER_FILE, WriteBackup, write_backup};
use cellar_jobs::export::{ExportError, ExportFormat, Exported, export, export_to_file};
use cellar_jobs::import::Bar;
use cellar_model::Collection;
use cellar_model::checksum::Checksum;
use cellar_store::Store;
use clap::Args;
use serde::Serialize;

use super::interrupt;
use super::store_args::StoreArgs;
use crate::explain::{Explain as _, no_collection};

const EXAMPLES: &str = "\
Examples:
  cellar export wineries.geojson --collection wineries
  cellar export wineries.ndjson.gz --collection wineries
  cellar export - --collection wineries --format ndjson | wc -l
  cellar export backups --format dynamodb-json

The format dynamodb-json is that of DynamoDB's export to S3: FILE is a directory, in which AWSDynamoDB/<id> appears when \
it is complete, with manifests, MD5 and gzipped data files. It holds all collections unless one is named, and \
`cellar import` restores it. It is no snapshot: what is written meanwhile may be in it or not.

The checksum is of the places alone, whatever their order and the format: `cellar import` and `cellar verify` print the \
same for the same places.

The file appears when it is complete, and replaces an older one of its name. It imports as the same places.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 stopped by a signal.";

/// Formats that an export can be asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// A GeoJSON FeatureCollection.
    Geojson,
    /// A GeoJSON Feature in every line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// The layout of DynamoDB's export to S3, in a directory.
    DynamodbJson,
}

/// Writes the places of a collection to a file, or a whole table to a directory
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// File to write, gzipped if its name ends in .gz, or directory for dynamodb-json; `-` is standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Collection to export [default: all, which only dynamodb-json can hold]
    #[arg(long, short, value_name = "NAME")]
    pub collection: Option<Collection>,

    /// Format of the output [default: by the file's name, else geojson]
    #[arg(long, value_enum)]
    pub format: Option<OutputFormat>,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

    /// Where the places are.
    #[command(flatten)]
    pub store: StoreArgs,
}

#[derive(Serialize)]
struct Summary<'a> {
    exported: u64,
    checksum: Checksum,
    file: &'a Path,
}

/// Exports, prints a summary unless the places themselves go to standard output, and returns the exit code.
pub async fn run(args: ExportArgs) -> Result<u8, CliError> {
    check(&args)?;
    let open = args.store.open_existing().await?;
    let file = args.file.display().to_string();
    let told = || {
        let done = match file.as_str() {
            "-" => "the output is not complete".to_owned(),
            _ => format!("{file} is as it was"),
        };
        (done, format!("begin again with `{}`", interrupt::command()))
    };
    let outcome = interrupt::unless_stopped(run_on(args, &*open.store), told).await;
    open.close().await;
    outcome
}

/// Exports from a store that is open.
pub async fn run_on(args: ExportArgs, store: &dyn Store) -> Result<u8, CliError> {
    check(&args)?;
    let format = match args.format {
        Some(OutputFormat::DynamodbJson) => return back_up(args, store).await,
        Some(OutputFormat::Geojson) => ExportFormat::Geojson,
        Some(OutputFormat::Ndjson) => ExportFormat::Ndjson,
        None => ExportFormat::of_name(&args.file),
    };
    let Some(collection) = &args.collection else { return Err(collection_is_missing()) };
    let bar = Bar::new(None);
    if args.file == Path::new("-") {
        let mut out = BufWriter::new(io::stdout());
        return match export(store, collection, format, &mut out, &bar).await {
            Err(ExportError::Output { error, .. }) => written(Err(error)).map(|()| code::OK),
            outcome => outcome.map(|_| code::OK).map_err(explain),
        };
    }
    let outcome = export_to_file(store, collection, format, &args.file, &bar).await;
    drop(bar);
    let Exported { places, checksum } = outcome.map_err(explain)?;
    let summary = Summary { exported: places, checksum, file: &args.file };
    let text = format!("{places} places in {}, checksum {checksum}", args.file.display());
    print(&summary, text, args.json)
}

/// Arguments that fit together, before the store, which is created if it is not there.
fn check(args: &ExportArgs) -> Result<(), CliError> {
    let whole = args.format == Some(OutputFormat::DynamodbJson);
    if whole && args.file == Path::new("-") {
        return Err(CliError::usage("dynamodb-json is many files").hint("name a directory for them"));
    }
    if args.collection.is_none() && !whole {
        return Err(collection_is_missing());
    }
    Ok(())
}

fn collection_is_missing() -> CliError {
    CliError::usage("it is not said which collection")
        .hint("name it with --collection NAME, or export all of them with --format dynamodb-json")
}

async fn back_up(args: ExportArgs, store: &dyn Store) -> Result<u8, CliError> {
    let job = WriteBackup { only: args.collection, directory: args.file, items_per_file: ITEMS_PER_FILE };
    let bar = Bar::new(None);
    let outcome = write_backup(&job, store, &bar).await;
    drop(bar);
    let written = outcome.map_err(explain)?;
    let text = format!(
        "{} places of {} collections in {}, checksum {}",
        written.places,
        written.collections,
        written.directory.display(),
        written.checksum
    );
    print(&written, text, args.json)
}

fn explain(error: ExportError) -> CliError {
    match error {
        ExportError::NoCollection(name) => no_collection(&name),
        ExportError::Store(error) => error.explain(),
        ExportError::Output { .. } => CliError::failure(error.to_string())
            .hint("it has to be a file in a directory that exists and can be written, or for dynamodb-json a directory"),
    }
}

fn print(summary: &impl Serialize, text: String, json: bool) -> Result<u8, CliError> {
    let fault =
        |error: &dyn std::fmt::Display| CliError::failure(format!("cannot write the summary: {error}"));
    let text = if json { serde_json::to_string(summary).map_err(|error| fault(&error))? } else { text };
    say(&text)?;
    Ok(code::OK)
}
