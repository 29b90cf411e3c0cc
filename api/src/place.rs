//! A place: what is stored, found and returned.

use std::fmt::Write as _;

use geo_index::{PlaceId, Position};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A GeoJSON Feature with a Point, an id and properties.
#[derive(Clone, Debug)]
pub struct Place {
    /// Id within the collection.
    pub id: PlaceId,
    /// Where it is.
    pub position: Position,
    /// Its properties.
    pub properties: Properties,
}

/// The properties of a place: a JSON object, kept as the compact text that was given, so that numbers of any
/// precision and the order of members survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties(Box<str>);

impl Properties {
    /// No properties.
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// Takes a JSON object; `None` if the value is something else. `null` is an empty object, as GeoJSON allows.
    pub fn from_raw(raw: &RawValue) -> Option<Self> {
        match raw.get() {
            "null" => Some(Self::empty()),
            object if object.starts_with('{') => Some(Self(compact(object).into())),
            _ => None,
        }
    }

    /// Serializes members that are already values.
    pub fn from_map(map: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self(serde_json::to_string(map).expect("a map of JSON values is JSON").into())
    }

    /// What the store holds.
    pub fn from_stored(json: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<serde::de::IgnoredAny>(&json)?;
        Ok(Self(json.into()))
    }

    /// The JSON text, an object without white space.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// The member `category`, if it is a text: what the `category` parameter filters by.
    pub fn category(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Wanted {
            category: Option<serde_json::Value>,
        }
        match serde_json::from_str(&self.0) {
            Ok(Wanted { category: Some(serde_json::Value::String(category)) }) => Some(category),
            _ => None,
        }
    }
}

/// What a tail needs before it to be a Feature.
pub const FEATURE_START: &str = r#"{"type":"Feature","#;

impl Place {
    /// The place as a GeoJSON Feature without its opening, [`FEATURE_START`]: what pages keep as payload, so
    /// that an answer can put members before it without parsing.
    pub fn feature_tail(&self) -> String {
        let mut tail = String::with_capacity(96 + self.properties.0.len());
        let id = serde_json::to_string(self.id.as_str()).expect("a text is JSON");
        let (lon, lat) = (json_number(self.position.lon()), json_number(self.position.lat()));
        write!(
            tail,
            r#""id":{id},"geometry":{{"type":"Point","coordinates":[{lon},{lat}]}},"properties":{}}}"#,
            self.properties.0
        )
        .expect("writing to a string");
        tail
    }

    /// The place as a GeoJSON Feature.
    pub fn feature(&self) -> String {
        format!("{FEATURE_START}{}", self.feature_tail())
    }
}

/// The shortest text that reads back as the same number.
pub fn json_number(number: f64) -> String {
    serde_json::to_string(&number).expect("a finite number is JSON")
}

/// Drops white space outside of strings. The input is valid JSON.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string || !c.is_ascii_whitespace() {
            out.push(c);
        }
        in_string = if in_string { escaped || c != '"' } else { c == '"' };
        escaped = in_string && c == '\\' && !escaped;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(json: &str) -> Option<Properties> {
        Properties::from_raw(&serde_json::from_str::<Box<RawValue>>(json).unwrap())
    }

    #[test]
    fn properties_keep_order_and_precision() {
        let kept =
            properties("{ \"z\" : 1.00000000000000000001,\n \"a\": \"x \\\" \\\\\", \"b\":[ 1, {} ] }")
                .unwrap();
        assert_eq!(kept.as_json(), r#"{"z":1.00000000000000000001,"a":"x \" \\","b":[1,{}]}"#);
        assert_eq!(properties("null"), Some(Properties::empty()));
        assert_eq!(properties("[1]"), None);
    }

    #[test]
    fn a_category_is_a_text() {
        assert_eq!(properties(r#"{"category":"caf\u00e9"}"#).unwrap().category(), Some("café".into()));
        assert_eq!(properties(r#"{"category":7}"#).unwrap().category(), None);
        assert_eq!(properties("{}").unwrap().category(), None);
    }

    #[test]
    fn a_feature_is_valid_geojson() {
        let place = Place {
            id: "a\"#/é".parse().unwrap(),
            position: Position::new(48.5, -0.000_000_1).unwrap(),
            properties: properties(r#"{"name":"x"}"#).unwrap(),
        };
        let value: serde_json::Value = serde_json::from_str(&place.feature()).unwrap();
        assert_eq!(value["id"], "a\"#/é");
        assert_eq!(value["geometry"]["coordinates"], serde_json::json!([-0.000_000_1, 48.5]));
        assert_eq!(value["properties"]["name"], "x");
    }
}
