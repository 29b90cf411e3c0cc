//! Where the load of a missing page begins.
//!
//! Below a root with many places lie several splits, one below the other, before a search comes to places. Each of them
//! would take a read, of rows at the edge of its cell that the search has no use for. So the load of a cell that surely
//! holds many pages begins at the page that the search goes to: its rows prove all these splits as well.
//!
//! Invariant: where a load begins makes no difference to what its pages hold.

use super::load::PAGE_MAX;
use crate::distance::angle;
use crate::grid::GridCell;
use crate::grid::h3::{H3Cell, Leaf};
use crate::point::Position;

/// Expected places of a cell from which on its load begins in the middle: an estimate may be wrong by some times, and a
/// mistake costs a read.
const MANY: f64 = 3.0 * PAGE_MAX as f64;

/// Expected places that have to follow within the parent of the page that the search goes to, so that the parent is
/// proven to be a split.
const PROOF: f64 = 1.5 * PAGE_MAX as f64;

/// Children of a cell.
const CHILDREN: f64 = 7.0;

/// The cell below `cell` at which its load begins for a search around `origin`, with so many places expected per
/// steradian; `None` for its edge.
pub(super) fn begin_of(cell: H3Cell, density: f64, origin: Position) -> Option<H3Cell> {
    let circumradius = angle(cell.circumradius());
    let expected = density * 2.598 * circumradius * circumradius;
    if !(expected.is_finite() && expected >= MANY) {
        return None;
    }
    let levels = (expected / PAGE_MAX as f64).log(CHILDREN).ceil() as i32;
    let level = i32::from(cell.level()) + levels;
    let level = u8::try_from(level).map_or(H3Cell::FINEST - 1, |level| level.min(H3Cell::FINEST - 1));
    let here = H3Cell::from(Leaf::at(origin));
    let mut parent = cell;
    while parent.level() + 1 < level {
        parent = nearest_child(parent, here, origin)?;
    }
    let page = nearest_child(parent, here, origin)?;
    // As many of its elder siblings as it takes.
    let siblings = parent.children();
    let at = siblings.iter().position(|child| *child == page)?;
    let following = (PROOF * CHILDREN.powi(levels) / expected).ceil() as usize;
    siblings.get(at.min(siblings.len().saturating_sub(following))).copied()
}

/// The child that covers a leaf, or the one that is nearest to it.
fn nearest_child(cell: H3Cell, here: H3Cell, origin: Position) -> Option<H3Cell> {
    if let Some(child) = here.ancestor(cell.level() + 1).filter(|child| cell.covers(*child)) {
        return Some(child);
    }
    let away = |child: &H3Cell| child.centre().unit().chord_sq(origin.unit());
    cell.children().into_iter().min_by(|a, b| away(a).total_cmp(&away(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_places_are_begun_at_the_nearest_page() {
        let origin = Position::new(35.7, 139.7).unwrap();
        let here = Leaf::at(origin);
        let cell = here.ancestor(4).unwrap();
        let circumradius = angle(cell.circumradius());
        let area = 2.598 * circumradius * circumradius;
        let begin = |places: f64| begin_of(cell, places / area, origin);
        assert_eq!(begin(0.0), None);
        assert_eq!(begin(300.0), None);
        assert_eq!(begin(f64::NAN), None);
        // 34,000 are 694 two levels below, and 99 three levels below, of which two make a proof.
        for origin in here.ancestor(6).unwrap().children().into_iter().map(GridCell::centre) {
            let page = Leaf::at(origin).ancestor(7).unwrap();
            let begin = begin_of(cell, 34_000.0 / area, origin).unwrap();
            let siblings = page.parent().unwrap().children();
            let at = |cell| siblings.iter().position(|sibling| *sibling == cell).unwrap();
            assert_eq!(at(begin), at(page).min(5), "{page}");
        }
        assert_eq!(begin(1e30).map(H3Cell::level), Some(14));
        // From elsewhere, at what is nearest.
        let west = Position::new(35.7, 130.0).unwrap();
        let nearest = begin_of(cell, 500.0 / area, west).unwrap();
        assert!(cell.covers(nearest) && nearest.level() == 5);
    }
}
