//! H3 cells (Uber's hexagonal grid, aperture 7), by the `h3o` crate.

mod leaf;

pub use leaf::Leaf;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use h3o::{CellIndex, LatLng, Resolution};

use super::{GridCell, Sealed};
use crate::distance::{DistanceFrom, distance};
use crate::error::CellError;
use crate::point::Position;
use crate::units::Meters;

/// An H3 cell of resolution 0 to 15.
///
/// Its text is the index in 15 lower-case hexadecimal digits; cells of one resolution sort alike as numbers
/// and as texts, and the leaves below a cell are contiguous in that order.
///
/// ```
/// use geo_index::{GridCell, H3Cell, Leaf, Position};
///
/// let leaf = Leaf::at(Position::new(48.8566, 2.3522)?);
/// let cell = leaf.ancestor(3).unwrap();
/// assert_eq!(cell.to_string(), "831fb4fffffffff");
/// assert_eq!(cell.level(), 3);
/// assert!(cell.covers(leaf) && cell.leaves().contains(&leaf));
/// assert_eq!("831fb4fffffffff".parse(), Ok(cell));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct H3Cell(CellIndex);

/// How far the descendants of a cell reach beyond its circumradius, at most.
///
/// In the plane, a child's centre lies at most √3·R/√7 from its parent's, and so on down: the sum of the
/// series is √3·R / (√7 − 1) = 1.0524·R. The icosahedral projection stretches that unevenly. The test
/// `reach_holds` finds the farthest descendant of every cell of resolutions 0 to 2, of samples below and around
/// all pentagons by branch and bound: 1.0684·R at most.
const REACH_MARGIN: f64 = 1.09;

/// No leaf's outline is farther than this from its centre. The longest edge of resolution 15 is 0.68 m.
const LEAF_RADIUS_M: f64 = 1.0;

impl H3Cell {
    /// The cell of the finest resolution that contains a position.
    fn finest(position: Position) -> Self {
        Self(lat_lng(position).to_cell(Resolution::Fifteen))
    }

    /// The corners of the cell's outline, counterclockwise.
    ///
    /// ```
    /// use geo_index::{GridCell, H3Cell, Position};
    ///
    /// let cell = H3Cell::at(Position::new(48.8566, 2.3522)?, 7).unwrap();
    /// assert_eq!(cell.outline().len(), 6);
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn outline(self) -> Vec<Position> {
        self.0.boundary().iter().map(|&corner| position(corner)).collect()
    }

    /// The cell with a given H3 index.
    ///
    /// # Errors
    ///
    /// [`CellError::H3`] if the number is no H3 cell index.
    ///
    /// ```
    /// use geo_index::{CellError, H3Cell};
    ///
    /// assert_eq!(H3Cell::from_index(0x831f_b4ff_ffff_fff)?.to_string(), "831fb4fffffffff");
    /// assert_eq!(H3Cell::from_index(17), Err(CellError::H3));
    /// # Ok::<(), CellError>(())
    /// ```
    pub fn from_index(index: u64) -> Result<Self, CellError> {
        CellIndex::try_from(index).map(Self).map_err(|_| CellError::H3)
    }

    /// The H3 index.
    pub fn index(self) -> u64 {
        self.0.into()
    }

    /// The ancestor (or the cell itself) at a resolution no finer than its own; `None` for a finer one.
    ///
    /// ```
    /// use geo_index::H3Cell;
    ///
    /// let cell: H3Cell = "851fb467fffffff".parse()?;
    /// assert_eq!(cell.ancestor(3), Some("831fb4fffffffff".parse()?));
    /// assert_eq!(cell.ancestor(5), Some(cell));
    /// assert_eq!(cell.ancestor(6), None);
    /// # Ok::<(), geo_index::CellError>(())
    /// ```
    pub fn ancestor(self, resolution: u8) -> Option<Self> {
        self.0.parent(Resolution::try_from(resolution).ok()?).map(Self)
    }

    /// Whether `other` is this cell or descends from it.
    ///
    /// That does not mean that it lies inside: H3 children reach beyond their parents' outlines.
    pub fn covers(self, other: impl Into<Self>) -> bool {
        other.into().ancestor(self.level()) == Some(self)
    }

