//! Regions: what places can be searched within. Boxes, polygons, and corridors along lines.
//!
//! Edges of polygons and lines are arcs of great circles, the shortest way from corner to corner; those of planar polygons
//! are straight in longitude and latitude. Neither poles nor the antimeridian are special to the former.
//!
//! Invariant: tests for touching err on the side of yes. A cap that holds a position of the region touches it.

mod arcs;
mod polygon;

use std::sync::Arc as Shared;

use thiserror::Error;

use crate::area::Polygon as PlanarPolygon;
use crate::bbox::BBox;
use crate::cap::Cap;
use crate::distance::angle;
use crate::error::PolygonError;
use crate::grid::{GridCell, cap, h3::H3Cell};
use crate::point::{Position, UnitVector};
use crate::units::Meters;
use arcs::{Arc, Arcs};
use polygon::Polygon;

/// What lies so near to a border counts as on it, in radians: a micrometre.
const BORDER: f64 = 1e-6 / crate::EARTH_RADIUS_M;

/// Longest half width of a corridor: 1,000 km.
pub const MAX_WIDTH: Meters = Meters::from_valid(1_000_000.0);

/// Why coordinates are no region.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
pub enum RegionError {
    /// Fewer than three different corners.
    #[error("a ring has {0} different corners; it needs at least 3")]
    Corners(usize),
    /// A line of fewer than two points.
    #[error("a line has {0} different points; it needs at least 2")]
    Points(usize),
    /// A latitude out of range.
    #[error("latitude {0} is not between -90 and 90")]
    Latitude(f64),
    /// A longitude more than a turn away from the prime meridian.
    #[error("longitude {0} is not between -360 and 360")]
    Longitude(f64),
    /// Not within half of the globe.
    #[error("a polygon reaches farther than 89 degrees around its middle; cut it into several")]
    TooWide,
    /// Two points of a line that are opposite to each other.
    #[error("two neighbouring points of a line lie opposite to each other; add one between them")]
    Opposite,
    /// A width out of range.
    #[error("a width of {0} m is not more than 0 and at most {MAX_WIDTH}")]
    Width(f64),
    /// What no planar polygon can be.
    #[error(transparent)]
    Planar(#[from] PolygonError),
}

/// A part of the sphere: the union of its shapes, which may overlap. The border belongs to it: what lies within a
/// micrometre of that of a polygon counts as inside.
///
/// ```
/// use geo_index::{Position, Region};
///
/// // Around the north pole, and across the antimeridian.
/// let mut region = Region::default();
/// region.add_polygon(&[vec![[0.0, 70.0], [120.0, 70.0], [-120.0, 70.0]]])?;
/// assert!(region.contains(Position::new(90.0, 0.0).unwrap()));
/// assert!(region.contains(Position::new(80.0, 180.0).unwrap()));
/// assert!(!region.contains(Position::new(60.0, 180.0).unwrap()));
/// # Ok::<(), geo_index::RegionError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Region {
    shapes: Vec<Shape>,
}

#[derive(Clone, Debug)]
enum Shape {
    Box(BBox),
    Planar(Shared<PlanarPolygon>),
    Polygon(Shared<Polygon>),
    Corridor(Shared<Corridor>),
}

/// What lies within an angle of a line.
#[derive(Clone, Debug)]
struct Corridor {
    arcs: Arcs,
    half_width: f64,
}

impl Region {
    /// Adds a box.
    pub fn add_box(&mut self, bbox: BBox) {
        self.shapes.push(Shape::Box(bbox));
    }

    /// Adds a polygon whose edges are arcs of great circles: rings of `[longitude, latitude]` in degrees, longitudes -360 to
    /// 360. The last corner of a ring may repeat the first. A ring encloses the smaller of the two parts that it cuts the
    /// sphere into, whichever way round it goes, and what lies in an even number of rings is outside.
    ///
    /// # Errors
    ///
    /// A [`RegionError`] that says what is wrong first.
    pub fn add_polygon(&mut self, rings: &[Vec<[f64; 2]>]) -> Result<(), RegionError> {
        let polygon = Polygon::new(rings)?;
        self.shapes.push(Shape::Polygon(Shared::new(polygon)));
        Ok(())
    }

    /// Adds a polygon whose edges are straight in longitude and latitude, as written (RFC 7946, section 3.1.1). A pole belongs
    /// to it if it reaches the pole's latitude.
    ///
    /// # Errors
    ///
    /// A [`RegionError`] that says what is wrong first.
    pub fn add_planar_polygon(&mut self, rings: &[Vec<[f64; 2]>]) -> Result<(), RegionError> {
        // The first reading is the one as written.
        let as_written = PlanarPolygon::readings(rings)?.into_iter().take(1);
        self.shapes.extend(as_written.map(|polygon| Shape::Planar(Shared::new(polygon))));
        Ok(())
    }

