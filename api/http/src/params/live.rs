//! Parameters of `/changes` and `/live`.

use std::sync::Arc;

use cellar_changes::log::{Shape, Token};
use geo_index::{Meters, Position, Region};

use super::query::QueryText;
use super::{items, region, values};
use crate::config::ApiConfig;
use crate::problem::{Kind, Problem};

const OF_CHANGES: [&str; 2] = ["since", "limit"];
const OF_LIVE: [&str; 6] = ["lat", "lon", "radius", "bbox", "shape", "since"];

/// Changes of one answer, at most and by default.
const MAX_CHANGES: usize = 1_000;
const DEFAULT_CHANGES: usize = 100;

const TOKEN_ALLOWED: &str = "the `next` of an answer or the `id` of an event";
const SHAPE_ALLOWED: &str = "a GeoJSON Polygon or MultiPolygon of at most 4,096 bytes and 500 corners";
const ONE_SHAPE: &str =
    "one of `lat`, `lon` and `radius`, or `bbox`, or `shape`; none of them is the whole collection";

/// Bytes of a shape, and its corners.
const MAX_SHAPE_BYTES: usize = 4_096;
const MAX_CORNERS: usize = 500;

/// Which changes.
#[derive(Clone, Debug)]
pub struct ChangesParams<'a> {
    /// Those after this.
    pub since: Option<Token>,
    /// At most so many.
    pub limit: usize,
    /// The query string.
    pub text: QueryText<'a>,
}

/// What is watched, and from where on.
#[derive(Clone, Debug)]
pub struct LiveParams {
    /// The part of the sphere.
    pub shape: Shape,
    /// Changes after this; else those from now on.
    pub since: Option<Token>,
}

/// Reads the query string of `/changes`.
pub fn parse_changes(raw: Option<&str>) -> Result<ChangesParams<'_>, Problem> {
    let text = QueryText::parse(raw, &OF_CHANGES)?;
    let since = text.optional("since", TOKEN_ALLOWED)?.map(|text| token("since", text)).transpose()?;
    let limit = values::limit_up_to(&text, MAX_CHANGES)?.map_or(DEFAULT_CHANGES, std::num::NonZeroUsize::get);
    Ok(ChangesParams { since, limit, text })
}

/// Reads the query string of `/live`, and the header `Last-Event-ID`, which counts before it: a client that comes back
/// sends the URL that it first sent.
pub fn parse_live(
    raw: Option<&str>,
    last_event: Option<&str>,
    config: &ApiConfig,
) -> Result<LiveParams, Problem> {
    let text = QueryText::parse_with_list(raw, &OF_LIVE, "bbox")?;
    let first = text.optional("since", TOKEN_ALLOWED)?.map(|text| token("since", text)).transpose()?;
    let last = last_event.filter(|id| !id.is_empty()).map(|id| token("Last-Event-ID", id)).transpose()?;
    Ok(LiveParams { shape: shape(&text, config)?, since: last.or(first) })
}

fn token(name: &'static str, text: &str) -> Result<Token, Problem> {
    Token::decode(text).map_err(|_| {
        Problem::new(Kind::TokenInvalid, format!("`{name}` is no token of this version, or is damaged"))
            .parameter(name)
            .allowed(TOKEN_ALLOWED)
    })
}

fn shape(text: &QueryText<'_>, config: &ApiConfig) -> Result<Shape, Problem> {
    let circle = ["lat", "lon", "radius"]
        .into_iter()
        .find_map(|name| Some(name).filter(|name| !matches!(text.optional(name, ONE_SHAPE), Ok(None))));
    let (bbox, polygon) = (text.optional("bbox", ONE_SHAPE)?, text.optional("shape", SHAPE_ALLOWED)?);
    match (circle, bbox, polygon) {
        (None, None, None) => Ok(Shape::World),
        (Some(_), None, None) => {
            let (lat, lon) = (values::degrees(text, "lat", 90.0)?, values::degrees(text, "lon", 180.0)?);
            let centre = Position::new(lat, lon)
                .map_err(|error| Problem::new(Kind::ParameterOutOfRange, error.to_string()))?;
            Ok(Shape::Circle(centre, radius(text, config)?))
        }
        (None, Some(bbox), None) => items::bbox(bbox).map(Shape::Box),
        (None, None, Some(polygon)) => polygons(polygon).map(|region| Shape::Region(Arc::new(region))),
        (circle, bbox, _) => {
            let second = if circle.is_some() && bbox.is_some() { "bbox" } else { "shape" };
            let detail = format!("`{second}` is a second shape");
            Err(Problem::new(Kind::ParameterInvalid, detail).parameter(second).allowed(ONE_SHAPE))
        }
    }
}