    /// The leaves below the cell, from the first to the last. The ranges of a cell's children follow each other in it
    /// without overlap.
    ///
    /// ```
    /// use geo_index::H3Cell;
    ///
    /// let cell: H3Cell = "851fb467fffffff".parse()?;
    /// let (first, last) = cell.leaves().into_inner();
    /// assert_eq!(first.to_string(), "8f1fb4640000000");
    /// assert_eq!(last.to_string(), "8f1fb4676db6db6");
    /// # Ok::<(), geo_index::CellError>(())
    /// ```
    pub fn leaves(self) -> RangeInclusive<Leaf> {
        const RESOLUTION_BITS: u64 = 0xf << 52;
        const ALL_SIXES: u64 = 0o666_666_666_666_666;
        let digit_bits = 3 * (Self::FINEST - self.level());
        let below = (1_u64 << digit_bits) - 1;
        let first = (self.index() & !RESOLUTION_BITS & !below) | (u64::from(Self::FINEST) << 52);
        // Below a pentagon the digit 1 names no cell as the first that is not 0. A range ends at neither: its first leaf
        // has only zeros below the cell, its last only sixes.
        let leaf = |index: u64| {
            Leaf::from_valid(Self(CellIndex::try_from(index).expect("the digits 0 and 6 lead to a cell")))
        };
        leaf(first)..=leaf(first | (ALL_SIXES & below))
    }

    /// The finest cell that covers both; `None` if they are below different base cells.
    pub(crate) fn common_ancestor(self, other: Self) -> Option<Self> {
        let finest = self.level().min(other.level());
        (0..=finest).rev().find_map(|level| {
            let ancestor = self.ancestor(level)?;
            ancestor.covers(other).then_some(ancestor)
        })
    }
}

impl Sealed for H3Cell {}

impl GridCell for H3Cell {
    const COARSEST: u8 = 0;
    const FINEST: u8 = Leaf::RESOLUTION;

    fn coarsest() -> Vec<Self> {
        CellIndex::base_cells().map(Self).collect()
    }

    fn at(position: Position, level: u8) -> Result<Self, CellError> {
        let resolution = Resolution::try_from(level).map_err(|_| CellError::Level {
            grid: "H3",
            level,
            min: Self::COARSEST,
            max: Self::FINEST,
        })?;
        Ok(Self(lat_lng(position).to_cell(resolution)))
    }

    fn level(self) -> u8 {
        self.0.resolution().into()
    }

    fn centre(self) -> Position {
        position(LatLng::from(self.0))
    }

    fn circumradius(self) -> Meters {
        let centre = self.centre();
        let outline = self.0.boundary();
        let from = DistanceFrom::new(centre);
        let farthest = outline.iter().map(|&corner| from.to(position(corner)).get());
        Meters::from_valid(farthest.fold(0.0, f64::max))
    }

    fn reach(self) -> Meters {
        let beyond = if self.level() == Self::FINEST { 1.0 } else { REACH_MARGIN };
        Meters::from_valid(self.circumradius().get() * beyond + LEAF_RADIUS_M)
    }

    fn min_distance(self, position: Position) -> Meters {
        Meters::from_valid((distance(position, self.centre()).get() - self.reach().get()).max(0.0))
    }

    fn parent(self) -> Option<Self> {
        self.ancestor(self.level().checked_sub(1)?)
    }

    fn children(self) -> Vec<Self> {
        self.0.resolution().succ().map_or_else(Vec::new, |finer| self.0.children(finer).map(Self).collect())
    }
}

impl fmt::Display for H3Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:015x}", self.index())
    }
}

impl FromStr for H3Cell {
    type Err = CellError;

    /// Accepts exactly what [`Display`](fmt::Display) writes, so that one cell has one text.
    fn from_str(text: &str) -> Result<Self, CellError> {
        let canonical = text.len() == 15 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let index = if canonical { u64::from_str_radix(text, 16).ok() } else { None };
        Self::from_index(index.ok_or(CellError::H3)?)
    }
}

fn lat_lng(position: Position) -> LatLng {
    LatLng::new(position.lat(), position.lon()).expect("a position's coordinates are finite")
}

