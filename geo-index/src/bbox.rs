//! Bounding boxes of latitude and longitude, across the antimeridian too.

use crate::cap::{Cap, Extent};
use crate::distance::distance;
use crate::error::PositionError;
use crate::point::Position;
use crate::units::Meters;

/// A box of latitudes and longitudes, borders included; west > east crosses the antimeridian.
///
/// ```
/// use geo_index::{BBox, Position};
///
/// let fiji = BBox::new(176.0, -21.0, -178.0, -12.0)?;
/// assert!(fiji.contains(Position::new(-18.0, 179.9)?));
/// assert!(fiji.contains(Position::new(-18.0, -179.0)?));
/// assert!(!fiji.contains(Position::new(-18.0, 0.0)?));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BBox {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl BBox {
    /// The whole sphere.
    pub const WORLD: Self = Self { west: -180.0, south: -90.0, east: 180.0, north: 90.0 };

    /// A box from its edges in degrees, in GeoJSON order.
    ///
    /// # Errors
    ///
    /// [`PositionError`] for an edge that is out of range or not a number, and [`PositionError::Latitude`] of the southern
    /// edge if it lies north of the northern one.
    pub fn new(west: f64, south: f64, east: f64, north: f64) -> Result<Self, PositionError> {
        let low = Position::new(south, west)?;
        let high = Position::new(north, east)?;
        if south > north {
            return Err(PositionError::Latitude(south));
        }
        Ok(Self { west: low.lon(), south: low.lat(), east: high.lon(), north: high.lat() })
    }

    /// `[west, south, east, north]`, in degrees.
    pub const fn edges(self) -> [f64; 4] {
        [self.west, self.south, self.east, self.north]
    }

    /// Whether a position lies in the box or on its border. Longitudes 180 and -180 are one meridian, and a
    /// pole has every longitude.
    pub fn contains(self, position: Position) -> bool {
        (self.south..=self.north).contains(&position.lat()) && self.has_longitude_of(position)
    }

    fn has_longitude_of(self, position: Position) -> bool {
        let spans = |lon: f64| {
            if self.west <= self.east {
                (self.west..=self.east).contains(&lon)
            } else {
                lon >= self.west || lon <= self.east
            }
        };
        let lon = position.lon();
        position.lat().abs() >= 90.0 || spans(lon) || (lon.abs() >= 180.0 && spans(-lon))
    }

    /// Distance from a position to the nearest point of the box; zero inside.
    ///
    /// ```
    /// use geo_index::{BBox, Meters, Position};
    ///
    /// let square = BBox::new(0.0, 0.0, 1.0, 1.0)?;
    /// assert_eq!(square.min_distance(Position::new(0.5, 0.5)?), Meters::ZERO);
    /// // A degree of latitude is some 111 km.
    /// assert!((square.min_distance(Position::new(2.0, 0.5)?).get() - 111_195.0).abs() < 1.0);
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn min_distance(self, from: Position) -> Meters {
        if self.has_longitude_of(from) {
            let lat = from.lat().clamp(self.south, self.north);
            return distance(from, Position::new(lat, from.lon()).expect("between two latitudes"));
        }
        let to_edge = |lon: f64| {
            let (sin_lat, cos_lat) = from.lat().to_radians().sin_cos();
            let delta = (lon - from.lon()).to_radians();
            // Where the meridian's great circle comes closest; if that is not on the edge, an end is nearest.
            let closest = sin_lat.atan2(cos_lat * delta.cos()).to_degrees().clamp(self.south, self.north);
            [self.south, closest, self.north]
                .map(|lat| distance(from, Position::new(lat, lon).expect("on an edge")).get())
                .into_iter()
                .fold(f64::INFINITY, f64::min)
        };
        Meters::from_valid(to_edge(self.west).min(to_edge(self.east)))
    }

    /// Whether anything in the cap may lie in the box. May err on the side of yes, never of no.
    pub(crate) fn may_touch(self, cap: &Cap) -> bool {
        let Extent { south, north, lon, half_width } = cap.extent();
        if north < self.south || south > self.north {
            return false;
        }
        if half_width >= 180.0 {
            return true;
        }
        let width = (self.east - self.west).rem_euclid(360.0);
        let width = if self.east - self.west >= 360.0 { 360.0 } else { width };
        // Offsets from the western edge, going east.
        let offset = (lon - self.west).rem_euclid(360.0);
        offset <= width + half_width || offset >= 360.0 - half_width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{GridCell, cap, h3::H3Cell};

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    #[test]
    fn refuses_nonsense() {
        assert!(BBox::new(0.0, 10.0, 1.0, 9.0).is_err());
        assert!(BBox::new(-181.0, 0.0, 1.0, 9.0).is_err());
        assert!(BBox::new(0.0, f64::NAN, 1.0, 9.0).is_err());
    }

    #[test]
    fn the_antimeridian_and_the_poles_belong_to_both_sides() {
        let west = BBox::new(170.0, -10.0, 180.0, 10.0).unwrap();
        assert!(west.contains(at(0.0, -180.0)) && !west.contains(at(0.0, -179.9)));
        let cap = BBox::new(10.0, 80.0, 20.0, 90.0).unwrap();
        assert!(cap.contains(at(90.0, -77.0)) && !cap.contains(at(89.0, -77.0)));
    }

    #[test]
    fn distance_to_a_box_is_a_lower_bound_and_is_reached() {
        let boxes = [
            BBox::new(-10.0, 20.0, 30.0, 45.0).unwrap(),
            BBox::new(170.0, -60.0, -170.0, -10.0).unwrap(),
            BBox::new(100.0, 80.0, 101.0, 90.0).unwrap(),
            BBox::new(0.0, -90.0, 45.0, -80.0).unwrap(),
        ];
        for bbox in boxes {
            let [west, south, east, north] = bbox.edges();
            let width = (east - west).rem_euclid(360.0);
            for i in 0..200 {
                let from = at(-90.0 + f64::from(i) * 0.9, f64::from(i * 37 % 361) - 180.0);
                let bound = bbox.min_distance(from).get();
                let mut nearest = f64::INFINITY;
                for a in 0..=100 {
                    for b in 0..=100 {
                        let lon = west + width * f64::from(a) / 100.0;
                        let lon = if lon > 180.0 { lon - 360.0 } else { lon };
                        let lat = (south + (north - south) * f64::from(b) / 100.0).clamp(south, north);
                        nearest = nearest.min(distance(from, at(lat, lon)).get());
                    }
                }
                assert!(bound <= nearest + 1e-6, "{bbox:?} {from:?}: {bound} > {nearest}");
                assert!(nearest - bound < 60_000.0, "{bbox:?} {from:?}: {bound} is far below {nearest}");
            }
        }
    }

    #[test]
    fn a_cap_that_holds_a_point_of_the_box_touches_it() {
        let boxes = [
            BBox::new(179.0, -20.0, -179.0, -10.0).unwrap(),
            BBox::new(-180.0, 89.0, 180.0, 90.0).unwrap(),
            BBox::new(5.0, 5.0, 5.0, 5.0).unwrap(),
            BBox::new(-170.0, -10.0, 170.0, 10.0).unwrap(),
            BBox::WORLD,
        ];
        for bbox in boxes {
            for i in 0..500 {
                let position = at(-90.0 + f64::from(i) * 0.36, f64::from(i * 77 % 361) - 180.0);
                for level in 0..6 {
                    let cap = cap(H3Cell::at(position, level).unwrap());
                    assert!(
                        !bbox.contains(position) || bbox.may_touch(&cap),
                        "{bbox:?} {position:?} {level}"
                    );
                }
            }
        }
        let small = BBox::new(5.0, 5.0, 6.0, 6.0).unwrap();
        assert!(!small.may_touch(&cap(H3Cell::at(at(40.0, 40.0), 3).unwrap())));
    }
}
