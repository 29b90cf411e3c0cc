//! `cellar nearby`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::FalseyValueParser;
use comfy_table::{CellAlignment, Table, presets};
use geo_index::tree::{Hit, NearbyQuery};
use geo_index::{Collection, Meters, Position};
use serde::Deserialize;

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
    let query = NearbyQuery { origin, radius: args.radius, limit, category: args.category, after: None };
    let open = args.store.open().await?;
    let answer = search(open.store.clone(), &args.collection, query).await;
    open.close().await;
    let answer = answer?;
    if args.json {
        say(&String::from_utf8_lossy(&write_collection(&answer.hits, &[])))?;
    } else {
        say(&table(&answer))?;
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

fn table(answer: &Nearby) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["distance", "id", "name", "category", "lat", "lon"]);
    for hit in &answer.hits {
        let position = hit.position();
        table.add_row([
            hit.distance().map(human_distance).unwrap_or_default(),
            hit.id().to_owned(),
            name(hit),
            hit.category().unwrap_or_default().to_owned(),
            format!("{:.5}", position.lat()),
            format!("{:.5}", position.lon()),
        ]);
    }
    for column in [0, 4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let (tree, cost) = (answer.work.tree, answer.work.cost);
    format!(
        "{table}\n{} places; {} pages in {} rounds, {} queries, {} read units",
        answer.hits.len(),
        tree.pages,
        tree.rounds,
        cost.queries,
        cost.read_units
    )
}

fn human_distance(distance: Meters) -> String {
    let metres = distance.get();
    if metres < 1_000.0 { format!("{metres:.0} m") } else { format!("{:.2} km", metres / 1_000.0) }
}

/// The property `name`, without control characters that a terminal would obey.
fn name(hit: &Hit) -> String {
    #[derive(Deserialize)]
    struct Tail {
        properties: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        name: Option<serde_json::Value>,
    }
    let payload = String::from_utf8_lossy(hit.payload());
    match serde_json::from_str(&format!("{{{payload}")) {
        Ok(Tail { properties: Named { name: Some(serde_json::Value::String(name)) } }) => {
            name.chars().filter(|c| !c.is_control()).collect()
        }
        _ => String::new(),
    }
}

impl From<PageError> for CliError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Store(error) => error.into(),
            PageError::Search(error) => Self::failure(error.to_string()),
        }
    }
}
