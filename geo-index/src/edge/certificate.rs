//! Cell answers, and the proof that what a client makes of them is exact.
//!
//! Write d for the haversine distance as [`distance`](crate::distance()) computes it. A cell with centre c has the
//! horizon H; its answer lists places in the order of (d from c, id), at most M of them, all within H.
//!
//! **The certificate** is a radius D: *every place p with d(c, p) < D is listed*.
//! - If the list was cut at M, every place that is not listed comes after the last one listed, so it is at least as far
//!   from c, at the same distance if its id is greater. D is the last distance, and "closer than D" is strict for
//!   that reason: of the places at exactly the last distance some may be missing.
//! - If it was not cut, every place within H is listed, and D is H.
//!
//! D is then rounded down to whole metres, which only weakens the claim and is exact in every notation. A client needs
//! no other distance of the answer: it computes its own from the places' positions.
//!
//! **What follows for a user** u at δ = d(c, u). Let p be a place that is not listed, so d(c, p) ≥ D. On the sphere
//! the triangle inequality says that p is at least D − δ from u; for computed distances it holds but for rounding:
//! d(u, p) ≥ D − δ − s. Call R = D − δ − s the *reach*. All places with d(u, p) < R are listed, and so
//! - all places within a radius r are listed if r < R;
//! - if k of the listed places are within r and closer than R, then no place that is not listed is as near as the
//!   k-th of these, nor at the same distance with a smaller id: they are the k nearest of all.
//!
//! In both cases sorting the list by (d from u, id) gives exactly what a search of all places would give. Otherwise
//! nothing is claimed. It does not matter whether u is in the cell: a larger δ only leaves less.
//!
//! **The slack s.** The haversine of two positions is made of a dozen operations, each with a relative error of
//! about 2⁻⁵³, on angles of at most 2π. What that does to a distance of up to 1,000 km is a relative error of some
//! 10⁻¹⁵ and an absolute one of some 10⁻¹⁵ · 2R ≈ 13 nm (worst across ±180°, where half the difference of longitudes is
//! near π, and beside a pole, where the cosine of the latitude is near 0): less than 100 nm for each of the three
//! distances, so s ≥ 300 nm is enough. (Near the antipode asin is ill-conditioned and errors reach 0.2 m. That
//! does not matter: D ≤ 200 km, so if R > 0 then δ < 200 km, and a place that is 1,000 km away computes as farther than R
//! whatever the last metre.) [`SLACK_M`] is a millimetre: it costs nothing that anyone could notice, and
//! it leaves room for clients whose sine is less exact. The test `the_slack_is_ample` measures what is needed.
//!
//! **Categories.** An answer for one category lists the places of that category, and all of the above holds with
//! "place" read as "place of the category". An answer without a category serves any filter too, if the filter is
//! applied to the list: the places of the category that are closer than D are among those listed.

use super::ladder::SnapCell;
use crate::point::Position;
use crate::units::Meters;

/// What the triangle inequality may be short of for computed distances, and much more (s), in metres.
pub const SLACK_M: f64 = 1e-3;

/// A place of a cell answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapPlace<T> {
    /// Its id.
    pub id: String,
    /// Its position, as stored: to the last bit, for results are sorted by distances from it.
    pub position: Position,
    /// Whatever else is known of it.
    pub payload: T,
}

/// The places nearest to a cell's centre, and how far they are complete.
///
/// Invariant, owed by whoever makes one: each place (of the answer's category) that is closer to the cell's centre
/// than `certified_radius` is in `places`.
#[derive(Clone, Debug, PartialEq)]
pub struct CellAnswer<T> {
    /// The cell.
    pub cell: SnapCell,
    /// The certificate (D).
    pub certified_radius: Meters,
    /// The places. Their order does not matter.
    pub places: Vec<SnapPlace<T>>,
}

impl<T> CellAnswer<T> {
    /// Leaves only some of the places. The certificate then holds for places that pass the filter.
    #[must_use]
    pub fn filtered(mut self, keep: impl FnMut(&SnapPlace<T>) -> bool) -> Self {
        self.places.retain(keep);
        self
    }