    /// Adds everything within a distance of a line, whose points are joined by arcs of great circles.
    ///
    /// ```
    /// use geo_index::{Meters, Position, Region};
    ///
    /// let mut region = Region::default();
    /// region.add_corridor(&[[2.35, 48.85], [4.83, 45.76]], Meters::new(10_000.0).unwrap())?;
    /// assert!(region.contains(Position::new(47.35, 3.55).unwrap()));
    /// assert!(!region.contains(Position::new(47.35, 4.55).unwrap()));
    /// # Ok::<(), geo_index::RegionError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`RegionError`] that says what is wrong first.
    pub fn add_corridor(&mut self, line: &[[f64; 2]], half_width: Meters) -> Result<(), RegionError> {
        if half_width <= Meters::ZERO || half_width > MAX_WIDTH {
            return Err(RegionError::Width(half_width.get()));
        }
        let mut points = line.iter().map(|point| unit(*point)).collect::<Result<Vec<_>, _>>()?;
        points.dedup();
        if points.len() < 2 {
            return Err(RegionError::Points(points.len()));
        }
        let is_opposite = |pair: &[UnitVector]| pair[0].chord_sq(pair[1]) > 4.0 - 1e-12;
        if points.windows(2).any(is_opposite) {
            return Err(RegionError::Opposite);
        }
        let arcs = Arcs::new(points.windows(2).map(|pair| Arc::new(pair[0], pair[1])).collect());
        self.shapes.push(Shape::Corridor(Shared::new(Corridor { arcs, half_width: angle(half_width) })));
        Ok(())
    }

    /// Whether there are no shapes.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Number of shapes.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Number of edges of polygons, and of arcs of corridors.
    pub fn corners(&self) -> usize {
        let corners = |shape: &Shape| match shape {
            Shape::Box(_) => 0,
            Shape::Planar(polygon) => polygon.len(),
            Shape::Polygon(polygon) => polygon.corners(),
            Shape::Corridor(corridor) => corridor.arcs.len(),
        };
        self.shapes.iter().map(corners).sum()
    }

    /// Whether a position lies in it.
    pub fn contains(&self, position: Position) -> bool {
        let point = unit_of(position.lon(), position.lat());
        self.shapes.iter().any(|shape| match shape {
            Shape::Box(bbox) => bbox.contains(position),
            Shape::Planar(polygon) => {
                polygon.contains(position) || polygon.borders(position, BORDER.to_degrees())
            }
            Shape::Polygon(polygon) => polygon.contains(point),
            Shape::Corridor(corridor) => corridor.arcs.any_within(point, corridor.half_width),
        })
    }

    /// Whether anything in a cap may lie in it.
    pub(crate) fn may_touch(&self, cap: &Cap) -> bool {
        self.shapes.iter().any(|shape| match shape {
            Shape::Box(bbox) => bbox.may_touch(cap),
            Shape::Planar(polygon) => {
                polygon.may_touch(&Cap { reach: cap.reach + 2.0 * BORDER, centre: cap.centre })
            }
            Shape::Polygon(polygon) => polygon.may_touch(cap),
            Shape::Corridor(corridor) => {
                corridor.arcs.any_within(cap.centre, cap.reach + corridor.half_width + 1e-9)
            }
        })
    }

    /// Whether anything keyed below a cell may lie in it, by a look at its descendants so many levels below.
    pub(crate) fn may_hold(&self, cell: H3Cell, levels: u8) -> bool {
        let children = if levels == 0 { Vec::new() } else { cell.children() };
        self.may_touch(&cap(cell))
            && (children.is_empty() || children.into_iter().any(|child| self.may_hold(child, levels - 1)))
    }
}

/// The point of the unit sphere at `[longitude, latitude]` in degrees.
fn unit([lon, lat]: [f64; 2]) -> Result<UnitVector, RegionError> {
    if !(-90.0..=90.0).contains(&lat) {
        return Err(RegionError::Latitude(lat));
    }
    if !(-360.0..=360.0).contains(&lon) {
        return Err(RegionError::Longitude(lon));
    }
    Ok(unit_of(lon, lat))
}

/// Positions that are one have one point: poles have no longitude, and the antimeridian has one.
fn unit_of(lon: f64, lat: f64) -> UnitVector {
    if lat.abs() >= 90.0 {
        return UnitVector { x: 0.0, y: 0.0, z: lat.signum() };
    }
    let turns = ((lon + 180.0) / 360.0).floor();
    let lon = lon - turns * 360.0;
    let (sin_lat, cos_lat) = lat.to_radians().sin_cos();
    let (sin_lon, cos_lon) = lon.to_radians().sin_cos();
    UnitVector { x: cos_lat * cos_lon, y: cos_lat * sin_lon, z: sin_lat }
}
