//! The cells that a search has yet to look at, and the close look at one before its page is paid for.

use std::cmp::Ordering;

use crate::grid::{Cap, GridCell, h3::H3Cell};
use crate::point::UnitVector;

/// A cell in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frontier {
    /// Lower bound of the angle to everything keyed below the cell.
    pub(super) bound: f64,
    /// Estimated places per steradian around here; 0 where nothing is known.
    pub(super) density: f64,
    pub(super) cell: H3Cell,
}

impl Ord for Frontier {
    /// The nearest is the greatest, for the heap's sake.
    fn cmp(&self, other: &Self) -> Ordering {
        other.bound.total_cmp(&self.bound).then_with(|| other.cell.cmp(&self.cell))
    }
}

impl PartialOrd for Frontier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Frontier {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Frontier {}

impl Frontier {
    /// Whether anything keyed below the cell may lie within an angle of the origin, by a close look.
    pub(super) fn may_hold(&self, origin: UnitVector, angle: f64) -> bool {
        may_hold(self.cell, origin, angle, CLOSE_LOOK)
    }
}

/// Levels below a missing page's cell that are looked at before the page is asked for.
pub(super) const CLOSE_LOOK: u8 = 2;

/// Whether anything keyed below a cell may lie within an angle of the origin, by the caps of its descendants
/// `depth` levels below: together they are a much closer fit than the cell's own, and cheap beside a read.
fn may_hold(cell: H3Cell, origin: UnitVector, angle: f64, depth: u8) -> bool {
    if !Cap::of(cell).may_reach(origin, angle) {
        return false;
    }
    let children = if depth == 0 { Vec::new() } else { cell.children() };
    children.is_empty() || children.into_iter().any(|child| may_hold(child, origin, angle, depth - 1))
}
