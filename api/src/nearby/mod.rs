//! `cellar nearby`.

mod asked;
mod remote;
pub(crate) mod rows;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use cellar_cli_kit::{CliError, code, say};
use cellar_http::config::ApiConfig;
use cellar_http::params::{Wanted, open_at};
use cellar_model::Collection;
use cellar_model::cursor::SortedKey;
use cellar_model::features::{Form, write_page};
use cellar_model::fields::Fields;
use cellar_model::filter::Filter;
use cellar_model::name::{NameQuery, NamedPlaces};
use cellar_model::sort::Sort;
use clap::Args;
use geo_index::tree::{NearbyQuery, PlaceFilter, Selection};
use geo_index::{CategoryFilter, HALF_CIRCUMFERENCE, Meters, Position};

use self::remote::Mode;
use self::rows::{Row, table};
use super::store_args::StoreArgs;
use crate::found::find;

const EXAMPLES: &str = "\
Examples:
  cellar nearby --collection cities --lat 48.8566 --lon 2.3522
  cellar nearby --collection cities --lat -33.87 --lon 151.21 --radius 5000 --limit 5
  cellar nearby --collection breweries --lat 51.5 --lon -0.12 --category micro --json | jq '.features[].id'
  cellar nearby --collection breweries --lat 51.5 --lon -0.12 --filter \"name like 'The %'\"
  cellar nearby --collection cafes --lat 48.8566 --lon 2.3522 --open-at 2026-12-24T18:00 --json
  cellar nearby --collection cities --lat 48.8566 --lon 2.3522 --radius 50000 --sort=-population --fields name,population --json
  cellar nearby --collection cities --lat 48.8566 --lon 2.3522 --radius 5000 --url http://127.0.0.1:8090

Exit codes: 0 answered, 1 failed, 2 wrong usage.";

/// Finds the places nearest to a point
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct NearbyArgs {
    /// Collection to search
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// Latitude in degrees, -90 to 90
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true)]
    lat: f64,

    /// Longitude in degrees, -180 to 180
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true)]
    lon: f64,

    /// Radius in metres, 1 to 20015115, half the globe [default: the server's horizon; 200000 in a store]
    #[arg(long, value_name = "METRES", value_parser = radius)]
    radius: Option<Meters>,

    /// Most places to return, 1 to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,

    /// Only places of this category, or of these (a comma between them), or not of these (`!` first)
    #[arg(long, value_name = "NAME", value_parser = <CategoryFilter as std::str::FromStr>::from_str)]
    category: Option<CategoryFilter>,

    /// Only places whose properties meet this: `category = 'cafe' AND rating >= 4` and the like, in the text form of CQL2
    #[arg(long, value_name = "CQL2", value_parser = <Filter as std::str::FromStr>::from_str)]
    filter: Option<Filter>,

    /// Only places whose name has these words, as one types: the last may be only begun, and longer words may have a typo or
    /// two
    #[arg(long, value_name = "TEXT", value_parser = <NameQuery as std::str::FromStr>::from_str)]
    q: Option<NameQuery>,

    /// Only places that are open then, by their property `opening_hours`: now, a time as their clocks show it
    /// (2026-12-24T18:00), or an instant with an offset
    #[arg(long, value_name = "TIME")]
    open_at: Option<String>,

    /// Places without hours that can be read, too
    #[arg(long, requires = "open_at")]
    open_at_unknown: bool,

    /// Only these properties of each place, with commas between them
    #[arg(long, value_name = "NAMES", value_parser = <Fields as std::str::FromStr>::from_str)]
    fields: Option<Fields>,

    /// In the order of this property, with `-` before it to descend [default: the distance]
    #[arg(long, value_name = "PROPERTY", allow_hyphen_values = true, value_parser = sort)]
    sort: Option<Sort>,

    /// Print a GeoJSON FeatureCollection
    #[arg(long)]
    json: bool,

    /// Ask the API there, a server's or an edge's, instead of a store
    #[arg(long, value_name = "URL", conflicts_with = "table")]
    url: Option<String>,

    /// Whom to ask there
    #[arg(long, value_enum, value_name = "MODE", default_value = "cell", requires = "url")]
    mode: Mode,

    #[command(flatten)]
    store: StoreArgs,
}

fn radius(text: &str) -> Result<Meters, String> {
    let number: Option<f64> = text.parse().ok();
    let most = HALF_CIRCUMFERENCE.get().ceil();
    let radius = number.filter(|metres| (1.0..=most).contains(metres)).and_then(Meters::new);
    radius.ok_or_else(|| format!("a radius is 1 to {most} metres"))
}

fn sort(text: &str) -> Result<Sort, String> {
    text.parse().map_err(|error: cellar_model::sort::SortError| error.to_string())
}

/// Searches and prints.
pub async fn run(args: NearbyArgs) -> Result<u8, CliError> {
    let origin = Position::new(args.lat, args.lon).map_err(|error| CliError::usage(error.to_string()))?;
    if let Some(url) = args.url.clone().filter(|_| args.asks_for_properties()) {
        say(&asked::ask(&url, &args, origin).await?)?;
        return Ok(code::OK);
    }
    if let Some(url) = &args.url {
        let (collection, category, radius) = (args.collection, args.category, args.radius);
        let wanted = |radius| cellar_client::Wanted {
            collection,
            category,
            position: origin,
            radius,
            limit: args.limit.into(),
        };
        let found = remote::ask(url, args.mode, radius, wanted).await?;
        say(&if args.json { found.feature_collection() } else { remote::describe(&found) })?;
        return Ok(code::OK);
    }
    let limit = NonZeroUsize::new(args.limit.into()).expect("arguments of 0 are refused");
    let radius = args.radius.unwrap_or(ApiConfig::default().horizon);
    let query = NearbyQuery { origin, radius, limit, category: args.category, after: None };
    let filter = args.filter.map(|filter| Arc::new(filter) as Arc<dyn PlaceFilter>);
    let filter = match args.q {
        Some(name) => Some(Arc::new(NamedPlaces::new(name, filter)) as Arc<dyn PlaceFilter>),
        None => filter,
    };
    let wanted = match args.sort {
        Some(sort) if sort.is_by_distance() => Wanted::Near(query),
        Some(sort) => Wanted::Sorted(query, sort, SortedKey::default()),
        None => Wanted::Near(query),
    };
    let mut selection = Selection { filter, region: None };
    let mut form = Form { fields: args.fields, ..Form::default() };
    if let Some(at) = &args.open_at {
        open_at(at, args.open_at_unknown, SystemTime::now(), &mut selection, &mut form)
            .map_err(|problem| CliError::usage(problem.detail().to_owned()))?;
    }
    let open = args.store.open_existing().await?;
    let found = find(open.store.clone(), &args.collection, wanted, selection).await;
    open.close().await;
    let found = found?;
    if args.json {
        say(&String::from_utf8_lossy(&write_page(&found.hits, "", &[], &form)))?;
    } else {
        say(&format!("{}\n{}", table(found.hits.iter().map(Row::from)), found.summary()))?;
    }
    Ok(code::OK)
}

impl NearbyArgs {
    /// Whether only the exact endpoint can answer: what cells share knows nothing of properties.
    fn asks_for_properties(&self) -> bool {
        self.filter.is_some()
            || self.q.is_some()
            || self.fields.is_some()
            || self.sort.is_some()
            || self.open_at.is_some()
    }
}
