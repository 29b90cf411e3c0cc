//! The distance that everything is measured by: great-circle, on one sphere, in metres.
//!
//! Answers are ordered by [`distance`], with ties broken by id. Squared chords between unit vectors
//! ([`UnitVector::chord_sq`](crate::point::UnitVector)) only filter candidates: [`Chord`] converts between the two and
//! leaves room for rounding.
//!
//! Invariant: a distance has the same bits on every machine and in every client (docs/adr/0027). IEEE 754 fixes sums,
//! products, quotients and square roots; sine, cosine and arcsine are those of `libm`, for those of the platforms differ.

use libm::{asin, cos, sin};

use crate::point::Position;
use crate::units::Meters;

/// Mean radius R₁ of the Earth, in metres: (2a + b) / 3 of WGS 84, as the IUGG defines it
/// (H. Moritz, "Geodetic Reference System 1980", Journal of Geodesy 74, 2000).
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Half a great circle, some 20,015 km: no two points are farther apart.
pub const HALF_CIRCUMFERENCE: Meters = Meters::from_valid(std::f64::consts::PI * EARTH_RADIUS_M);

/// The great-circle distance between two positions, by the haversine formula (R. W. Sinnott, "Virtues of the Haversine",
/// Sky and Telescope 68, 1984), symmetric in its arguments to the last bit.
///
/// ```
/// use geo_index::{Position, distance};
///
/// let paris = Position::new(48.8566, 2.3522)?;
/// let london = Position::new(51.5074, -0.1278)?;
/// assert!((distance(paris, london).get() - 343_556.5).abs() < 1.0);
/// assert_eq!(distance(paris, london), distance(london, paris));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub fn distance(a: Position, b: Position) -> Meters {
    DistanceFrom::new(a).to(b)
}

/// The position at a distance and a bearing (clockwise from north, in radians) from another, good to some nanometres.
///
/// # Panics
///
/// If the distance or the bearing is infinite or not a number.
///
/// ```
/// use geo_index::{Position, destination, distance};
///
/// let paris = Position::new(48.8566, 2.3522)?;
/// let east = destination(paris, 5_000.0, 90_f64.to_radians());
/// assert!((distance(paris, east).get() - 5_000.0).abs() < 1e-6);
/// assert!(east.lon() > paris.lon());
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub fn destination(from: Position, distance_m: f64, bearing: f64) -> Position {
    let (sin_lat, cos_lat) = from.lat().to_radians().sin_cos();
    let (sin_d, cos_d) = (distance_m / EARTH_RADIUS_M).sin_cos();
    let lat = (sin_lat * cos_d + cos_lat * sin_d * bearing.cos()).clamp(-1.0, 1.0).asin();
    let east = (bearing.sin() * sin_d * cos_lat).atan2(cos_d - sin_lat * lat.sin());
    let lon = (from.lon() + east.to_degrees() + 540.0).rem_euclid(360.0) - 180.0;
    Position::new(lat.to_degrees(), lon).expect("the distance and the bearing are finite")
}

/// [`distance`] from one position to many, with the same result to the last bit.
pub(crate) struct DistanceFrom {
    origin: Position,
    cos_lat: f64,
}

impl DistanceFrom {
    pub(crate) fn new(origin: Position) -> Self {
        Self { origin, cos_lat: cos(origin.lat().to_radians()) }
    }

    pub(crate) fn to(&self, other: Position) -> Meters {
        let half_lat = (self.origin.lat() - other.lat()).to_radians() / 2.0;
        let half_lon = (self.origin.lon() - other.lon()).to_radians() / 2.0;
        let (sin_lat, sin_lon) = (sin(half_lat), sin(half_lon));
        // The squares of sines are positive, so swapping the arguments changes no bit of the sum.
        let cos_cos = self.cos_lat * cos(other.lat().to_radians());
        let h = sin_lat * sin_lat + cos_cos * (sin_lon * sin_lon);
        Meters::from_valid(2.0 * EARTH_RADIUS_M * asin(h.sqrt().min(1.0)))
    }
}

/// An angle at the Earth's centre, in radians, for a distance along the surface.
pub(crate) fn angle(distance: Meters) -> f64 {
    distance.get() / EARTH_RADIUS_M
}

