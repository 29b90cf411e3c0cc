//! The map itself: a digit for each geohash-3 cell, 32 of them under each geohash-2 key.

use std::collections::BTreeMap;

use crate::edge::ladder::PRECISIONS;
use crate::grid::{GridCell, geohash::GeohashCell};
use crate::point::Position;

/// Digits under one key: the children of a geohash cell.
const DIGITS: usize = 32;

/// What is written where nothing is known.
const UNKNOWN: u8 = b'0';

/// A map of the coarsest geohash precision whose answers are certified, for each geohash-3 cell where that is known.
///
/// It is a hint for [`Planner`](crate::edge::Planner), which picks a precision by it: a wrong one costs tries or cache hits,
/// never results. Its text form has one digit for each cell, 32 of them under the geohash-2 cell that they lie in, so that a
/// row fits where values are small (CloudFront's `KeyValueStore` takes 1,024 characters).
///
/// ```
/// use geo_index::edge::DensityMap;
///
/// let mut map = DensityMap::default();
/// map.set("u09".parse()?, 5);
/// let (key, digits) = map.entries().next().unwrap();
/// assert_eq!((key.as_str(), digits.as_str()), ("u0", "00000000050000000000000000000000"));
/// assert_eq!(DensityMap::from_entries([(key, digits)]).precision("u09".parse()?), Some(5));
/// assert_eq!(map.precision("u08".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DensityMap {
    digits: BTreeMap<GeohashCell, [u8; DIGITS]>,
}

impl DensityMap {
    /// Notes the precision of a geohash-3 cell. A precision that is not in [`PRECISIONS`], or one for a cell of another
    /// level, is ignored.
    pub fn set(&mut self, cell: GeohashCell, precision: u8) {
        let Some((key, index)) = place_of(cell).filter(|_| PRECISIONS.contains(&precision)) else { return };
        self.digits.entry(key).or_insert([UNKNOWN; DIGITS])[index] = b'0' + precision;
    }

    /// The precision noted for a geohash-3 cell.
    pub fn precision(&self, cell: GeohashCell) -> Option<u8> {
        let (key, index) = place_of(cell)?;
        let digit = self.digits.get(&key)?[index];
        (digit != UNKNOWN).then(|| digit - b'0')
    }

    /// The precision noted for the geohash-3 cell that contains a position.
    pub fn precision_at(&self, position: Position) -> Option<u8> {
        self.precision(GeohashCell::at(position, *PRECISIONS.start()).ok()?)
    }

    /// The geohash-3 cells that a precision is noted for, each with its precision.
    pub fn cells(&self) -> impl Iterator<Item = (GeohashCell, u8)> {
        let known = |(cell, &digit): (GeohashCell, &u8)| (digit != UNKNOWN).then(|| (cell, digit - b'0'));
        self.digits
            .iter()
            .flat_map(move |(key, digits)| key.children().into_iter().zip(digits).filter_map(known))
    }

    /// Whether no precision is noted for any cell.
    pub fn is_empty(&self) -> bool {
        self.cells().next().is_none()
    }

    /// The rows of the map: the text of a geohash-2 cell and 32 digits, one for each of its children in order, `0` where
    /// nothing is known.
    pub fn entries(&self) -> impl Iterator<Item = (String, String)> {
        self.digits.iter().map(|(key, digits)| (key.to_string(), digits.map(char::from).iter().collect()))
    }

    /// A map of rows as [`entries`](Self::entries) gives them. A row that is not a geohash-2 text with 32 digits of `0` and
    /// `3` to `7` is ignored.
    pub fn from_entries<K: AsRef<str>, V: AsRef<str>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let read = |(key, digits): (K, V)| {
            let key: GeohashCell = key.as_ref().parse().ok()?;
            let digits: [u8; DIGITS] = digits.as_ref().as_bytes().try_into().ok()?;
            let known = |&digit: &u8| digit == UNKNOWN || PRECISIONS.contains(&digit.wrapping_sub(b'0'));
            (key.level() == 2 && digits.iter().all(known)).then_some((key, digits))
        };
        Self { digits: entries.into_iter().filter_map(read).collect() }
    }
}

/// Key and index of a geohash-3 cell.
fn place_of(cell: GeohashCell) -> Option<(GeohashCell, usize)> {
    let key = cell.parent().filter(|parent| parent.level() == 2)?;
    Some((key, key.children().iter().position(|&child| child == cell)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_found_again_and_values_fit_the_store() {
        let mut map = DensityMap::default();
        let cells: Vec<GeohashCell> = GeohashCell::coarsest()
            .iter()
            .flat_map(|cell| cell.children())
            .flat_map(GeohashCell::children)
            .collect();
        for (i, &cell) in cells.iter().enumerate() {
            map.set(cell, 3 + (i % 5) as u8);
        }
        let entries: Vec<_> = map.entries().collect();
        assert_eq!(entries.len(), 1_024);
        assert!(entries.iter().all(|(_, digits)| digits.len() <= 1_024));
        let read = DensityMap::from_entries(entries);
        assert_eq!(read, map);
        for (i, &cell) in cells.iter().enumerate() {
            assert_eq!(read.precision(cell), Some(3 + (i % 5) as u8));
            assert_eq!(read.precision_at(cell.centre()), read.precision(cell));
        }
        let known: Vec<_> = read.cells().collect();
        assert_eq!(known.len(), cells.len());
        assert!(known.iter().all(|&(cell, precision)| map.precision(cell) == Some(precision)));
        assert!(!map.is_empty() && DensityMap::default().is_empty());
    }

    #[test]
    fn what_is_no_digit_is_no_hint() {
        let good = "4".repeat(32);
        for (key, digits) in [
            ("u0", "4".repeat(31)),
            ("u0", "4".repeat(33)),
            ("u0", "8".repeat(32)),
            ("u0", "2".repeat(32)),
            ("u0", "é".repeat(16)),
            ("u", good.clone()),
            ("u09", good.clone()),
            ("a0", good),
        ] {
            assert_eq!(DensityMap::from_entries([(key, digits)]), DensityMap::default(), "{key}");
        }
        let mut map = DensityMap::default();
        map.set("u0".parse().unwrap(), 4);
        map.set("u09".parse().unwrap(), 2);
        assert_eq!(map, DensityMap::default());
    }
}
