//! Positions on the sphere.

use crate::error::PositionError;

/// A validated WGS 84 position: latitude in [-90, 90] and longitude in [-180, 180], in degrees.
///
/// Coordinates are kept as given (a longitude of 180 is not turned into -180), except that -0 becomes 0.
///
/// ```
/// use geo_index::Position;
///
/// let paris = Position::new(48.8566, 2.3522)?;
/// assert_eq!((paris.lat(), paris.lon()), (48.8566, 2.3522));
/// assert!(Position::new(91.0, 0.0).is_err());
/// assert!(Position::new(0.0, f64::NAN).is_err());
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    lat: f64,
    lon: f64,
}

impl Position {
    /// A position from a latitude and a longitude in degrees.
    ///
    /// # Errors
    ///
    /// [`PositionError`] for a coordinate that is out of range or not a number; the latitude is checked first.
    pub fn new(lat: f64, lon: f64) -> Result<Self, PositionError> {
        if !(-90.0..=90.0).contains(&lat) {
            return Err(PositionError::Latitude(lat));
        }
        if !(-180.0..=180.0).contains(&lon) {
            return Err(PositionError::Longitude(lon));
        }
        Ok(Self { lat: lat + 0.0, lon: lon + 0.0 })
    }

    /// Latitude, in degrees.
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// Longitude, in degrees.
    pub const fn lon(self) -> f64 {
        self.lon
    }

    /// The point on the unit sphere, for distance tests without trigonometry.
    ///
    /// ```
    /// use geo_index::Position;
    ///
    /// let pole = Position::new(90.0, 0.0)?.unit();
    /// assert!((pole.z - 1.0).abs() < 1e-15);
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn unit(self) -> UnitVector {
        let (sin_lat, cos_lat) = self.lat.to_radians().sin_cos();
        let (sin_lon, cos_lon) = self.lon.to_radians().sin_cos();
        UnitVector { x: cos_lat * cos_lon, y: cos_lat * sin_lon, z: sin_lat }
    }
}

/// A point on the unit sphere, as [`Position::unit`] makes it: x towards (0°, 0°), y towards (0°, 90° E), z towards the north pole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitVector {
    /// Towards (0°, 0°).
    pub x: f64,
    /// Towards (0°, 90° E).
    pub y: f64,
    /// Towards the north pole.
    pub z: f64,
}

impl UnitVector {
    /// Squared straight-line (chord) distance, by differences: it keeps its relative precision for
    /// neighbouring points, where `2 - 2·dot` would lose it.
    ///
    /// ```
    /// use geo_index::Position;
    ///
    /// let (north, south) = (Position::new(90.0, 0.0)?, Position::new(-90.0, 0.0)?);
    /// assert!((north.unit().chord_sq(south.unit()) - 4.0).abs() < 1e-12);
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn chord_sq(self, other: Self) -> f64 {
        let (dx, dy, dz) = (self.x - other.x, self.y - other.y, self.z - other.z);
        dx * dx + dy * dy + dz * dz
    }
}
