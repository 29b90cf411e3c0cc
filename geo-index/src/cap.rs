//! Spherical caps, by which search, boxes and areas tell what a cell may touch.

use crate::distance::{Chord, angle};
use crate::point::{Position, UnitVector};
use crate::units::Meters;

/// A spherical cap: what search needs to know of a cell's shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cap {
    /// Centre on the unit sphere.
    pub(crate) centre: UnitVector,
    /// Angular radius, in radians.
    pub(crate) reach: f64,
}

impl Cap {
    /// Everything within a distance of a position.
    pub(crate) fn new(centre: Position, reach: Meters) -> Self {
        Self { centre: centre.unit(), reach: angle(reach) }
    }

    /// A lower bound of the angle from a point to anything in the cap, in radians; negative inside.
    ///
    /// For what is near, the chord stands in for the angle: it is never longer.
    pub(crate) fn min_angle(self, from: UnitVector) -> f64 {
        Chord::angle_at_most(self.centre.chord_sq(from)) - self.reach
    }

    /// Whether anything in the cap may lie within an angle of a point, without a square root.
    pub(crate) fn may_reach(&self, from: UnitVector, angle: f64) -> bool {
        let reach = self.reach + angle;
        self.centre.chord_sq(from) <= reach * reach
    }

    /// An upper bound of the angle from a point to anything in the cap, in radians.
    pub(crate) fn max_angle(self, from: UnitVector) -> f64 {
        Chord::angle_at_least(self.centre.chord_sq(from)) + self.reach
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
        Self { centre: self.centre, reach: Chord::angle_at_least(chord * chord) }
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
