//! `cellar nearby --url` with conditions on properties: one request to the exact endpoint.

use cellar_cli_kit::CliError;
use cellar_client::{HttpTransport, Response, Transport as _, TransportError};
use cellar_model::escape_segment;
use cellar_model::place::Properties;
use geo_index::{Meters, Position};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::NearbyArgs;
use super::rows::{Row, table};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    features: Vec<Feature<'a>>,
}

#[derive(Deserialize)]
struct Feature<'a> {
    id: String,
    distance_m: Option<f64>,
    geometry: Geometry,
    #[serde(borrow)]
    properties: &'a RawValue,
}

#[derive(Deserialize)]
struct Geometry {
    coordinates: (f64, f64),
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// Asks, and returns what is to be printed.
pub(super) async fn ask(url: &str, args: &NearbyArgs, origin: Position) -> Result<String, CliError> {
    let transport = HttpTransport::new(url)
        .map_err(|TransportError(reason)| CliError::usage(format!("--url {url}: {reason}")))?;
    let Response { status, body, .. } = transport.get(&path(args, origin)).await.map_err(|error| {
        CliError::failure(error.to_string())
            .hint("check --url, and that `cellar serve` or an edge runs there")
    })?;
    if !status.is_success() {
        let problem: Option<Problem> = serde_json::from_slice(&body).ok();
        let detail = problem.map(|problem| problem.detail).unwrap_or_default();
        return Err(CliError::failure(format!("the server answered {status}: {detail}")));
    }
    let text = String::from_utf8_lossy(&body);
    if args.json {
        return Ok(text.into_owned());
    }
    let broken =
        || CliError::failure("the answer is no list of places").hint("check that --url names this API");
    let document: Document<'_> = serde_json::from_str(&text).map_err(|_| broken())?;
    let rows = document.features.into_iter().map(row).collect::<Option<Vec<_>>>().ok_or_else(broken)?;
    let count = rows.len();
    Ok(format!("{}\n{count} places, by the exact endpoint", table(rows.into_iter())))
}

fn row(feature: Feature<'_>) -> Option<Row> {
    let (lon, lat) = feature.geometry.coordinates;
    let position = Position::new(lat, lon).ok()?;
    let distance = feature.distance_m.and_then(Meters::new);
    Some(Row::new(distance, feature.id, &Properties::from_raw(feature.properties)?, position))
}

fn path(args: &NearbyArgs, origin: Position) -> String {
    let NearbyArgs { collection, limit, .. } = args;
    let (lat, lon) = (origin.lat(), origin.lon());
    let mut path = format!("/v1/collections/{collection}/nearby?lat={lat}&lon={lon}&limit={limit}");
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            path.extend(["&", name, "=", &escape_segment(&value)]);
        }
    };
    add("radius", args.radius.map(|radius| radius.get().to_string()));
    add("category", args.category.as_ref().map(ToString::to_string));
    add("filter", args.filter.as_ref().map(ToString::to_string));
    add("q", args.q.as_ref().map(ToString::to_string));
    add("open_at", args.open_at.clone());
    add("open_at_unknown", args.open_at_unknown.then(|| "include".to_owned()));
    add("fields", args.fields.as_ref().map(ToString::to_string));
    add("sort", args.sort.as_ref().map(ToString::to_string));
    path
}
