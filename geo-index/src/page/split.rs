//! Splits: pages that refer to the pages of their children.

use std::sync::OnceLock;

use super::block_bytes;
use crate::cap::Cap;
use crate::error::CellError;
use crate::grid::{GridCell, cap, h3::H3Cell};
use crate::point::UnitVector;

/// A cell whose places are found in its children's pages.
///
/// ```
/// use geo_index::{H3Cell, SplitPage};
///
/// let cell: H3Cell = "851fb467fffffff".parse()?;
/// let split = SplitPage::new(cell)?.with_estimate(1_400.0);
/// assert!(split.children().all(|child| cell.covers(child)));
/// assert_eq!(split.children().len(), 7);
/// assert_eq!(split.estimate(), 1_400.0);
/// # Ok::<(), geo_index::CellError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SplitPage {
    children: Box<[ChildCell]>,
    estimate: f64,
    area: f64,
}

/// A child of a split cell and the cap around everything keyed below it.
#[derive(Clone, Debug)]
pub(crate) struct ChildCell {
    /// The child.
    pub(crate) cell: H3Cell,
    /// Its shape.
    pub(crate) cap: Cap,
    /// Its own children's shapes, once somebody has asked for them.
    finer: OnceLock<Box<[Self]>>,
}

/// Bytes that the shapes of a child's own children take, when they are there.
pub(super) const FINER_BYTES: usize = block_bytes(7 * size_of::<ChildCell>());

impl ChildCell {
    /// A cell with its shape.
    pub(crate) fn new(cell: H3Cell) -> Self {
        Self { cell, cap: cap(cell), finer: OnceLock::new() }
    }

    /// Its own children; none below the finest. Shapes take microseconds to compute, so they are computed when they are
    /// first needed, and kept.
    pub(crate) fn finer(&self) -> &[Self] {
        self.finer.get_or_init(|| self.cell.children().into_iter().map(Self::new).collect())
    }

    /// A lower bound of the angle from a point to anything keyed below the cell, in radians.
    pub(crate) fn min_angle(&self, from: UnitVector) -> f64 {
        self.cap.min_angle(from)
    }
}

/// Shapes that are kept below a cell make no difference.
impl PartialEq for ChildCell {
    fn eq(&self, other: &Self) -> bool {
        (self.cell, self.cap) == (other.cell, other.cap)
    }
}

impl SplitPage {
    /// The split of a cell.
    ///
    /// # Errors
    ///
    /// [`CellError::Level`] for a cell of the finest resolution, which has no children.
    pub fn new(cell: H3Cell) -> Result<Self, CellError> {
        let children = cell.children();
        if children.is_empty() {
            let (level, max) = (cell.level() + 1, H3Cell::FINEST);
            return Err(CellError::Level { grid: "H3", level, min: H3Cell::COARSEST, max });
        }
        // A hexagon's area is 3√3/2 of its squared circumradius; on the unit sphere, in steradians.
        let circumradius = crate::distance::angle(cell.circumradius());
        let area = 2.598 * circumradius * circumradius;
        Ok(Self { children: children.into_iter().map(ChildCell::new).collect(), estimate: 0.0, area })
    }

    /// The same with a note of about how many places are keyed below the cell: a hint for how much to fetch at once.
    #[must_use]
    pub fn with_estimate(self, places: f64) -> Self {
        Self { estimate: places, ..self }
    }

    /// About how many places are keyed below the cell; 0 if nothing is known.
    pub fn estimate(&self) -> f64 {
        self.estimate
    }

    /// Estimated places per steradian.
    pub(crate) fn density(&self) -> f64 {
        self.estimate / self.area
    }

    /// The children, in ascending order of their leaves.
    pub fn children(&self) -> impl ExactSizeIterator<Item = H3Cell> {
        self.children.iter().map(|child| child.cell)
    }

    /// The children with their shapes.
    pub(crate) fn shapes(&self) -> &[ChildCell] {
        &self.children
    }

    /// Bytes on the heap, with all that searches may leave there.
    pub(super) fn heap_bytes(&self) -> usize {
        block_bytes(size_of_val(&*self.children)) + self.children.len() * FINER_BYTES
    }
}
