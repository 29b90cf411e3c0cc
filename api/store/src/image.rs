//! Places as the images of the table's stream have them.
//!
//! The stream's SDK has attribute values of its own, so they come as texts here.

use aws_sdk_dynamodb::types::AttributeValue;
use cellar_model::Collection;
use cellar_model::place::Place;

use super::{StoreError, item, table};

/// A value of an image that a place is made of; values of other types are none of a place's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number, by its digits.
    Number(String),
}

/// Reads the place of an image; `key` is the base key of its item.
///
/// # Errors
///
/// [`StoreError::Damaged`] for an item that this program has not written.
pub fn place(
    collection: &Collection,
    key: &str,
    attributes: impl IntoIterator<Item = (String, Value)>,
) -> Result<Place, StoreError> {
    let attribute = |(name, value)| match value {
        Value::Text(text) => (name, AttributeValue::S(text)),
        Value::Number(digits) => (name, AttributeValue::N(digits)),
    };
    let mut image: item::Item = attributes.into_iter().map(attribute).collect();
    image.insert(table::KEY.to_owned(), AttributeValue::S(key.to_owned()));
    item::to_place(collection, image).map(|(_, place)| place)
}
