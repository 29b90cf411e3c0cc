//! What can be asked of `loadtest matrix`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use geo_index::Collection;

use crate::cli::cost::within;
use crate::cli::workload::UsersArgs;
use crate::matrix::Only;

const EXAMPLES: &str = "\
Examples:
  loadtest matrix
  loadtest matrix --only raw,geohash5,h38 --rps 300 --duration 60s
  loadtest matrix --only geohash6,l1+l2+edge,warm --lifetime 60s --json
  loadtest matrix --collection breweries --places breweries.csv --users 1000000
  loadtest matrix --duration 60s --out matrix.json --html matrix.html
  loadtest matrix --from matrix.json --html matrix.html

Everything runs on this machine: `cellar serve` with the embedded engine, redis-server, and nginx as the edge (`cellar edge`), on free \
ports, and is gone afterwards. redis-server and nginx with its njs module have to be installed (Debian: apt-get install redis-server \
nginx-light libnginx-mod-http-js). docs/LOADTEST.md says what the columns mean.

Names for --only: raw, geohash4, geohash5, geohash6, geohash7, h37, h38, h39; nocache, l1, l1+l2, l1+l2+edge; cold, warm.

Exit codes: 0 done, 1 failed, 2 wrong usage, 97 answers differ from the exact endpoint's, 98 something was not measured as it should, \
130 stopped with Ctrl-C.";

/// The experiment: raw coordinates and cells, with and without each cache tier, cold and warm, on stacks of its own
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MatrixArgs {
    /// The program `cellar` [default: the one beside this program]
    #[arg(long, value_name = "PATH", env = "LOADTEST_CELLAR")]
    pub cellar: Option<PathBuf>,

    /// Only these combinations, by names of what is asked for, of tiers, and cold or warm
    #[arg(long, value_name = "NAME,...", env = "LOADTEST_ONLY")]
    pub only: Option<Only>,

    /// Requests per second, up to 100000
    #[arg(long, default_value = "100", value_parser = |text: &str| within(text, 0.1, 1e5), env = "LOADTEST_RPS")]
    pub rps: f64,

    /// How long each combination is measured, 1s to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = |text: &str| time(text, 1),
          env = "LOADTEST_DURATION")]
    pub duration: Duration,

    /// How long answers and pages stay fresh in every tier, whole seconds, 1s to 12h [default: as the duration, rounded up]
    #[arg(long, value_name = "TIME", value_parser = |text: &str| time(text, 12), env = "LOADTEST_LIFETIME")]
    pub lifetime: Option<Duration>,

    /// Share of the cells' answers whose results are compared with the exact endpoint's, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = |text: &str| within(text, 0.0, 1.0),
          env = "LOADTEST_VERIFY")]
    pub verify: f64,

    /// What is sent later than this after its instant counts as late, up to 1h; more than 1 % of that is a fault
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = late, env = "LOADTEST_LATE_AFTER")]
    pub late_after: Duration,

    /// Collection to search
    #[arg(long, short, value_name = "NAME", default_value = "places", env = "LOADTEST_COLLECTION")]
    pub collection: Collection,

    /// File of places, as `cellar import` takes it [default: the generated world of `cellar demo`]
    #[arg(long, value_name = "FILE", env = "LOADTEST_PLACES_FILE")]
    pub places: Option<PathBuf>,

    /// Places of the generated world, 1 to 1000000
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, conflicts_with = "places",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000), env = "LOADTEST_WORLD")]
    pub world: u32,

    /// Runs nothing, and tells of a report that --json or --out has saved
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cellar", "only", "rps", "duration", "lifetime", "verify", "collection", "places", "world"])]
    pub from: Option<PathBuf>,

    /// Prints the whole report as JSON
    #[arg(long)]
    pub json: bool,

    /// Writes the whole report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Writes the report with its charts to a file for a browser, which needs nothing else
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub users: UsersArgs,
}

/// A time from a second to so many hours.
fn time(text: &str, most_h: u64) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| (Duration::from_secs(1)..=Duration::from_hours(most_h)).contains(time))
        .ok_or_else(|| format!("a time from 1s to {most_h}h is expected"))
}

fn late(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| *time <= Duration::from_hours(1))
        .ok_or_else(|| "a time up to 1h is expected, such as 10ms".to_owned())
}
