//! Coordinate reference systems that an input declares: honoured or refused by name, never ignored.
//!
//! All that means longitude and latitude on WGS 84 passes. Web Mercator, which web maps export, is a sphere's closed
//! formula and is turned back exactly. Everything else needs grids or parameters that decide about metres; that is the
//! work of PROJ, which `ogr2ogr -t_srs EPSG:4326` does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Radius of the sphere of Web Mercator, in metres (EPSG:3857, method 1024).
const MERCATOR_RADIUS_M: f64 = 6_378_137.0;

/// What the coordinates of an input are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Crs {
    /// Degrees on WGS 84.
    #[default]
    Wgs84,
    /// Metres of EPSG:3857.
    WebMercator,
}

impl Crs {
    /// By its number at EPSG; 0 is what databases write for "not said".
    pub(crate) fn of_epsg(code: u32) -> Result<Self, String> {
        match code {
            0 | 4326 | 4979 => Ok(Self::Wgs84),
            3857 | 900_913 | 3785 | 102_100 | 102_113 => Ok(Self::WebMercator),
            _ => Err(refusal(&format!("EPSG:{code}"))),
        }
    }

    /// By its name: `EPSG:4326`, a URN or a URL of the OGC.
    pub(crate) fn of_name(name: &str) -> Result<Self, String> {
        let upper = name.trim().to_ascii_uppercase();
        let last = upper.rsplit([':', '/', '#']).next().unwrap_or_default();
        if matches!(last, "CRS84" | "CRS84H" | "WGS84" | "WGS 84") {
            return Ok(Self::Wgs84);
        }
        let code = last.parse().ok().filter(|_| upper.contains("EPSG") || upper.contains("ESRI"));
        code.map_or_else(|| Err(refusal(name)), |code| Self::of_epsg(code).map_err(|_| refusal(name)))
    }

    /// By the member `crs` of a GeoJSON object of 2008.
    pub(crate) fn of_member(json: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let name = |value: &Value| {
            let named = value.pointer("/properties/name").or_else(|| value.get("name"));
            named.and_then(Value::as_str).map(str::to_owned)
        };
        match (&value, name(&value).as_ref()) {
            (Value::String(name), _) | (_, Some(name)) if !name.is_empty() => Self::of_name(name),
            _ => Err("its member `crs` does not name a coordinate reference system; if the coordinates are WGS 84, \
                      remove it"
                .into()),
        }
    }

    /// Longitude and latitude in degrees.
    pub(crate) fn lon_lat(self, x: f64, y: f64) -> (f64, f64) {
        match self {
            Self::Wgs84 => (x, y),
            Self::WebMercator => {
                ((x / MERCATOR_RADIUS_M).to_degrees(), (y / MERCATOR_RADIUS_M).sinh().atan().to_degrees())
            }
        }
    }
}

impl std::fmt::Display for Crs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wgs84 => "WGS 84",
            Self::WebMercator => "EPSG:3857, transformed to WGS 84",
        })
    }
}

fn refusal(name: &str) -> String {
    let name: String = name.chars().take(80).collect();
    format!(
        "its coordinates are declared to be in {name}, which is not read; transform it with \
         `ogr2ogr -t_srs EPSG:4326 -f GeoJSONSeq OUT.geojsons FILE`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_wgs84_pass_and_others_are_refused_by_name() {
        for name in [
            "EPSG:4326",
            "urn:ogc:def:crs:EPSG::4326",
            "urn:ogc:def:crs:OGC:1.3:CRS84",
            "urn:ogc:def:crs:OGC::CRS84",
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            "http://www.opengis.net/def/crs/EPSG/0/4326",
            "http://www.opengis.net/gml/srs/epsg.xml#4326",
        ] {
            // The last is written with a small `epsg`.
            assert_eq!(Crs::of_name(name), Ok(Crs::Wgs84), "{name}");
        }
        assert_eq!(Crs::of_name("urn:ogc:def:crs:EPSG::3857"), Ok(Crs::WebMercator));
        for name in ["urn:ogc:def:crs:EPSG::4267", "EPSG:25832", "NAD27", ""] {
            assert!(Crs::of_name(name).unwrap_err().contains(name), "{name}");
        }
        let member = |name: &str| format!(r#"{{"type":"name","properties":{{"name":"{name}"}}}}"#);
        assert_eq!(Crs::of_member(&member("EPSG:4326")), Ok(Crs::Wgs84));
        assert_eq!(Crs::of_member("\"EPSG:3857\""), Ok(Crs::WebMercator));
        for other in ["null", r#"{"type":"link","properties":{"href":"x"}}"#, "7"] {
            assert!(Crs::of_member(other).unwrap_err().contains("does not name"), "{other}");
        }
    }

    /// Example of EPSG Guidance Note 7-2, 3.5.1.1: 24°22'54.433"N, 100°20'00"W. Its metres are rounded to centimetres.
    #[test]
    fn web_mercator_is_turned_back() {
        let (lon, lat) = Crs::WebMercator.lon_lat(-11_169_055.58, 2_800_000.00);
        assert!((lon - -(100.0 + 20.0 / 60.0)).abs() < 1e-7, "{lon}");
        assert!((lat - (24.0 + 22.0 / 60.0 + 54.433 / 3600.0)).abs() < 1e-7, "{lat}");
    }
}
