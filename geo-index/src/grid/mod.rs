//! Hierarchical grids: the sphere cut into cells, each with children one level finer.

pub mod geohash;
pub mod h3;

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::ops::RangeInclusive;

use crate::error::CellError;
use crate::point::{Position, UnitVector};
use crate::units::Meters;

/// A cell of a hierarchical grid.
///
/// Invariant: everything *keyed below* a cell (every position whose finest cell descends from it) lies within
/// [`reach`](GridCell::reach) of its [`centre`](GridCell::centre). In H3 that is more than the cell's own
/// outline, for H3 children are not inside their parents.
pub trait GridCell: Copy + Debug + Display + Eq + Hash + Ord + Sized {
    /// Coarsest level of the grid.
    const COARSEST: u8;
    /// Finest level of the grid, that of leaves.
    const FINEST: u8;

    /// All cells of the coarsest level.
    fn coarsest() -> Vec<Self>;

    /// The cell of a level that contains a position.
    fn at(position: Position, level: u8) -> Result<Self, CellError>;

    /// Level of this cell: H3 resolution or geohash precision.
    fn level(self) -> u8;

    /// The cell's centre.
    fn centre(self) -> Position;

    /// Distance from the centre to the farthest point of the cell's outline.
    fn circumradius(self) -> Meters;

    /// A distance from the centre within which everything keyed below this cell lies.
    fn reach(self) -> Meters;

    /// A lower bound of the distance from `position` to everything keyed below this cell.
    fn min_distance(self, position: Position) -> Meters;

    /// The cell one level coarser; `None` at the coarsest.
    fn parent(self) -> Option<Self>;

    /// The cells one level finer, in ascending order of their leaves; empty at the finest.
    fn children(self) -> Vec<Self>;

    /// First and last leaf keyed below this cell, as ordered numbers. The ranges of a cell's children follow
    /// each other without overlap inside it.
    fn leaf_range(self) -> RangeInclusive<u64>;
}

/// A spherical cap: what search needs to know of a cell's shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cap {
    /// Centre on the unit sphere.
    pub centre: UnitVector,
    /// Angular radius, in radians.
    pub reach: f64,
}

impl Cap {
    /// The cap around everything keyed below a cell.
    pub fn of<C: GridCell>(cell: C) -> Self {
        Self { centre: cell.centre().unit(), reach: crate::distance::angle(cell.reach()) }
    }

    /// A lower bound of the angle from a point to anything in the cap, in radians; negative inside.
    ///
    /// The chord stands in for the angle: it is never longer, and close to it for everything near.
    pub fn min_angle(self, from: UnitVector) -> f64 {
        self.centre.chord_sq(from).sqrt() - self.reach
    }

    /// Whether anything in the cap may lie within an angle of a point, without a square root.
    pub(crate) fn may_reach(&self, from: UnitVector, angle: f64) -> bool {
        let reach = self.reach + angle;
        self.centre.chord_sq(from) <= reach * reach
    }

    /// An upper bound of the angle from a point to anything in the cap, in radians.
    pub fn max_angle(self, from: UnitVector) -> f64 {
        crate::distance::Chord::angle_at_least(self.centre.chord_sq(from)) + self.reach
    }
    /// The latitudes and longitudes that the cap spans, and a little more.
    pub(crate) fn extent(&self) -> Extent {
        let lat = self.centre.z.clamp(-1.0, 1.0).asin();
        let reach = self.reach + 1e-9;
        let (south, north) = ((lat - reach).to_degrees(), (lat + reach).to_degrees());
        let half_width = if north >= 90.0 || south <= -90.0 {
            180.0
        } else {
            // sin(Δλ) = sin(reach) / cos(lat).
            (reach.sin() / lat.cos()).min(1.0).asin().to_degrees() + 1e-7
        };
        let lon = self.centre.y.atan2(self.centre.x).to_degrees();
        Extent { south: south.max(-90.0), north: north.min(90.0), lon, half_width }
    }

    /// The cap around everything from which a search within an angle, in radians, may come upon this one.
    ///
    /// Searches compare chords with the sum of both angles, as in [`Cap::may_reach`]; this is the arc of that chord.
    pub(crate) fn widened(&self, angle: f64) -> Self {
        let chord = self.reach + angle;
        Self { centre: self.centre, reach: crate::distance::Chord::angle_at_least(chord * chord) }
    }
}

/// What a cap spans, in degrees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) south: f64,
    pub(crate) north: f64,
    /// Longitude of the centre.
    pub(crate) lon: f64,
    /// Longitudes to either side of it; 180 where the cap holds a pole.
    pub(crate) half_width: f64,
}
