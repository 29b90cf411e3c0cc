//! Places, collections and notes as items of the table.
//!
//! Invariant: what an item becomes is what it was made of, bit for bit; an item that this program would not
//! have written is [`StoreError::Damaged`]. Whether the leaf is the leaf of the coordinates is not asked: a
//! position on a cell's edge may fall to its neighbour on a processor that rounds differently, and the keys
//! of an item are always written together.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use geo_index::key::{BaseKey, IndexKey, parse_sort, registry};
use geo_index::{Collection, H3Cell, PlaceId, Position};

use super::{CollectionInfo, Previous, StoreError, table};
use crate::place::{Place, Properties, json_number};

/// An item, as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Properties of a place: its JSON text.
const PROPERTIES: &str = "props";
/// Latitude, in degrees.
const LAT: &str = "lat";
/// Longitude, in degrees.
const LON: &str = "lon";
/// Title of a collection.
const TITLE: &str = "title";
/// Text of a note.
const NOTE: &str = "note";

/// Largest item, names of attributes included (DynamoDB: 400 KB).
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Numbers closer to zero than this do not fit DynamoDB's number type (1e-130 at least).
const SMALLEST_NUMBER: f64 = 1e-129;

/// The item of a place.
pub(super) fn from_place(collection: &Collection, place: &Place) -> Result<Item, StoreError> {
    let index = IndexKey::new(collection.clone(), place.position, place.id.clone());
    let item = Item::from([
        text(table::KEY, base_key(collection, &place.id)),
        text(table::ROOT, index.partition()),
        text(table::LEAF, index.sort()),
        number(LAT, place.position.lat()),
        number(LON, place.position.lon()),
        text(PROPERTIES, place.properties.as_json().to_owned()),
    ]);
    checked(item)
}

/// The item of a collection.
pub(super) fn from_collection(info: &CollectionInfo) -> Result<Item, StoreError> {
    let mut item = Item::from([
        text(table::KEY, registry::base_key(&info.name)),
        text(table::ROOT, registry::PARTITION.to_owned()),
        text(table::LEAF, info.name.to_string()),
    ]);
    item.extend(info.title.clone().map(|title| text(TITLE, title)));
    checked(item)
}

/// The item of a note. Without index keys it stays out of the index.
pub(super) fn from_note(key: &str, note: &str) -> Result<Item, StoreError> {
    checked(Item::from([text(table::KEY, key.to_owned()), text(NOTE, note.to_owned())]))
}

/// Base key of a place.
pub(super) fn base_key(collection: &Collection, id: &PlaceId) -> String {
    BaseKey { collection: collection.clone(), id: id.clone() }.to_string()
}

/// The key part of a request about one item.
pub(super) fn key(base_key: String) -> Item {
    Item::from([text(table::KEY, base_key)])
}

/// A place of a collection and its leaf.
pub(super) fn to_place(collection: &Collection, item: Item) -> Result<(H3Cell, Place), StoreError> {
    let mut fields = Fields::new(item);
    match fields.place(collection) {
        Ok(place) => Ok(place),
        Err(reason) => Err(fields.damaged(reason)),
    }
}

/// What a write found: a place's leaf if it can be read. It never fails, for the write is done.
pub(super) fn previous(item: Option<&Item>) -> Previous {
    let sort = item.and_then(|item| item.get(table::LEAF)?.as_s().ok());
    let leaf = sort.and_then(|sort| Some(parse_sort(sort).ok()?.0));
    Previous { existed: item.is_some(), leaf }
}

/// A collection.
pub(super) fn to_collection(item: Item) -> Result<CollectionInfo, StoreError> {
    let mut fields = Fields::new(item);
    match registry::parse_base_key(&fields.key) {
        Ok(name) => Ok(CollectionInfo { name, title: fields.take_text(TITLE).ok() }),
        Err(error) => Err(fields.damaged(error.to_string())),
    }
}

