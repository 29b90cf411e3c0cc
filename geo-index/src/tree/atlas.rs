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
    nodes: Box<[Node]>,
}

impl BaseCells {
    fn new() -> Self {
        let nodes = Node::all(H3Cell::coarsest());
        Self { caps: nodes.iter().map(|node| node.cell.cap).collect(), nodes }
    }
}

struct Node {
    cell: ChildCell,
    children: OnceLock<Box<[Node]>>,
}

impl Node {
    fn all(cells: Vec<H3Cell>) -> Box<[Self]> {
        cells.into_iter().map(|cell| Self { cell: ChildCell::new(cell), children: OnceLock::new() }).collect()
    }

    fn visit(&self, touched: &impl Fn(&Cap) -> bool, found: &mut impl FnMut(&ChildCell)) {
        if !touched(&self.cell.cap) {
            return;
        }
        if self.cell.cell.level() == ROOT_RESOLUTION {
            return found(&self.cell);
        }
        let children = self.children.get_or_init(|| Self::all(self.cell.cell.children()));
        for child in children {
            child.visit(touched, found);
        }
    }
}

/// Calls `found` for the roots whose caps, and those of all their ancestors, are `touched`, in ascending order.
pub(super) fn roots(touched: &impl Fn(&Cap) -> bool, found: &mut impl FnMut(&ChildCell)) {
    let base = BASE_CELLS.get_or_init(BaseCells::new);
    for (cap, node) in base.caps.iter().zip(&base.nodes) {
        if touched(cap) {
            node.visit(touched, found);
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
