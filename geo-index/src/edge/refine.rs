//! From a cell answer to one user's results: exact, or not certified. The proof is in [`super::certificate`].

use super::certificate::{CellAnswer, SLACK_M, SnapPlace};
use crate::distance::distance;
use crate::point::Position;
use crate::units::Meters;

/// What came of a cell answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Refined<'a, T> {
    /// What an exact search would have returned: nearest first, ties by id.
    Exact(Vec<Hit<'a, T>>),
    /// The answer does not reach far enough around this user.
    NotCertified(NotCertified),
}

/// A place and its distance from the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a, T> {
    /// The place.
    pub place: &'a SnapPlace<T>,
    /// Its distance.
    pub distance: Meters,
}

/// Why an answer is not certified for a user, and what it tells all the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotCertified {
    /// Why.
    pub reason: Reason,
    /// All places closer to the user than this are known (R); negative where none can be.
    pub reach_m: f64,
    /// The distance of the last of `limit` places that were found within the radius: an upper bound of the true one.
    pub last: Option<Meters>,
}

/// Why an answer is not certified for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are so many places that the list was cut: a finer cell may do.
    TooDense,
    /// The list is complete up to the horizon, which is not far enough: a coarser cell may do.
    OutOfHorizon,
}

/// The nearest places to a position within a radius, both ends included, if the answer certifies them.
///
/// ```
/// use geo_index::edge::{CellAnswer, Reason, Refined, SnapPlace, refine};
/// use geo_index::{Meters, Position};
///
/// let cell: geo_index::edge::SnapCell = "gh:u09t".parse()?;
/// let place = SnapPlace { id: "w-1".into(), position: Position::new(48.86, 2.36)?, payload: () };
/// let answer = CellAnswer { cell, certified_radius: Meters::new(30_000.0).unwrap(), places: vec![place] };
/// let user = Position::new(48.8566, 2.3522)?;
/// let Refined::Exact(hits) = refine(&answer, user, Meters::new(5_000.0).unwrap(), 20) else { panic!() };
/// assert_eq!(hits[0].place.id, "w-1");
/// let Refined::NotCertified(why) = refine(&answer, user, Meters::new(30_000.0).unwrap(), 20) else { panic!() };
/// assert_eq!(why.reason, Reason::TooDense);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn refine<T>(answer: &CellAnswer<T>, user: Position, radius: Meters, limit: usize) -> Refined<'_, T> {
    let to_centre = distance(answer.cell.centre(), user);
    // The proof of the slack is for certificates up to the horizon; no server states more.
    let certified_m = answer.certified_radius.get().min(answer.cell.horizon().get());
    let reach_m = certified_m - to_centre.get() - SLACK_M;
    let mut hits: Vec<Hit<'_, T>> = answer
        .places
        .iter()
        .map(|place| Hit { place, distance: distance(user, place.position) })
        .filter(|hit| hit.distance <= radius)
        .collect();
    hits.sort_by(|a, b| {
        a.distance.get().total_cmp(&b.distance.get()).then_with(|| a.place.id.cmp(&b.place.id))
    });
    hits.truncate(limit);
    let last = hits.last().filter(|_| hits.len() == limit).map(|hit| hit.distance);
    let within = |distance: Meters| distance.get() < reach_m;
    if limit == 0 || within(radius) || last.is_some_and(within) {
        return Refined::Exact(hits);
    }
    let reason = if answer.is_cut() { Reason::TooDense } else { Reason::OutOfHorizon };
    Refined::NotCertified(NotCertified { reason, reach_m, last })
}
