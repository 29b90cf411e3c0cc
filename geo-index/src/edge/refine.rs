//! From a cell answer to one user's results: exact, or not certified. The proof is at [`CellAnswer`].

use std::num::NonZeroUsize;

use super::certificate::{CellAnswer, CellPlace, SLACK_M};
use crate::distance::distance;
use crate::point::Position;
use crate::units::Meters;

/// What a cell answer gives one user.
#[derive(Clone, Debug, PartialEq)]
pub enum Refined<'a, T> {
    /// The results, which are exactly what a search of all places would return: nearest first, ties by id.
    Exact(Vec<Hit<'a, T>>),
    /// The answer is not complete far enough around this user.
    NotCertified(NotCertified),
}

/// A place of an answer with its distance from the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a, T> {
    /// The place.
    pub place: &'a CellPlace<T>,
    /// The distance from the user.
    pub distance: Meters,
}

/// Why an answer is not certified for a user, and what it tells nevertheless.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotCertified {
    /// Whether to try a finer or a coarser cell.
    pub reason: Reason,
    /// All places closer to the user than this are listed (R); negative if that says nothing of any place.
    pub reach_m: f64,
    /// The distance of the last of `limit` places that were found within the radius, if there were so many: an upper bound
    /// of the true one.
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

/// The places of an answer that are nearest to a user, at most `limit` within a radius (a place at exactly the radius is
/// within it), if the answer certifies them. The proof is at [`CellAnswer`].
///
/// ```
/// use std::num::NonZeroUsize;
/// use geo_index::edge::{CellAnswer, Reason, Refined, CellPlace, refine};
/// use geo_index::{Meters, Position};
///
/// let cell: geo_index::edge::CacheCell = "gh:u09t".parse()?;
/// let place = CellPlace { id: "w-1".into(), position: Position::new(48.86, 2.36)?, payload: () };
/// let answer = CellAnswer { cell, certified_radius: Meters::new(30_000.0).unwrap(), places: vec![place] };
/// let user = Position::new(48.8566, 2.3522)?;
/// let limit = NonZeroUsize::new(20).unwrap();
/// let Refined::Exact(hits) = refine(&answer, user, Meters::new(5_000.0).unwrap(), limit) else { panic!() };
/// assert_eq!(hits[0].place.id, "w-1");
/// let Refined::NotCertified(why) = refine(&answer, user, Meters::new(30_000.0).unwrap(), limit) else { panic!() };
/// assert_eq!(why.reason, Reason::TooDense);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn refine<T>(
    answer: &CellAnswer<T>,
    user: Position,
    radius: Meters,
    limit: NonZeroUsize,
) -> Refined<'_, T> {
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
    hits.truncate(limit.get());
    let last = hits.last().filter(|_| hits.len() == limit.get()).map(|hit| hit.distance);
    let within = |distance: Meters| distance.get() < reach_m;
    if within(radius) || last.is_some_and(within) {
        return Refined::Exact(hits);
    }
    let reason = if answer.is_cut() { Reason::TooDense } else { Reason::OutOfHorizon };
    Refined::NotCertified(NotCertified { reason, reach_m, last })
}
