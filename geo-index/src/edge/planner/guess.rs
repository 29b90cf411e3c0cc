//! What an answer tells about other precisions.

use super::{Wanted, cell_at};
use crate::distance::distance;
use crate::edge::certificate::{CellAnswer, SLACK_M};
use crate::edge::ladder::{ANSWER_MAX, CacheCell, PRECISIONS};
use crate::edge::refine::{Hit, NotCertified, Reason};

/// The precision to ask for after an answer that was not certified; `None` if none promises more.
pub(super) fn after<T>(answer: &CellAnswer<T>, wanted: &Wanted, why: NotCertified) -> Option<u8> {
    let radius_m = wanted.radius.get();
    // How far the next answer must reach, unless there are nearer places that this one did not list.
    let need_m = why.last.map_or(radius_m, |last| last.get().min(radius_m));
    let level = answer.cell.level();
    match why.reason {
        Reason::TooDense => finer(answer, wanted, why, need_m, level + 1),
        Reason::OutOfHorizon => coarser(wanted, need_m, why.reach_m, level),
    }
}

/// The coarsest finer precision whose answer should reach as far as needed, if places are spread evenly: then M of
/// them end √(M / limit) times as far away as `limit` of them do.
fn finer<T>(answer: &CellAnswer<T>, wanted: &Wanted, why: NotCertified, need_m: f64, from: u8) -> Option<u8> {
    let certified_m = answer.certified_radius.get();
    let stretch = (ANSWER_MAX.get() as f64 / wanted.limit.get() as f64).sqrt();
    let (reach_m, need_m) = match why.last {
        Some(last) if why.reach_m > 0.0 => (certified_m.min(last.get() * stretch), need_m),
        // The list ends before the user: it tells how dense it is elsewhere, and it is hardly denser here.
        _ => (certified_m, wanted.radius.get().min(certified_m / stretch)),
    };
    (from..=*PRECISIONS.end()).find(|&precision| {
        let cell = cell_at(wanted.position, precision);
        reach_m - to_centre_m(cell, wanted) - SLACK_M > need_m
    })
}

/// The finest coarser precision whose horizon is wide enough; else the one that sees farthest, if farther than now.
fn coarser(wanted: &Wanted, need_m: f64, reach_m: f64, below: u8) -> Option<u8> {
    let sees_m = |precision: u8| {
        let cell = cell_at(wanted.position, precision);
        cell.horizon().get() - to_centre_m(cell, wanted) - SLACK_M
    };
    let coarser = || (*PRECISIONS.start()..below).rev();
    coarser().find(|&precision| sees_m(precision) > need_m).or_else(|| {
        coarser()
            .max_by(|&a, &b| sees_m(a).total_cmp(&sees_m(b)))
            .filter(|&precision| sees_m(precision) > reach_m)
    })
}

/// The coarsest precision that this certified answer proves to be as good for the user.
///
/// A coarser cell with centre c′ lists M places too. Fewer than M are closer to c than D (or all are listed), so
/// fewer than M are closer to c′ than D − d(c, c′): its own certificate is at least that, up to its horizon.
pub(super) fn coarsest_as_good<T>(answer: &CellAnswer<T>, wanted: &Wanted, hits: &[Hit<'_, T>]) -> u8 {
    let last = hits.last().filter(|_| hits.len() == wanted.limit.get());
    let need_m = last.map_or(wanted.radius.get(), |hit| hit.distance.get());
    let level = answer.cell.level();
    let as_good = |precision: &u8| {
        let cell = cell_at(wanted.position, *precision);
        let apart_m = distance(cell.centre(), answer.cell.centre()).get();
        let certified_m = (answer.certified_radius.get() - apart_m).min(cell.horizon().get()).floor();
        certified_m - to_centre_m(cell, wanted) - 2.0 * SLACK_M > need_m
    };
    (*PRECISIONS.start()..level).find(as_good).unwrap_or(level)
}

fn to_centre_m(cell: CacheCell, wanted: &Wanted) -> f64 {
    distance(cell.centre(), wanted.position).get()
}