fn position(ll: LatLng) -> Position {
    // Conversions from radians can overshoot the ranges by a rounding error.
    let lon = if ll.lng() > 180.0 { ll.lng() - 360.0 } else { ll.lng() };
    Position::new(ll.lat().clamp(-90.0, 90.0), lon.clamp(-180.0, 180.0)).expect("clamped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where the descendant that lies farthest from a cell's centre ends, by branch and bound over `depth`
    /// levels. Whatever lies below those is bounded by the plane's series with a quarter on top.
    fn farthest_descendant_m(cell: H3Cell, depth: u8) -> f64 {
        let centre = cell.centre();
        let finest = (cell.level() + depth).min(H3Cell::FINEST);
        let mut farthest = 0.0_f64;
        let mut stack = vec![cell];
        while let Some(at) = stack.pop() {
            let here = distance(centre, at.centre()).get();
            // No cell of a resolution is more than 1.11 times as wide as the average (seen below: 1.104).
            let average = at.0.resolution().edge_length_m();
            if here + 1.25 * 1.11 * average <= farthest {
                continue;
            }
            if at.level() == finest {
                let rest = if finest == H3Cell::FINEST { 1.0 } else { 1.2 };
                farthest = farthest.max(here + rest * at.circumradius().get());
                continue;
            }
            let mut children = at.children();
            children.sort_by(|a, b| {
                distance(centre, a.centre()).get().total_cmp(&distance(centre, b.centre()).get())
            });
            stack.extend(children);
        }
        farthest
    }

    /// All cells down to resolution 2; below that, cells spread over the sphere and the surroundings of all
    /// pentagons.
    fn cells_to_try(level: u8) -> Vec<H3Cell> {
        if level <= 2 {
            let resolution = Resolution::try_from(level).unwrap();
            return CellIndex::base_cells().flat_map(|base| base.children(resolution)).map(H3Cell).collect();
        }
        let spread = (0..1_000).map(|i| {
            let z = -1.0 + (2.0 * f64::from(i) + 1.0) / 1_000.0;
            let lon = (f64::from(i) * 137.507_764).rem_euclid(360.0) - 180.0;
            H3Cell::at(Position::new(z.asin().to_degrees(), lon).unwrap(), level).unwrap()
        });
        let pentagons = Resolution::try_from(level).unwrap().pentagons();
        spread.chain(pentagons.flat_map(|p| p.grid_disk::<Vec<_>>(2)).map(H3Cell)).collect()
    }

    #[test]
    fn reach_holds() {
        let mut largest = 0.0_f64;
        for level in 0..=14 {
            for cell in cells_to_try(level) {
                let farthest = farthest_descendant_m(cell, 5);
                assert!(farthest <= cell.reach().get(), "{cell}: {farthest} m");
                assert!(cell.circumradius().get() <= 1.11 * cell.0.resolution().edge_length_m(), "{cell}");
                if level <= 12 {
                    largest = largest.max(farthest / cell.circumradius().get());
                }
            }
        }
        // The margin is not idle either: it lies within 3 % of what is needed.
        assert!((REACH_MARGIN / 1.03..REACH_MARGIN).contains(&largest), "{largest}");
    }

    #[test]
    fn texts_are_canonical() {
        for text in [
            "",
            "831FB4FFFFFFFFF",
            "0831fb4fffffffff",
            "831fb4ffffffff",
            "+31fb4fffffffff",
            "fffffffffffffff",
        ] {
            assert_eq!(text.parse::<H3Cell>(), Err(CellError::H3), "{text}");
        }
    }

    fn anywhere() -> impl Strategy<Value = Position> {
        let lat = prop_oneof![-90.0..=90.0, Just(90.0), Just(-90.0), 89.9..=90.0];
        let lon = prop_oneof![-180.0..=180.0, Just(180.0), Just(-180.0), 179.99..=180.0];
        (lat, lon).prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
    }

    proptest! {
        #[test]
        fn everything_keyed_below_a_cell_is_in_reach(place in anywhere(), from in anywhere(), level in 0..=15u8) {
            let leaf = Leaf::at(place);
            let cell = leaf.ancestor(level).unwrap();
            prop_assert!(cell.leaves().contains(&leaf));
            prop_assert!(distance(cell.centre(), place) <= cell.reach());
            prop_assert!(cell.min_distance(from) <= distance(from, place));
            let cap = crate::grid::cap(cell);
            let angle = distance(from, place).get() / crate::EARTH_RADIUS_M;
            prop_assert!(cap.min_angle(from.unit()) <= angle + 1e-12);
            prop_assert!(cap.max_angle(from.unit()) >= angle - 1e-12);
        }

        #[test]
        fn common_ancestors_cover_both(a in anywhere(), b in anywhere()) {
            let (a, b) = (H3Cell::finest(a), H3Cell::finest(b));
            if let Some(both) = a.common_ancestor(b) {
                prop_assert!(both.covers(a) && both.covers(b));
                prop_assert!(a == b || a.ancestor(both.level() + 1) != b.ancestor(both.level() + 1));
            } else {
                prop_assert!(a.ancestor(0) != b.ancestor(0));
            }
        }
    }
}
