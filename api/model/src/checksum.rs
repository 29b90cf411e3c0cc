//! A checksum of places: what an export, an import and a verification print, so that they can be compared.
//!
//! The sum, modulo 2⁶⁴, of the XXH3 hash of each place with its collection. It finds what was lost, doubled or altered
//! by accident; it is no proof against someone who looks for a collision.
//!
//! Invariant: it depends on the places alone, never on their order or on the format that they came in.

use std::fmt;
use std::num::ParseIntError;
use std::ops::{AddAssign, SubAssign};

use crate::Collection;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::place::{Place, kept_number};

/// Checksum of a set of places; 16 hexadecimal digits as a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Checksum(u64);

impl Checksum {
    /// Takes a place in.
    ///
    /// ```
    /// use cellar_model::{checksum::Checksum, place::{Place, Properties}};
    /// use geo_index::Position;
    ///
    /// let place = Place {
    ///     id: "w-1".parse()?,
    ///     position: Position::new(48.8566, 2.3522).unwrap(),
    ///     properties: Properties::empty(),
    /// };
    /// let (mut one, mut other) = (Checksum::default(), Checksum::default());
    /// one.add(&"wineries".parse()?, &place);
    /// other.add(&"cities".parse()?, &place);
    /// assert_ne!(one, other);
    /// # Ok::<(), cellar_model::KeyError>(())
    /// ```
    pub fn add(&mut self, collection: &Collection, place: &Place) {
        *self += Self::of(collection, place);
    }

    /// Of one place.
    pub fn of(collection: &Collection, place: &Place) -> Self {
        let mut hash = Xxh3::new();
        // Neither name nor id holds a control character.
        for text in [collection.as_str(), place.id.as_str()] {
            hash.update(text.as_bytes());
            hash.update(b"\0");
        }
        for degrees in [place.position.lat(), place.position.lon()] {
            // The table knows no -0.
            hash.update(&(kept_number(degrees) + 0.0).to_bits().to_le_bytes());
        }
        hash.update(place.properties.as_json().as_bytes());
        Self(hash.digest())
    }

    /// As a number, to be kept elsewhere.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From [`Self::to_bits`].
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl SubAssign for Checksum {
    /// Takes places out again.
    fn sub_assign(&mut self, less: Self) {
        self.0 = self.0.wrapping_sub(less.0);
    }
}

impl AddAssign for Checksum {
    fn add_assign(&mut self, more: Self) {
        self.0 = self.0.wrapping_add(more.0);
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> Self {
        checksum.to_string()
    }
}

impl TryFrom<String> for Checksum {
    type Error = ParseIntError;

    fn try_from(digits: String) -> Result<Self, ParseIntError> {
        u64::from_str_radix(&digits, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use geo_index::Position;

    use super::*;
    use crate::place::Properties;

    fn of(places: &[(&str, f64, f64, &str)]) -> Checksum {
        let mut checksum = Checksum::default();
        for &(id, lat, lon, properties) in places {
            let place = Place {
                id: id.parse().unwrap(),
                position: Position::new(lat, lon).unwrap(),
                properties: Properties::from_stored(properties.into()).unwrap(),
            };
            checksum.add(&"places".parse().unwrap(), &place);
        }
        checksum
    }

    #[test]
    fn only_the_order_does_not_matter() {
        let (a, b) = (("a", 1.0, 2.0, "{}"), ("b", 3.0, 4.0, r#"{"n":1}"#));
        assert_eq!(of(&[a, b]), of(&[b, a]));
        let others = [
            of(&[]),
            of(&[a]),
            of(&[a, b, b]),
            of(&[a, ("b", 4.0, 3.0, r#"{"n":1}"#)]),
            of(&[a, ("b", 3.0, 4.0, r#"{"n":2}"#)]),
            of(&[a, ("b", 3.0, 4.000_000_000_000_001, r#"{"n":1}"#)]),
            of(&[("b", 1.0, 2.0, "{}"), ("a", 3.0, 4.0, r#"{"n":1}"#)]),
        ];
        for (n, other) in others.iter().enumerate() {
            assert_ne!(of(&[a, b]), *other, "{n}");
        }
        assert_eq!(of(&[("a", -0.0, 1e-200, "{}")]), of(&[("a", 0.0, 0.0, "{}")]), "the table keeps 0");
    }

    #[test]
    fn sums_add_up_and_are_read_back() {
        let (a, b) = (("a", 1.0, 2.0, "{}"), ("b", 3.0, 4.0, "{}"));
        let mut sum = of(&[a]);
        sum += of(&[b]);
        assert_eq!(sum, of(&[a, b]));
        sum -= of(&[b]);
        assert_eq!(sum, of(&[a]), "taken out again");
        assert_eq!(Checksum::from_bits(sum.to_bits()), sum);
        sum += of(&[b]);
        let json = serde_json::to_string(&sum).unwrap();
        assert_eq!(json, format!("\"{sum}\""));
        assert_eq!(serde_json::from_str::<Checksum>(&json).unwrap(), sum);
        assert_eq!(Checksum::default().to_string(), "0000000000000000");
    }
}