    /// Whether the list was cut before the horizon.
    pub fn is_cut(&self) -> bool {
        self.certified_radius < self.cell.horizon()
    }
}

/// The certificate of the places nearest to a cell's centre, found within its horizon.
///
/// `last` is the distance of the last place from the centre, `cut` whether there may be more places behind it.
///
/// ```
/// use geo_index::Meters;
/// use geo_index::edge::{SnapCell, certified_radius};
///
/// let cell: SnapCell = "gh:u09t".parse()?;
/// assert_eq!(certified_radius(cell, Meters::new(5_123.7), true).get(), 5_123.0);
/// assert_eq!(certified_radius(cell, Meters::new(5_123.7), false), cell.horizon());
/// # Ok::<(), geo_index::edge::SnapCellError>(())
/// ```
pub fn certified_radius(cell: SnapCell, last: Option<Meters>, cut: bool) -> Meters {
    match last {
        Some(last) if cut => Meters::from_valid(last.get().min(cell.horizon().get()).floor()),
        // Nothing was listed and yet there may be more: nothing is certain.
        None if cut => Meters::ZERO,
        _ => cell.horizon(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EARTH_RADIUS_M, distance};
    use proptest::prelude::*;

    /// A position at a distance and bearing from another.
    fn beyond(from: Position, meters: f64, bearing: f64) -> Position {
        let (sin_lat, cos_lat) = from.lat().to_radians().sin_cos();
        let (sin_d, cos_d) = (meters / EARTH_RADIUS_M).sin_cos();
        let lat = (sin_lat * cos_d + cos_lat * sin_d * bearing.cos()).clamp(-1.0, 1.0).asin();
        let east = (bearing.sin() * sin_d * cos_lat).atan2(cos_d - sin_lat * lat.sin());
        let lon = (from.lon() + east.to_degrees() + 540.0).rem_euclid(360.0) - 180.0;
        Position::new(lat.to_degrees(), lon).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// c, u and p on one great circle, where the triangle inequality is an equation: a thousandth of the slack
        /// covers what rounding adds, p's own included.
        #[test]
        fn the_slack_is_ample(
            lat in prop_oneof![-90.0..=90.0, Just(90.0), Just(-90.0), 89.99..=90.0, -0.01..=0.01],
            lon in prop_oneof![-180.0..=180.0, Just(180.0), Just(-180.0), 179.99..=180.0],
            bearing in 0.0..std::f64::consts::TAU, to_user in -1.0..5.3_f64, to_place in -1.0..5.7_f64,
        ) {
            let centre = Position::new(lat, lon).unwrap();
            let user = beyond(centre, 10f64.powf(to_user), bearing);
            let far = 10f64.powf(to_user) + 10f64.powf(to_place);
            let place = beyond(centre, far, bearing);
            let sides = [distance(centre, user), distance(user, place), distance(centre, place)].map(Meters::get);
            prop_assert!(sides[0] + sides[1] - sides[2] >= -SLACK_M / 1_000.0, "{sides:?}");
        }

        /// The haversine against the angle between unit vectors, which has other weak points.
        #[test]
        fn distances_are_off_by_less_than_the_proof_allows(
            lat in prop_oneof![-90.0..=90.0, Just(90.0), 89.999..=90.0], lon in prop_oneof![-180.0..=180.0, 179.999..=180.0],
            bearing in 0.0..std::f64::consts::TAU, log in -1.0..6.0_f64,
        ) {
            let a = Position::new(lat, lon).unwrap();
            let b = beyond(a, 10f64.powf(log), bearing);
            let (v, w) = (a.unit(), b.unit());
            let cross = [v.y * w.z - v.z * w.y, v.z * w.x - v.x * w.z, v.x * w.y - v.y * w.x];
            let sine = cross.iter().map(|c| c * c).sum::<f64>().sqrt();
            let other = EARTH_RADIUS_M * sine.atan2(v.x * w.x + v.y * w.y + v.z * w.z);
            prop_assert!((distance(a, b).get() - other).abs() < 1e-7, "{} {other}", distance(a, b));
        }
    }
}
