//! The arguments of `loadtest matrix`.

use std::path::PathBuf;
use std::time::Duration;

use cellar_model::Collection;
use clap::Args;

use crate::cli::values::within;
use crate::cli::workload::UsersArgs;
use crate::matrix::Only;

const EXAMPLES: &str = "\
Examples:
  loadtest matrix
  loadtest matrix --only raw,geohash5,h38 --rps 300 --duration 60s
  loadtest matrix --only geohash6,l1+l2+edge,warm --lifetime 60s --json
  loadtest matrix --collection breweries --places breweries.csv --users 1000000
  loadtest matrix --only raw,geohash4,adaptive --listed 512 --certify 0.7
  loadtest matrix --duration 60s --out matrix.json --html matrix.html
  loadtest matrix --from matrix.json --html matrix.html

Everything runs on this machine, on free ports: `cellar serve` with the embedded engine, redis-server, and nginx as the edge \
(`cellar edge`). All of it is gone afterwards. redis-server and nginx with its njs module must be installed (Debian: apt-get install \
redis-server nginx-light libnginx-mod-http-js). docs/LOADTEST.md explains the columns.

Names for --only: raw, geohash4, geohash5, geohash6, geohash7, adaptive, h35, h37, h38, h39; nocache, l1, l1+l2, l1+l2+edge; cold, warm.

Exit codes: 0 done, 1 failed, 2 wrong usage, 97 answers differ from the exact endpoint's, 98 a measurement is not valid, \
130 stopped with Ctrl-C; with --from, those of the saved measurement.";

/// Measure raw coordinates and cells, with and without each cache tier, cold and warm, on stacks that it starts itself
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct MatrixArgs {
    /// The program `cellar` [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub cellar: Option<PathBuf>,

    /// Only these combinations, named by what is asked for, by tiers, and by cold or warm
    #[arg(long, value_name = "NAME,...")]
    pub only: Option<Only>,

    /// Requests per second, up to 100000
    #[arg(long, default_value = "100", value_parser = |text: &str| within(text, 0.1, 1e5))]
    pub rps: f64,

    /// How long to measure each combination, 1s to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = |text: &str| time(text, 1))]
    pub duration: Duration,

    /// How long answers and pages stay fresh in every tier, in whole seconds, 1s to 12h [default: --duration, rounded up]
    #[arg(long, value_name = "TIME", value_parser = |text: &str| time(text, 12))]
    pub lifetime: Option<Duration>,

    /// Places in a cell answer, 128 to 1024, as `CELLAR_EDGE_ANSWER_PLACES` sets it
    #[arg(long, value_name = "COUNT", default_value_t = 128, value_parser = clap::value_parser!(u16).range(128..=1_024))]
    pub listed: u16,

    /// Share of users whom the first cell of the density map should serve, 0.5 to 1, as in `cellar edge-map`
    #[arg(long, value_name = "SHARE", default_value = "0.95", value_parser = |text: &str| within(text, 0.5, 1.0))]
    pub certify: f64,

    /// Share of cell answers whose results are compared with the exact endpoint's, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.02", value_parser = |text: &str| within(text, 0.0, 1.0))]
    pub verify: f64,

    /// Requests sent more than this after their due instant count as late, up to 1h; more than 1 % late is a fault
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = late)]
    pub late_after: Duration,

    /// Collection to search
    #[arg(long, short, value_name = "NAME", default_value = "places")]
    pub collection: Collection,

    /// File of places, in any format that `cellar import` reads [default: the demo data of `cellar demo`]
    #[arg(long, value_name = "FILE")]
    pub places: Option<PathBuf>,

    /// Places of demo data, 1 to 1000000
    #[arg(long, alias = "world", value_name = "COUNT", default_value_t = 20_000, conflicts_with = "places",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub demo_places: u32,

    /// Run nothing; print, save or draw a report that --json or --out has saved
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cellar", "only", "rps", "duration", "lifetime", "verify", "listed", "certify", "collection", "places", "demo_places"])]
    pub from: Option<PathBuf>,

    /// Print the whole report as JSON
    #[arg(long)]
    pub json: bool,

    /// Write the whole report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Write the report with charts as a self-contained HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "its documentation would be that of the command")]
    pub users: UsersArgs,
}

/// A time from one second to `most_h` hours.
fn time(text: &str, most_h: u64) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| (Duration::from_secs(1)..=Duration::from_hours(most_h)).contains(time))
        .ok_or_else(|| format!("expected a time from 1s to {most_h}h"))
}

fn late(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| *time <= Duration::from_hours(1))
        .ok_or_else(|| "expected a time up to 1h, such as 10ms".to_owned())
}
