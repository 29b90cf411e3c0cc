//! Places, collections and notes as items of the table.
//!
//! Invariant: what an item becomes is what it was made of, bit for bit; an item that this program would not
//! have written is [`StoreError::Damaged`]. Whether the leaf is the leaf of the coordinates is not asked: a
//! position on a cell's edge may fall to its neighbour on a processor that rounds differently, and the keys
//! of an item are always written together.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use cellar_model::key::{
    BaseKey, CATEGORIES_PER_PLACE, CategoryKey, IndexKey, Placement, parse_sort, registry, roots,
};
use cellar_model::place::{Place, Properties, json_number, kept_number};
use cellar_model::{Category, Collection, PlaceId};
use geo_index::{H3Cell, Leaf, Position};

use super::deletion::Deletion;
use super::{CategoryIndex, CollectionInfo, Previous, StoreError, table};

/// An item, as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Properties of a place: its JSON text.
pub(super) const PROPERTIES: &str = "props";
/// Latitude, in degrees.
pub(super) const LAT: &str = "lat";
/// Longitude, in degrees.
pub(super) const LON: &str = "lon";
/// Which conditional write an item is of: a text that no other write has.
const SIGNATURE: &str = "write";
/// Title of a collection.
pub(super) const TITLE: &str = "title";
/// How far the deletion of a collection has come: JSON. Of collections that are being deleted.
pub(super) const DELETION: &str = "deletion";
/// Of a collection: 1 if all of its places are in the indexes by category.
pub(super) const KEYED: &str = "keyed";
/// Of a collection: how many of the indexes by category hold places of it.
pub(super) const SLOTS: &str = "slots";
/// Text of a note.
pub(super) const NOTE: &str = "note";

/// Largest item, names of attributes included (DynamoDB: 400 KB).
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// The item of a place.
pub(super) fn from_place(collection: &Collection, place: &Place) -> Result<Item, StoreError> {
    let index = IndexKey::new(collection.clone(), place.position, place.id.clone());
    let placement = Placement { leaf: index.leaf, categories: place.properties.valid_categories() };
    let mut item = partitions(collection, &placement);
    item.extend([
        text(table::KEY, base_key(collection, &place.id)),
        text(table::ROOT, index.partition()),
        text(table::LEAF, index.sort()),
        number(LAT, place.position.lat()),
        number(LON, place.position.lon()),
        text(PROPERTIES, place.properties.as_json().to_owned()),
    ]);
    checked(item)
}

/// The attributes of an item that say in which partitions of the indexes by category it is.
fn partitions(collection: &Collection, placement: &Placement) -> Item {
    let shard = CategoryKey::shard_of(placement.leaf);
    let categories = indexed(placement.categories.clone());
    let attribute = |((_, name), category): (&(&str, &str), Category)| {
        let key = CategoryKey { collection: collection.clone(), shard, category };
        ((*name).to_owned(), AttributeValue::S(key.to_string()))
    };
    table::CATEGORY_INDEXES.iter().zip(categories).map(attribute).collect()
}

/// An item that tells which write it is of.
pub(super) fn signed(mut item: Item, signature: &str) -> Result<Item, StoreError> {
    item.extend([text(SIGNATURE, signature.to_owned())]);
    checked(item)
}

/// Which write an item is of, if it tells.
pub(super) fn signature(item: &Item) -> Option<&String> {
    item.get(SIGNATURE)?.as_s().ok()
}

/// A query that does not return the properties of places.
pub(super) fn bare(query: QueryFluentBuilder) -> QueryFluentBuilder {
    query
        .projection_expression("#key, #root, #leaf, #lat, #lon")
        .expression_attribute_names("#key", table::KEY)
        .expression_attribute_names("#lat", LAT)
        .expression_attribute_names("#lon", LON)
}

/// Gives a place's item that came without its properties empty ones.
pub(super) fn without_properties(item: &mut Item) {
    item.insert(PROPERTIES.to_owned(), AttributeValue::S("{}".to_owned()));
}

