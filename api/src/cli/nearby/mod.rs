//! `cellar nearby`.

mod remote;
mod rows;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::FalseyValueParser;
use geo_index::edge::Wanted;
use geo_index::tree::NearbyQuery;
use geo_index::{Collection, Meters, Position};

use self::remote::Mode;
use self::rows::{Row, table};
use super::store_args::StoreArgs;
use super::{CliError, code, say};
use crate::pages::{PageError, StorePages};
use crate::routes::answer::write_collection;
use crate::search::{Limits, Nearby, Search};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  cellar nearby --collection cities --lat 48.8566 --lon 2.3522
  cellar nearby --collection cities --lat -33.87 --lon 151.21 --radius 5000 --limit 5
  cellar nearby --collection breweries --lat 51.5 --lon -0.12 --category micro --json | jq '.features[].id'
  cellar nearby --collection cities --lat 48.8566 --lon 2.3522 --radius 5000 --url http://127.0.0.1:8090

Exit codes: 0 answered, 1 failed, 2 wrong usage.";

/// Finds the places nearest to a point
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NearbyArgs {
    /// Collection to search
    #[arg(long, short, value_name = "NAME", env = "CELLAR_COLLECTION")]
    collection: Collection,

    /// Latitude in degrees, -90 to 90
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true, env = "CELLAR_LAT")]
    lat: f64,

    /// Longitude in degrees, -180 to 180
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true, env = "CELLAR_LON")]
    lon: f64,

    /// Radius in metres, 1 to 200000
    #[arg(long, value_name = "METRES", default_value = "200000", value_parser = radius, env = "CELLAR_RADIUS_M")]
    radius: Meters,

    /// Most places to return, 1 to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20, env = "CELLAR_LIMIT",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,

    /// Only places of this category
    #[arg(long, value_name = "NAME", env = "CELLAR_CATEGORY")]
    category: Option<String>,

    /// Print a GeoJSON FeatureCollection
    #[arg(long, value_parser = FalseyValueParser::new(), env = "CELLAR_JSON")]
    json: bool,

    /// Ask the API there, a server's or an edge's, instead of a store
    #[arg(long, value_name = "URL", conflicts_with = "table", env = "CELLAR_URL")]
    url: Option<String>,

    /// Whom to ask there
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        default_value = "cell",
        requires = "url",
        env = "CELLAR_MODE"
    )]
    mode: Mode,

    #[command(flatten)]
    store: StoreArgs,
}

fn radius(text: &str) -> Result<Meters, String> {
    let number: Option<f64> = text.parse().ok();
    let radius = number.filter(|metres| (1.0..=200_000.0).contains(metres)).and_then(Meters::new);
    radius.ok_or_else(|| "a radius is 1 to 200000 metres".to_owned())
}

/// Searches and prints.
pub async fn run(args: NearbyArgs) -> Result<u8, CliError> {
    let origin = Position::new(args.lat, args.lon).map_err(|error| CliError::usage(error.to_string()))?;
    let limit = usize::from(args.limit);
    if let Some(url) = &args.url {
        let (collection, category, radius) = (args.collection, args.category, args.radius);
        let wanted = Wanted { collection, category, position: origin, radius, limit };
        let found = remote::ask(url, args.mode, wanted).await?;
        say(&if args.json { found.feature_collection() } else { remote::describe(&found) })?;
        return Ok(code::OK);
    }
    let query = NearbyQuery { origin, radius: args.radius, limit, category: args.category, after: None };
    let open = args.store.open().await?;
    let answer = search(open.store.clone(), &args.collection, query).await;
    open.close().await;
    let answer = answer?;
    if args.json {
        say(&String::from_utf8_lossy(&write_collection(&answer.hits, &[])))?;
    } else {
        say(&describe(&answer))?;
    }
    Ok(code::OK)
}

async fn search(
    store: Arc<dyn Store>,
    collection: &Collection,
    query: NearbyQuery,
) -> Result<Nearby, CliError> {
    if store.collection(collection).await?.is_none() {
        return Err(CliError::no_collection(collection));
    }
    let search = Search::new(Arc::new(StorePages::new(store)), Limits::default());
    Ok(search.nearby(collection, query, Instant::now() + Duration::from_secs(30)).await?)
}

fn describe(answer: &Nearby) -> String {
    let (tree, cost) = (answer.work.tree, answer.work.cost);
    format!(
        "{}\n{} places; {} pages in {} rounds, {} queries, {} read units",
        table(answer.hits.iter().map(Row::from)),
        answer.hits.len(),
        tree.pages,
        tree.rounds,
        cost.queries,
        cost.read_units
    )
}

impl From<PageError> for CliError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Store(error) => error.into(),
            PageError::Search(error) => Self::failure(error.to_string()),
        }
    }
}
