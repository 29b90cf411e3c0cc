//! Pages above the roots, for trees of few places.
//!
//! A coarse page that holds places stands in for the pages of all roots below it. Of these the search takes its rows root by
//! root, as it comes to them: mostly it is done before it has come to all.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::queue::QueueEntry;
use super::super::{COARSE_RESOLUTIONS, ROOT_RESOLUTION};
use super::NearbySearch;
use crate::error::SearchError;
use crate::grid::GridCell;
use crate::grid::h3::H3Cell;
use crate::page::{Page, PlacesPage};

/// So many roots within reach are rather read one by one, once there are enough places: a coarse page may be a split.
const FEW_ROOTS: usize = 2;

/// What is known of the pages above the roots.
#[derive(Debug, Default)]
pub(super) struct Coarse {
    /// Those looked at: of places, or splits.
    pages: FxHashMap<H3Cell, Arc<Page>>,
    /// Whether a root's own page was looked at.
    has_seen_a_root: bool,
    /// Whether one of these was a split: then places are not few.
    is_dense: bool,
}

impl Coarse {
    /// The page that holds all places of a root.
    fn page_above(&self, root: H3Cell) -> Option<&Arc<Page>> {
        let mut above = COARSE_RESOLUTIONS.filter_map(|level| self.pages.get(&root.ancestor(level)?));
        above.find(|page| matches!(***page, Page::Places(_)))
    }
}

impl NearbySearch {
    pub(super) fn note_root(&mut self, cell: H3Cell, page: &Page) {
        if let Some(coarse) = self.coarse.as_mut().filter(|_| cell.level() == ROOT_RESOLUTION) {
            coarse.has_seen_a_root = true;
            coarse.is_dense |= matches!(page, Page::Split(_));
        }
    }

    /// Takes the places of a root from a coarse page that was looked at; false if none holds them.
    pub(super) fn take_from_above(&mut self, cell: H3Cell) -> bool {
        let Some((page, _)) = self.rows_above(cell) else { return false };
        let page = Arc::clone(page);
        if let Page::Places(places) = &*page {
            self.take(&page, places, places.rows_below(cell));
        }
        true
    }

    fn rows_above(&self, cell: H3Cell) -> Option<(&Arc<Page>, &PlacesPage)> {
        let coarse = self.coarse.as_ref().filter(|_| cell.level() == ROOT_RESOLUTION)?;
        let page = coarse.page_above(cell)?;
        let Page::Places(places) = &**page else { return None };
        Some((page, places))
    }

    /// Whether a cell that the search has not come to may hold places within the radius.
    pub(super) fn may_follow(&self, cell: H3Cell) -> bool {
        self.rows_above(cell).is_none_or(|(_, places)| {
            let units = &places.units()[places.rows_below(cell)];
            units.iter().any(|unit| unit.chord_sq(self.origin) <= self.radius_sq)
        })
    }

    /// Takes the places of a root from the coarse pages that are at hand; false if they do not hold them. A close look at
    /// the root would cost more.
    pub(super) fn take_from_coarse(
        &mut self,
        cell: H3Cell,
        local: &mut impl FnMut(H3Cell) -> Option<Arc<Page>>,
        looked_at: &mut impl FnMut(H3Cell, &Arc<Page>),
    ) -> Result<bool, SearchError> {
        while let Some(above) = self.coarse_page_of(cell) {
            let Some(page) = self.supplied.remove(&above).or_else(|| local(above)) else { break };
            looked_at(above, &page);
            self.count_page()?;
            if let Some(coarse) = &mut self.coarse {
                coarse.pages.insert(above, page);
            }
            if self.take_from_above(cell) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The page to ask for in order to have what a missing one holds.
    pub(super) fn page_to_ask(&self, cell: H3Cell) -> H3Cell {
        self.coarse_page_of(cell).unwrap_or(cell)
    }

    /// While places seem to be few, the next page to look at above a root.
    fn coarse_page_of(&self, cell: H3Cell) -> Option<H3Cell> {
        let coarse = self.coarse.as_ref().filter(|_| cell.level() == ROOT_RESOLUTION)?;
        if !coarse.has_seen_a_root || coarse.is_dense {
            return None;
        }
        let found_enough = self.candidates.len() >= self.query.limit.get();
        if found_enough && self.roots_ahead().nth(FEW_ROOTS).is_none() {
            return None;
        }
        let mut above = COARSE_RESOLUTIONS.filter_map(|level| cell.ancestor(level));
        above.find(|above| !coarse.pages.contains_key(above))
    }

    fn roots_ahead(&self) -> impl Iterator<Item = &QueueEntry> {
        let is_root =
            |ahead: &&QueueEntry| ahead.cell.level() == ROOT_RESOLUTION && ahead.bound <= self.reach;
        self.queue.iter().filter(is_root)
    }
}
