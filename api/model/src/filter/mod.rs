//! Filters of places by their properties, in the text form of CQL2 (OGC 21-065r2): what the parameter `filter` takes.
//!
//! ```text
//! expression  = term *("OR" term)
//! term        = factor *("AND" factor)
//! factor      = "NOT" factor / "(" expression ")" / "TRUE" / "FALSE" / predicate
//! predicate   = property ("=" / "<>" / "<" / "<=" / ">" / ">=") value
//!             / property ["NOT"] "LIKE" text / property ["NOT"] "BETWEEN" value "AND" value
//!             / property ["NOT"] "IN" "(" value *("," value) ")" / property "IS" ["NOT"] "NULL"
//! property    = name / <"> name <"> / "CASEI" "(" property ")"
//! value       = "'" text "'" / number / "TRUE" / "FALSE" / "CASEI" "(" value ")"
//! ```
//!
//! Words are read in any case. `id` is the place's id and `distance_m` its distance from the position of the search; every
//! other name is that of a property. Values are compared with those of their own type: numbers as doubles, texts by their
//! bytes. A comparison with what is not there, or is of another type, is neither true nor false, as in SQL. One with an
//! array holds if it holds for a member (and `<>` if `=` does not).
//!
//! Invariant: a filter takes bounded work, by the bounds here, times the length of the properties: `LIKE` is linear.

mod error;
mod expression;
mod lexer;
mod like;
mod parse;
#[cfg(test)]
mod tests;
pub(crate) mod value;

use std::fmt;
use std::str::FromStr;

use geo_index::Meters;
use geo_index::tree::{PlaceFilter, PlaceView};

pub use self::error::{FilterError, FilterFault};
use self::expression::{Expression, Known};
use self::value::values_of;

/// Longest text of a filter, in bytes.
pub const MAX_FILTER_BYTES: usize = 2_048;
/// Most comparisons of a filter, and values of its lists.
pub const MAX_TERMS: usize = 64;
/// Most levels of parentheses and `NOT`.
pub const MAX_DEPTH: usize = 16;
/// Most different properties.
pub const MAX_PROPERTIES: usize = 16;
/// Most patterns.
pub const MAX_PATTERNS: usize = 8;
/// Longest pattern, in characters.
pub const MAX_PATTERN_CHARS: usize = 200;

/// Which places are wanted, by their properties. Its text is canonical: filters that say the same in the same order have
/// the same.
///
/// ```
/// use cellar_model::filter::Filter;
///
/// let filter: Filter = "rating >= 4 and (name like 'Caf%' or open = true)".parse()?;
/// assert_eq!(filter.to_string(), r#""rating" >= 4.0 AND ("name" LIKE 'Caf%' OR "open" = TRUE)"#);
/// let error = "rating >= ".parse::<Filter>().unwrap_err();
/// assert_eq!(error.position, 11);
/// # Ok::<(), cellar_model::filter::FilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    expression: Expression,
    /// The properties that it looks at.
    names: Vec<String>,
}

impl Filter {
    /// Whether it holds of a place: by its id, its distance if it has one, and the payload that pages keep of it.
    pub fn holds(&self, id: &str, distance_m: &dyn Fn() -> Option<f64>, payload: &[u8]) -> bool {
        let values = values_of(payload, &self.names);
        self.expression.holds(&Known { id, distance_m, values }) == Some(true)
    }
}

impl PlaceFilter for Filter {
    fn allows(&self, place: &PlaceView<'_>) -> bool {
        let distance_m = || place.distance().map(Meters::get);
        self.holds(place.id(), &distance_m, place.payload())
    }

    fn weight(&self) -> usize {
        1 + self.expression.weight()
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(|(expression, names)| Self { expression, names })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}
