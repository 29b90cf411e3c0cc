//! Cell answers, and the proof that what a client makes of them is exact.

use super::ladder::CacheCell;
use crate::point::Position;
use crate::units::Meters;

/// The slack s of the proof at [`CellAnswer`], in metres: much more than rounding can make computed distances violate the
/// triangle inequality by.
pub const SLACK_M: f64 = 1e-3;

/// A place of a cell answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CellPlace<T> {
    /// The place's id.
    pub id: String,
    /// The place's position, as stored: to the last bit, since results are sorted by distances from it.
    pub position: Position,
    /// What else the caller wants to have with a result.
    pub payload: T,
}

/// The places nearest to a cell's centre, and how far the list is complete. It is the same for every user in the cell, so
/// caches can share it; [`refine`](super::refine()) makes one user's exact results of it.
///
/// Whoever makes an answer owes this: each place (of the answer's category) that is closer to the cell's centre than
/// `certified_radius` is in `places`.
///
/// # Why results are exact
///
/// Write d for the haversine distance as [`distance`](crate::distance()) computes it. A cell with centre c has the
/// horizon H; its answer lists places in the order of (d from c, id), at most M of them, all within H.
///
/// **The certificate** is a radius D: *every place p with d(c, p) < D is listed*.
/// - If the list was cut at M, every place that is not listed comes after the last one listed, so it is at least as far
///   from c, at the same distance if its id is greater. D is the last distance, and "closer than D" is strict for
///   that reason: of the places at exactly the last distance some may be missing.
/// - If it was not cut, every place within H is listed, and D is H.
///
/// D is then rounded down to whole metres, which only weakens the claim and is exact in every notation. A client needs
/// no other distance of the answer: it computes its own from the places' positions.
///
/// **What follows for a user** u at δ = d(c, u). Let p be a place that is not listed, so d(c, p) ≥ D. On the sphere
/// the triangle inequality says that p is at least D − δ from u; for computed distances it holds except for rounding:
/// d(u, p) ≥ D − δ − s. Call R = D − δ − s the *reach*. All places with d(u, p) < R are listed, and so
/// - all places within a radius r are listed if r < R;
/// - if k of the listed places are within r and closer than R, then no place that is not listed is as near as the
///   k-th of these, nor at the same distance with a smaller id: they are the k nearest of all.
///
/// In both cases sorting the list by (d from u, id) gives exactly what a search of all places would give. Otherwise
/// nothing is claimed. It does not matter whether u is in the cell: a larger δ only leaves less.
///
/// **The slack s** ([`SLACK_M`]). The haversine of two positions takes a dozen operations, each with a relative error of
/// about 2⁻⁵³, on angles of at most 2π. What that does to a distance of up to 1,000 km is a relative error of some
/// 10⁻¹⁵ and an absolute one of some 10⁻¹⁵ · 2R ≈ 13 nm, with the Earth's radius for R (worst across ±180°, where half the
/// difference of longitudes is near π, and beside a pole, where the cosine of the latitude is near 0): less than 100 nm for
/// each of the three distances, so s ≥ 300 nm is enough. (Near the antipode asin is ill-conditioned and errors reach 0.2 m.
/// That does not matter: D ≤ 200 km, so if R > 0 then δ < 200 km, and a place that is 1,000 km away computes as farther than
/// R whatever the last metre.) A millimetre costs nothing that anyone could notice, and it leaves room for clients whose
/// sine is less exact. The test `the_slack_is_ample` measures what is needed.
///
/// **Categories.** An answer for one category lists the places of that category, and all of the above holds with
/// "place" read as "place of the category". An answer without a category serves any filter too, if the filter is
/// applied to the list ([`filtered`](Self::filtered)): the places of the category that are closer than D are among those
/// listed.
#[derive(Clone, Debug, PartialEq)]
pub struct CellAnswer<T> {
    /// The cell that the answer is for.
    pub cell: CacheCell,
    /// The certificate (D): all places closer to the cell's centre are listed.
    pub certified_radius: Meters,
    /// The places, in any order.
    pub places: Vec<CellPlace<T>>,
}

impl<T> CellAnswer<T> {
    /// The answer with only those places that pass a filter. The certificate then holds for such places.
    ///
    /// ```
    /// use geo_index::Position;
    /// use geo_index::edge::{CellAnswer, CellPlace};
    ///
    /// let position = Position::new(48.86, 2.36)?;
    /// let place = |id: &str, payload| CellPlace { id: id.into(), position, payload };
    /// let cell: geo_index::edge::CacheCell = "gh:u09t".parse()?;
    /// let places = vec![place("w-1", "winery"), place("b-1", "bar")];
    /// let answer = CellAnswer { cell, certified_radius: cell.horizon(), places };
    /// assert_eq!(answer.filtered(|place| place.payload == "bar").places.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn filtered(mut self, keep: impl FnMut(&CellPlace<T>) -> bool) -> Self {
        self.places.retain(keep);
        self
    }

    /// Whether the list was cut before the horizon.
    pub(super) fn is_cut(&self) -> bool {
        self.certified_radius < self.cell.horizon()
    }
}

/// The certificate of a list of the places nearest to a cell's centre, found within its horizon.
///
/// `last` is the distance of the last place of the list from the centre, `cut` whether more places may follow it.
///
/// ```
/// use geo_index::Meters;
/// use geo_index::edge::{CacheCell, certified_radius};
///
/// let cell: CacheCell = "gh:u09t".parse()?;
/// assert_eq!(certified_radius(cell, Meters::new(5_123.7), true).get(), 5_123.0);
/// assert_eq!(certified_radius(cell, Meters::new(5_123.7), false), cell.horizon());
/// # Ok::<(), geo_index::edge::CacheCellError>(())
/// ```
pub fn certified_radius(cell: CacheCell, last: Option<Meters>, cut: bool) -> Meters {
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
    use crate::{EARTH_RADIUS_M, destination, distance};
    use proptest::prelude::*;

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
            let user = destination(centre, 10f64.powf(to_user), bearing);
            let far = 10f64.powf(to_user) + 10f64.powf(to_place);
            let place = destination(centre, far, bearing);
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
            let b = destination(a, 10f64.powf(log), bearing);
            let (v, w) = (a.unit(), b.unit());
            let cross = [v.y * w.z - v.z * w.y, v.z * w.x - v.x * w.z, v.x * w.y - v.y * w.x];
            let sine = cross.iter().map(|c| c * c).sum::<f64>().sqrt();
            let other = EARTH_RADIUS_M * sine.atan2(v.x * w.x + v.y * w.y + v.z * w.z);
            prop_assert!((distance(a, b).get() - other).abs() < 1e-7, "{} {other}", distance(a, b));
        }
    }
}