/// Conversions between surface distances and chords of the unit sphere that err on the side of more.
///
/// A unit vector carries an error of about 2·10⁻¹⁶ in each coordinate, so a chord computed from two of them
/// is off by less than 10⁻¹⁵; the slack is ten times that, plus 10⁻¹² of the chord. Over 1 km it adds up to
/// 65 nm: a few candidates more, which the exact distance then refuses.
pub(crate) struct Chord;

impl Chord {
    const RELATIVE: f64 = 1e-12;
    const ABSOLUTE: f64 = 1e-14;

    /// A squared chord that no point within `distance` exceeds.
    pub(crate) fn sq_at_least(distance: Meters) -> f64 {
        let half = (angle(distance) / 2.0).min(std::f64::consts::FRAC_PI_2);
        Self::widen_sq((2.0 * half.sin()).powi(2))
    }

    /// A squared chord that every point farther than `distance` exceeds.
    pub(crate) fn sq_at_most(distance: Meters) -> f64 {
        let half = (angle(distance) / 2.0).min(std::f64::consts::FRAC_PI_2);
        let chord = (2.0 * half.sin()) * (1.0 - Self::RELATIVE) - Self::ABSOLUTE;
        chord.max(0.0).powi(2)
    }

    /// Widens a squared chord so that any point at the same true distance stays below it.
    pub(crate) fn widen_sq(chord_sq: f64) -> f64 {
        let chord = chord_sq.sqrt() * (1.0 + Self::RELATIVE) + Self::ABSOLUTE;
        chord * chord
    }

    /// The angle of a squared chord, rounded down; for what is near, the chord itself, which is close to it.
    pub(crate) fn angle_at_most(chord_sq: f64) -> f64 {
        /// The arc of a shorter chord is longer by less than one part in 10,000.
        const NEAR: f64 = 0.05;
        let chord = chord_sq.sqrt();
        if chord < NEAR {
            return chord;
        }
        let least = chord * (1.0 - Self::RELATIVE) - Self::ABSOLUTE;
        2.0 * (least / 2.0).min(1.0).asin() * (1.0 - Self::RELATIVE)
    }

    /// The angle of a squared chord, rounded up.
    pub(crate) fn angle_at_least(chord_sq: f64) -> f64 {
        let chord = Self::widen_sq(chord_sq).sqrt();
        if chord >= 2.0 { std::f64::consts::PI } else { 2.0 * (chord / 2.0).asin() * (1.0 + Self::RELATIVE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    #[test]
    fn known_distances() {
        let quarter = std::f64::consts::FRAC_PI_2 * EARTH_RADIUS_M;
        assert!((distance(at(0.0, 0.0), at(0.0, 90.0)).get() - quarter).abs() < 1e-6);
        assert!((distance(at(90.0, 12.0), at(0.0, -77.0)).get() - quarter).abs() < 1e-6);
        assert!((distance(at(90.0, 0.0), at(-90.0, 0.0)).get() - 2.0 * quarter).abs() < 1e-6);
        assert_eq!(distance(at(10.0, 180.0), at(10.0, 180.0)), Meters::ZERO);
    }

    #[test]
    fn the_antimeridian_is_no_border() {
        assert!(distance(at(10.0, 180.0), at(10.0, -180.0)).get() < 1e-6);
        let across = distance(at(0.0, 179.995), at(0.0, -179.995)).get();
        assert!((across - distance(at(0.0, 0.0), at(0.0, 0.01)).get()).abs() < 1e-6);
    }

    #[test]
    fn chords_never_lose_a_point() {
        for (i, step) in (0..200).zip((0..).map(|i| 10f64.powf(-3.0 + f64::from(i) * 0.05))) {
            let a = at(-89.0 + f64::from(i) * 0.89, -180.0 + f64::from(i) * 1.7);
            let b = at((a.lat() + step / 222_000.0).clamp(-90.0, 90.0), a.lon());
            let d = distance(a, b);
            let chord_sq = a.unit().chord_sq(b.unit());
            assert!(chord_sq <= Chord::sq_at_least(d), "{a:?} {b:?}");
            assert!(chord_sq >= Chord::sq_at_most(d), "{a:?} {b:?}");
            assert!(Chord::angle_at_least(chord_sq) >= angle(d), "{a:?} {b:?}");
            assert!(Chord::angle_at_most(chord_sq) <= angle(d) * (1.0 + 1e-12) + 1e-15, "{a:?} {b:?}");
        }
    }
}
