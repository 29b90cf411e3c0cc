//! Shapes to search within: `bbox`, `within` and `along`.

use std::borrow::Cow;

use geo_index::{MAX_WIDTH, Meters, Region, RegionError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::items::{BBOX_ALLOWED, bbox};
use super::query::{QueryText, echo};
use super::values;
use crate::problem::{Kind, Problem};

/// Names of the parameters.
pub(super) const BBOX: &str = "bbox";
pub(super) const WITHIN: &str = "within";
pub(super) const ALONG: &str = "along";
pub(super) const WIDTH: &str = "width";
pub(super) const EDGES: &str = "edges";

/// Most points of a shape in a body.
pub(super) const MAX_POINTS: usize = 10_000;
/// Most points of a shape in a URL.
const MAX_URL_POINTS: usize = 100;
/// Most polygons, or lines.
const MAX_SHAPES: usize = 1_000;

const WITHIN_ALLOWED: &str = "in a body, a GeoJSON Polygon or MultiPolygon of at most 10,000 points and 1,000 polygons; in a URL, the ring of a polygon of at most 100 points, longitude,latitude,longitude,latitude,… in degrees";
const ALONG_ALLOWED: &str = "in a body, a GeoJSON LineString or MultiLineString of at most 10,000 points and 1,000 lines; in a URL, a line of at most 100 points, longitude,latitude,longitude,latitude,… in degrees";
const WIDTH_ALLOWED: &str = "metres to either side of the line, more than 0 and at most 1,000,000";
const EDGES_ALLOWED: &str = "geodesic, planar";

/// Coordinates of polygons with their rings, or of lines as the only ring of each.
type Coordinates = Vec<Vec<Vec<[f64; 2]>>>;

/// A shape, and a text that tells it from others.
pub(super) struct Shape {
    pub(super) region: Region,
    pub(super) text: String,
}

/// The shape that parameters and members describe; exactly one of `bbox`, `within` and `along`.
pub(super) fn shape(
    query: &QueryText<'_>,
    geometry: Option<(&'static str, &RawValue)>,
) -> Result<Shape, Problem> {
    let coordinates = |name: &'static str, allowed: &'static str| match geometry {
        Some((given, json)) if given == name => of_geometry(name, json.get(), allowed).map(Some),
        _ => query.optional(name, allowed)?.map(|text| of_text(name, text, allowed)).transpose(),
    };
    let (within, along) = (coordinates(WITHIN, WITHIN_ALLOWED)?, coordinates(ALONG, ALONG_ALLOWED)?);
    let edges = query.optional(EDGES, EDGES_ALLOWED)?;
    let width = width(query)?;
    let (bbox_text, mut region) = (query.optional(BBOX, BBOX_ALLOWED)?, Region::default());
    let only = |name: &'static str, of: &'static str| {
        Problem::new(Kind::ParameterInvalid, format!("`{name}` takes `{of}`")).parameter(name)
    };
    if width.is_some() && along.is_none() {
        return Err(only(WIDTH, ALONG));
    }
    if edges.is_some() && within.is_none() {
        return Err(only(EDGES, WITHIN));
    }
    let text = match (bbox_text, &within, &along) {
        (Some(text), None, None) => {
            region.add_box(bbox(text)?);
            format!("{:?}", bbox(text)?.edges())
        }
        (None, Some(polygons), None) => {
            let planar = match edges {
                None | Some("geodesic") => false,
                Some("planar") => true,
                Some(other) => {
                    return Err(values::invalid(EDGES, other, "which edges cannot be", EDGES_ALLOWED));
                }
            };
            let add = if planar { Region::add_planar_polygon } else { Region::add_polygon };
            let mut added = polygons.iter().map(|rings| add(&mut region, rings));
            added.try_for_each(|added| added).map_err(|error| refused(WITHIN, error, WITHIN_ALLOWED))?;
            format!("{planar} {polygons:?}")
        }
        (None, None, Some(lines)) => {
            let width = width.ok_or_else(|| {
                Problem::new(Kind::ParameterMissing, "`along` takes `width`")
                    .parameter(WIDTH)
                    .allowed(WIDTH_ALLOWED)
            })?;
            let mut added = lines.iter().flatten().map(|line| region.add_corridor(line, width));
            added.try_for_each(|added| added).map_err(|error| refused(ALONG, error, ALONG_ALLOWED))?;
            format!("{width} {lines:?}")
        }
        (bbox_text, within, _) => {
            if bbox_text.is_some() || within.is_some() {
                let detail = "a search is within one shape: `bbox`, `within` or `along`";
                let second = if bbox_text.is_some() && within.is_some() { WITHIN } else { ALONG };
                return Err(Problem::new(Kind::ParameterInvalid, detail).parameter(second));
            }
            let detail = "one shape to search within is required: `bbox`, `within` or `along`";
            return Err(Problem::new(Kind::ParameterMissing, detail)
                .parameter(WITHIN)
                .allowed(WITHIN_ALLOWED));
        }
    };
    Ok(Shape { region, text })
}

fn width(query: &QueryText<'_>) -> Result<Option<Meters>, Problem> {
    let Some(text) = query.optional(WIDTH, WIDTH_ALLOWED)? else { return Ok(None) };
    let width = Meters::new(values::number(WIDTH, text, WIDTH_ALLOWED)?);
    let width = width.filter(|width| *width > Meters::ZERO && *width <= MAX_WIDTH);
    width.map(Some).ok_or_else(|| values::out_of_range(WIDTH, text, WIDTH_ALLOWED))
}

fn refused(name: &'static str, error: RegionError, allowed: &'static str) -> Problem {
    let kind = match error {
        RegionError::Latitude(_) | RegionError::Longitude(_) | RegionError::TooWide => {
            Kind::ParameterOutOfRange
        }
        _ => Kind::ParameterInvalid,
    };
    Problem::new(kind, format!("in `{name}`, {error}")).parameter(name).allowed(allowed)
}

/// One ring or line, as a list of numbers.
fn of_text(name: &'static str, text: &str, allowed: &'static str) -> Result<Coordinates, Problem> {
    let numbers = text.split(',').map(|part| values::number(name, part, allowed));
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
    let (points, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(values::invalid(name, text, "which has a longitude without a latitude", allowed));
    }
    if points.len() > MAX_URL_POINTS {
        let detail =
            format!("`{name}` has {} points; a URL may have {MAX_URL_POINTS}, a body more", points.len());
        return Err(Problem::new(Kind::ParameterOutOfRange, detail).parameter(name).allowed(allowed));
    }
    Ok(vec![vec![points.to_vec()]])
}

/// A position; a height does not count.
#[derive(Deserialize)]
#[serde(try_from = "Vec<f64>")]
struct Point([f64; 2]);

impl TryFrom<Vec<f64>> for Point {
    type Error = String;

    fn try_from(numbers: Vec<f64>) -> Result<Self, String> {
        match numbers[..] {
            [lon, lat] | [lon, lat, _] => Ok(Self([lon, lat])),
            _ => Err(format!("a position has {} numbers; it has 2, or 3 with a height", numbers.len())),
        }
    }
}

#[derive(Deserialize)]
struct Geometry<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    coordinates: Option<&'a RawValue>,
}

/// Positions of polygons with their rings, or of lines as the only ring of each; why not, otherwise.
fn shapes_of(name: &'static str, json: &str) -> Result<Vec<Vec<Vec<Point>>>, String> {
    if !json.starts_with('{') {
        return Err("there is no GeoJSON geometry".to_owned());
    }
    // What a reader of JSON calls its numbers is nothing to whoever wrote them.
    let why = |error: serde_json::Error| error.to_string().replace("expected f64", "expected a number");
    let Geometry { kind, coordinates } = serde_json::from_str(json).map_err(why)?;
    let coordinates = || coordinates.map(RawValue::get).ok_or_else(|| "there are no coordinates".to_owned());
    let shapes = match (name == ALONG, &*kind) {
        (false, "Polygon") => serde_json::from_str(coordinates()?).map(|rings| vec![rings]),
        (false, "MultiPolygon") => serde_json::from_str(coordinates()?),
        (true, "LineString") => serde_json::from_str(coordinates()?).map(|line| vec![vec![line]]),
        (true, "MultiLineString") => serde_json::from_str(coordinates()?)
            .map(|lines: Vec<Vec<Point>>| lines.into_iter().map(|line| vec![line]).collect()),
        _ => return Err(format!("the type is `{}`, which is not for this", echo(&kind))),
    };
    shapes.map_err(why)
}

/// Polygons whose edges are arcs of great circles, of a geometry with at most so many points.
pub(super) fn polygons(
    name: &'static str,
    json: &str,
    most: usize,
    allowed: &'static str,
) -> Result<Region, Problem> {
    let (polygons, mut region) = (of_geometry(name, json, allowed)?, Region::default());
    let points: usize = polygons.iter().flatten().map(Vec::len).sum();
    if points > most {
        let detail = format!("`{name}` has {points} points; it may have {most}");
        return Err(Problem::new(Kind::ParameterOutOfRange, detail).parameter(name).allowed(allowed));
    }
    let mut added = polygons.iter().map(|rings| region.add_polygon(rings));
    added.try_for_each(|added| added).map_err(|error| refused(name, error, allowed))?;
    Ok(region)
}

fn of_geometry(name: &'static str, json: &str, allowed: &'static str) -> Result<Coordinates, Problem> {
    let unreadable = |why: String| {
        Problem::new(Kind::ParameterInvalid, format!("in `{name}`, {why}")).parameter(name).allowed(allowed)
    };
    let shapes = shapes_of(name, json).map_err(unreadable)?;
    let points: usize = shapes.iter().flatten().map(Vec::len).sum();
    for (count, most, what) in
        [(points, MAX_POINTS, "points"), (shapes.len(), MAX_SHAPES, "polygons or lines")]
    {
        if count > most {
            let detail = format!("`{name}` has {count} {what}; it may have {most}");
            return Err(Problem::new(Kind::ParameterOutOfRange, detail).parameter(name).allowed(allowed));
        }
    }
    if shapes.is_empty() || shapes.iter().any(Vec::is_empty) {
        return Err(unreadable("there are no coordinates".to_owned()));
    }
    let ring = |ring: Vec<Point>| ring.into_iter().map(|Point(point)| point).collect();
    Ok(shapes.into_iter().map(|rings| rings.into_iter().map(ring).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_what_is_read() {
        for allowed in [WITHIN_ALLOWED, ALONG_ALLOWED] {
            for most in [MAX_POINTS, MAX_SHAPES, MAX_URL_POINTS] {
                assert!(allowed.contains(&format!("{} ", cellar_model::grouped(most as u64))), "{allowed}");
            }
        }
        assert!(WIDTH_ALLOWED.contains(&cellar_model::grouped(MAX_WIDTH.get() as u64)));
    }

    #[test]
    fn shapes_are_read_from_urls_and_bodies() {
        let of = |query: &str| {
            shape(&QueryText::parse(Some(query), &[BBOX, WITHIN, ALONG, WIDTH, EDGES]).unwrap(), None)
        };
        for good in [
            "bbox=1,2,3,4",
            "within=0,0,1,0,1,1",
            "within=0,0,1,0,1,1&edges=planar",
            "along=0,0,1,1&width=50",
        ] {
            assert_eq!(of(good).map(|shape| shape.region.len()).unwrap(), 1, "{good}");
        }
        let long = vec!["1,1"; 101].join(",");
        for (bad, kind) in [
            ("", Kind::ParameterMissing),
            ("bbox=1,2,3,4&within=0,0,1,0,1,1", Kind::ParameterInvalid),
            ("along=0,0,1,1", Kind::ParameterMissing),
            ("within=0,0,1,0,1", Kind::ParameterInvalid),
            ("within=0,0,1,0", Kind::ParameterInvalid),
            ("within=0,0,x,0,1,1", Kind::ParameterInvalid),
            ("within=0,0,1,0,1,91", Kind::ParameterOutOfRange),
            ("within=0,0,120,0,-120,0", Kind::ParameterOutOfRange),
            (&format!("within={long}"), Kind::ParameterOutOfRange),
            ("bbox=1,2,3,4&width=5", Kind::ParameterInvalid),
            ("bbox=1,2,3,4&edges=planar", Kind::ParameterInvalid),
            ("within=0,0,1,0,1,1&edges=round", Kind::ParameterInvalid),
            ("along=0,0,1,1&width=0", Kind::ParameterOutOfRange),
        ] {
            assert_eq!(of(bad).map(|shape| shape.text).unwrap_err().kind(), kind, "{bad}");
        }
        for (name, good) in [
            (WITHIN, r#"{"type":"Polygon","coordinates":[[[0,0],[1,0,7],[1,1],[0,0]]]}"#),
            (
                WITHIN,
                r#"{"coordinates":[[[[0,0],[1,0],[1,1]]],[[[5,5],[6,5],[6,6]]]],"type":"MultiPolygon"}"#,
            ),
            (ALONG, r#"{"type":"LineString","coordinates":[[0,0],[1,0]]}"#),
            (ALONG, r#"{"type":"MultiLineString","coordinates":[[[0,0],[1,0]],[[2,0],[3,0]]]}"#),
        ] {
            assert!(of_geometry(name, good, "").is_ok(), "{good}");
            assert!(of_geometry(if name == ALONG { WITHIN } else { ALONG }, good, "").is_err(), "{good}");
        }
        for bad in [
            r#"{"type":"Polygon","coordinates":[]}"#,
            r#"{"type":"Polygon","coordinates":[[[0]]]}"#,
            r#"{"type":"Point","coordinates":[0,0]}"#,
            "7",
        ] {
            assert!(of_geometry(WITHIN, bad, "").is_err(), "{bad}");
        }
        for (bad, why) in [
            (r#"{"type":"Polygon","coordinates":[[[0,0],[1,"1"]]]}"#, "expected a number"),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[1,1,1,1]]]}"#, "a position has 4 numbers"),
            (r#"{"type":"Polygon","coordinates":7}"#, "expected a sequence"),
            (r#"{"type":"Feature","geometry":null}"#, "the type is `Feature`"),
            (r#"{"type":"Polygon"}"#, "no coordinates"),
            (r#""0,0,1,0,1,1""#, "no GeoJSON geometry"),
        ] {
            let problem = of_geometry(WITHIN, bad, WITHIN_ALLOWED).unwrap_err();
            let detail = problem.detail();
            assert!(detail.contains(why) && !detail.contains("enum") && !detail.contains("Line"), "{detail}");
        }
    }
}
