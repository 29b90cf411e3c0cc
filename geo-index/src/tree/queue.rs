//! The queue of cells that a search has yet to look at, and the close look at one before its page is paid for.

use std::cmp::Ordering;

use crate::grid::{GridCell, cap, h3::H3Cell};
use crate::page::ChildCell;
use crate::point::UnitVector;

/// A cell in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueEntry {
    /// Lower bound of the angle to everything keyed below the cell.
    pub(super) bound: f64,
    /// Estimated places per steradian around here; 0 where nothing is known.
    pub(super) density: f64,
    pub(super) cell: H3Cell,
    /// Of a crowd in that cell, only this run.
    pub(super) run: Option<RunId>,
}

/// A run of a crowd that a search has come to: the number of the crowd, and of the run in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunId {
    pub(super) crowd: usize,
    pub(super) run: usize,
}

impl Ord for QueueEntry {
    /// The nearest is the greatest, since a `BinaryHeap` pops the greatest; of the runs of a crowd, the first.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_bound = other.bound.total_cmp(&self.bound);
        by_bound.then_with(|| other.cell.cmp(&self.cell)).then_with(|| other.run.cmp(&self.run))
    }
}

impl PartialOrd for QueueEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for QueueEntry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for QueueEntry {}

/// Levels below a missing page's cell that are looked at before the page is asked for.
pub(super) const REFINED_LEVELS: u8 = 2;

/// Whether anything keyed below a cell may lie within an angle of the origin, by a close look: the caps of its children
/// and grandchildren are together a much closer fit than its own, and cheap beside a read. The children's caps are kept,
/// since the same cells come up in many searches; those of the grandchildren are computed each time, since few looks come
/// so far.
pub(super) fn may_hold(at: &ChildCell, origin: UnitVector, angle: f64) -> bool {
    let may_reach = |child: &ChildCell| {
        child.cap.may_reach(origin, angle) && may_hold_below(child.cell, origin, angle, REFINED_LEVELS - 1)
    };
    at.cap.may_reach(origin, angle) && (at.finer().is_empty() || at.finer().iter().any(may_reach))
}

/// The same by a look so close that the caps are about as small as the angle: where reads have to be waited for, each that
/// is spared is worth it.
pub(super) fn surely_may_hold(cell: H3Cell, origin: UnitVector, angle: f64) -> bool {
    let shape = cap(cell);
    if !shape.may_reach(origin, angle) {
        return false;
    }
    let children = if shape.reach <= angle { Vec::new() } else { cell.children() };
    children.is_empty() || children.into_iter().any(|child| surely_may_hold(child, origin, angle))
}

/// The same for cells whose shapes are not kept, by the caps of all descendants down to `depth` levels below.
fn may_hold_below(cell: H3Cell, origin: UnitVector, angle: f64, depth: u8) -> bool {
    let children = if depth == 0 { Vec::new() } else { cell.children() };
    let may_reach = |child: H3Cell| {
        cap(child).may_reach(origin, angle) && may_hold_below(child, origin, angle, depth - 1)
    };
    children.is_empty() || children.into_iter().any(may_reach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::Position;

    #[test]
    fn what_is_kept_of_shapes_changes_no_look() {
        let mut looks = [0; 2];
        for level in [3, 5, 13, 14, 15] {
            // One of the twelve pentagons is around (64.7, 10.5).
            for (lat, lon) in [(48.8, 2.3), (64.7, 10.5), (-89.9, 170.0)] {
                let cell = H3Cell::at(Position::new(lat, lon).unwrap(), level).unwrap();
                let shape = ChildCell::new(cell);
                for step in 0..200 {
                    let away = f64::from(step) / 100.0 * shape.cap.reach.to_degrees();
                    let north = if lat < 0.0 { lat + away } else { lat - away };
                    let origin = Position::new(north, lon).unwrap().unit();
                    let angle = f64::from(step % 7) / 10.0 * shape.cap.reach;
                    let anew = shape.cap.may_reach(origin, angle)
                        && may_hold_below(cell, origin, angle, REFINED_LEVELS);
                    assert_eq!(may_hold(&shape, origin, angle), anew, "{cell}, {away}°");
                    looks[usize::from(anew)] += 1;
                }
            }
        }
        assert!(looks.iter().all(|&count| count > 300), "{looks:?}");
    }
}
