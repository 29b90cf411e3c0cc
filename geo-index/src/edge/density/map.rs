//! The map itself: rows of marks, under geohash-2 cells and, where places are concentrated, under geohash-4 cells.

use std::collections::BTreeMap;

use super::row::{self, MIXED, PARTS, Part};
use crate::edge::ladder::PRECISIONS;
use crate::grid::{GridCell, geohash::GeohashCell};
use crate::point::Position;

/// Level of the keys of coarse rows.
const COARSE: u8 = 2;
/// Level of the keys of fine rows, and the precision where one could be and is not.
const FINE: u8 = 4;

/// What is written where nothing is known.
const UNKNOWN: u8 = b'0';

/// Which geohash precision to ask for first, place by place: a tree, since cities are dense in their middle and not around.
///
/// It is a hint for [`Planner`](crate::edge::Planner), which picks a precision by it: a wrong one costs tries or cache hits,
/// never results. It is kept as rows of text, each under the text of a cell, none of more than 256 characters (CloudFront's
/// `KeyValueStore` takes 1,024). One or two rows tell the precision at a position:
///
/// - Under a geohash-2 cell are 32 marks, one for each child: `3` to `7` is the precision for all of the child, `0` means
///   that nothing is known, `x` that the rows below say more.
/// - Below an `x`, each geohash-4 cell may have a row: one digit from `5` to `7`, or 32 marks for its children, with bits for
///   those children that are partly of precision 6 and partly of 7 (docs/EDGE.md). A cell without a row has precision 4.
///
/// ```
/// use geo_index::edge::DensityMap;
///
/// let mut map = DensityMap::default();
/// map.set("u08".parse()?, 3);
/// map.set("u09t".parse()?, 6);
/// let rows: Vec<_> = map.entries().collect();
/// assert_eq!(rows, [("u0".into(), "000000003x0000000000000000000000"), ("u09t".into(), "6")]);
/// assert_eq!(DensityMap::from_entries(rows).precision("u09tvw".parse()?), Some(6));
/// assert_eq!(map.precision("u09s".parse()?), Some(4));
/// assert_eq!(map.precision("u0d".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DensityMap {
    /// Texts that are rows, by geohash-2 and geohash-4 cells.
    rows: BTreeMap<GeohashCell, Box<str>>,
}

impl DensityMap {
    /// Notes one precision for all of a geohash-3 or geohash-4 cell. A precision that is not in [`PRECISIONS`], or
    /// coarser than the cell, or a cell of another level, is ignored.
    pub fn set(&mut self, cell: GeohashCell, precision: u8) {
        if !PRECISIONS.contains(&precision) || precision < cell.level() {
            return;
        }
        match cell.level() {
            3 => {
                for part in cell.children() {
                    self.rows.remove(&part);
                }
                self.mark(cell, b'0' + precision);
            }
            FINE => self.put(cell, row::whole(precision)),
            _ => {}
        }
    }

    /// Notes what the children of a geohash-4 cell are, in order. A cell of another level, or a part whose precision is not
    /// 5 to 7, is ignored.
    pub fn set_parts(&mut self, cell: GeohashCell, parts: [Part; PARTS]) {
        if let Some(row) = row::write(parts).filter(|_| cell.level() == FINE) {
            self.put(cell, Some(row));
        }
    }

    /// Notes that the geohash-4 cells below a geohash-3 cell have rows, or precision 4 where they have none.
    pub(super) fn divide(&mut self, cell: GeohashCell) {
        self.mark(cell, MIXED);
    }

    fn put(&mut self, cell: GeohashCell, row: Option<Box<str>>) {
        let Some(parent) = cell.parent() else { return };
        // What was one precision stays so for the other children.
        if let Some(precision) = self.mark_of(parent).and_then(precision_of) {
            for (child, row) in parent.children().into_iter().zip(std::iter::repeat(row::whole(precision))) {
                row.and_then(|row| self.rows.insert(child, row));
            }
        }
        self.mark(parent, MIXED);
        match row {
            Some(row) => self.rows.insert(cell, row),
            None => self.rows.remove(&cell),
        };
    }

