//! A unit of measure that would otherwise be a bare number.

use std::fmt;

/// A distance in metres on the sphere of [`EARTH_RADIUS_M`](crate::EARTH_RADIUS_M).
///
/// Always finite and never negative.
///
/// ```
/// use geo_index::Meters;
///
/// let radius = Meters::new(1_500.0).unwrap();
/// assert_eq!(radius.get(), 1_500.0);
/// assert!(Meters::new(-1.0).is_none());
/// assert!(Meters::new(f64::NAN).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Meters(f64);

impl Meters {
    /// Zero metres.
    pub const ZERO: Self = Self(0.0);

    /// Wraps a number of metres; `None` when it is negative, infinite or not a number.
    pub fn new(meters: f64) -> Option<Self> {
        // Adding zero turns -0 into 0, so that equal distances are equal in bits, too.
        (meters.is_finite() && meters >= 0.0).then_some(Self(meters + 0.0))
    }

    /// Wraps what arithmetic on valid distances has produced, without a check.
    pub(crate) const fn from_valid(meters: f64) -> Self {
        Self(meters)
    }

    /// The number of metres.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} m", self.0)
    }
}
