//! The roots that exist below a base cell: what is known of the top of the tree.

use super::heap_bytes;
use crate::grid::GridCell;
use crate::grid::h3::H3Cell;

/// H3 resolution of roots, the coarsest cells that have pages: a cell of this resolution is what an index should be
/// partitioned by.
///
/// On 155,000 towns of all the world (GeoNames) in DynamoDB, resolution 2 takes more reads and more read units: 1.6 and
/// 4.2 already within 100 m. Resolution 4 takes 1.3 times the reads of 3 within 10 km, at 0.7 times the units.
pub const ROOT_RESOLUTION: u8 = 3;

/// The roots below a base cell (H3 resolution 0) below which there may be places. Below the others there are none.
///
/// ```
/// use geo_index::{H3Cell, RootsPage};
///
/// let (base, root): (H3Cell, H3Cell) = ("801ffffffffffff".parse()?, "831fb4fffffffff".parse()?);
/// let page = RootsPage::new(base, [root, "832830fffffffff".parse()?]);
/// assert_eq!(page.roots(), [root]);
/// assert!(page.has(root));
/// assert_eq!(RootsPage::all(base).roots().len(), 343);
/// # Ok::<(), geo_index::CellError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RootsPage {
    /// In ascending order, each once.
    roots: Vec<H3Cell>,
}

impl RootsPage {
    /// Of any cells, those that are roots below a base cell.
    pub fn new(base: H3Cell, cells: impl IntoIterator<Item = H3Cell>) -> Self {
        let below = |cell: &H3Cell| cell.level() == ROOT_RESOLUTION && base.covers(*cell);
        let mut roots: Vec<H3Cell> = cells.into_iter().filter(below).collect();
        roots.sort_unstable();
        roots.dedup();
        roots.shrink_to_fit();
        Self { roots }
    }

    /// All roots below a base cell: what is certain where nothing is known.
    pub fn all(base: H3Cell) -> Self {
        let mut cells = vec![base];
        for _ in base.level()..ROOT_RESOLUTION {
            cells = cells.into_iter().flat_map(GridCell::children).collect();
        }
        Self::new(base, cells)
    }

    /// The roots, in ascending order.
    pub fn roots(&self) -> &[H3Cell] {
        &self.roots
    }

    /// Whether there may be places below a root.
    pub fn has(&self, root: H3Cell) -> bool {
        self.roots.binary_search(&root).is_ok()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        heap_bytes(&self.roots)
    }
}