    fn mark(&mut self, cell: GeohashCell, mark: u8) {
        let Some((key, index)) = place_of(cell) else { return };
        let old = self.rows.get(&key).map_or([UNKNOWN; PARTS].as_slice(), |row| row.as_bytes());
        let new = old.iter().enumerate().map(|(i, &old)| char::from(if i == index { mark } else { old }));
        let new: String = new.collect();
        self.rows.insert(key, new.into());
    }

    /// The mark of a geohash-3 cell, or of the one that a cell lies in.
    fn mark_of(&self, cell: GeohashCell) -> Option<u8> {
        let row = self.rows.get(&cell.ancestor(COARSE)?)?;
        row.as_bytes().get(cell.digit(COARSE + 1)?).copied()
    }

    /// The precision noted for all of a cell: `None` where nothing is known, and for a cell that has parts of several. A
    /// cell of precision 6 or finer has no such parts.
    pub fn precision(&self, cell: GeohashCell) -> Option<u8> {
        match self.mark_of(cell)? {
            MIXED => {
                let row = self.rows.get(&cell.ancestor(FINE)?);
                row.map_or(Some(FINE), |row| row::precision(row, cell))
            }
            mark => precision_of(mark),
        }
    }

    /// The precision noted for a position.
    pub fn precision_at(&self, position: Position) -> Option<u8> {
        self.precision(GeohashCell::at(position, *PRECISIONS.end()).ok()?)
    }

    /// The parts of the map, each with its precision: cells of level 3 to 6, the coarsest that have one precision.
    pub fn cells(&self) -> impl Iterator<Item = (GeohashCell, u8)> {
        let coarse = self.rows.keys().filter(|key| key.level() == COARSE);
        coarse.flat_map(|key| key.children()).flat_map(|cell| self.parts(cell))
    }

    fn parts(&self, cell: GeohashCell) -> Vec<(GeohashCell, u8)> {
        let below = |part: GeohashCell| match self.rows.get(&part) {
            Some(row) => row::parts(row, part),
            None => vec![(part, FINE)],
        };
        match self.mark_of(cell) {
            Some(MIXED) => cell.children().into_iter().flat_map(below).collect(),
            mark => mark.and_then(precision_of).map(|precision| (cell, precision)).into_iter().collect(),
        }
    }

    /// Whether no precision is noted for any cell.
    pub fn is_empty(&self) -> bool {
        self.cells().next().is_none()
    }

    /// The rows of the map, in order: the text of a cell of level 2 or 4, and what is noted below it.
    pub fn entries(&self) -> impl Iterator<Item = (String, &str)> {
        self.rows.iter().map(|(key, row)| (key.to_string(), &**row))
    }

    /// A map of rows as [`entries`](Self::entries) gives them. What is no row is ignored.
    pub fn from_entries<K: AsRef<str>, V: AsRef<str>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let read = |(key, row): (K, V)| {
            let (key, row): (GeohashCell, &str) = (key.as_ref().parse().ok()?, row.as_ref());
            let sound = match key.level() {
                COARSE => row.len() == PARTS && row.bytes().all(is_mark),
                FINE => row::is_row(row),
                _ => false,
            };
            sound.then(|| (key, row.into()))
        };
        Self { rows: entries.into_iter().filter_map(read).collect() }
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, UNKNOWN | MIXED) || PRECISIONS.contains(&byte.wrapping_sub(b'0'))
}

fn precision_of(mark: u8) -> Option<u8> {
    Some(mark.wrapping_sub(b'0')).filter(|precision| PRECISIONS.contains(precision))
}

