//! Geohash cells (G. Niemeyer, 2008): latitude/longitude rectangles, 32 children each.
//!
//! The cell of a position is found by bisection, longitude first: every border is a multiple of a power of
//! two times 45°, exact in `f64`, so the comparisons are exact and any language with IEEE doubles finds the same
//! cell. (The `geohash` crate scales and rounds first, and may put a position a rounding error below a border
//! above it.)

use std::fmt;
use std::str::FromStr;

use super::{GridCell, Sealed};
use crate::bbox::BBox;
use crate::distance::distance;
use crate::error::CellError;
use crate::point::Position;
use crate::units::Meters;

pub(crate) const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// A geohash of precision 1 to 12: a rectangle of latitudes and longitudes.
///
/// Cells sort as their texts do, and a position on the border of two cells belongs to the northern or eastern one.
///
/// ```
/// use geo_index::{GeohashCell, GridCell, Position};
///
/// let cell = GeohashCell::at(Position::new(48.8566, 2.3522)?, 5).unwrap();
/// assert_eq!(cell.to_string(), "u09tv");
/// assert_eq!(cell.parent().unwrap().to_string(), "u09t");
/// assert!("u09tA".parse::<GeohashCell>().is_err());
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GeohashCell {
    /// Five bits for each character, from the top: cells sort as their texts do.
    bits: u64,
    precision: u8,
}

impl GeohashCell {
    /// The rectangle of latitudes and longitudes that the cell stands for.
    ///
    /// ```
    /// use geo_index::GeohashCell;
    ///
    /// let cell: GeohashCell = "u0".parse()?;
    /// assert_eq!(cell.bounds().edges(), [0.0, 45.0, 11.25, 50.625]);
    /// # Ok::<(), geo_index::CellError>(())
    /// ```
    pub fn bounds(self) -> BBox {
        let rect = geohash::decode_bbox(&self.to_string()).expect("the text of a cell is a geohash");
        BBox::new(rect.min().x, rect.min().y, rect.max().x, rect.max().y)
            .expect("a geohash lies within the ranges of coordinates")
    }

    /// The cell of a coarser level, or of its own, that it lies in.
    pub(crate) fn ancestor(self, level: u8) -> Option<Self> {
        (Self::COARSEST..=self.precision).contains(&level).then(|| {
            let shift = Self::shift(level);
            Self { bits: self.bits >> shift << shift, precision: level }
        })
    }

    /// Which child its ancestor at a level is of its parent: 0 to 31.
    pub(crate) fn digit(self, level: u8) -> Option<usize> {
        self.ancestor(level).map(|cell| (cell.bits >> Self::shift(level) & 31) as usize)
    }

    fn shift(precision: u8) -> u32 {
        64 - 5 * u32::from(precision)
    }
}

impl Sealed for GeohashCell {}

impl GridCell for GeohashCell {
    const COARSEST: u8 = 1;
    const FINEST: u8 = 12;

    fn coarsest() -> Vec<Self> {
        (0..32).map(|digit| Self { bits: digit << Self::shift(1), precision: 1 }).collect()
    }

    fn at(position: Position, level: u8) -> Result<Self, CellError> {
        if !(Self::COARSEST..=Self::FINEST).contains(&level) {
            let (min, max) = (Self::COARSEST, Self::FINEST);
            return Err(CellError::Level { grid: "geohash", level, min, max });
        }
        let (mut south, mut north) = (-90.0, 90.0);
        let (mut west, mut east) = (-180.0, 180.0);
        let mut bits = 0;
        for bit in 0..5 * level {
            // What lies on a border belongs to the cell north or east of it, if there is one.
            let upper = if bit % 2 == 0 {
                halve(&mut west, &mut east, position.lon())
            } else {
                halve(&mut south, &mut north, position.lat())
            };
            bits = bits << 1 | u64::from(upper);
        }
        Ok(Self { bits: bits << Self::shift(level), precision: level })
    }

    fn level(self) -> u8 {
        self.precision
    }

    fn centre(self) -> Position {
        let [west, south, east, north] = self.bounds().edges();
        Position::new(f64::midpoint(south, north), f64::midpoint(west, east)).expect("inside its bounds")
    }

    fn circumradius(self) -> Meters {
        let [west, south, east, north] = self.bounds().edges();
        let centre = self.centre();
        // Along an edge the distance is largest at a corner, except on the two parallels of a cell that
        // spans more than 90° of longitude, which geohashes do not.
        let corners = [(south, west), (south, east), (north, west), (north, east)];
        let farthest = corners.map(|(lat, lon)| {
            distance(centre, Position::new(lat, lon).expect("a corner of valid bounds")).get()
        });
        Meters::from_valid(farthest.into_iter().fold(0.0, f64::max))
    }

    /// Children tile their parent exactly, so the circumradius is enough; a micrometre covers rounding.
    fn reach(self) -> Meters {
        Meters::from_valid(self.circumradius().get() + 1e-6)
    }

