//! Where the places of a collection are, as far as its roots tell: a box around the cells that have had places.

use geo_index::{EARTH_RADIUS_M, GridCell as _, H3Cell};
use serde::Serialize;
use utoipa::ToSchema;

/// The coordinates of OGC API - Features: longitude, latitude on WGS 84.
pub(crate) const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// Where places are.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Extent {
    /// In space.
    spatial: Spatial,
}

/// Where places are, in space.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Spatial {
    /// One box: west, south, east and north in degrees.
    bbox: [[f64; 4]; 1],
    /// What the numbers are.
    crs: &'static str,
}

impl Extent {
    /// The box around these roots, or around the world if they are not known; `None` if there are none.
    pub(crate) fn of(roots: Option<&[H3Cell]>) -> Option<Self> {
        let Some(roots) = roots else { return Some(Self::new([-180.0, -90.0, 180.0, 90.0])) };
        let all =
            roots.iter().map(|root| around(*root)).reduce(|[w, s, e, n], [west, south, east, north]| {
                [w.min(west), s.min(south), e.max(east), n.max(north)]
            });
        all.map(Self::new)
    }

    /// West, south, east and north in degrees.
    pub(crate) fn bbox(&self) -> [f64; 4] {
        let [edges] = self.spatial.bbox;
        edges
    }

    fn new(edges: [f64; 4]) -> Self {
        Self { spatial: Spatial { bbox: [edges], crs: CRS84 } }
    }
}

/// A box around all that is keyed below a root, which is more than the root's outline: the circle that has it all lies
/// between the latitudes at its radius from the centre, and its meridians touch it at `asin(sin r / cos lat)` from there
/// (Bronstein and Semendjajew, Handbook of Mathematics, spherical right triangles). One that holds a pole or crosses the
/// antimeridian takes all longitudes.
fn around(root: H3Cell) -> [f64; 4] {
    let (centre, radius) = (root.centre(), root.reach().get() / EARTH_RADIUS_M);
    let (south, north) = (centre.lat() - radius.to_degrees(), centre.lat() + radius.to_degrees());
    let (west, east) = if south <= -90.0 || north >= 90.0 {
        (-180.0, 180.0)
    } else {
        let half = (radius.sin() / centre.lat().to_radians().cos()).asin().to_degrees();
        (centre.lon() - half, centre.lon() + half)
    };
    let (west, east) = if west < -180.0 || east > 180.0 { (-180.0, 180.0) } else { (west, east) };
    [west, south.max(-90.0), east, north.min(90.0)]
}

#[cfg(test)]
mod tests {
    use geo_index::{Leaf, Position};

    use super::*;

    fn roots(at: &[(f64, f64)]) -> Vec<H3Cell> {
        let leaf = |&(lat, lon): &(f64, f64)| Leaf::at(Position::new(lat, lon).unwrap());
        at.iter().map(|at| leaf(at).ancestor(2).unwrap()).collect()
    }

    fn bbox(at: &[(f64, f64)]) -> [f64; 4] {
        Extent::of(Some(&roots(at))).unwrap().spatial.bbox[0]
    }

    #[test]
    fn every_place_of_a_root_is_within() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..3_000 {
            let lat = match random.u8(..4) {
                0 => 90.0 - random.f64() * 6.0,
                1 => random.f64() * 6.0 - 90.0,
                _ => random.f64() * 180.0 - 90.0,
            };
            let lon = if random.bool() { 180.0 - random.f64() } else { random.f64() * 360.0 - 180.0 };
            let [west, south, east, north] = bbox(&[(lat, lon)]);
            assert!((west..=east).contains(&lon) && (south..=north).contains(&lat), "{lat}, {lon}");
        }
    }

    #[test]
    fn a_box_is_around_all_roots_and_no_larger_than_needed() {
        let [west, south, east, north] = bbox(&[(48.9, 2.4), (43.3, 5.4)]);
        assert!(west > -3.0 && east < 11.0 && south > 39.0 && north < 53.0, "{west} {south} {east} {north}");
        assert!(west < 2.4 && east > 5.4 && south < 43.3 && north > 48.9);
    }

    #[test]
    fn what_is_not_known_may_be_anywhere_and_nothing_is_nowhere() {
        assert_eq!(Extent::of(None).unwrap().spatial.bbox, [[-180.0, -90.0, 180.0, 90.0]]);
        assert_eq!(Extent::of(Some(&[])), None);
    }
}
