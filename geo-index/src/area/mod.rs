//! Parts of the sphere, put together of cells, boxes and polygons.
//!
//! Invariant: tests for touching err on the side of yes. A cap that holds a position of the area touches it.

mod polygon;

use std::sync::Arc;

pub use polygon::Polygon;

use crate::bbox::BBox;
use crate::cell::Cell;
use crate::grid::{Cap, GridCell};

/// A part of the sphere: everything in any of its shapes, which may overlap.
///
/// ```
/// use geo_index::{Area, BBox, Cell};
///
/// let mut area = Area::default();
/// area.add_cell("h3:861fb4667ffffff".parse::<Cell>()?);
/// area.add_box(BBox::new(176.0, -21.0, -178.0, -12.0)?);
/// assert_eq!(area.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Area {
    shapes: Vec<Shape>,
}

#[derive(Clone, Debug)]
enum Shape {
    Cap(Cap),
    Box(BBox),
    Polygon(Arc<Polygon>),
}

impl Area {
    /// Adds a cell: the rectangle of a geohash, a circle around everything in or keyed below an H3 cell.
    pub fn add_cell(&mut self, cell: Cell) {
        self.shapes.push(match cell {
            Cell::Geohash(cell) => Shape::Box(cell.bounds()),
            Cell::H3(cell) => Shape::Cap(Cap::of(cell)),
        });
    }

    /// Adds a box.
    pub fn add_box(&mut self, bbox: BBox) {
        self.shapes.push(Shape::Box(bbox));
    }

    /// Adds a polygon.
    pub fn add_polygon(&mut self, polygon: Polygon) {
        self.shapes.push(Shape::Polygon(Arc::new(polygon)));
    }

    /// Number of shapes.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether it has no shapes.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Cells of a level of one grid whose caps touch the area, in ascending order, but not more than `most`, with
    /// whether that is all of them.
    pub fn cells<C: GridCell>(&self, level: u8, most: usize) -> (Vec<C>, bool) {
        let mut found = Vec::new();
        let mut stack = Vec::new();
        let push = |stack: &mut Vec<(C, Self)>, cells: Vec<C>, near: &Self| {
            let touched = cells.into_iter().rev().map(|cell| (cell, near.touching(&Cap::of(cell))));
            stack.extend(touched.filter(|(_, near)| !near.is_empty()));
        };
        push(&mut stack, C::coarsest(), self);
        while let Some((cell, near)) = stack.pop() {
            if cell.level() < level {
                push(&mut stack, cell.children(), &near);
            } else if found.len() < most {
                found.push(cell);
            } else {
                return (found, false);
            }
        }
        (found, true)
    }

    /// Whether anything in a cap may lie in the area.
    pub(crate) fn may_touch(&self, cap: &Cap) -> bool {
        self.shapes.iter().any(|shape| shape.may_touch(cap))
    }

    /// The shapes that a cap touches.
    pub(crate) fn touching(&self, cap: &Cap) -> Self {
        Self { shapes: self.shapes.iter().filter(|shape| shape.may_touch(cap)).cloned().collect() }
    }
}

impl Shape {
    fn may_touch(&self, cap: &Cap) -> bool {
        match self {
            Self::Cap(own) => cap.may_reach(own.centre, own.reach),
            Self::Box(bbox) => bbox.may_touch(cap),
            Self::Polygon(polygon) => polygon.may_touch(cap),
        }
    }
}

impl FromIterator<Cell> for Area {
    fn from_iter<I: IntoIterator<Item = Cell>>(cells: I) -> Self {
        let mut area = Self::default();
        cells.into_iter().for_each(|cell| area.add_cell(cell));
        area
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::h3::H3Cell;

    #[test]
    fn cells_of_an_area_are_bounded() {
        let mut area = Area::default();
        area.add_box(BBox::new(2.2, 48.8, 2.5, 48.9).unwrap());
        let (all, complete) = area.cells::<H3Cell>(6, 1_000);
        assert!(complete && (5..60).contains(&all.len()) && all.is_sorted(), "{}", all.len());
        let (some, complete) = area.cells::<H3Cell>(6, 3);
        assert!(!complete);
        assert_eq!(some, all[..3]);
        assert_eq!(Area::default().cells::<H3Cell>(6, 3), (Vec::new(), true));
    }
}
