//! `cellar search`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cellar_cli_kit::{CliError, code, say};
use cellar_http::params::parse_search_body;
use cellar_http::problem::Problem;
use cellar_model::Collection;
use cellar_model::features::write_page;
use clap::{ArgGroup, Args};
use serde_json::{Map, Value, json};

use super::store_args::StoreArgs;
use crate::found::find;
use crate::nearby::rows::{Row, table};

const EXAMPLES: &str = "\
Examples:
  cellar search --collection cities --bbox=2.2,48.8,2.5,48.9
  cellar search --collection cities --within district.geojson --lat 48.8566 --lon 2.3522 --limit 5
  cellar search --collection cafes --bbox=2.2,48.8,2.5,48.9 --lat 48.8566 --lon 2.3522 --open-at now
  cellar search --collection breweries --along route.geojson --width 5000 --filter \"name like 'The %'\" --json

A file holds a GeoJSON geometry, a Feature, or a FeatureCollection, whose polygons or lines count together. Edges are arcs
of great circles unless --edges says otherwise (docs/SEARCH.md).

Exit codes: 0 answered, 1 failed, 2 wrong usage.";

/// Finds the places within a box, polygons or a corridor along lines
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("shape").required(true).args(["bbox", "within", "along"]))]
pub struct SearchArgs {
    /// Collection to search
    #[arg(long, short, value_name = "NAME")]
    collection: Collection,

    /// West, south, east, north in degrees; west > east crosses the antimeridian
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true)]
    bbox: Option<String>,

    /// GeoJSON file with polygons
    #[arg(long, value_name = "FILE")]
    within: Option<PathBuf>,

    /// GeoJSON file with lines
    #[arg(long, value_name = "FILE", requires = "width")]
    along: Option<PathBuf>,

    /// Metres to either side of the lines
    #[arg(long, value_name = "METRES", requires = "along")]
    width: Option<f64>,

    /// What edges of polygons are: geodesic, planar [default: geodesic]
    #[arg(long, value_name = "EDGES", requires = "within")]
    edges: Option<String>,

    /// Latitude in degrees of the position that places are sorted from
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true, requires = "lon")]
    lat: Option<f64>,

    /// Its longitude in degrees
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true, requires = "lat")]
    lon: Option<f64>,

    /// Only places within so many metres of the position
    #[arg(long, value_name = "METRES", requires = "lat")]
    radius: Option<f64>,

    /// Most places to return, 1 to 100
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,

    /// Only places of this category, or of these (a comma between them), or not of these (`!` first)
    #[arg(long, value_name = "NAME")]
    category: Option<String>,

    /// Only places whose properties meet this, in the text form of CQL2
    #[arg(long, value_name = "CQL2")]
    filter: Option<String>,

    /// Only places whose name has these words, as one types: the last may be only begun, and longer words may have a typo or
    /// two
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,

    /// Only places that are open then: now, a time as their clocks show it (2026-12-24T18:00), or an instant with an offset
    #[arg(long, value_name = "TIME")]
    open_at: Option<String>,

    /// Places without hours that can be read, too
    #[arg(long, requires = "open_at")]
    open_at_unknown: bool,

    /// Only these properties of each place, with commas between them
    #[arg(long, value_name = "NAMES")]
    fields: Option<String>,

    /// In the order of this property, with `-` before it to descend
    #[arg(long, value_name = "PROPERTY", allow_hyphen_values = true, requires = "lat")]
    sort: Option<String>,

    /// Print a GeoJSON FeatureCollection
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Searches and prints.
pub async fn run(args: SearchArgs) -> Result<u8, CliError> {
    let body = args.body()?.to_string();
    let refused = |problem: Problem| CliError::usage(problem.detail().to_owned());
    let params = parse_search_body(&body, &args.collection, SystemTime::now()).map_err(refused)?;
    let open = args.store.open_existing().await?;
    let found = find(open.store.clone(), &args.collection, params.wanted, params.selection).await;
    open.close().await;
    let found = found?;
    if args.json {
        say(&String::from_utf8_lossy(&write_page(&found.hits, "", &[], &params.form)))?;
    } else {
        say(&format!("{}\n{}", table(found.hits.iter().map(Row::from)), found.summary()))?;
    }
    Ok(code::OK)
}

impl SearchArgs {
    /// What the API would be sent.
    fn body(&self) -> Result<Value, CliError> {
        let mut body = Map::new();
        let mut add = |name: &str, value: Option<Value>| {
            body.extend(value.map(|value| (name.to_owned(), value)));
        };
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let number = |number: Option<f64>| number.map(Value::from);
        add("within", self.within.as_deref().map(|path| geometry(path, "Polygon")).transpose()?);
        add("along", self.along.as_deref().map(|path| geometry(path, "LineString")).transpose()?);
        add("bbox", text(&self.bbox));
        add("width", number(self.width));
        add("edges", text(&self.edges));
        add("lat", number(self.lat));
        add("lon", number(self.lon));
        add("radius", number(self.radius));
        add("limit", Some(self.limit.into()));
        add("category", text(&self.category));
        add("filter", text(&self.filter));
        add("q", text(&self.q));
        add("open_at", text(&self.open_at));
        add("open_at_unknown", self.open_at_unknown.then(|| "include".into()));
        add("fields", text(&self.fields));
        add("sort", text(&self.sort));
        Ok(body.into())
    }
}

/// The geometries of a type in a file, and those of several of it, as one of several.
fn geometry(path: &Path, kind: &str) -> Result<Value, CliError> {
    let failed = |why: String| CliError::failure(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| failed(format!("cannot be read as a GeoJSON file: {error}")))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let mut coordinates = Vec::new();
    let features = match document["type"].as_str() {
        Some("FeatureCollection") => document["features"].as_array().cloned().unwrap_or_default(),
        _ => vec![document],
    };
    for feature in &features {
        let geometry = if feature["type"] == "Feature" { &feature["geometry"] } else { feature };
        let found = geometry["type"].as_str().unwrap_or("no geometry");
        match found.strip_prefix("Multi") {
            Some(several) if several == kind => {
                coordinates.extend(geometry["coordinates"].as_array().into_iter().flatten().cloned());
            }
            None if found == kind => coordinates.push(geometry["coordinates"].clone()),
            _ => {
                let hint = format!("expected geometries of type {kind} or Multi{kind}");
                return Err(failed(format!("there is a {found}")).hint(hint));
            }
        }
    }
    Ok(json!({ "type": format!("Multi{kind}"), "coordinates": coordinates }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: &str) -> Result<Value, CliError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        geometry(file.path(), kind)
    }

    #[test]
    fn files_hold_geometries_or_features() {
        let ring = json!([[[0, 0], [1, 0], [1, 1], [0, 0]]]);
        let polygon = json!({ "type": "Polygon", "coordinates": ring });
        let several = json!({ "type": "MultiPolygon", "coordinates": [ring, ring] });
        let feature = |geometry: &Value| json!({ "type": "Feature", "properties": {}, "geometry": geometry });
        let all = json!({ "type": "FeatureCollection", "features": [feature(&polygon), feature(&several)] });
        for (document, count) in
            [(polygon.clone(), 1), (several.clone(), 2), (feature(&polygon), 1), (all.clone(), 3)]
        {
            let read = read(&document.to_string(), "Polygon").unwrap();
            assert_eq!(read["type"], "MultiPolygon");
            assert_eq!(read["coordinates"].as_array().unwrap().len(), count, "{document}");
        }
        assert!(read(&polygon.to_string(), "LineString").is_err());
        assert!(read("{}", "Polygon").is_err() && read("{", "Polygon").is_err());
    }
}
