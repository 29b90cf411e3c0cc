//! The arguments of `cellar edge-plan`.

use std::num::NonZeroU16;
use std::path::PathBuf;

use cellar_input::ReadArgs;
use cellar_jobs::edge_plan::{Crowd, MAX_PEOPLE, Scheme};
use cellar_jobs::import::ReadOptions;
use cellar_model::Collection;
use clap::{Args, ValueEnum};
use geo_index::Meters;

use super::cases::Caches;
use crate::edge_map::certified;
use crate::store_args::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  cellar edge-plan --collection breweries
  cellar edge-plan --places breweries.csv --users cities.csv --country US --rps 300 --duration 600
  cellar edge-plan --generate 8000 --users cities.csv --country US --ttl 300
  cellar edge-plan --collection cities --positions users.csv --radius 25000 --json
  cellar edge-plan --collection cities --only 'density map,geohash 4' --certify 0.8
  cellar edge-plan --collection cities --only 'density map,map 512:70' --writes 0,1,20 --locations 2,12 --tiers
  cellar edge-plan --collection cities --crowd commuters --ttl 300 --svg cities.svg
  cellar edge-plan --collection cities --access-log E2EXAMPLE.2026-11-30-01.abcd.gz

Simulates one edge location for a stream of users, with clients that ask for cells of each geohash precision and H3 \
resolution, for those of the density map, and for the exact answer to their raw coordinates. Of each it tells the share \
of requests that the edge answers, how many searches the first cell certified, how many the first two, how many ended \
at the exact endpoint, and how large answers are as JSON and compressed with brotli.

Without --users, --positions and --access-log users are where the places are. The edge is empty at the start, evicts \
nothing, and keeps an answer for its lifetime after the fetch, unless a change purges it. `map 512:70` is a density map for \
answers of 512 places that serve users in 70 % of a cell's area. Nothing is stored.

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

    /// Who searches: strangers who come once, people of whom the k-th searches as often as 1/k^s says, or commuters who search at home and at work, twice in the mean
    #[arg(long, value_name = "WHO", default_value = "strangers", conflicts_with_all = ["positions", "access_log"])]
    pub(super) crowd: Who,

    /// How many people there are with --crowd zipf or commuters, 1 to 1000000
    #[arg(long, value_name = "COUNT", default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PEOPLE)))]
    pub(super) people: u32,

    /// The exponent s of --crowd zipf, 0 to 4
    #[arg(long, value_name = "EXPONENT", default_value = "1", value_parser = exponent)]
    pub(super) zipf: f64,

    /// How far users look, in metres, 1 to 200000
    #[arg(long, value_name = "METRES", default_value = "10000", value_parser = radius)]
    pub radius: Meters,

    /// How many places users want, 1 to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,

    /// Places in a cell answer, 8 to 1024; servers list 128
    #[arg(long, value_name = "COUNT", default_value_t = 128, value_parser = clap::value_parser!(u16).range(8..=1_024))]
    pub listed: u16,

    /// Bytes of JSON that the places of a cell answer take, 1000 to 1000000, in place of a number of places
    #[arg(long, value_name = "BYTES", conflicts_with = "listed", value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    pub(super) listed_bytes: Option<u32>,

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

    /// Draw the hit ratios into a file
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,

    #[command(flatten)]
    pub(super) caches: Caches,

    #[command(flatten)]
    pub(super) read: ReadArgs,

    #[command(flatten)]
    pub(super) store: StoreArgs,
}