/// The text of a note.
pub(super) fn to_note(item: Item) -> Result<String, StoreError> {
    let mut fields = Fields::new(item);
    fields.take_text(NOTE).map_err(|reason| fields.damaged(reason))
}

/// Base key of an item; empty if it has none.
pub(super) fn key_of(item: &mut Item) -> String {
    match item.remove(table::KEY) {
        Some(AttributeValue::S(key)) => key,
        _ => String::new(),
    }
}

/// An item on its way to becoming something.
struct Fields {
    key: String,
    item: Item,
}

impl Fields {
    fn new(mut item: Item) -> Self {
        Self { key: key_of(&mut item), item }
    }

    fn place(&mut self, collection: &Collection) -> Result<(H3Cell, Place), String> {
        let reason = |error: geo_index::KeyError| error.to_string();
        let index = IndexKey::parse(&self.take_text(table::ROOT)?, &self.take_text(table::LEAF)?);
        let IndexKey { collection: found, leaf, id } = index.map_err(reason)?;
        let base: BaseKey = self.key.parse().map_err(reason)?;
        if found != *collection || base.collection != *collection || base.id != id {
            return Err(format!("its keys do not agree on a place of `{collection}`"));
        }
        let (lat, lon) = (self.take_number(LAT)?, self.take_number(LON)?);
        let position = Position::new(lat, lon).map_err(|error| error.to_string())?;
        let properties = self.take_text(PROPERTIES)?;
        if !properties.starts_with('{') {
            return Err(format!("`{PROPERTIES}` is not a JSON object"));
        }
        let properties = Properties::from_stored(properties)
            .map_err(|error| format!("`{PROPERTIES}` is not JSON: {error}"))?;
        Ok((leaf, Place { id, position, properties }))
    }

    fn take_text(&mut self, name: &str) -> Result<String, String> {
        match self.item.remove(name) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(format!("no text `{name}`")),
        }
    }

    fn take_number(&mut self, name: &str) -> Result<f64, String> {
        let number = match self.item.remove(name) {
            Some(AttributeValue::N(digits)) => digits.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| format!("no number `{name}`"))
    }

    fn damaged(self, reason: String) -> StoreError {
        StoreError::Damaged { key: self.key, reason }
    }
}

fn text(name: &str, value: String) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value))
}

/// The shortest digits that read back as the same number; DynamoDB keeps 38. What is too small for its number
/// type becomes 0: as a coordinate, that is less than an atom's width away.
fn number(name: &str, value: f64) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::N(json_number(kept_number(value))))
}

/// The number as the table keeps it.
pub(crate) fn kept_number(value: f64) -> f64 {
    if value.abs() < SMALLEST_NUMBER { 0.0 } else { value }
}

fn checked(mut item: Item) -> Result<Item, StoreError> {
    let bytes = item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum();
    if bytes > MAX_ITEM_BYTES {
        return Err(StoreError::TooLarge { key: key_of(&mut item), bytes, max_bytes: MAX_ITEM_BYTES });
    }
    Ok(item)
}

