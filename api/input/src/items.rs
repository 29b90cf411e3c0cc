//! Items of an export of DynamoDB. How a table's items are made is the store's knowledge, so whoever restores them brings the
//! reader of a line.

use std::fmt;

use cellar_model::Collection;
use cellar_model::place::Place;

/// A collection as an export has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Its name.
    pub name: Collection,
    /// Its title, if it has one.
    pub title: Option<String>,
}

/// What a line holds.
#[derive(Debug)]
pub enum Entry {
    /// A place of a collection.
    Place(Collection, Place),
    /// A collection.
    Collection(CollectionRecord),
    /// What is neither: a density map or a checkpoint.
    Note,
}

/// Why a line is none of them.
#[derive(Debug, PartialEq, Eq)]
pub struct ItemError {
    /// Base key of the item, if it has one.
    pub key: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// Reads a line.
type Read = fn(&str) -> Result<Entry, ItemError>;

/// Reads lines of items, where somebody can.
#[derive(Clone, Copy, Default)]
pub struct ItemReader(Option<Read>);

impl ItemReader {
    /// Reads them so.
    pub const fn new(read: fn(&str) -> Result<Entry, ItemError>) -> Self {
        Self(Some(read))
    }

    /// Whether items can be read.
    pub(crate) const fn reads(self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn read(self, line: &str) -> Result<Entry, ItemError> {
        let none = || Err(ItemError { key: None, reason: "items of DynamoDB are not read here".into() });
        self.0.map_or_else(none, |read| read(line))
    }
}

/// All readers that there are read the same.
impl PartialEq for ItemReader {
    fn eq(&self, other: &Self) -> bool {
        self.reads() == other.reads()
    }
}

/// Options are part of what a checkpoint holds for; where a function lies in memory is not.
impl fmt::Debug for ItemReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.reads() { "items" } else { "no items" })
    }
}

/// Whether a text is a line of an export, or begins as DynamoDB writes them.
pub(crate) fn is_line(text: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(rename = "Item")]
        _item: serde_json::Map<String, serde_json::Value>,
    }
    text.starts_with(br#"{"Item":{"#) || serde_json::from_slice::<Line>(text).is_ok()
}
