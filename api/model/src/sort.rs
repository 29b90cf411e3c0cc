//! In which order places are wanted: what the parameter `sort` takes.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use geo_index::tree::{Hit, NearbyKey};
use thiserror::Error;

use crate::filter::value::{Value, values_of};

/// Longest name of a property, in bytes.
pub const MAX_SORT_BYTES: usize = 200;
/// Bytes of a text that places are sorted by; what follows does not count.
pub const SORTED_BYTES: usize = 128;

/// By which property places are sorted, and in which direction; `id` and `distance_m` are not properties, and can be sorted by.
///
/// Numbers come before texts, and both before truth values; in descending order it is the other way round. Places without
/// the property, or with something else in it, come last in either. Among equals the nearer one comes first, then the
/// smaller id.
///
/// ```
/// use cellar_model::sort::Sort;
///
/// let sort: Sort = "-rating".parse()?;
/// assert_eq!((sort.property(), sort.is_descending()), ("rating", true));
/// # Ok::<(), cellar_model::sort::SortError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    property: Box<[String]>,
    descends: bool,
}

/// A text that is no order.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("an order is the name of a property of 1 to {MAX_SORT_BYTES} bytes, with `-` before it to descend")]
pub struct SortError;

/// What a place is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum SortValue {
    /// A number.
    Number(f64),
    /// The beginning of a text.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// Nothing.
    None,
}

/// Where a place stands in a sorted answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// What it is sorted by.
    pub value: SortValue,
    /// Its distance and its id.
    pub near: NearbyKey,
}

impl Sort {
    /// The property.
    pub fn property(&self) -> &str {
        self.property.first().map(String::as_str).unwrap_or_default()
    }

    /// Whether it is the order of a search that has none: nearest first.
    pub fn is_by_distance(&self) -> bool {
        self.property() == "distance_m" && !self.descends
    }

    /// Whether the largest come first.
    pub const fn is_descending(&self) -> bool {
        self.descends
    }

    /// Where a hit of a nearby search stands.
    pub fn key(&self, hit: &Hit) -> SortKey {
        let near = NearbyKey {
            distance: hit.distance().unwrap_or(geo_index::Meters::ZERO),
            id: hit.id().to_owned(),
        };
        let value = match self.property() {
            "id" => Value::Text(hit.id().into()),
            "distance_m" => Value::Number(near.distance.get()),
            _ => values_of(hit.payload(), &self.property).pop().unwrap_or(Value::Null),
        };
        SortKey { value: SortValue::of(value), near }
    }

    /// The order of two places.
    pub fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let by_value = match (&a.value, &b.value) {
            (SortValue::None, SortValue::None) => Ordering::Equal,
            (SortValue::None, _) => Ordering::Greater,
            (_, SortValue::None) => Ordering::Less,
            (a, b) if self.descends => b.compare(a),
            (a, b) => a.compare(b),
        };
        let by_distance = || a.near.distance.get().total_cmp(&b.near.distance.get());
        by_value.then_with(by_distance).then_with(|| a.near.id.cmp(&b.near.id))
    }
}

impl SortValue {
    fn of(value: Value<'_>) -> Self {
        match value {
            // Adding zero turns -0 into 0.
            Value::Number(number) => Self::Number(number + 0.0),
            Value::Boolean(value) => Self::Boolean(value),
            Value::Text(text) => Self::Text(text[..text.floor_char_boundary(SORTED_BYTES)].to_owned()),
            Value::Null | Value::Object | Value::List(_) => Self::None,
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Boolean(_) => 2,
            Self::None => 3,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl FromStr for Sort {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, SortError> {
        let (descends, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        if name.is_empty() || name.len() > MAX_SORT_BYTES {
            return Err(SortError);
        }
        Ok(Self { property: Box::new([name.to_owned()]), descends })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.descends { "-" } else { "" }, self.property())
    }
}
