//! The arguments of `cellar edge-plan`.

use std::path::PathBuf;

use cellar_input::ReadArgs;
use cellar_jobs::edge_plan::Scheme;
use cellar_jobs::import::ReadOptions;
use cellar_model::Collection;
use clap::Args;
use geo_index::Meters;

use crate::edge_map::certified;
use crate::store_args::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  cellar edge-plan --collection breweries
  cellar edge-plan --places breweries.csv --users cities.csv --country US --rps 300 --duration 600
  cellar edge-plan --generate 8000 --users cities.csv --country US --ttl 300
  cellar edge-plan --collection cities --positions users.csv --radius 25000 --json
  cellar edge-plan --collection cities --only 'density map,geohash 4' --certify 0.8
  cellar edge-plan --collection cities --access-log E2EXAMPLE.2026-11-30-01.abcd.gz

Simulates one edge location for a stream of users, with clients that ask for cells of each geohash precision and H3 \
resolution, for those of the density map, and for the exact answer to their raw coordinates. Of each it tells the share \
of requests that the edge answers, how many searches the first cell certified, how many the first two, how many ended \
at the exact endpoint, and how large answers are as JSON and compressed with brotli.

Without --users, --positions and --access-log users are where the places are. The edge is empty at the start, evicts \
nothing, and keeps an answer for its lifetime after the fetch. Nothing is stored.

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Foretells the hit ratio at the edge for every precision
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EdgePlanArgs {
    #[command(flatten)]
    pub(super) what: What,

    #[command(flatten)]
    pub(super) whose: Whose,

    /// Only users of this country, by the column or property `country` of --users
    #[arg(long, value_name = "CODE", requires = "users",
          conflicts_with_all = ["positions", "access_log"])]
    pub country: Option<String>,

    /// Searches per second, 1 to 100000
    #[arg(long, value_name = "COUNT", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rps: u32,

    /// Seconds of searches, 1 to 86400, of at most 2,000,000 searches in all; a file has as many as it has
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub duration: u32,

    /// Lifetimes of answers at the edge, in seconds, 1 to 604800
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "60,300,3600", value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub ttl: Vec<u32>,

    /// How far users look, in metres, 1 to 200000
    #[arg(long, value_name = "METRES", default_value = "10000", value_parser = radius)]
    pub radius: Meters,

    /// How many places users want, 1 to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,

    /// Places in a cell answer, 8 to 1024; servers list 128
    #[arg(long, value_name = "COUNT", default_value_t = 128, value_parser = clap::value_parser!(u16).range(8..=1_024))]
    pub listed: u16,

    /// Only these schemes, by their names in the table
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = scheme)]
    pub(super) only: Vec<Scheme>,

    /// Share of users whom the first cell of the density map should serve, 0.5 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.95", value_parser = certified)]
    pub certify: f64,

    /// Answers of each kind to render and compress, 0 to 10000
    #[arg(long, value_name = "COUNT", default_value_t = 200, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub sample: u16,

    /// Seed of what is generated
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub(super) read: ReadArgs,

    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Heading of the flags that say which places.
const PLACES: &str = "Places, one of these";

/// Which places are searched for
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct What {
    /// Collection of the store
    #[arg(long, short, help_heading = PLACES, value_name = "NAME")]
    pub(super) collection: Option<Collection>,

    /// File of places, in any format that `cellar import` reads; `-` is standard input
    #[arg(long, help_heading = PLACES, value_name = "FILE")]
    pub(super) places: Option<PathBuf>,

    /// So many generated restaurants around each of the 20 most populous places of --users, 1 to 20000
    #[arg(long, help_heading = PLACES, value_name = "COUNT", requires = "users",
          conflicts_with_all = ["positions", "access_log"], value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(super) generate: Option<u32>,
}

/// Heading of the flags that say who searches.
const USERS: &str = "Users, at most one of these";

