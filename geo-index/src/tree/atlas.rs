//! The top of the tree, from the 122 base cells to the roots, which no page describes.
//!
//! Shapes are computed when a search first comes by and kept for good, so that finding the roots of a disc is
//! some two hundred comparisons and neither poles, pentagons nor the antimeridian are special.

use std::sync::OnceLock;

use crate::grid::{Cap, GridCell, h3::H3Cell};
use crate::key::ROOT_RESOLUTION;
use crate::page::ChildCell;

static BASE_CELLS: OnceLock<BaseCells> = OnceLock::new();

/// The base cells, with their caps side by side: every search compares all of them.
struct BaseCells {
    caps: Box<[Cap]>,
    cells: Box<[ChildCell]>,
}

impl BaseCells {
    fn new() -> Self {
        let cells: Box<[_]> = H3Cell::coarsest().into_iter().map(ChildCell::new).collect();
        Self { caps: cells.iter().map(|cell| cell.cap).collect(), cells }
    }
}

fn visit(
    at: &'static ChildCell,
    touched: &impl Fn(&Cap) -> bool,
    found: &mut impl FnMut(&'static ChildCell),
) {
    if !touched(&at.cap) {
        return;
    }
    if at.cell.level() == ROOT_RESOLUTION {
        return found(at);
    }
    for child in at.finer() {
        visit(child, touched, found);
    }
}

/// Calls `found` for the roots whose caps, and those of all their ancestors, are `touched`, in ascending order.
pub(super) fn roots(touched: &impl Fn(&Cap) -> bool, found: &mut impl FnMut(&'static ChildCell)) {
    let base = BASE_CELLS.get_or_init(BaseCells::new);
    for (cap, cell) in base.caps.iter().zip(&base.cells) {
        if touched(cap) {
            visit(cell, touched, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_roots_are_found_in_order() {
        let mut found = Vec::new();
        roots(&|_| true, &mut |root| found.push(root.cell));
        assert_eq!(found.len(), 41_162);
        assert!(found.is_sorted());
    }
}
