//! Polygons of longitudes and latitudes, as GeoJSON defines them.

use crate::cap::{Cap, Extent};
use crate::error::PolygonError;
use crate::point::Position;

/// A polygon of longitudes and latitudes with holes, as GeoJSON defines it.
///
/// Edges are straight in longitude and latitude (RFC 7946, section 3.1.1). Longitudes may go on beyond ±180, so that a
/// polygon across the antimeridian need not be cut. What lies in an even number of rings is outside, which makes
/// the inner rings holes.
///
/// ```
/// use geo_index::{Polygon, Position};
///
/// let square = [[10.0, 0.0], [20.0, 0.0], [20.0, 10.0], [10.0, 10.0], [10.0, 0.0]].to_vec();
/// let hole = [[14.0, 4.0], [16.0, 4.0], [16.0, 6.0], [14.0, 6.0], [14.0, 4.0]].to_vec();
/// let polygons = Polygon::readings(&[square, hole])?;
/// assert!(polygons[0].contains(Position::new(2.0, 12.0).unwrap()));
/// assert!(!polygons[0].contains(Position::new(5.0, 15.0).unwrap()));
/// # Ok::<(), geo_index::PolygonError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Polygon {
    edges: Vec<Edge>,
    south: f64,
    north: f64,
    /// The edges that touch each of a number of strips of equal height, from the south.
    strips: Vec<Vec<u32>>,
}

/// From a corner to the next, in degrees of longitude and latitude.
#[derive(Clone, Copy, Debug)]
struct Edge {
    from: [f64; 2],
    to: [f64; 2],
}

/// Most strips of a polygon.
const MAX_STRIPS: usize = 256;

/// Edges of a polygon for each strip, until there are [`MAX_STRIPS`].
const EDGES_PER_STRIP: usize = 4;

/// Room for rounding, in degrees: 0.1 mm.
const SLACK: f64 = 1e-9;

/// Turns of the sphere at which a ring, which lies between -180 and 540, can meet a longitude.
const TURNS: [f64; 3] = [-360.0, 0.0, 360.0];

impl Polygon {
    /// The polygon of rings of `[longitude, latitude]` in degrees, in each of the ways in which they can be read. The last
    /// corner of a ring may repeat the first.
    ///
    /// An edge that spans more than 180° of longitude can be meant as written, or as the short way across the
    /// antimeridian. Then there are two readings; take both if nothing may be missed. An edge from -180 to 180, or back,
    /// is always meant as written.
    ///
    /// # Errors
    ///
    /// A [`PolygonError`] that says what is wrong with the first bad ring.
    pub fn readings(rings: &[Vec<[f64; 2]>]) -> Result<Vec<Self>, PolygonError> {
        rings.iter().try_for_each(|ring| check(ring))?;
        let as_written = rings.iter().map(|ring| edges(ring, |_, to| to)).collect::<Result<Vec<_>, _>>()?;
        let mut polygons = vec![Self::new(as_written.concat())];
        if rings
            .iter()
            .any(|ring| pairs(ring).any(|(from, to)| (shorter(from[0], to[0]) - to[0]).abs() > 1.0))
        {
            let short = rings.iter().map(|ring| edges(ring, shorter)).collect::<Result<Vec<_>, _>>()?;
            polygons.push(Self::new(short.concat()));
        }
        Ok(polygons)
    }

    fn new(edges: Vec<Edge>) -> Self {
        let lats = || edges.iter().map(|edge| edge.from[1]);
        let (south, north) = (lats().fold(90.0, f64::min), lats().fold(-90.0, f64::max));
        let count = (edges.len() / EDGES_PER_STRIP).clamp(1, MAX_STRIPS);
        let mut polygon = Self { edges, south, north, strips: vec![Vec::new(); count] };
        for (number, edge) in (0..).zip(&polygon.edges) {
            let (first, last) = (polygon.strip(edge.from[1]), polygon.strip(edge.to[1]));
            for strip in first.min(last)..=first.max(last) {
                polygon.strips[strip].push(number);
            }
        }
        polygon
    }

