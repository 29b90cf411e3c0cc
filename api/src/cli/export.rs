//! `cellar export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::FalseyValueParser;
use geo_index::Collection;
use serde::Serialize;

use super::store_args::StoreArgs;
use super::{CliError, code};
use crate::jobs::export::{ExportError, ExportFormat, export, export_to_file};
use crate::jobs::import::Bar;
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  cellar export wineries.geojson --collection wineries
  cellar export wineries.ndjson.gz --collection wineries
  cellar export - --collection wineries --format ndjson | wc -l

The file appears when it is complete, and replaces an older one of its name. It imports as the same places.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Writes the places of a collection to a file
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// File to write, gzipped if its name ends in .gz; `-` is standard output
    #[arg(value_name = "FILE", env = "CELLAR_EXPORT_FILE")]
    pub file: PathBuf,

    /// Collection to export
    #[arg(long, short, value_name = "NAME", env = "CELLAR_COLLECTION")]
    pub collection: Collection,

    /// Format of the output [default: by the file's name, else geojson]
    #[arg(long, value_enum, env = "CELLAR_EXPORT_FORMAT")]
    pub format: Option<ExportFormat>,

    /// Print the summary as JSON
    #[arg(long, value_parser = FalseyValueParser::new(), env = "CELLAR_JSON")]
    pub json: bool,

    /// Where the places are.
    #[command(flatten)]
    pub store: StoreArgs,
}

#[derive(Serialize)]
struct Summary<'a> {
    exported: u64,
    file: &'a Path,
}

/// Exports, prints a summary unless the places themselves go to standard output, and returns the exit code.
pub async fn run(args: ExportArgs) -> Result<u8, CliError> {
    let open = args.store.open().await?;
    let outcome = run_on(args, &*open.store).await;
    open.close().await;
    outcome
}

/// Exports from a store that is open.
pub async fn run_on(args: ExportArgs, store: &dyn Store) -> Result<u8, CliError> {
    let format = args.format.unwrap_or_else(|| ExportFormat::of_name(&args.file));
    let bar = Bar::new(None);
    if args.file == Path::new("-") {
        let mut out = BufWriter::new(io::stdout());
        export(store, &args.collection, format, &mut out, &bar).await.map_err(explain)?;
        return Ok(code::OK);
    }
    let outcome = export_to_file(store, &args.collection, format, &args.file, &bar).await;
    drop(bar);
    let exported = outcome.map_err(explain)?;
    print(&Summary { exported, file: &args.file }, args.json)
        .map_err(|error| CliError::failure(format!("cannot write the summary: {error}")))?;
    Ok(code::OK)
}

fn explain(error: ExportError) -> CliError {
    match error {
        ExportError::NoCollection(name) => CliError::no_collection(&name),
        ExportError::Store(error) => error.into(),
        ExportError::Output { .. } => CliError::failure(error.to_string())
            .hint("it has to be a file in a directory that exists and can be written"),
    }
}

fn print(summary: &Summary<'_>, json: bool) -> io::Result<()> {
    let mut out = io::stdout();
    if json {
        return writeln!(out, "{}", serde_json::to_string(summary)?);
    }
    writeln!(out, "{} places in {}", summary.exported, summary.file.display())
}
