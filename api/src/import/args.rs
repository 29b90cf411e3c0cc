//! The arguments of `cellar import`.

use std::path::PathBuf;

use cellar_input::ReadArgs;
use cellar_jobs::import::{OnRepeat, ReadOptions};
use cellar_jobs::replace::MAX_REMOVED_PERCENT;
use cellar_model::Collection;
use clap::Args;

use super::replacing::percent;
use crate::store_args::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  cellar import wineries.csv --collection wineries
  cellar import places.geojson.gz --collection places --preview
  cellar import stations.csv --collection stations --id-column code --category-column type
  cellar import DE.txt --collection towns --preset geonames
  cellar import states/*.csv --collection places --on-repeat first
  cellar import ladesaeulen.csv --collection chargers --generate-ids
  cellar import wineries.csv --collection wineries --replace --dry-run
  cellar import AWSDynamoDB/01795417200000-a1b2c3d4 --table restored
  ogr2ogr -f GeoJSONSeq -t_srs EPSG:4326 /vsistdout/ parks.shp | cellar import - --collection parks --generate-ids

What is read: CSV of any separator and encoding, GeoJSON (FeatureCollection, Features in lines, text sequence), JSON \
with an array of objects anywhere in it, NDJSON, KML, GPX, OpenStreetMap XML and Overpass JSON; also packed by gzip, \
zstd, bzip2 or xz, or as the only file of a zip. docs/IMPORT.md has what is recognised, and every option. What was \
recognised is told before the first place is stored; --preview tells it, and the first places, and stores nothing.

A place needs an id and a position. Columns and members are found by their usual names in any case; --id-column and \
its like name others, --generate-ids makes ids of what a place holds. All other columns become properties. In a \
column of a CSV all values have one type: numbers if every cell is a plain number out of quotes, else text.

The directory of an export of DynamoDB to S3, or of `cellar export --format dynamodb-json`, is restored: every data file \
is compared with the manifest first, by MD5 and number of items, and nothing is stored if one differs. Each place goes \
to its collection; with --collection, those of all others are skipped. So are density maps and checkpoints. The checksum \
is the one that `cellar export` and `cellar verify` print for the same places.

Every record is stored or listed: rejected ones, and those whose id another record has. The list has a JSON object per \
line: the line of the input in which the record begins, its id, the reason, and its first 500 characters; for an id that \
comes again also the line where it was before. Of records with one id the last one counts, unless --on-repeat says \
otherwise.

With --replace, what the files no longer have is removed once all of it is stored. How much that is is counted first: if it is more than --max-removed, or if a record is rejected, whose place might be taken for gone, nothing is written at all. With --dry-run it is only counted. What others write meanwhile is not counted. Ids are kept in files in the directory for temporary ones (TMPDIR).

An import that was cut off goes on where it stopped when the same command is run again (not for standard input).

Exit codes: 0 all stored, 1 failed, 2 wrong usage, 3 finished, but some records were rejected, or had an id that was \
there before, and are listed, 130 and 143 stopped by a signal.";

/// Stores the places of files in a collection
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct ImportArgs {
    /// Files to import, a directory of them, or directory of an export of DynamoDB; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Collection to store into, created if it does not exist; of an export of DynamoDB, the one to restore
    /// [default there: all]
    #[arg(long, short, value_name = "NAME")]
    pub collection: Option<Collection>,

    /// Which record of an id is stored if it comes again; `reject` is `first`, and the others count as rejected
    #[arg(long, value_enum, default_value = "last")]
    pub on_repeat: OnRepeat,

    /// File that lists rejected and repeated records, or a device or FIFO; an earlier list is replaced, any other file
    /// refused [default: FILE.rejected.jsonl in the current directory]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,

    /// Tell what was recognised, and the first five places, and store nothing
    #[arg(long)]
    pub preview: bool,

    /// Read and check everything, but store nothing; rejected records are listed only with --rejects
    #[arg(long)]
    pub dry_run: bool,

    /// Remove what the files no longer have, too
    #[arg(long, conflicts_with = "preview")]
    pub replace: bool,

    /// With --replace: how much of the collection may go at most, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_REMOVED_PERCENT, value_parser = percent)]
    pub max_removed: f64,

    /// With --replace: go on although records are rejected, and keep the places with their ids
    #[arg(long, requires = "replace")]
    pub allow_rejected: bool,

    /// Begin with the first record, even if an earlier run was cut off
    #[arg(long)]
    pub restart: bool,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub(super) read: ReadArgs,

    /// Where the places are.
    #[command(flatten)]
    pub store: StoreArgs,
}

impl ImportArgs {
    /// How the input is to be read.
    pub(super) fn read_options(&self) -> ReadOptions {
        ReadOptions { only: self.collection.clone(), on_repeat: self.on_repeat, ..self.read.options() }
    }
}
