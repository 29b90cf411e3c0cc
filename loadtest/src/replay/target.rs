//! The URL of a search.

use geo_index::{Cell, Collection, Meters, Position};
use percent_encoding::percent_decode_str;

const COLLECTIONS: &str = "/v1/collections/";

/// What the API takes without a limit, and at most.
const DEFAULT_LIMIT: usize = 20;
const LIMITS: std::ops::RangeInclusive<usize> = 1..=100;

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) collection: Collection,
    pub(super) position: Position,
    pub(super) radius: Option<Meters>,
    pub(super) limit: usize,
    pub(super) category: Option<String>,
    /// Whether it goes on behind an earlier answer.
    pub(super) goes_on: bool,
}

/// The search of a path with its query or of a whole URL; `None` for anything else. A cell answer is one from the
/// cell's centre: the log knows no more.
pub(super) fn parse(target: &str) -> Result<Option<Target>, String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some((_, path)) = path.split_once(COLLECTIONS) else { return Ok(None) };
    let segments: Vec<_> = path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy()).collect();
    let centre = match &segments[1..] {
        [nearby] if nearby == "nearby" => None,
        [cells, cell, nearby] if cells == "cells" && nearby == "nearby" => {
            Some(cell.parse::<Cell>().map_err(|error| format!("cell: {error}"))?.centre())
        }
        _ => return Ok(None),
    };
    let collection = segments[0].parse().map_err(|_| "not the name of a collection".to_owned())?;
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    };
    Ok(Some(Target {
        collection,
        position: centre.map_or_else(|| position(value("lat"), value("lon")), Ok)?,
        radius: value("radius").map(|text| radius(&text)).transpose()?,
        limit: value("limit").map_or(Ok(DEFAULT_LIMIT), |text| limit(&text))?,
        category: value("category"),
        goes_on: value("cursor").is_some(),
    }))
}

fn position(lat: Option<String>, lon: Option<String>) -> Result<Position, String> {
    let number = |name: &str, text: Option<String>| {
        let text = text.ok_or_else(|| format!("no {name}"))?;
        text.parse::<f64>().map_err(|_| format!("{name} is no number"))
    };
    Position::new(number("lat", lat)?, number("lon", lon)?).map_err(|error| error.to_string())
}

fn radius(text: &str) -> Result<Meters, String> {
    text.parse().ok().and_then(Meters::new).ok_or_else(|| "radius is no distance".to_owned())
}

fn limit(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|limit| LIMITS.contains(limit)).ok_or_else(|| "limit is not 1 to 100".to_owned())
}