    fn min_distance(self, position: Position) -> Meters {
        Meters::from_valid((self.bounds().min_distance(position).get() - 1e-6).max(0.0))
    }

    fn parent(self) -> Option<Self> {
        let precision = self.precision.checked_sub(1).filter(|&p| p >= Self::COARSEST)?;
        let shift = Self::shift(precision);
        Some(Self { bits: self.bits >> shift << shift, precision })
    }

    fn children(self) -> Vec<Self> {
        if self.precision == Self::FINEST {
            return Vec::new();
        }
        let precision = self.precision + 1;
        (0..32).map(|digit| Self { bits: self.bits | digit << Self::shift(precision), precision }).collect()
    }
}

/// Keeps the half of a range that holds a value, and says whether that is the upper one.
fn halve(low: &mut f64, high: &mut f64, value: f64) -> bool {
    let middle = f64::midpoint(*low, *high);
    let upper = value >= middle;
    *(if upper { low } else { high }) = middle;
    upper
}

impl fmt::Display for GeohashCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for i in 1..=self.precision {
            let digit = (self.bits >> Self::shift(i)) & 31;
            write!(f, "{}", char::from(ALPHABET[digit as usize]))?;
        }
        Ok(())
    }
}

impl FromStr for GeohashCell {
    type Err = CellError;

    /// Accepts exactly what [`Display`](fmt::Display) writes: lower case only, so that one cell has one text.
    fn from_str(text: &str) -> Result<Self, CellError> {
        let precision = u8::try_from(text.len()).map_err(|_| CellError::Geohash)?;
        if !(Self::COARSEST..=Self::FINEST).contains(&precision) {
            return Err(CellError::Geohash);
        }
        let mut bits = 0;
        for (i, byte) in (1..).zip(text.bytes()) {
            let digit = ALPHABET.iter().position(|&c| c == byte).ok_or(CellError::Geohash)?;
            bits |= (digit as u64) << Self::shift(i);
        }
        Ok(Self { bits, precision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> GeohashCell {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_canonical() {
        for text in ["", "a", "u09i", "U09", "u0 9", "u09tvw5000000", "é"] {
            assert_eq!(text.parse::<GeohashCell>(), Err(CellError::Geohash), "{text}");
        }
        assert_eq!(cell("u09tvw5f4j2z").to_string(), "u09tvw5f4j2z");
        assert!(cell("u09") < cell("u0b") && cell("u0") < cell("u00"));
    }

    #[test]
    fn levels_outside_the_grid_are_refused() {
        let here = Position::new(1.0, 2.0).unwrap();
        assert!(GeohashCell::at(here, 0).is_err() && GeohashCell::at(here, 13).is_err());
    }

    #[test]
    fn the_outer_borders_belong_to_the_last_cells() {
        for (lat, lon, text) in
            [(90.0, 180.0, "zzz"), (90.0, -180.0, "bpb"), (-90.0, 180.0, "pbp"), (0.0, 180.0, "xbp")]
        {
            let position = Position::new(lat, lon).unwrap();
            assert_eq!(GeohashCell::at(position, 3).unwrap(), cell(text));
            assert!(cell(text).bounds().contains(position));
        }
    }

    #[test]
    fn bisection_agrees_with_the_geohash_crate_off_the_borders() {
        for i in 0..20_000_u32 {
            let lat = f64::from(i).mul_add(0.007_123, -71.3).sin() * 89.9;
            let lon = (f64::from(i) * 137.507_764).rem_euclid(360.0) - 180.0;
            let cell = GeohashCell::at(Position::new(lat, lon).unwrap(), 9).unwrap();
            assert_eq!(cell.to_string(), geohash::encode(geohash::Coord { x: lon, y: lat }, 9).unwrap());
        }
    }

    #[test]
    fn a_border_belongs_to_the_cell_above_it() {
        let below = 45.0_f64.next_down();
        assert_eq!(GeohashCell::at(Position::new(45.0, -0.0).unwrap(), 2).unwrap(), cell("u0"));
        assert_eq!(GeohashCell::at(Position::new(below, 0.0).unwrap(), 2).unwrap(), cell("sp"));
        assert_eq!(GeohashCell::at(Position::new(45.0, -f64::MIN_POSITIVE).unwrap(), 2).unwrap(), cell("gb"));
    }

    #[test]
    fn children_fill_their_parent() {
        let parent = cell("ezs4");
        let behind = |cell: GeohashCell| cell.bits + (1 << GeohashCell::shift(cell.precision));
        let mut next = parent.bits;
        for child in parent.children() {
            assert_eq!(child.parent(), Some(parent));
            assert_eq!(child.bits, next);
            next = behind(child);
        }
        assert_eq!(next, behind(parent));
        assert!(cell("ezs42ezs42ez").children().is_empty());
    }
}
