//! `cellar import`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::FalseyValueParser;
use geo_index::Collection;
use indicatif::{ProgressBar, ProgressStyle};

use super::store_args::StoreArgs;
use super::{CliError, code};
use crate::jobs::backup::Backup;
use crate::jobs::import::{
    Bar, CHUNK_RECORDS, Cause, ColumnNames, Format, Import, ImportError, Input, ReadOptions, Summary, import,
};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  cellar import wineries.csv --collection wineries
  cellar import places.geojson.gz --collection places --dry-run
  cellar import stations.csv --collection stations --id-column code --lat-column breite --lon-column laenge
  cellar import AWSDynamoDB/01795417200000-a1b2c3d4 --table restored
  ogr2ogr -f GeoJSONSeq /vsistdout/ parks.shp | cellar import - --collection parks

CSV needs a header with an id, a latitude (lat, latitude, y) and a longitude (lon, lng, long, longitude, x), in any \
order; all other columns become properties. GeoJSON may be a FeatureCollection, a Feature per line, or a text \
sequence; only Points are stored. Anything may be gzipped.

The directory of an export of DynamoDB to S3, or of `cellar export --format dynamodb-json`, is restored: every data file \
is compared with the manifest first, by MD5 and number of items, and nothing is stored if one differs. Each place goes \
to its collection; with --collection, those of all others are skipped. So are density maps and checkpoints. The checksum \
is the one that `cellar export` and `cellar verify` print for the same places.

Every record is stored or rejected. Rejected ones are listed, a JSON object per line: the line of the input in which \
the record begins, its id, the reason, and its first 500 characters. Of records with one id the last one counts; \
`repeated` are those passed over because the id comes again within the same 2,000 records.

An import that was cut off goes on where it stopped when the same command is run again (not for standard input).

Exit codes: 0 all stored, 1 failed, 2 wrong usage, 3 finished, but some records were rejected and are listed.";

/// Stores the places of a file in a collection
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// File to import, or directory of an export of DynamoDB; `-` is standard input
    #[arg(value_name = "FILE", env = "CELLAR_IMPORT_FILE")]
    pub file: PathBuf,

    /// Collection to store into, created if it does not exist; of an export of DynamoDB, the one to restore
    /// [default there: all]
    #[arg(long, short, value_name = "NAME", env = "CELLAR_COLLECTION")]
    pub collection: Option<Collection>,

    /// Format of the input [default: by the file's name, else by how it begins]
    #[arg(long, value_enum, env = "CELLAR_IMPORT_FORMAT")]
    pub format: Option<Format>,

    /// Column of the id in a CSV [default: id]
    #[arg(long, value_name = "NAME", env = "CELLAR_IMPORT_ID_COLUMN")]
    pub id_column: Option<String>,

    /// Column of the latitude in a CSV [default: lat, latitude or y]
    #[arg(long, value_name = "NAME", env = "CELLAR_IMPORT_LAT_COLUMN")]
    pub lat_column: Option<String>,

    /// Column of the longitude in a CSV [default: lon, lng, long, longitude or x]
    #[arg(long, value_name = "NAME", env = "CELLAR_IMPORT_LON_COLUMN")]
    pub lon_column: Option<String>,

    /// What separates the cells of a CSV; `\t` is a tab
    #[arg(long, value_name = "CHAR", default_value = ",", value_parser = delimiter, env = "CELLAR_IMPORT_DELIMITER")]
    pub delimiter: u8,

    /// File that lists rejected records [default: FILE.rejected.jsonl in the current directory]
    #[arg(long, value_name = "FILE", env = "CELLAR_IMPORT_REJECTS")]
    pub rejects: Option<PathBuf>,

    /// Read and check everything, but store nothing; rejected records are listed only with --rejects
    #[arg(long, value_parser = FalseyValueParser::new(), env = "CELLAR_IMPORT_DRY_RUN")]
    pub dry_run: bool,

    /// Begin with the first record, even if an earlier run was cut off
    #[arg(long, value_parser = FalseyValueParser::new(), env = "CELLAR_IMPORT_RESTART")]
    pub restart: bool,

    /// Print the summary as JSON
    #[arg(long, value_parser = FalseyValueParser::new(), env = "CELLAR_JSON")]
    pub json: bool,

    /// Where the places are.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Imports, prints the summary to standard output and returns the exit code.
pub async fn run(args: ImportArgs) -> Result<u8, CliError> {
    let (json, store) = (args.json, args.store.clone());
    // Before the store, which is created if it is not there.
    let planned = plan(args)?;
    let open = store.open().await?;
    let outcome = execute(planned, json, &*open.store).await;
    open.close().await;
    outcome
}

/// Imports into a store that is open.
pub async fn run_on(args: ImportArgs, store: &dyn Store) -> Result<u8, CliError> {
    let json = args.json;
    execute(plan(args)?, json, store).await
}

async fn execute(planned: (Import, Option<u64>), json: bool, store: &dyn Store) -> Result<u8, CliError> {
    let (job, total_bytes) = planned;
    let bar = Bar::new(total_bytes);
    let outcome = import(job, store, &bar).await;
    drop(bar);
    let summary = outcome.map_err(|error| explain(&error))?;
    print(&summary, json).map_err(|error| CliError::failure(format!("cannot write the summary: {error}")))?;
    Ok(if summary.rejected == 0 { code::OK } else { code::REJECTED })
}

