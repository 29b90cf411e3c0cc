//! Where a record says that its place is, in any of the usual forms.
//!
//! Invariant: a position is read as it was meant or not at all. Where two readings are possible, which one holds is
//! decided for the whole column, and told.

mod angle;
mod crs;
mod geometry;
mod represent;

use geo_index::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

pub(super) use self::angle::degrees;
pub(crate) use self::crs::Crs;
pub use self::represent::RepresentativePoint;

/// Which of the two coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Lat,
    Lon,
}

/// Which coordinate comes first in a cell that holds both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// `48.85, 2.35`
    #[default]
    LatLon,
    /// `2.35, 48.85`
    LonLat,
}

/// Coordinates in the order of a map, x to the east.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Xy {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Whether there was a third, which is not kept.
    pub(super) altitude: bool,
}

/// How the positions of an input are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rules {
    pub(super) crs: Crs,
    pub(super) order: Order,
    pub(super) decimal_comma: bool,
    pub(super) representative: Option<RepresentativePoint>,
}

/// A position that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Located {
    pub(super) position: Position,
    pub(super) altitude: bool,
}

/// Why there is none.
#[derive(Clone, Debug, Error, PartialEq)]
pub(super) enum Fault {
    #[error("it is empty")]
    Empty,
    #[error("it is no position; expected `lat, lon`, WKT, hexadecimal WKB or GeoJSON")]
    Unreadable,
    #[error("it is a {0}; only a Point can be stored, or what --representative-point makes of it")]
    NotAPoint(String),
    #[error("{0}")]
    Crs(String),
    #[error("latitude {value} is not between -90 and 90{}", swap_hint(*swapped))]
    Latitude { value: f64, swapped: bool },
    #[error("longitude {value} is not between -180 and 180{}", swap_hint(*swapped))]
    Longitude { value: f64, swapped: bool },
}

fn swap_hint(swapped: bool) -> &'static str {
    if swapped { "; latitude and longitude look swapped" } else { "" }
}

/// Checks the range, after the transformation that the system asks for.
pub(super) fn located(xy: Xy, crs: Crs) -> Result<Located, Fault> {
    let (lon, lat) = crs.lon_lat(xy.x, xy.y);
    let swapped = Position::new(lon, lat).is_ok();
    if !(-90.0..=90.0).contains(&lat) {
        return Err(Fault::Latitude { value: lat, swapped });
    }
    let position = Position::new(lat, lon).map_err(|_| Fault::Longitude { value: lon, swapped })?;
    Ok(Located { position, altitude: xy.altitude })
}

/// From one text that holds both coordinates.
pub(super) fn of_text(text: &str, rules: Rules) -> Result<Located, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    if text.starts_with('{') {
        return of_value(&serde_json::from_str(text).map_err(|_| Fault::Unreadable)?, rules);
    }
    if let Some(shape) = geometry::wkt(text).or_else(|| geometry::wkb(text)) {
        return of_shape(&shape?, rules);
    }
    let bare = text.trim_matches(['(', ')', '[', ']']);
    let halves = halves(bare).ok_or(Fault::Unreadable)?;
    let (lat, lon) = match rules.order {
        Order::LatLon => (halves.0, halves.1),
        Order::LonLat => (halves.1, halves.0),
    };
    match (degrees(lat, Axis::Lat, rules.decimal_comma), degrees(lon, Axis::Lon, rules.decimal_comma)) {
        (Some(y), Some(x)) => located(Xy { x, y, altitude: false }, rules.crs),
        _ => Err(Fault::Unreadable),
    }
}

fn halves(text: &str) -> Option<(&str, &str)> {
    let by = |separator: char| text.split_once(separator).filter(|(_, rest)| !rest.contains(separator));
    by(';').or_else(|| by(',')).or_else(|| {
        let mut words = text.split_whitespace();
        Some((words.next()?, words.next()?)).filter(|_| words.next().is_none())
    })
}

/// From a value of JSON: a geometry, `[lon, lat]`, a text, or an object with a latitude and a longitude.
pub(super) fn of_value(value: &Value, rules: Rules) -> Result<Located, Fault> {
    match value {
        Value::Null => Err(Fault::Empty),
        Value::String(text) => of_text(text, rules),
        Value::Array(items) => match items.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>().as_deref()
        {
            Some(&[x, y, ref more @ ..]) if more.len() < 2 => {
                located(Xy { x, y, altitude: !more.is_empty() }, rules.crs)
            }
            _ => Err(Fault::Unreadable),
        },
        Value::Object(_) => of_shape(&geometry::geojson(value)?, rules),
        Value::Bool(_) | Value::Number(_) => Err(Fault::Unreadable),
    }
}

fn of_shape(shape: &geometry::Shape, rules: Rules) -> Result<Located, Fault> {
    located(shape.point(rules.representative)?, shape.crs.unwrap_or(rules.crs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, order: Order) -> Result<(f64, f64), Fault> {
        of_text(text, Rules { order, ..Rules::default() }).map(|at| (at.position.lat(), at.position.lon()))
    }

    #[test]
    fn one_text_holds_both_coordinates() {
        for text in [
            "48.85, 2.35",
            "(48.85,2.35)",
            "48.85;2.35",
            "48.85 2.35",
            "48°51'N, 2°21'E",
            "POINT (2.35 48.85)",
            r#"{"type":"Point","coordinates":[2.35,48.85]}"#,
            "0101000000CDCCCCCCCCCC0240CDCCCCCCCC6C4840",
        ] {
            assert_eq!(read(text, Order::LatLon), Ok((48.85, 2.35)), "{text}");
        }
        assert_eq!(read("2.35, 48.85", Order::LonLat), Ok((48.85, 2.35)));
        for text in ["Paris", "1,2,3", "48.85", "{", "{}", "null"] {
            assert_eq!(read(text, Order::LatLon), Err(Fault::Unreadable), "{text}");
        }
        assert_eq!(read(" ", Order::LatLon), Err(Fault::Empty));
        assert_eq!(read("120, 45", Order::LatLon), Err(Fault::Latitude { value: 120.0, swapped: true }));
    }

    #[test]
    fn metres_become_degrees_before_their_range_is_checked() {
        let rules = Rules { crs: Crs::WebMercator, ..Rules::default() };
        let at = of_value(&serde_json::json!([261_600.0, 6_250_000.0]), rules).unwrap();
        assert!(
            (at.position.lon() - 2.35).abs() < 1e-3 && (at.position.lat() - 48.86).abs() < 2e-2,
            "{at:?}"
        );
        let own = of_text("SRID=3857;POINT(261600 6250000)", Rules::default()).unwrap();
        assert_eq!(own, at, "what a value says of itself comes first");
    }
}
