//! Parts of the sphere, made up of cells, boxes and polygons.
//!
//! Invariant: tests for touching err on the side of yes. A cap that holds a position of the area touches it.

mod polygon;

use std::sync::Arc;

pub use polygon::Polygon;

use crate::bbox::BBox;
use crate::cap::Cap;
use crate::cell::Cell;
use crate::grid::{GridCell, cap};

/// A part of the sphere: the union of its shapes, which may overlap.
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
    /// Adds a cell: the rectangle of a geohash, or a circle around everything in or keyed below an H3 cell.
    pub fn add_cell(&mut self, cell: Cell) {
        self.shapes.push(match cell {
            Cell::Geohash(cell) => Shape::Box(cell.bounds()),
            Cell::H3(cell) => Shape::Cap(cap(cell)),
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

    /// Whether there are no shapes.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// The cells of a level of one grid that touch the area, in ascending order and at most `most` of them, and whether
    /// these are all. A cell that lies just outside the area may be among them.
    ///
    /// ```
    /// use geo_index::{Area, BBox, H3Cell};
    ///
    /// let mut area = Area::default();
    /// area.add_box(BBox::new(2.2, 48.8, 2.5, 48.9)?);
    /// let (cells, complete) = area.cells::<H3Cell>(6, 1_000);
    /// assert!(complete && cells.len() < 60);
    /// assert_eq!(area.cells(6, 3), (cells[..3].to_vec(), false));
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn cells<C: GridCell>(&self, level: u8, most: usize) -> (Vec<C>, bool) {
        let mut found = Vec::new();
        let mut stack = Vec::new();
        let push = |stack: &mut Vec<(C, Self)>, cells: Vec<C>, near: &Self| {
            let touched = cells.into_iter().rev().map(|cell| (cell, near.touching(&cap(cell))));
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