/// What is to be done, and the length of the input if it has one.
fn plan(args: ImportArgs) -> Result<(Import, Option<u64>), CliError> {
    let restores = args.file.is_dir() || args.format == Some(Format::DynamodbJson);
    if args.collection.is_none() && !restores {
        return Err(
            CliError::usage("it is not said where the places belong").hint("name it with --collection NAME")
        );
    }
    let (input, total_bytes) = if args.file == Path::new("-") {
        (Input::Stream(Box::new(io::stdin())), None)
    } else {
        let file = std::fs::metadata(&args.file).map_err(|error| cannot_open(&args.file, &error))?;
        if file.is_dir() {
            let backup = open_backup(&args.file)?;
            let bytes = backup.bytes();
            (Input::Backup(backup), Some(bytes))
        } else if file.is_file() {
            (Input::File(args.file), Some(file.len()))
        } else {
            // A pipe with a name, such as a shell's `<(…)`: it can be read only once.
            let pipe = File::open(&args.file).map_err(|error| cannot_open(&args.file, &error))?;
            (Input::Stream(Box::new(pipe)), None)
        }
    };
    let job = Import {
        // What an export holds of it decides whether a collection is created.
        collection: args.collection.clone().filter(|_| !restores),
        input,
        options: ReadOptions {
            format: args.format,
            columns: ColumnNames { id: args.id_column, lat: args.lat_column, lon: args.lon_column },
            delimiter: args.delimiter,
            only: args.collection,
        },
        rejects: args.rejects,
        dry_run: args.dry_run,
        restart: args.restart,
        chunk_records: CHUNK_RECORDS,
    };
    Ok((job, total_bytes))
}

/// Compares the files of an export with its manifest.
fn open_backup(directory: &Path) -> Result<Backup, CliError> {
    let template = "{bar:32} {bytes} of {total_bytes} compared with the manifest, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    let bar = ProgressBar::new(0).with_style(style);
    let opened = Backup::open(directory, |read_bytes, total_bytes| {
        bar.set_length(total_bytes);
        bar.set_position(read_bytes);
    });
    bar.finish_and_clear();
    opened.map_err(|error| CliError::failure(error.to_string()))
}

fn cannot_open(path: &Path, error: &io::Error) -> CliError {
    CliError::failure(format!("cannot open {}: {error}", path.display()))
        .hint("name a file that can be read, or `-` for standard input")
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("expected one character, such as `;`, or `\\t` for a tab".into()),
    }
}

fn explain(error: &ImportError) -> CliError {
    let failure = CliError::failure(error.to_string());
    let hint = match (&error.cause, error.resumable) {
        (Cause::RejectsAreInput { .. }, _) => {
            return CliError::usage(error.to_string()).hint("choose another with --rejects");
        }
        (Cause::NoCollection, _) => {
            return CliError::usage(error.to_string()).hint("use --collection NAME");
        }
        (Cause::Input { .. }, false) if error.done == 0 => return failure,
        (Cause::Input { .. }, true) => "mend the input after that and run the same command again to go on",
        (_, true) => "run the same command again to go on",
        (_, false) => "importing again is safe: a place that is there already is replaced by itself",
    };
    failure.hint(format!("{} records are done; {hint}", error.done))
}

fn print(summary: &Summary, json: bool) -> io::Result<()> {
    let text = if json { serde_json::to_string(summary)? } else { summary.table() };
    writeln!(io::stdout(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: ImportArgs,
    }

    fn parse(args: &[&str]) -> Result<ImportArgs, clap::Error> {
        Command::try_parse_from([&["import"], args].concat()).map(|command| command.args)
    }

    #[test]
    fn arguments_are_checked() {
        let args = parse(&["a.csv", "-c", "wineries", "--delimiter", "\\t", "--dry-run"]).unwrap();
        assert_eq!((args.delimiter, args.dry_run, args.json), (b'\t', true, false));
        for wrong in [
            &["a.csv", "-c", "Wineries"][..],
            &["a.csv", "-c", "w", "--delimiter", "ab"],
            &["a.csv", "-c", "w", "--format", "shp"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), i32::from(code::USAGE), "{wrong:?}");
        }
    }

    #[test]
    fn every_argument_has_a_variable() {
        use clap::CommandFactory;
        let command = Command::command();
        for argument in command.get_arguments().filter(|a| a.get_id() != "help") {
            let variable = argument.get_env().unwrap_or_default().to_string_lossy();
            assert!(variable.starts_with("CELLAR_"), "{}", argument.get_id());
        }
    }

    #[test]
    fn a_missing_file_is_one_line() {
        let error = plan(parse(&["no/such.csv", "-c", "w"]).unwrap()).err().unwrap();
        assert!(error.to_string().starts_with("cannot open no/such.csv: "), "{error}");
        let error = plan(parse(&["/", "-c", "w"]).unwrap()).err().unwrap();
        assert!(
            error.to_string().starts_with("/ is a directory without a manifest-summary.json; name"),
            "{error}"
        );
        let error = plan(parse(&["Cargo.toml"]).unwrap()).err().unwrap();
        assert_eq!(error.code, code::USAGE);
        assert!(error.to_string().ends_with("name it with --collection NAME"), "{error}");
    }

    #[test]
    fn a_failure_says_how_to_go_on() {
        let failed = |resumable, done| {
            let cause = Cause::Store(crate::store::StoreError::Throttled);
            explain(&ImportError { cause, done, resumable }).to_string()
        };
        assert!(failed(true, 4000).ends_with("4000 records are done; run the same command again to go on"));
        assert!(failed(false, 4000).contains("importing again is safe"));
    }
}
