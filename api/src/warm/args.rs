//! The arguments of `cellar warm`.

use std::path::PathBuf;

use cellar_model::{Category, Collection};
use clap::Args;
use geo_index::{BBox, Meters};
use reqwest::Url;

use crate::cache_args::CacheArgs;
use crate::store_args::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  cellar warm --collection cities --redis redis://cache.internal --top 500
  cellar warm --collection cities --bbox 5.9,45.8,10.5,47.8 --dry-run
  cellar warm --collection cities --area alps.geojson --margin 25000
  cellar warm --collection cities --access-log access.log.gz --json
  echo gh:u09tv | cellar warm --collection cities --cells - --url https://places.example

Every page that a nearby search from within the area, of a radius up to the margin, can need is fetched, and so \
kept by the caches that are configured. A part of them is compared with the store: pages that change meanwhile are \
looked at twice.

Boxes and polygons may cross the antimeridian: west > east, polygons cut in two, or longitudes beyond 180. Holes \
are left out but for the margin. Of an access log only requests for `/nearby` of the collection count.

A dry run reads nothing but whether the collection exists. It knows what lies below the cached pages; of all \
others it can only say that they are one read at least.

Exit codes: 0 done, 1 failed, not all warm, or pages differ from the store, 2 wrong usage, 3 done, but lines of \
--cells that name no cell are listed, 130 and 143 stopped by a signal.";

/// Fills the caches for an area before its users come
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WarmArgs {
    /// Collection to warm
    #[arg(long, short, value_name = "NAME")]
    pub collection: Collection,

    /// Warm searches for places of this category, rather than for any
    #[arg(long, value_name = "TEXT")]
    pub category: Option<Category>,

    #[command(flatten)]
    pub(super) what: What,

    /// Hours that hot cells are counted over, 1 to 24
    #[arg(long, value_name = "COUNT", default_value_t = 24, value_parser = clap::value_parser!(u8).range(1..=24))]
    pub hours: u8,

    /// How far users look beyond the area they are in, in metres, 0 to 200000
    #[arg(long, value_name = "METRES", default_value = "10000", value_parser = margin)]
    pub margin: Meters,

    /// Pages to ask for at a time, 1 to 256
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,

    /// Say what would be read instead of reading it
    #[arg(long)]
    pub dry_run: bool,

    /// Part of the warmed pages to compare with the store, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub verify: f64,

    /// Pages to visit at most; when there are more, the command fails and says so
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_pages: u64,

    /// Server or CDN to request the search at the centre of each cell from, to warm that, too
    #[arg(long, value_name = "URL", value_parser = url)]
    pub url: Option<Url>,

    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub(super) store: StoreArgs,

    #[command(flatten)]
    pub(super) cache: CacheArgs,
}

/// Heading of the flags that say where users are.
const AREA: &str = "Area, one of these";

/// Where users are
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct What {
    /// The hottest cells, so many
    #[arg(long, help_heading = AREA, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) top: Option<u32>,

    /// File of H3 cells and geohashes, one per line, `h3:...`, `gh:...` or bare; `-` is standard input
    #[arg(long, help_heading = AREA, value_name = "FILE")]
    pub(super) cells: Option<PathBuf>,

    /// Box of west, south, east and north, in degrees
    #[arg(long, help_heading = AREA, value_name = "W,S,E,N", allow_hyphen_values = true, value_parser = bbox)]
    pub(super) bbox: Option<BBox>,

    /// GeoJSON file of polygons, bare, in Features or in collections; `-` is standard input
    #[arg(long, help_heading = AREA, value_name = "FILE")]
    pub(super) area: Option<PathBuf>,

    /// Access log in any format of docs/IMPORT.md, also packed, whose searches tell the cells; `-` is standard input
    #[arg(long, help_heading = AREA, value_name = "FILE")]
    pub(super) access_log: Option<PathBuf>,
}

fn margin(text: &str) -> Result<Meters, String> {
    let number: Option<f64> = text.parse().ok();
    let margin = number.filter(|metres| (0.0..=200_000.0).contains(metres)).and_then(Meters::new);
    margin.ok_or_else(|| "a margin is 0 to 200000 metres".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "a share is 0 to 1".to_owned())
}

fn url(text: &str) -> Result<Url, String> {
    let url: Option<Url> = text.parse().ok();
    let usable = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    usable.ok_or_else(|| "expected a URL, such as http://localhost:8080".to_owned())
}

fn bbox(text: &str) -> Result<BBox, String> {
    let edges: Result<Vec<f64>, _> = text.split(',').map(|edge| edge.trim().parse()).collect();
    match edges.as_deref() {
        Ok([_, south, _, north]) if south > north => {
            Err(format!("the south, {south}, is greater than the north, {north}"))
        }
        Ok(&[west, south, east, north]) => {
            BBox::new(west, south, east, north).map_err(|error| error.to_string())
        }
        _ => Err("expected four numbers: west,south,east,north".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: WarmArgs,
    }

    fn parse(args: &[&str]) -> Result<WarmArgs, clap::Error> {
        Command::try_parse_from([&["warm", "-c", "c"], args].concat()).map(|command| command.args)
    }

    #[test]
    fn arguments_are_checked() {
        let args = parse(&["--bbox", "-10,-20,10,20", "--verify", "1", "--margin", "0"]).unwrap();
        assert_eq!(args.what.bbox, BBox::new(-10.0, -20.0, 10.0, 20.0).ok());
        assert_eq!((args.hours, args.concurrency, args.max_pages), (24, 8, 100_000));
        assert!(parse(&["--bbox", "170,-20,-170,20"]).is_ok());
        for wrong in [
            &[][..],
            &["--top", "0"],
            &["--top", "5", "--bbox", "1,2,3,4"],
            &["--bbox", "1,2,3"],
            &["--bbox", "1,3,2,2"],
            &["--bbox", "1,2,3,NaN"],
            &["--bbox", "1,2,3,91"],
            &["--top", "5", "--margin", "200001"],
            &["--top", "5", "--verify", "1.1"],
            &["--top", "5", "--verify", "NaN"],
            &["--top", "5", "--concurrency", "0"],
            &["--top", "5", "--max-pages", "0"],
            &["--top", "5", "--hours", "25"],
            &["--top", "5", "--url", "localhost"],
            &["--top", "5", "--url", "ftp://localhost"],
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }
}