/// Who searches
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(super) struct Whose {
    /// File of places with a column or property `population`: users live there, and around
    #[arg(long, help_heading = USERS, value_name = "FILE")]
    pub(super) users: Option<PathBuf>,

    /// File of positions, in any format that `cellar import` reads, with a column `time` in seconds if it has times, or lines of
    /// `lat,lon` or `lat,lon,time`; `-` is standard input
    #[arg(long, help_heading = USERS, value_name = "FILE")]
    pub(super) positions: Option<PathBuf>,

    /// Access log in any format of docs/IMPORT.md, also packed, with searches of the collection; `-` is standard input
    #[arg(long, help_heading = USERS, value_name = "FILE", requires = "collection",
          conflicts_with = "places")]
    pub(super) access_log: Option<PathBuf>,
}

impl EdgePlanArgs {
    /// How places are read.
    pub(super) fn places_options(&self) -> ReadOptions {
        self.read.options()
    }

    /// How positions are read: as said, where that can only be meant for them.
    pub(super) fn positions_options(&self) -> ReadOptions {
        if self.what.places.is_some() { ReadOptions::default() } else { self.read.options() }
    }

    /// Whether it is said how a file is read, and there is none.
    pub(super) fn reads_nothing(&self) -> bool {
        let file = self.what.places.is_some() || self.whose.positions.is_some();
        !file && self.read.options() != ReadOptions::default()
    }
}

fn scheme(text: &str) -> Result<Scheme, String> {
    let all = Scheme::all();
    let named = all.iter().find(|scheme| scheme.name() == text).copied();
    let names = || all.iter().map(|scheme| scheme.name()).collect::<Vec<_>>().join(", ");
    named.ok_or_else(|| format!("the schemes are {}", names()))
}

fn radius(text: &str) -> Result<Meters, String> {
    let number: Option<f64> = text.parse().ok();
    let radius = number.filter(|metres| (1.0..=200_000.0).contains(metres)).and_then(Meters::new);
    radius.ok_or_else(|| "a radius is 1 to 200000 metres".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use geo_index::Grid;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: EdgePlanArgs,
    }

    fn parse(args: &[&str]) -> Result<EdgePlanArgs, clap::Error> {
        Command::try_parse_from([&["edge-plan"], args].concat()).map(|command| command.args)
    }

    #[test]
    fn arguments_are_checked() {
        let args = parse(&["-c", "c", "--ttl", "5,60"]).unwrap();
        assert_eq!((args.ttl, args.rps, args.duration, args.limit), (vec![5, 60], 300, 600, 20));
        assert_eq!(args.only, []);
        let only = parse(&["-c", "c", "--only", "density map,h3 5"]).unwrap().only;
        assert_eq!(only, [Scheme::Map, Scheme::Fixed(Grid::H3, 5)]);
        assert!(parse(&["--generate", "8", "--users", "u.csv", "--country", "US"]).is_ok());
        for wrong in [
            &[][..],
            &["-c", "c", "--places", "p.csv"],
            &["-c", "c", "--users", "u.csv", "--positions", "p.csv"],
            &["--generate", "8"],
            &["--generate", "8", "--positions", "p.csv"],
            &["-c", "c", "--country", "US"],
            &["-c", "c", "--country", "US", "--positions", "p.csv"],
            &["--places", "p.csv", "--access-log", "log"],
            &["-c", "c", "--ttl", "0"],
            &["-c", "c", "--ttl", "60,x"],
            &["-c", "c", "--ttl", ""],
            &["-c", "c", "--rps", "0"],
            &["-c", "c", "--duration", "86401"],
            &["-c", "c", "--radius", "200001"],
            &["-c", "c", "--limit", "101"],
            &["-c", "c", "--listed", "7"],
            &["-c", "c", "--sample", "10001"],
            &["-c", "c", "--certify", "0.4"],
            &["-c", "c", "--certify", "NaN"],
            &["-c", "c", "--only", "geohash 4,geohash 8"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}
