//! Items as lines of DynamoDB's export to S3: `{"Item":{"pk":{"S":"wineries#w-1"},…}}`.
//!
//! Format: Amazon DynamoDB Developer Guide, "DynamoDB table export output format", `DYNAMODB_JSON`.
//!
//! Invariant: what a line becomes is what it was made of, as for the items themselves.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use cellar_model::Collection;
use cellar_model::key::{BaseKey, registry};
use cellar_model::place::Place;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::item::{self, Item};
use super::{CollectionInfo, StoreError, table};

/// What a line holds.
#[derive(Debug)]
pub enum Entry {
    /// A place of a collection.
    Place(Collection, Place),
    /// A collection.
    Collection(CollectionInfo),
    /// What is neither: a density map or a checkpoint.
    Note,
}

/// Why a line is none of them.
#[derive(Debug, PartialEq, Eq)]
pub struct LineError {
    /// Base key of the item, if it has one.
    pub key: Option<String>,
    /// What is wrong.
    pub reason: String,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Item")]
    item: HashMap<String, Value>,
}

/// Whether a text is a line of an export, or begins as DynamoDB writes them.
pub fn is_line(text: &[u8]) -> bool {
    text.starts_with(br#"{"Item":{"#) || serde_json::from_slice::<Line>(text).is_ok()
}

/// Reads a line.
pub fn parse(line: &str) -> Result<Entry, LineError> {
    let line: Line = serde_json::from_str(line).map_err(|error| LineError {
        key: None,
        reason: format!("not an item as DynamoDB exports it: {error}"),
    })?;
    let item: Item = line.item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let Some(AttributeValue::S(key)) = item.get(table::KEY).cloned() else {
        return Err(LineError { key: None, reason: format!("no text `{}`", table::KEY) });
    };
    entry(&key, item).map_err(|reason| LineError { key: Some(key), reason })
}

fn entry(key: &str, item: Item) -> Result<Entry, String> {
    let reason = |error| match error {
        StoreError::Damaged { reason, .. } => reason,
        other => other.to_string(),
    };
    if registry::parse_base_key(key).is_ok() {
        return item::to_collection(item).map(Entry::Collection).map_err(reason);
    }
    if registry::is_note(key) {
        return Ok(Entry::Note);
    }
    let BaseKey { collection, .. } =
        key.parse().map_err(|error: cellar_model::KeyError| error.to_string())?;
    match item::to_place(&collection, item) {
        Ok((_, place)) => match place.properties.categories() {
            Ok(_) => Ok(Entry::Place(collection, place)),
            Err(error) => Err(error.to_string()),
        },
        Err(error) => Err(reason(error)),
    }
}

/// Texts and numbers are all that our items have; anything else is no value that one of them could use.
fn attribute(value: &Value) -> AttributeValue {
    let text = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text("S"), text("N")) {
        (Some(text), None) => AttributeValue::S(text),
        (None, Some(digits)) => AttributeValue::N(digits),
        _ => AttributeValue::Null(true),
    }
}

/// The line of a place, without its end.
pub fn place_line(collection: &Collection, place: &Place) -> Result<String, StoreError> {
    item::from_place(collection, place).map(|item| line(&item))
}

/// The line of a collection, without its end.
pub fn collection_line(info: &CollectionInfo) -> Result<String, StoreError> {
    item::from_collection(info).map(|item| line(&item))
}

fn line(item: &Item) -> String {
    let attributes = item.iter().filter_map(|(name, value)| match value {
        AttributeValue::S(text) => Some((name.clone(), json!({"S": text}))),
        AttributeValue::N(digits) => Some((name.clone(), json!({"N": digits}))),
        _ => None,
    });
    json!({"Item": attributes.collect::<Map<_, _>>()}).to_string()
}

#[cfg(test)]
mod tests {
    use cellar_model::place::Properties;
    use geo_index::Position;

    use super::*;

    const LINE: &str = r#"{"Item":{"lat":{"N":"48.8566"},"leaf":{"S":"8f1fb46625550c3#w-1"},"lon":{"N":"2.3522"},"pk":{"S":"wineries#w-1"},"props":{"S":"{\"name\":\"é \\\"q\\\"\"}"},"root":{"S":"wineries#831fb4fffffffff"}}}"#;

    fn wineries() -> Collection {
        "wineries".parse().unwrap()
    }

    #[test]
    fn a_place_is_read_from_its_line_and_written_as_it() {
        let Entry::Place(collection, place) = parse(LINE).unwrap() else { panic!("a place") };
        assert_eq!((collection, place.id.as_str()), (wineries(), "w-1"));
        assert_eq!(place.position, Position::new(48.8566, 2.3522).unwrap());
        assert_eq!(place.properties, Properties::from_stored(r#"{"name":"é \"q\""}"#.into()).unwrap());
        assert_eq!(place_line(&wineries(), &place).unwrap(), LINE);
        assert!(is_line(LINE.as_bytes()) && !is_line(b"{\"type\":\"Feature\"}") && !is_line(b"{\"Item\":7}"));
    }

    #[test]
    fn collections_and_notes_are_told_apart() {
        for title in [None, Some("Wineries of the world".to_owned())] {
            let info = CollectionInfo { name: wineries(), title };
            let Entry::Collection(back) = parse(&collection_line(&info).unwrap()).unwrap() else {
                panic!("a collection")
            };
            assert_eq!(back, info);
        }
        for key in [registry::edge_map_key(&wineries()), registry::checkpoint_key(None, "a.csv:0")] {
            let line = json!({"Item": {"pk": {"S": key}, "note": {"S": "{}"}}}).to_string();
            assert!(matches!(parse(&line), Ok(Entry::Note)), "{line}");
        }
    }

    #[test]
    fn other_lines_are_refused_with_their_key() {
        let key = Some("wineries#w-1");
        let textual = LINE.replace(r#""N":"48.8566""#, r#""S":"48.8566""#);
        let too_far = LINE.replace("48.8566", "91");
        let other = LINE.replace("#w-1\"},\"lon", "#w-2\"},\"lon");
        let cases = [
            ("{", None, "not an item as DynamoDB exports it"),
            (r#"{"Keys":{"pk":{"S":"a#b"}}}"#, None, "missing field `Item`"),
            (r#"{"Item":{"pk":{"N":"7"}}}"#, None, "no text `pk`"),
            (r##"{"Item":{"pk":{"S":"#else#a"}}}"##, Some("#else#a"), "collection"),
            (textual.as_str(), key, "no number `lat`"),
            (too_far.as_str(), key, "latitude"),
            (other.as_str(), key, "keys do not agree"),
        ];
        for (line, key, reason) in cases {
            let error = parse(line).unwrap_err();
            assert_eq!(error.key.as_deref(), key, "{line}");
            assert!(error.reason.contains(reason), "{line}: {}", error.reason);
        }
    }
}
