//! All pages that searches from within an area can need.
//!
//! The walk goes down the tree as searches do, with a whole area in place of an origin: a page belongs to it when a
//! search from some position of the area, within the margin, may ask for it.
//!
//! Invariant: with the pages of the walk available, no nearby search from within the area, of a radius up to the
//! margin, has to ask for another.

use super::ROOT_RESOLUTION;
use super::load::PAGE_MAX;
use super::queue::REFINED_LEVELS;
use crate::area::Area;
use crate::distance::Chord;
use crate::grid::{GridCell, cap, h3::H3Cell};
use crate::page::{ChildCell, SplitPage};
use crate::units::Meters;

/// A walk over all pages that nearby searches from within an area can need, to fetch them in advance: an iterator that is
/// told of splits on the way.
///
/// ```
/// use geo_index::tree::AreaWalk;
/// use geo_index::{Area, BBox, H3Cell, Meters, SplitPage};
///
/// let mut area = Area::default();
/// area.add_box(BBox::new(2.2, 48.8, 2.5, 48.9)?);
/// let mut walk = AreaWalk::new(&area, Meters::new(10_000.0).unwrap());
/// let root = walk.next().unwrap();
/// // Its page turns out to be a split.
/// walk.below(&root, &SplitPage::new(root.cell)?);
/// assert!(root.cell.covers(walk.next().unwrap().cell));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AreaWalk {
    /// What comes next is last.
    ahead: Vec<Visit>,
    /// Angle of the margin, in radians.
    margin: f64,
}

/// A page that an [`AreaWalk`] has come to.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The cell of the page.
    pub cell: H3Cell,
    /// About how many places are keyed below the cell, if its parent's page tells.
    pub estimate: Option<f64>,
    /// The shapes of the area that may need it.
    near: Area,
}

impl AreaWalk {
    /// Begins a walk at the roots around an area, for searches from within the area and of radii up to the margin.
    pub fn new(area: &Area, margin: Meters) -> Self {
        let mut walk = Self { ahead: Vec::new(), margin: Chord::angle_at_least(Chord::sq_at_least(margin)) };
        for cell in H3Cell::coarsest() {
            walk.find_roots(&ChildCell::new(cell), area);
        }
        walk.ahead.reverse();
        walk
    }

    fn find_roots(&mut self, at: &ChildCell, area: &Area) {
        let near = area.touching(&at.cap.widened(self.margin));
        if near.is_empty() {
            return;
        }
        if at.cell.level() == ROOT_RESOLUTION {
            return self.ahead.extend(self.visit(at, near, None));
        }
        for child in at.cell.children() {
            self.find_roots(&ChildCell::new(child), &near);
        }
    }

    fn visit(&self, at: &ChildCell, near: Area, estimate: Option<f64>) -> Option<Visit> {
        let cell = at.cell;
        self.may_need_below(cell, &near, REFINED_LEVELS).then_some(Visit { cell, estimate, near })
    }

    /// The close look that searches take before they ask for a page. A deeper look would miss pages that searches want.
    fn may_need_below(&self, cell: H3Cell, near: &Area, depth: u8) -> bool {
        let children = if depth == 0 { Vec::new() } else { cell.children() };
        let may_need = |child: H3Cell| {
            near.may_touch(&cap(child).widened(self.margin)) && self.may_need_below(child, near, depth - 1)
        };
        children.is_empty() || children.into_iter().any(may_need)
    }

    /// Notes that the page of a visit is a split: its children are visited next.
    pub fn below(&mut self, visit: &Visit, split: &SplitPage) {
        let children = split.shapes();
        let estimate = (split.estimate() > 0.0).then(|| split.estimate() / children.len() as f64);
        for child in children.iter().rev() {
            let near = visit.near.touching(&child.cap.widened(self.margin));
            if !near.is_empty() {
                self.ahead.extend(self.visit(child, near, estimate));
            }
        }
    }

    /// How many more visits are known so far.
    pub fn ahead(&self) -> usize {
        self.ahead.len()
    }
}

impl Iterator for AreaWalk {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        self.ahead.pop()
    }
}

impl Visit {
    /// About how many pages hold that many places, from their common cell down and with its own page, if the places are
    /// spread evenly.
    ///
    /// ```
    /// use geo_index::tree::Visit;
    ///
    /// assert_eq!(Visit::pages_for(100.0), 1.0);
    /// assert_eq!(Visit::pages_for(500.0), 8.0);
    /// ```
    pub fn pages_for(places: f64) -> f64 {
        let levels = (places / PAGE_MAX as f64).max(1.0).log(7.0).ceil();
        (0..=levels as i32).map(|level| 7_f64.powi(level)).sum()
    }
}