fn radius(text: &QueryText<'_>, config: &ApiConfig) -> Result<Meters, Problem> {
    let allowed = format_args!("metres, more than 0 and at most {}", config.max_radius.get());
    let text = text.required("radius", allowed)?;
    Meters::new(values::number("radius", text, allowed)?)
        .filter(|&radius| radius > Meters::ZERO && radius <= config.max_radius)
        .ok_or_else(|| values::out_of_range("radius", text, allowed))
}

fn polygons(text: &str) -> Result<Region, Problem> {
    if text.len() > MAX_SHAPE_BYTES {
        let detail = format!("`shape` has {} bytes; it may have {MAX_SHAPE_BYTES}", text.len());
        return Err(Problem::new(Kind::ParameterOutOfRange, detail)
            .parameter("shape")
            .allowed(SHAPE_ALLOWED));
    }
    region::polygons("shape", text, MAX_CORNERS, SHAPE_ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(raw: &str) -> Result<LiveParams, Problem> {
        parse_live(Some(raw), None, &ApiConfig::default())
    }

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    #[test]
    fn a_shape_is_one_of_three() {
        let world = parse_live(None, None, &ApiConfig::default()).unwrap();
        assert!(world.shape.contains(at(-80.0, 170.0)) && world.since.is_none());
        assert!(live("lat=1&lon=2&radius=1000").unwrap().shape.contains(at(1.0, 2.0)));
        assert!(!live("bbox=1,2,3,4").unwrap().shape.contains(at(1.0, 2.0)));
        let square = r#"{"type":"Polygon","coordinates":[[[1,1],[3,1],[3,3],[1,3],[1,1]]]}"#;
        let square: String = form_urlencoded::byte_serialize(square.as_bytes()).collect();
        let shape = live(&format!("shape={square}")).unwrap().shape;
        assert!(shape.contains(at(2.0, 2.0)) && !shape.contains(at(4.0, 2.0)));
        for (bad, parameter) in [
            ("lat=1&lon=2", "radius"),
            ("lat=1&radius=5", "lon"),
            ("radius=5", "lat"),
            ("lat=1&lon=2&radius=0", "radius"),
            ("lat=1&lon=2&radius=5&bbox=1,2,3,4", "bbox"),
            ("bbox=1,2,3,4&shape={}", "shape"),
            ("bbox=1,2,3", "bbox"),
            ("shape={}", "shape"),
            ("shape=%7B%22type%22:%22Point%22,%22coordinates%22:[1,2]%7D", "shape"),
            ("since=x", "since"),
            ("limit=5", "limit"),
        ] {
            let problem = live(bad).unwrap_err();
            assert_eq!(problem.parameter_name(), Some(parameter), "{bad}");
        }
    }

    #[test]
    fn a_shape_is_bounded_and_has_one_meaning() {
        let rings = |corners: usize| {
            let corner = |i: usize| {
                let (sin, cos) = (i as f64 / corners as f64 * std::f64::consts::TAU).sin_cos();
                [cos, sin].map(|x| (x * 10.0).round() / 10.0)
            };
            serde_json::json!({ "type": "Polygon", "coordinates": [(0..corners).map(corner).collect::<Vec<_>>()] })
        };
        assert!(polygons(&rings(300).to_string()).is_ok());
        assert!(polygons(&rings(501).to_string()).is_err() && polygons(&rings(5_000).to_string()).is_err());
        let wide = r#"{"type":"Polygon","coordinates":[[[-170,0],[170,0],[170,9],[-170,9],[-170,0]]]}"#;
        // Its edges are the shortest way, as those of a search: across the antimeridian.
        let wide = polygons(wide).unwrap();
        assert!(wide.contains(at(5.0, 180.0)) && !wide.contains(at(5.0, 0.0)));
        assert!(polygons(r#"{"type":"MultiPolygon","coordinates":[]}"#).is_err());
    }

    #[test]
    fn changes_have_a_limit() {
        assert_eq!(parse_changes(None).unwrap().limit, 100);
        assert_eq!(parse_changes(Some("limit=1000")).unwrap().limit, 1_000);
        for bad in ["limit=0", "limit=1001", "since=", "since=AAAA", "cursor=x"] {
            assert!(parse_changes(Some(bad)).is_err(), "{bad}");
        }
    }
}