/// Key and index of a geohash-3 cell.
fn place_of(cell: GeohashCell) -> Option<(GeohashCell, usize)> {
    (cell.level() == COARSE + 1).then_some(())?;
    Some((cell.ancestor(COARSE)?, cell.digit(COARSE + 1)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> GeohashCell {
        text.parse().unwrap()
    }

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
    fn what_is_no_row_is_no_hint() {
        let good = "4".repeat(32);
        let fine = |marks: &str, bits: &str| format!("{}{}{bits}", marks, "5".repeat(32 - marks.len()));
        for (key, row) in [
            ("u0", "4".repeat(31)),
            ("u0", "4".repeat(33)),
            ("u0", "8".repeat(32)),
            ("u0", "2".repeat(32)),
            ("u0", "X".repeat(32)),
            ("u0", "é".repeat(16)),
            ("u", good.clone()),
            ("u09", good.clone()),
            ("a0", good.clone()),
            ("u09t", good),
            ("u09t", String::new()),
            ("u09t", "4".into()),
            ("u09t", "8".into()),
            ("u09t", "x".into()),
            ("u09t", "55".into()),
            ("u09t", "5".repeat(33)),
            ("u09t", fine("x", "")),
            ("u09t", fine("x", "000000")),
            ("u09t", fine("x", "00000000")),
            ("u09t", fine("xx", "0000000")),
            ("u09t", fine("x", "000000a")),
            ("u09t", fine("x", "00000é")),
            ("u09tv", "5".into()),
        ] {
            assert_eq!(DensityMap::from_entries([(key, &row)]), DensityMap::default(), "{key}: {row}");
        }
        let mut map = DensityMap::default();
        map.set(cell("u0"), 4);
        map.set(cell("u09"), 2);
        map.set(cell("u09t"), 3);
        map.set(cell("u09tv"), 6);
        map.set_parts(cell("u09"), [Part::Whole(5); 32]);
        map.set_parts(cell("u09t"), [Part::Whole(4); 32]);
        assert_eq!(map, DensityMap::default());
    }

    #[test]
    fn a_finer_note_leaves_what_is_beside_it() {
        let mut map = DensityMap::default();
        map.set(cell("u09"), 6);
        map.set(cell("u09t"), 4);
        map.set(cell("u09v"), 7);
        let known = ["u09s", "u09t", "u09v", "u09", "u08"].map(|text| map.precision(cell(text)));
        assert_eq!(known, [Some(6), Some(4), Some(7), None, None]);
        assert_eq!(map.cells().count(), 32);
        map.set(cell("u09"), 3);
        assert_eq!(map.entries().collect::<Vec<_>>().len(), 1, "nothing is left below");
    }

    proptest! {
        /// What the parts of a cell are is found again, at every cell below it, and in the text.
        #[test]
        fn parts_are_found_again(
            whole in prop::collection::vec(5..=7_u8, 32),
            bits in prop::collection::vec(prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)], 32),
            mixed in prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)],
        ) {
            let part = |i: usize| if mixed >> i & 1 == 1 { Part::Finer(bits[i]) } else { Part::Whole(whole[i]) };
            let parts: [Part; 32] = std::array::from_fn(part);
            let mut map = DensityMap::default();
            map.set_parts(cell("u09t"), parts);
            prop_assert!(map.entries().all(|(_, row)| row.len() <= 256 && row.is_ascii()));
            let read = DensityMap::from_entries(map.entries());
            prop_assert_eq!(&read, &map);
            for (child, part) in cell("u09t").children().into_iter().zip(parts) {
                for (i, below) in child.children().into_iter().enumerate() {
                    let expected = match part {
                        Part::Whole(precision) => precision,
                        Part::Finer(bits) => 6 + (bits >> i & 1) as u8,
                    };
                    prop_assert_eq!(read.precision(below), Some(expected));
                    prop_assert_eq!(read.precision_at(below.centre()), Some(expected));
                }
            }
            let known: Vec<_> = read.cells().collect();
            prop_assert!(known.iter().all(|&(part, precision)| map.precision(part) == Some(precision)));
        }
    }
}
