//! A place: what is stored, found and returned.

use std::fmt::Write as _;

use crate::key::CATEGORIES_PER_PLACE;
use crate::{Category, KeyError, PlaceId, Placement};
use geo_index::{CATEGORY_SEPARATOR, Leaf, Position};
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

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

    /// The texts of the member `category`: of a string, a number or a boolean its text, of an array those of its members;
    /// without white space around them, the empty ones left out, each once.
    fn category_texts(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Wanted<'a> {
            #[serde(borrow)]
            category: Option<&'a RawValue>,
        }
        let wanted = serde_json::from_str::<Wanted<'_>>(&self.0).ok();
        let Some(value) = wanted.and_then(|wanted| wanted.category) else { return Vec::new() };
        let values = match value.get().as_bytes().first() {
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(value.get()).unwrap_or_default(),
            _ => vec![value],
        };
        let mut texts: Vec<String> = Vec::with_capacity(values.len());
        for text in values.into_iter().filter_map(scalar_text) {
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }

    /// The categories of a place that may be stored.
    ///
    /// # Errors
    ///
    /// A [`CategoriesError`] for what could not be found again.
    ///
    /// ```
    /// use cellar_model::place::Properties;
    ///
    /// let texts = |json: &str| {
    ///     let categories = Properties::from_stored(json.to_owned()).unwrap().categories().unwrap();
    ///     categories.into_iter().map(|category| category.to_string()).collect::<Vec<_>>()
    /// };
    /// assert_eq!(texts(r#"{"category":" wine bar "}"#), ["wine bar"]);
    /// assert_eq!(texts(r#"{"category":5411}"#), ["5411"]);
    /// assert_eq!(texts(r#"{"category":["cafe",true,"cafe",""]}"#), ["cafe", "true"]);
    /// assert!(texts(r#"{"category":null}"#).is_empty() && texts("{}").is_empty());
    /// ```
    pub fn categories(&self) -> Result<Vec<Category>, CategoriesError> {
        let texts = self.category_texts();
        if texts.len() > CATEGORIES_PER_PLACE {
            return Err(CategoriesError::TooMany { count: texts.len() });
        }
        let parse = |text: String| text.parse().map_err(|error| CategoriesError::Invalid { error });
        texts.into_iter().map(parse).collect()
    }

    /// Those of the categories that are valid. What earlier versions stored may have others, and more than may be stored now.
    pub fn valid_categories(&self) -> Vec<Category> {
        self.category_texts().iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// The valid categories as one text, as pages have them; `None` without any.
    pub fn category(&self) -> Option<String> {
        let mut all = String::new();
        for category in self.valid_categories() {
            if !all.is_empty() {
                all.push(CATEGORY_SEPARATOR);
            }
            all.push_str(category.as_str());
        }
        (!all.is_empty()).then_some(all)
    }
}

/// The text of a JSON string, number or boolean, without white space around it.
fn scalar_text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(value.get()).ok().map(|text| text.trim().to_owned()),
        b'-' | b'0'..=b'9' | b't' | b'f' => Some(value.get().to_owned()),
        _ => None,
    }
}

/// Categories that a place cannot be stored with.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CategoriesError {
    /// More than there are indexes for.
    #[error("`category` has {count} members; a place may have at most {CATEGORIES_PER_PLACE} categories")]
    TooMany {
        /// How many different ones there are.
        count: usize,
    },
    /// One that no key can hold.
    #[error("`category` cannot be stored: {error}")]
    Invalid {
        /// What is wrong with it.
        error: KeyError,
    },
}

/// What a tail needs before it to be a Feature.
pub const FEATURE_START: &str = r#"{"type":"Feature","#;

impl Place {
    /// Where in the indexes it is.
    pub fn placement(&self) -> Placement {
        Placement { leaf: Leaf::at(self.position), categories: self.properties.valid_categories() }
    }

    /// The place as a GeoJSON Feature without its opening, [`FEATURE_START`]: what pages keep as payload, so
    /// that an answer can put members before it without parsing. Coordinates are as they are stored.
    pub fn feature_tail(&self) -> String {
        let mut tail = String::with_capacity(96 + self.properties.0.len());
        let id = serde_json::to_string(self.id.as_str()).expect("a text is JSON");
        let degrees = |degrees| json_number(kept_number(degrees));
        let (lon, lat) = (degrees(self.position.lon()), degrees(self.position.lat()));
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

/// Numbers closer to zero than this do not fit DynamoDB's number type (1e-130 at least).
const SMALLEST_NUMBER: f64 = 1e-129;

/// A number as DynamoDB keeps it: what is too small for its number type becomes 0. As a coordinate, that is less than an
/// atom's width away.
pub fn kept_number(value: f64) -> f64 {
    if value.abs() < SMALLEST_NUMBER { 0.0 } else { value }
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
        for (json, category) in [
            (r#"{"category":7}"#, Some("7")),
            (r#"{"category":-0.50}"#, Some("-0.50")),
            (r#"{"category":false}"#, Some("false")),
            (r#"{"category":"0541"}"#, Some("0541")),
            (r#"{"category":"\u00a0bar\t"}"#, Some("bar")),
            (r#"{"category":["bar",7,null,{},["x"],"bar "," "]}"#, Some("bar\u{1f}7")),
            (r#"{"category":["a\u001fb","c"]}"#, Some("c")),
            (r#"{"category":{"a":"b"}}"#, None),
            (r#"{"category":" "}"#, None),
            (r#"{"category":[]}"#, None),
            (r#"{"category":null}"#, None),
            ("{}", None),
        ] {
            assert_eq!(properties(json).unwrap().category().as_deref(), category, "{json}");
        }
    }

    #[test]
    fn what_could_not_be_found_is_not_stored() {
        let error = |category: serde_json::Value| {
            let map = serde_json::Map::from_iter([("category".to_owned(), category)]);
            Properties::from_map(&map).categories().unwrap_err()
        };
        let invalid = CategoriesError::Invalid { error: KeyError::Category };
        assert_eq!(error("x".repeat(201).into()), invalid);
        assert_eq!(error("a\u{85}b".into()), invalid);
        assert_eq!(error(serde_json::json!(["a", "b\nc"])), invalid);
        assert_eq!(error(serde_json::json!([1, 2, 3, 4, 5])), CategoriesError::TooMany { count: 5 });
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