    fn strip(&self, lat: f64) -> usize {
        let share = (lat - self.south) / (self.north - self.south);
        // In a polygon without height the share is not a number, and the cast makes it 0.
        ((share * self.strips.len() as f64) as usize).min(self.strips.len() - 1)
    }

    fn edges_between(&self, south: f64, north: f64) -> impl Iterator<Item = &Edge> {
        let strips = &self.strips[self.strip(south)..=self.strip(north)];
        strips.iter().flatten().map(|&number| &self.edges[number as usize])
    }

    /// Whether a position lies in the polygon. On the border the answer may be either.
    pub fn contains(&self, position: Position) -> bool {
        self.has_inside(position.lon(), position.lat())
    }

    fn has_inside(&self, lon: f64, lat: f64) -> bool {
        if !(self.south..=self.north).contains(&lat) {
            return false;
        }
        // A ray to the east crosses the border an odd number of times.
        let crossings = self.edges_between(lat, lat).filter_map(|edge| edge.crossing(lat));
        crossings.map(|at| TURNS.iter().filter(|turn| at > lon + **turn).count()).sum::<usize>() % 2 == 1
    }

    /// Number of edges.
    pub(crate) const fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether a position lies within an angle of the border, in degrees. A pole does if the polygon reaches its latitude.
    pub(crate) fn borders(&self, position: Position, angle: f64) -> bool {
        let (lon, lat) = (position.lon(), position.lat());
        if lat.abs() >= 90.0 {
            return if lat > 0.0 { self.north >= 90.0 } else { self.south <= -90.0 };
        }
        let (south, north) = (lat - angle, lat + angle);
        let shrink = lat.to_radians().cos();
        let is_near = |edge: &Edge| TURNS.iter().any(|turn| edge.is_near([lon + turn, lat], shrink, angle));
        north >= self.south && south <= self.north && self.edges_between(south, north).any(is_near)
    }

    /// Whether anything in a cap may lie in the polygon: errs on the side of yes by what the cap's rectangle of
    /// longitudes and latitudes holds besides it.
    pub(crate) fn may_touch(&self, cap: &Cap) -> bool {
        let extent = cap.extent();
        if extent.north < self.south - SLACK || extent.south > self.north + SLACK {
            return false;
        }
        self.edges_between(extent.south, extent.north).any(|edge| edge.touches(&extent))
            || self.has_inside(extent.lon, f64::midpoint(extent.south, extent.north))
    }
}

impl Edge {
    /// Longitude at which it crosses a parallel; of its ends, the southern one belongs to it.
    fn crossing(&self, lat: f64) -> Option<f64> {
        let ([from_lon, from_lat], [to_lon, to_lat]) = (self.from, self.to);
        let crosses = (from_lat > lat) != (to_lat > lat);
        crosses.then(|| from_lon + (lat - from_lat) / (to_lat - from_lat) * (to_lon - from_lon))
    }

    /// Whether some point of it lies within an angle of another point, in degrees, where a degree of longitude is so much
    /// shorter than one of latitude.
    fn is_near(&self, [lon, lat]: [f64; 2], shrink: f64, angle: f64) -> bool {
        let flat = |corner: [f64; 2]| [(corner[0] - lon) * shrink, corner[1] - lat];
        let (from, to) = (flat(self.from), flat(self.to));
        let along = [to[0] - from[0], to[1] - from[1]];
        let length_sq = along[0] * along[0] + along[1] * along[1];
        let share = -(from[0] * along[0] + from[1] * along[1]) / length_sq;
        // Of an edge without length the share is not a number.
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        (from[0] + share * along[0]).hypot(from[1] + share * along[1]) <= angle
    }

    /// Whether it touches a rectangle, at any turn: no axis of either separates them.
    fn touches(&self, extent: &Extent) -> bool {
        let half_height = (extent.north - extent.south) / 2.0 + SLACK;
        let half_width = extent.half_width + SLACK;
        let lat = f64::midpoint(extent.south, extent.north);
        let [across, up] = [self.to[0] - self.from[0], self.to[1] - self.from[1]];
        let beside_lat = (f64::midpoint(self.from[1], self.to[1]) - lat).abs() > half_height + up.abs() / 2.0;
        !beside_lat
            && TURNS.iter().any(|turn| {
                let lon = extent.lon + turn;
                let offset = [lon - self.from[0], lat - self.from[1]];
                let beside_lon = (offset[0] - across / 2.0).abs() > half_width + across.abs() / 2.0;
                let aside = (across * offset[1] - up * offset[0]).abs();
                !beside_lon && aside <= across.abs() * half_height + up.abs() * half_width + SLACK
            })
    }
}