/// Who searches, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Who {
    Strangers,
    Zipf,
    Commuters,
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
    /// Who searches.
    pub(super) fn crowd(&self) -> Crowd {
        match self.crowd {
            Who::Strangers => Crowd::Strangers,
            Who::Zipf => Crowd::Zipf { people: self.people, exponent: self.zipf },
            Who::Commuters => Crowd::Commuters { people: self.people },
        }
    }

    /// What is simulated, without the directories of files.
    pub(super) fn title(&self) -> String {
        let places = match &self.what {
            What { collection: Some(name), .. } => name.to_string(),
            What { places: Some(path), .. } => {
                path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
            }
            _ => "restaurants, generated".to_owned(),
        };
        format!("Hit ratio at the edge: {places}")
    }

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
    let named = all.iter().find(|scheme| scheme.name() == text).copied().or_else(|| tuned(text));
    let names = || all.iter().map(|scheme| scheme.name()).collect::<Vec<_>>().join(", ");
    named.ok_or_else(|| {
        format!("the schemes are {}, and map PLACES:PERCENT with 8 to 1024 places and 50 to 100 %", names())
    })
}

/// `map 512:70`: answers of 512 places, a map for 70 % of a cell's area.
fn tuned(text: &str) -> Option<Scheme> {
    let (listed, percent) = text.strip_prefix("map ")?.split_once(':')?;
    let listed: NonZeroU16 =
        listed.parse().ok().filter(|listed: &NonZeroU16| (8..=1_024).contains(&listed.get()))?;
    let percent: u8 = percent.parse().ok().filter(|percent| (50..=100).contains(percent))?;
    Some(Scheme::Tuned { listed, percent })
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent: Option<f64> = text.parse().ok();
    exponent
        .filter(|exponent| (0.0..=4.0).contains(exponent))
        .ok_or_else(|| "an exponent is 0 to 4".to_owned())
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
        assert_eq!((args.caches.ttl, args.rps, args.duration, args.limit), (vec![5, 60], 300, 600, 20));
        assert_eq!(args.only, []);
        let only = parse(&["-c", "c", "--only", "density map,h3 5"]).unwrap().only;
        assert_eq!(only, [Scheme::Map, Scheme::Fixed(Grid::H3, 5)]);
        let only = parse(&["-c", "c", "--only", "map 512:70"]).unwrap().only;
        assert_eq!(only, [Scheme::Tuned { listed: NonZeroU16::new(512).unwrap(), percent: 70 }]);
        assert!(parse(&["--generate", "8", "--users", "u.csv", "--country", "US"]).is_ok());
        let crowd = parse(&["-c", "c", "--crowd", "zipf", "--people", "9", "--zipf", "0.5"]).unwrap().crowd();
        assert_eq!(crowd, Crowd::Zipf { people: 9, exponent: 0.5 });
        let caches = |args: &[&str]| parse(&[&["-c", "c"], args].concat()).unwrap().caches;
        let cases = caches(&["--ttl", "60,300", "--locations", "2,12", "--writes", "0,1.5"]).cases().unwrap();
        assert_eq!(cases.len(), 8);
        assert_eq!((cases[3].ttl_s, cases[3].locations.get(), cases[4].writes_per_s), (300.0, 12, 1.5));
        let many: Vec<String> = (1..=22).map(|ttl| ttl.to_string()).collect();
        assert!(caches(&["--ttl", &many.join(","), "--writes", "0,1,2"]).cases().is_err());
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
            &["-c", "c", "--only", "map 4:70"],
            &["-c", "c", "--only", "map 512:40"],
            &["-c", "c", "--only", "map 512"],
            &["-c", "c", "--locations", "0"],
            &["-c", "c", "--locations", "2,65"],
            &["-c", "c", "--writes=-1"],
            &["-c", "c", "--writes", "1001"],
            &["-c", "c", "--writes", "NaN"],
            &["-c", "c", "--purge-window", "3601"],
            &["-c", "c", "--stale", "86401"],
            &["-c", "c", "--processes", "2"],
            &["-c", "c", "--tiers", "--processes", "0"],
            &["-c", "c", "--crowd", "nobody"],
            &["-c", "c", "--crowd", "zipf", "--people", "0"],
            &["-c", "c", "--crowd", "zipf", "--zipf", "5"],
            &["-c", "c", "--crowd", "zipf", "--positions", "p.csv"],
            &["-c", "c", "--listed-bytes", "999"],
            &["-c", "c", "--listed-bytes", "9999", "--listed", "64"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}