/// The item of a root in the registry.
pub(super) fn from_root(collection: &Collection, root: H3Cell) -> Item {
    Item::from([
        text(table::KEY, roots::base_key(collection, root)),
        text(table::ROOT, roots::partition(collection)),
        text(table::LEAF, root.to_string()),
    ])
}

/// The item that says that the registry has all roots of a collection.
pub(super) fn roots_complete(collection: &Collection) -> Item {
    Item::from([
        text(table::KEY, roots::complete_key(collection)),
        text(table::ROOT, roots::partition(collection)),
        text(table::LEAF, roots::COMPLETE_SORT.to_owned()),
    ])
}

/// Sort key of an item of the index; empty if it has none.
pub(super) fn sort_of(item: &Item) -> &str {
    item.get(table::LEAF).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
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

/// The categories that a place is indexed by, in order: that of earlier versions may have more.
pub(super) fn indexed(mut categories: Vec<Category>) -> Vec<Category> {
    categories.sort_unstable();
    categories.dedup();
    categories.truncate(CATEGORIES_PER_PLACE);
    categories
}

/// The item that lists a category of a collection.
pub(super) fn from_category(collection: &Collection, category: &Category) -> Item {
    Item::from([
        text(table::KEY, registry::category_key(collection, category)),
        text(table::CATEGORY_INDEXES[0].1, registry::categories_partition(collection)),
        text(table::LEAF, category.to_string()),
    ])
}

/// The item of a new collection: what is in it will be in the indexes by category.
pub(super) fn from_new_collection(info: &CollectionInfo) -> Result<Item, StoreError> {
    let mut item = from_collection(info)?;
    item.insert(KEYED.to_owned(), AttributeValue::N("1".to_owned()));
    Ok(item)
}

/// How the categories of a collection are indexed, by its item.
pub(super) fn category_index(item: &Item) -> CategoryIndex {
    let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<usize>().ok();
    let slots = number(SLOTS).unwrap_or(1).clamp(1, CATEGORIES_PER_PLACE);
    CategoryIndex { complete: number(KEYED) == Some(1), slots }
}

/// A category of the list.
pub(super) fn to_category(item: Item) -> Result<Category, StoreError> {
    let mut fields = Fields::new(item);
    let category =
        fields.take_text(table::LEAF).and_then(|text| text.parse().map_err(|_| "no category".into()));
    category.map_err(|reason: String| fields.damaged(reason))
}

/// The item of a note. Without index keys it stays out of the index.
pub(super) fn from_note(key: &str, note: &str) -> Result<Item, StoreError> {
    checked(Item::from([text(table::KEY, key.to_owned()), text(NOTE, note.to_owned())]))
}

/// The item of a note that ends.
pub(super) fn from_passing_note(key: &str, note: &str, expires_unix_s: u64) -> Result<Item, StoreError> {
    let mut item = from_note(key, note)?;
    item.insert(table::EXPIRES.to_owned(), AttributeValue::N(expires_unix_s.to_string()));
    checked(item)
}

/// The item of a collection that is being deleted.
pub(super) fn from_deletion(deletion: &Deletion) -> Result<Item, StoreError> {
    let info = CollectionInfo { name: deletion.collection.clone(), title: deletion.title.clone() };
    let mut item = from_collection(&info)?;
    item.extend([text(DELETION, deletion_text(deletion)?)]);
    checked(item)
}

/// How far a deletion has come, as a text.
pub(super) fn deletion_text(deletion: &Deletion) -> Result<String, StoreError> {
    serde_json::to_string(&deletion.record).map_err(|error| StoreError::Failed(error.to_string()))
}

/// The deletion of a collection, if it is being deleted.
pub(super) fn to_deletion(mut item: Item) -> Result<Option<Deletion>, StoreError> {
    let Some(record) = item.remove(DELETION) else { return Ok(None) };
    let CollectionInfo { name: collection, title } = to_collection(item)?;
    let record = record.as_s().ok().and_then(|text| serde_json::from_str(text).ok());
    match record {
        Some(record) => Ok(Some(Deletion { collection, title, record })),
        None => Err(StoreError::Damaged {
            key: registry::base_key(&collection),
            reason: format!("`{DELETION}` is no record of a deletion"),
        }),
    }
}

/// Whether a collection's item says that it is being deleted.
pub(super) fn is_marked(item: &Item) -> bool {
    item.contains_key(DELETION)
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
pub(super) fn to_place(collection: &Collection, item: Item) -> Result<(Leaf, Place), StoreError> {
    let mut fields = Fields::new(item);
    match fields.place(collection) {
        Ok(place) => Ok(place),
        Err(reason) => Err(fields.damaged(reason)),
    }
}

/// An item of an answer. Every item has a key, so one without attributes is none: that is how some engines say it.
pub(super) fn given(item: Option<Item>) -> Option<Item> {
    item.filter(|item| !item.is_empty())
}

/// What a write found: a place's leaf if it can be read. It never fails, for the write is done.
pub(super) fn previous(item: Option<&Item>) -> Previous {
    let sort = item.and_then(|item| item.get(table::LEAF)?.as_s().ok());
    let leaf = sort.and_then(|sort| Some(parse_sort(sort).ok()?.0));
    let partition = |(_, name): &(&str, &str)| {
        item.and_then(|item| item.get(*name)?.as_s().ok()?.parse::<CategoryKey>().ok())
    };
    let categories = table::CATEGORY_INDEXES.iter().filter_map(partition).map(|key| key.category);
    Previous { existed: item.is_some(), leaf, categories: categories.collect() }
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

    fn place(&mut self, collection: &Collection) -> Result<(Leaf, Place), String> {
        let reason = |error: cellar_model::KeyError| error.to_string();
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
    fn a_place_is_keyed_by_each_of_its_categories() {
        let mut given = place("w-1", 48.8566, 2.3522);
        given.properties = Properties::from_stored(r#"{"category":["wine bar",5411]}"#.into()).unwrap();
        let item = from_place(&collection(), &given).unwrap();
        let of = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
        assert_eq!(of("category"), Some("wineries#811fbffffffffff#5411"));
        assert_eq!(of("category_2"), Some("wineries#811fbffffffffff#wine bar"));
        assert_eq!(of("category_3"), None);
        let texts: Vec<_> = previous(Some(&item)).categories.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["5411", "wine bar"]);
        assert!(to_place(&collection(), item).is_ok());
    }

    #[test]
    fn what_is_known_of_categories_is_read_from_the_collection() {
        let info = CollectionInfo { name: collection(), title: None };
        assert_eq!(category_index(&from_collection(&info).unwrap()), CategoryIndex::default());
        let mut item = from_new_collection(&info).unwrap();
        assert_eq!(category_index(&item), CategoryIndex { complete: true, slots: 1 });
        item.insert(SLOTS.into(), AttributeValue::N("3".into()));
        assert_eq!(category_index(&item), CategoryIndex { complete: true, slots: 3 });
        let bar: Category = "bar".parse().unwrap();
        assert_eq!(to_category(from_category(&collection(), &bar)), Ok(bar));
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
            assert_eq!(leaf, Leaf::at(given.position));
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
        assert_eq!(previous(None), Previous::default());
        let mut item = from_place(&collection(), &place("w-1", 48.8566, 2.3522)).unwrap();
        let leaf = "8f1fb46625550c3".parse().ok();
        let there = |leaf| Previous { existed: true, leaf, ..Previous::default() };
        assert_eq!(previous(Some(&item)), there(leaf));
        item.remove("props");
        assert_eq!(previous(Some(&item)), there(leaf));
        item.insert("leaf".into(), AttributeValue::S("?".into()));
        assert_eq!(previous(Some(&item)), there(None));
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