fn check(ring: &[[f64; 2]]) -> Result<(), PolygonError> {
    for [lon, lat] in ring {
        if !(-360.0..=360.0).contains(lon) {
            return Err(PolygonError::Longitude(*lon));
        }
        if !(-90.0..=90.0).contains(lat) {
            return Err(PolygonError::Latitude(*lat));
        }
    }
    let corners = ring.len() - usize::from(ring.len() > 1 && ring.first() == ring.last());
    if corners < 3 { Err(PolygonError::Corners(corners)) } else { Ok(()) }
}

/// Corners with the ones that follow them, the last with the first.
fn pairs(ring: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

/// The longitude `to`, by whole turns nearest to `from`.
fn shorter(from: f64, to: f64) -> f64 {
    let along_a_parallel = from.abs() >= 180.0 && to.abs() >= 180.0 && (to - from).abs() >= 360.0;
    if along_a_parallel { to } else { to - ((to - from) / 360.0).round() * 360.0 }
}

/// The edges of a ring whose corners come at longitudes that depend on the ones before them.
fn edges(ring: &[[f64; 2]], next: impl Fn(f64, f64) -> f64) -> Result<Vec<Edge>, PolygonError> {
    let mut edges = Vec::with_capacity(ring.len());
    let mut lon = ring[0][0];
    for (from, to) in pairs(ring) {
        // What is one turn further stays there.
        let to_lon = lon + (next(from[0], to[0]) - from[0]);
        edges.push(Edge { from: [lon, from[1]], to: [to_lon, to[1]] });
        lon = to_lon;
    }
    if (lon - ring[0][0]).abs() > 1.0 {
        return Err(PolygonError::RoundPole);
    }
    let (west, east) = edges.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(west, east), edge| {
        (west.min(edge.from[0]), east.max(edge.from[0]))
    });
    if east - west > 360.0 + SLACK {
        return Err(PolygonError::Width);
    }
    let turn = ((west + 180.0) / 360.0).floor() * 360.0;
    for edge in &mut edges {
        edge.from[0] -= turn;
        edge.to[0] -= turn;
    }
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::h3::{H3Cell, Leaf};
    use crate::grid::{GridCell, cap};
    use proptest::prelude::*;

    fn square(west: f64, south: f64, east: f64, north: f64) -> Vec<[f64; 2]> {
        vec![[west, south], [east, south], [east, north], [west, north], [west, south]]
    }

    fn at(lat: f64, lon: f64) -> Position {
        Position::new(lat, lon).unwrap()
    }

    fn one(rings: &[Vec<[f64; 2]>]) -> Polygon {
        let [polygon] = <[Polygon; 1]>::try_from(Polygon::readings(rings).unwrap()).unwrap();
        polygon
    }

    fn touched(polygon: &Polygon, position: Position, level: u8) -> bool {
        polygon.may_touch(&cap(H3Cell::at(position, level).unwrap()))
    }

    #[test]
    fn a_polygon_beyond_180_is_on_both_sides() {
        for ring in [square(177.0, -20.0, 182.0, -12.0), square(-183.0, -20.0, -178.0, -12.0)] {
            let fiji = one(&[ring]);
            for lon in [178.0, 180.0, -180.0, -178.5] {
                assert!(fiji.contains(at(-18.0, lon)) && touched(&fiji, at(-18.0, lon), 5), "{lon}");
            }
            for lon in [176.0, -177.0, 0.0] {
                assert!(!fiji.contains(at(-18.0, lon)) && !touched(&fiji, at(-18.0, lon), 5), "{lon}");
            }
        }
    }

    #[test]
    fn an_edge_that_can_be_meant_in_two_ways_is_read_in_both() {
        let fiji = Polygon::readings(&[square(177.0, -20.0, -178.0, -12.0)]).unwrap();
        assert_eq!(fiji.len(), 2);
        assert!(fiji[0].contains(at(-18.0, 0.0)) && !fiji[0].contains(at(-18.0, 180.0)));
        assert!(fiji[1].contains(at(-18.0, 180.0)) && !fiji[1].contains(at(-18.0, 0.0)));
    }

    #[test]
    fn the_whole_world_and_the_antarctic_are_as_written() {
        let world = one(&[square(-180.0, -90.0, 180.0, 90.0)]);
        let antarctic = one(&[square(-180.0, -90.0, 180.0, -60.0)]);
        for i in 0..200 {
            let position = at(-90.0 + f64::from(i) * 0.9, f64::from(i * 77 % 361) - 180.0);
            assert!(touched(&world, position, 3), "{position:?}");
            let south = position.lat() < -60.0;
            assert!(!south || touched(&antarctic, position, 3), "{position:?}");
            assert!(position.lat() < -55.0 || !touched(&antarctic, position, 3), "{position:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |rings: &[Vec<[f64; 2]>]| Polygon::readings(rings).unwrap_err();
        assert_eq!(refused(&[vec![[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]), PolygonError::Corners(2));
        assert_eq!(refused(&[vec![]]), PolygonError::Corners(0));
        assert_eq!(refused(&[square(0.0, 0.0, 1.0, 91.0)]), PolygonError::Latitude(91.0));
        assert_eq!(refused(&[square(-361.0, 0.0, 1.0, 9.0)]), PolygonError::Longitude(-361.0));
        assert!(matches!(refused(&[square(f64::NAN, 0.0, 1.0, 9.0)]), PolygonError::Longitude(_)));
        assert_eq!(refused(&[square(-200.0, 0.0, 200.0, 9.0)]), PolygonError::Width);
        let round: Vec<_> = (0..36).map(|i| [f64::from(i) * 10.0 - 180.0, 60.0]).collect();
        assert_eq!(refused(&[round]), PolygonError::RoundPole);
    }

    /// A star around a centre, possibly across the antimeridian or up to a pole, with a hole in the middle.
    fn star() -> impl Strategy<Value = (Polygon, [f64; 2], f64)> {
        let radii = proptest::collection::vec(0.3..1.0_f64, 3..60);
        (-180.0..=180.0_f64, -80.0..=80.0_f64, 0.01..9.0_f64, radii).prop_map(|(lon, lat, size, radii)| {
            let corner = |(i, radius): (usize, &f64)| {
                let (sin, cos) = (i as f64 / radii.len() as f64 * std::f64::consts::TAU).sin_cos();
                [lon + size * radius * cos, lat + size * radius * sin]
            };
            let outer = radii.iter().enumerate().map(corner).collect();
            let hole = square(lon - size * 0.1, lat - size * 0.1, lon + size * 0.1, lat + size * 0.1);
            (one(&[outer, hole]), [lon, lat], size)
        })
    }

    proptest! {
        #[test]
        fn a_cap_that_holds_a_point_of_the_polygon_touches_it(
            (polygon, [lon, lat], size) in star(),
            east in -1.0..1.0_f64, north in -1.0..1.0_f64, level in 0..=15u8,
        ) {
            let lon = (lon + size * east + 540.0).rem_euclid(360.0) - 180.0;
            let position = at((lat + size * north).clamp(-90.0, 90.0), lon);
            let cap = cap(Leaf::at(position).ancestor(level).unwrap());
            prop_assert!(!polygon.contains(position) || polygon.may_touch(&cap));
        }

        #[test]
        fn the_hole_and_the_outside_are_not_touched((polygon, [lon, lat], size) in star()) {
            let there = |lon: f64, lat: f64| at(lat, (lon + 540.0).rem_euclid(360.0) - 180.0);
            let hole = there(lon, lat);
            prop_assert!(!polygon.contains(hole));
            prop_assert!(!touched(&polygon, hole, 15));
            let off = there(lon + 1.2 * size, lat);
            prop_assert!(!polygon.contains(off) && !touched(&polygon, off, 15));
        }
    }
}