/// Exact for texts; a number takes about half as much as its digits.
fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection() -> Collection {
        "wineries".parse().unwrap()
    }

    fn place(id: &str, lat: f64, lon: f64) -> Place {
        Place {
            id: id.parse().unwrap(),
            position: Position::new(lat, lon).unwrap(),
            properties: Properties::from_stored(r#"{"name":"é \"q\"","n":1.00000000000000000001}"#.into())
                .unwrap(),
        }
    }

    #[test]
    fn an_item_has_the_documented_attributes() {
        let item = from_place(&collection(), &place("w-1", 48.8566, 2.3522)).unwrap();
        let expected = Item::from([
            text("pk", "wineries#w-1".into()),
            text("root", "wineries#831fb4fffffffff".into()),
            text("leaf", "8f1fb46625550c3#w-1".into()),
            ("lat".into(), AttributeValue::N("48.8566".into())),
            ("lon".into(), AttributeValue::N("2.3522".into())),
            text("props", r#"{"name":"é \"q\"","n":1.00000000000000000001}"#.into()),
        ]);
        assert_eq!(item, expected);
    }

    #[test]
    fn places_round_trip() {
        let coordinates = [
            (90.0, 180.0),
            (-90.0, -180.0),
            (-0.0, 0.0),
            (1e-7, -1e-7),
            (0.1 + 0.2, 179.999_999_999_999_97),
            (48.856_614_000_000_01, 1e-128),
        ];
        for (lat, lon) in coordinates {
            let given = place("a/b#c é", lat, lon);
            let (leaf, back) = to_place(&collection(), from_place(&collection(), &given).unwrap()).unwrap();
            assert_eq!((&back.id, back.position), (&given.id, given.position));
            assert_eq!(back.properties, given.properties);
            assert_eq!(leaf, H3Cell::leaf(given.position));
        }
        let tiny = from_place(&collection(), &place("tiny", 5e-324, -1e-200)).unwrap();
        assert_eq!(tiny["lat"], AttributeValue::N("0.0".into()));
        assert_eq!(tiny["lon"], AttributeValue::N("0.0".into()));
    }

    #[test]
    fn damaged_items_are_refused() {
        let good = from_place(&collection(), &place("w-1", 48.8566, 2.3522)).unwrap();
        let damages = [
            text("pk", "wineries#w-2".into()),
            text("pk", "cities#w-1".into()),
            text("root", "wineries#831fb0fffffffff".into()),
            text("root", "cities#831fb4fffffffff".into()),
            text("leaf", "8f1fb46625550c3#".into()),
            text("lat", "48.8566".into()),
            ("lat".into(), AttributeValue::N("91".into())),
            ("lon".into(), AttributeValue::N("1e999".into())),
            text("props", "[1]".into()),
            text("props", "{\"a\":".into()),
        ];
        for (name, value) in damages {
            let mut item = good.clone();
            item.insert(name.clone(), value.clone());
            let error = to_place(&collection(), item).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{name} {value:?}: {error}");
        }
        for name in ["pk", "root", "leaf", "lat", "lon", "props"] {
            let mut item = good.clone();
            item.remove(name);
            let error = to_place(&collection(), item).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "without {name}: {error}");
        }
    }

    #[test]
    fn what_was_replaced_has_a_leaf_if_it_can_be_read() {
        assert_eq!(previous(None), Previous { existed: false, leaf: None });
        let mut item = from_place(&collection(), &place("w-1", 48.8566, 2.3522)).unwrap();
        let leaf = "8f1fb46625550c3".parse().ok();
        assert_eq!(previous(Some(&item)), Previous { existed: true, leaf });
        item.remove("props");
        assert_eq!(previous(Some(&item)), Previous { existed: true, leaf });
        item.insert("leaf".into(), AttributeValue::S("?".into()));
        assert_eq!(previous(Some(&item)), Previous { existed: true, leaf: None });
    }

    #[test]
    fn collections_and_notes_round_trip() {
        for title in [None, Some("Wineries of the world".to_owned())] {
            let info = CollectionInfo { name: collection(), title };
            let item = from_collection(&info).unwrap();
            assert_eq!(item["root"], AttributeValue::S("#collections".into()));
            assert_eq!(to_collection(item).unwrap(), info);
        }
        let note = from_note("#import#wineries#a.csv", "line 7").unwrap();
        assert_eq!(note.len(), 2, "a note has no index keys");
        assert_eq!(to_note(note).unwrap(), "line 7");
        assert!(to_collection(from_note("wineries#w-1", "").unwrap()).is_err());
    }

    #[test]
    fn an_item_has_a_largest_size() {
        let mut large = place("large", 1.0, 2.0);
        large.properties = Properties::from_stored(format!(r#"{{"x":"{}"}}"#, "x".repeat(410_000))).unwrap();
        let error = from_place(&collection(), &large).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { ref key, .. } if key == "wineries#large"), "{error}");
    }
}
