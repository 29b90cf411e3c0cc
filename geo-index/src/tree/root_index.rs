//! The root index: the top of the tree, from the 122 base cells to the roots, which no page describes.
//!
//! Shapes are computed when a search first needs them and kept for good, so that finding the roots of an area is
//! some two hundred comparisons and neither poles, pentagons nor the antimeridian are special. For discs up to
//! [`TILE_REACH`] it is about ten: the globe is cut into tiles of one degree, and each keeps the roots near it.

use std::sync::OnceLock;

use super::ROOT_RESOLUTION;
use crate::cap::Cap;
use crate::grid::{GridCell, h3::H3Cell};
use crate::page::ChildCell;
use crate::point::{Position, UnitVector};

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

/// Radius of the largest disc whose roots tiles know, in radians: 32 km.
const TILE_REACH: f64 = 0.005;

/// No position in a tile is farther from its centre, in radians. By the haversine formula, half a degree either way is
/// at most 0.7072° on the sphere.
const TILE_RADIUS: f64 = 0.012_343;

const TILE_ROWS: usize = 180;
const TILE_COLUMNS: usize = 360;

/// The roots that discs from within a tile can touch, with their caps: nine on average. Searches from everywhere on the
/// globe would leave 25 MB of tiles, which no cache counts.
type Tile = Box<[(Cap, &'static ChildCell)]>;

static TILES: [OnceLock<Tile>; TILE_ROWS * TILE_COLUMNS] =
    [const { OnceLock::new() }; TILE_ROWS * TILE_COLUMNS];

/// The tile around a position.
fn tile(at: Position) -> &'static Tile {
    let row = ((at.lat() + 90.0) as usize).min(TILE_ROWS - 1);
    let column = ((at.lon() + 180.0) as usize).min(TILE_COLUMNS - 1);
    TILES[row * TILE_COLUMNS + column].get_or_init(|| {
        let centre = Position::new(row as f64 - 89.5, column as f64 - 179.5).expect("tiles are on the globe");
        let (centre, mut near) = (centre.unit(), Vec::new());
        roots(&|cap| cap.may_reach(centre, TILE_RADIUS + TILE_REACH), &mut |root| {
            near.push((root.cap, root));
        });
        near.into()
    })
}

/// Calls `found` for the roots whose caps may reach into a disc, in ascending order.
pub(super) fn roots_of_disc(
    origin: Position,
    unit: UnitVector,
    reach: f64,
    found: &mut impl FnMut(&'static ChildCell),
) {
    if reach > TILE_REACH {
        return roots(&|cap| cap.may_reach(unit, reach), found);
    }
    for (cap, root) in tile(origin) {
        if cap.may_reach(unit, reach) {
            found(root);
        }
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

/// The base cells, in ascending order.
pub(super) fn base_cells() -> &'static [ChildCell] {
    &BASE_CELLS.get_or_init(BaseCells::new).cells
}

/// A cell no finer than roots, with its shape.
pub(super) fn shape(cell: H3Cell) -> Option<&'static ChildCell> {
    let base = cell.ancestor(H3Cell::COARSEST)?;
    let at = base_cells().binary_search_by_key(&base, |known| known.cell).ok()?;
    let mut shape = &base_cells()[at];
    for level in 1..=cell.level().min(ROOT_RESOLUTION) {
        let ancestor = cell.ancestor(level)?;
        shape = shape.finer().iter().find(|child| child.cell == ancestor)?;
    }
    (shape.cell == cell).then_some(shape)
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

    #[test]
    fn every_cell_down_to_the_roots_has_its_shape() {
        let mut count = 0;
        roots(&|_| true, &mut |root| {
            for level in 0..=ROOT_RESOLUTION {
                let cell = root.cell.ancestor(level).unwrap();
                assert_eq!(shape(cell).map(|shape| shape.cell), Some(cell));
            }
            assert!(std::ptr::eq(shape(root.cell).unwrap(), root));
            count += 1;
        });
        assert_eq!(count, 41_162);
        assert!(shape(base_cells()[7].finer()[0].finer()[0].finer()[0].finer()[0].cell).is_none());
    }

    #[test]
    fn a_tile_misses_no_root() {
        let corners = [(90.0, 0.0), (-90.0, 12.5), (0.0, 180.0), (0.0, -180.0), (64.7, 10.5), (12.0, 7.0)];
        // The fractions of such multiples lie evenly.
        let part = |i: i32, step: f64| (f64::from(i) * step).fract() - 0.5;
        let anywhere = (0..20_000).map(|i| (part(i, 0.754_877_666) * 180.0, part(i, 0.569_840_291) * 360.0));
        let mut most = 0;
        for (lat, lon) in corners.into_iter().chain(anywhere) {
            let origin = Position::new(lat, lon).unwrap();
            for reach in [0.0, TILE_REACH / 10.0, TILE_REACH, TILE_REACH * 1.01] {
                let (mut walked, mut known) = (Vec::new(), Vec::new());
                roots(&|cap| cap.may_reach(origin.unit(), reach), &mut |root| walked.push(root.cell));
                roots_of_disc(origin, origin.unit(), reach, &mut |root| known.push(root.cell));
                assert!(walked.iter().all(|root| known.contains(root)), "{lat}, {lon}, {reach}");
                assert!(known.is_sorted());
                most = most.max(known.len());
            }
        }
        assert!(most < 12, "{most}");
    }

    /// From the corners of tiles, which are farthest from their centres, with discs that just touch a root.
    #[test]
    fn a_tile_knows_what_its_corners_just_reach() {
        let mut farthest: f64 = 0.0;
        for (lat, lon) in (-6..6).flat_map(|lat| (-180..180).map(move |lon| (f64::from(lat), f64::from(lon))))
        {
            // A tile holds its south-western corner, and the others all but.
            for (lat, lon) in [(lat, lon), (lat + 1.0 - 1e-9, lon), (lat + 1.0 - 1e-9, lon + 1.0 - 1e-9)] {
                let origin = Position::new(lat, lon).unwrap();
                let unit = origin.unit();
                let widest = TILE_REACH * 1.01;
                roots(&|cap| cap.may_reach(unit, widest), &mut |root| {
                    let reach = root.cap.min_angle(unit).max(0.0) + 1e-12;
                    let mut known = false;
                    roots_of_disc(origin, unit, reach, &mut |found| known |= found.cell == root.cell);
                    assert!(known, "{}, {lat}, {lon}, {reach}", root.cell);
                    farthest = farthest.max(reach);
                });
            }
        }
        assert!(farthest > TILE_REACH * 1.009, "{farthest}");
    }
}
