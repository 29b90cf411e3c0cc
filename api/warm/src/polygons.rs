//! Areas from GeoJSON: polygons, bare, in Features, or in collections of any depth.
//!
//! Holes are respected. A polygon may cross the antimeridian cut in two (RFC 7946, section 3.1.9) or by longitudes
//! beyond ±180. Where an edge can be meant in two ways, both are taken, so that nothing is missed.

use geo_index::{Area, Polygon, PolygonError};
use serde::Deserialize;
use thiserror::Error;

/// Why a text is no area.
#[derive(Debug, Error)]
pub enum AreaError {
    /// Not the GeoJSON that was expected.
    #[error("not a GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection: {0}")]
    Json(#[from] serde_json::Error),
    /// A geometry without an area.
    #[error("a geometry of it is a point, a line or nothing; an area is made of Polygons and MultiPolygons")]
    NoPolygon,
    /// Nothing in it.
    #[error("it has no polygons")]
    Empty,
    /// A polygon that is none.
    #[error("polygon {number}: {error}")]
    Polygon {
        /// Which one, from 1 on.
        number: usize,
        /// What is wrong with it.
        error: PolygonError,
    },
    /// A corner without two coordinates.
    #[error("polygon {number}: a corner has fewer than two coordinates")]
    Corner {
        /// Which one, from 1 on.
        number: usize,
    },
}

/// An area, and what its author may want to know.
#[derive(Debug)]
pub struct PolygonArea {
    /// The polygons.
    pub area: Area,
    /// Polygons of the text.
    pub polygons: usize,
    /// Those with an edge of more than 180° of longitude, which were taken both ways round.
    pub taken_both_ways: usize,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum GeoJson {
    Polygon {
        coordinates: Rings,
    },
    MultiPolygon {
        coordinates: Vec<Rings>,
    },
    GeometryCollection {
        geometries: Vec<GeoJson>,
    },
    Feature {
        geometry: Option<Box<GeoJson>>,
    },
    FeatureCollection {
        features: Vec<GeoJson>,
    },
    #[serde(other)]
    Other,
}

type Rings = Vec<Vec<Vec<f64>>>;

/// Reads an area.
pub fn read_polygons(text: &[u8]) -> Result<PolygonArea, AreaError> {
    let mut polygons = Vec::new();
    // Some programs begin their files with a byte order mark.
    collect(serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text))?, &mut polygons)?;
    if polygons.is_empty() {
        return Err(AreaError::Empty);
    }
    let mut read = PolygonArea { area: Area::default(), polygons: polygons.len(), taken_both_ways: 0 };
    for (number, rings) in (1..).zip(polygons) {
        let readings = Polygon::readings(&rings_of(number, rings)?)
            .map_err(|error| AreaError::Polygon { number, error })?;
        read.taken_both_ways += usize::from(readings.len() > 1);
        for polygon in readings {
            read.area.add_polygon(polygon);
        }
    }
    Ok(read)
}

fn collect(json: GeoJson, polygons: &mut Vec<Rings>) -> Result<(), AreaError> {
    match json {
        GeoJson::Polygon { coordinates } => polygons.push(coordinates),
        GeoJson::MultiPolygon { coordinates } => polygons.extend(coordinates),
        GeoJson::GeometryCollection { geometries: parts }
        | GeoJson::FeatureCollection { features: parts } => {
            parts.into_iter().try_for_each(|part| collect(part, polygons))?;
        }
        GeoJson::Feature { geometry: Some(geometry) } => collect(*geometry, polygons)?,
        GeoJson::Feature { geometry: None } | GeoJson::Other => return Err(AreaError::NoPolygon),
    }
    Ok(())
}

fn rings_of(number: usize, rings: Rings) -> Result<Vec<Vec<[f64; 2]>>, AreaError> {
    let corner = |corner: Vec<f64>| match corner[..] {
        [lon, lat, ..] => Ok([lon, lat]),
        _ => Err(AreaError::Corner { number }),
    };
    if rings.is_empty() {
        return Err(AreaError::Polygon { number, error: PolygonError::Corners(0) });
    }
    rings.into_iter().map(|ring| ring.into_iter().map(corner).collect()).collect()
}

#[cfg(test)]
mod tests {
    use geo_index::H3Cell;

    use super::*;

    const SQUARE: &str = "[[[10,40],[11,40],[11,41],[10,41],[10,40]]]";

    fn count(text: &str) -> (usize, usize) {
        let read = read_polygons(text.as_bytes()).unwrap();
        (read.polygons, read.taken_both_ways)
    }

    fn refused(text: &str) -> String {
        read_polygons(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn all_shapes_of_geojson_are_read() {
        let polygon = format!(r#"{{"type":"Polygon","coordinates":{SQUARE}}}"#);
        let multi = format!(r#"{{"coordinates":[{SQUARE},{SQUARE}],"type":"MultiPolygon"}}"#);
        let feature = format!(r#"{{"type":"Feature","id":7,"properties":null,"geometry":{multi}}}"#);
        assert_eq!(count(&polygon), (1, 0));
        assert_eq!(count(&format!("\u{feff}{polygon}")), (1, 0));
        assert_eq!(count(&multi), (2, 0));
        let collection =
            format!(r#"{{"type":"FeatureCollection","name":"x","features":[{feature},{feature}]}}"#);
        assert_eq!(count(&collection), (4, 0));
        let geometries = format!(r#"{{"type":"GeometryCollection","geometries":[{polygon}]}}"#);
        assert_eq!(count(&geometries), (1, 0));
    }

    #[test]
    fn an_area_is_where_its_polygon_is() {
        let polygon = format!(r#"{{"type":"Polygon","coordinates":{SQUARE}}}"#);
        let read = read_polygons(polygon.as_bytes()).unwrap();
        let (cells, complete) = read.area.cells::<H3Cell>(4, 1_000);
        assert!(complete && (5..40).contains(&cells.len()), "{}", cells.len());
        let across =
            r#"{"type":"Polygon","coordinates":[[[177,-20],[182,-20],[182,-12],[177,-12],[177,-20]]]}"#;
        assert_eq!(count(across), (1, 0));
        assert_eq!(count(&across.replace("182", "-178")), (1, 1));
    }

    #[test]
    fn what_is_no_area_is_said_so() {
        assert!(refused("nonsense").starts_with("not a GeoJSON Polygon"));
        assert!(refused("{}").contains("missing field `type`"));
        assert!(refused(r#"{"type":"FeatureCollection","features":[]}"#).contains("no polygons"));
        assert!(refused(r#"{"type":"Point","coordinates":[1,2]}"#).contains("a point, a line"));
        assert!(refused(r#"{"type":"Feature","geometry":null}"#).contains("a point, a line"));
        let corners = r#"{"type":"MultiPolygon","coordinates":[[[[1,2],[3,4],[5,60]]],[[[1,2],[1]]]]}"#;
        assert_eq!(refused(corners), "polygon 2: a corner has fewer than two coordinates");
        let north = r#"{"type":"Polygon","coordinates":[[[1,2],[3,4],[5,600]]]}"#;
        assert_eq!(refused(north), "polygon 1: latitude 600 is not between -90 and 90");
        let none = r#"{"type":"Polygon","coordinates":[]}"#;
        assert_eq!(refused(none), "polygon 1: a ring has 0 corners; it needs at least 3");
        assert!(refused(&"[".repeat(100_000)).starts_with("not a GeoJSON"));
        let deep = r#"{"type":"Feature","geometry":"#.repeat(10_000);
        assert!(refused(&deep).contains("recursion limit"));
    }
}
