//! Best-first search for the nearest places.
//!
//! A queue of cells is ordered by a lower bound of their distance to the origin. The nearest cell's page is
//! looked at: places become candidates, a split puts its children into the queue instead. The search ends
//! when the next bound lies beyond the radius or beyond the k-th candidate.
//!
//! Where the radius holds many roots, most of which may be empty, the search asks which of them exist before it
//! asks for their pages.
//!
//! Candidates are compared by squared chord; only those that can be in the answer, rounding included, get
//! their distance computed. Invariant: a candidate is dropped only when `limit` others are nearer by more
//! than rounding can blur, or by their exact distances and ids.
//!
//! Those exact keys are compared while a search goes through the runs of a crowd: places on one spot differ by their
//! ids only, so the first runs have the answer. What is dropped then does not keep its page in memory.
//!
//! A search of few places in a large world would look at every root within the radius in vain. Over a tree that
//! has pages above the roots ([`with_coarse_pages`](NearbySearch::with_coarse_pages)), one that has not found enough in the
//! nearest root asks for a coarse page instead of the next roots: mostly it holds everything that they do.
//!
//! - [`candidates`]: what a page's places become, until they are the answer.
//! - [`crowds`]: leaves with too many places for a page.
//! - [`coarse`]: pages above the roots.

mod candidates;
mod coarse;
mod crowds;

use std::collections::BinaryHeap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use candidates::Candidate;
use coarse::Coarse;

use super::begin::begin_of;
use super::query::{NearbyKey, NearbyQuery};
use super::queue::{QueueEntry, may_hold, surely_may_hold};
use super::selection::Pacing;
use super::{Hit, Pace, Progress, ROOT_RESOLUTION, SearchLimits, SearchWork, Selection, root_index};
use crate::distance::{Chord, EARTH_RADIUS_M, angle};
use crate::error::SearchError;
use crate::grid::GridCell;
use crate::grid::h3::{H3Cell, Leaf};
use crate::page::{ChildCell, Page, RootsPage, RunRead, SplitPage};
use crate::point::UnitVector;
use crate::units::Meters;

/// Reach, in radians, from which on a search begins at the base cells rather than at the roots: 320 km. It then knows
/// which roots exist before it asks for the first of them.
const WIDE_REACH: f64 = 0.05;

/// Roots that other searches ask for before they ask which exist. Most find enough before.
const EAGER_ROOTS: usize = 3;

/// By how much a search that ends early stays behind what it is sure of, in metres: more than rounding blurs a distance
/// computed from an angle.
const END_SLACK_M: f64 = 0.01;

/// A search for the nearest places. The [module](super) shows how to drive it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct NearbySearch {
    query: NearbyQuery,
    selection: Selection,
    pacing: Pacing,
    limits: SearchLimits,
    origin: UnitVector,
    queue: BinaryHeap<QueueEntry>,
    supplied: FxHashMap<H3Cell, Arc<Page>>,
    supplied_runs: FxHashMap<RunRead, Arc<Page>>,
    /// Whether the search began at the base cells.
    wide: bool,
    /// Of cells that were just asked for, where to begin with those that have many places.
    begins: Vec<(H3Cell, H3Cell)>,
    /// Roots asked for.
    roots_asked: usize,
    /// Base cells whose roots the search has begun at.
    begun: usize,
    /// Of base cells, the roots that exist.
    known_roots: FxHashMap<H3Cell, Arc<Page>>,
    /// Leaves with too many places for a page.
    crowds: Vec<(Leaf, Arc<Page>)>,
    /// Rounds that runs of crowds were asked for in.
    run_rounds: usize,
    /// The exact key of the last of `limit` candidates: what comes behind it is not in the answer.
    last_key: Option<NearbyKey>,
    /// Candidates since that key was computed.
    unsettled: bool,
    /// Pages looked at: splits, and those with candidates.
    pages: Vec<Arc<Page>>,
    candidates: Vec<Candidate>,
    /// Nothing beyond this squared chord can be in the answer; shrinks as candidates come in.
    reach_sq: f64,
    /// The same as an angle, in radians.
    reach: f64,
    /// Both at the start, just above the query's radius.
    radius_sq: f64,
    radius: f64,
    /// Candidates since the reach was last tightened.
    untightened: bool,
    /// Whether anything that may lie within the radius was passed over in favour of nearer candidates.
    passed_over: bool,
    after: Option<After>,
    coarse: Option<Coarse>,
    /// Whether a search over its page budget ends with what it is sure of.
    ends_early: bool,
    /// Where it did: nothing that comes before is missing.
    ended_at: Option<NearbyKey>,
    work: SearchWork,
}

/// What is known of [`NearbyQuery::after`] without computing a distance.
#[derive(Debug)]
struct After {
    angle: f64,
    surely_before_sq: f64,
    surely_behind_sq: f64,
}

/// The places found.
#[derive(Clone, Debug)]
pub struct NearbyAnswer {
    /// Nearest first, ties by id.
    pub hits: Vec<Hit>,
    /// Where to go on: the [`after`](NearbyQuery::after) of the next search. `None` if there is certainly nothing more within
    /// the radius.
    pub next: Option<NearbyKey>,
    /// What the search took.
    pub work: SearchWork,
}

impl NearbySearch {
    /// Begins a search at the roots that the radius touches.
    pub fn new(query: NearbyQuery, limits: SearchLimits) -> Self {
        let origin = query.origin.unit();
        let reach_sq = Chord::sq_at_least(query.radius);
        let reach = Chord::angle_at_least(reach_sq);
        let after = query.after.as_ref().map(|key| After {
            angle: angle(key.distance),
            surely_before_sq: Chord::sq_at_most(key.distance),
            surely_behind_sq: Chord::sq_at_least(key.distance),
        });
        let mut search = Self {
            selection: Selection::default(),
            pacing: Pacing::default(),
            limits,
            origin,
            queue: BinaryHeap::with_capacity(32),
            supplied: FxHashMap::default(),
            supplied_runs: FxHashMap::default(),
            wide: reach > WIDE_REACH,
            begins: Vec::new(),
            roots_asked: 0,
            begun: 0,
            known_roots: FxHashMap::default(),
            crowds: Vec::new(),
            run_rounds: 0,
            last_key: None,
            unsettled: false,
            pages: Vec::with_capacity(16),
            candidates: Vec::with_capacity(64),
            reach_sq,
            reach,
            radius_sq: reach_sq,
            radius: reach,
            untightened: false,
            passed_over: false,
            after,
            coarse: None,
            ends_early: false,
            ended_at: None,
            work: SearchWork::default(),
            query,
        };
        if search.wide {
            for base in root_index::base_cells() {
                search.enqueue(base, 0.0);
            }
        } else {
            root_index::roots_of_disc(search.query.origin, origin, reach, &mut |root| {
                search.enqueue(root, 0.0);
            });
        }
        search
    }

    /// Makes use of pages above the roots, of the [`COARSE_RESOLUTIONS`](super::COARSE_RESOLUTIONS): for a
    /// tree that has such pages.
    #[must_use]
    pub fn with_coarse_pages(self) -> Self {
        Self { coarse: Some(Coarse::default()), ..self }
    }

    /// Makes a search that is over its page budget end with the places that it is sure of, be it none, and with
    /// [`next`](NearbyAnswer::next) to go on from, instead of failing. It may look at more pages than the budget allows, as
    /// far as the distance that it begins at.
    #[must_use]
    pub fn ending_early(self) -> Self {
        Self { ends_early: true, ..self }
    }

    /// Restricts the search to the places of a selection. It looks only at pages that touch its region, and of these at all on
    /// its way: where the filter allows few places, it takes [`ending_early`](Self::ending_early) to keep it from failing.
    #[must_use]
    pub fn selecting(mut self, selection: Selection) -> Self {
        // So far, only cells at the top of the tree are ahead.
        self.queue.retain(|ahead| {
            root_index::shape(ahead.cell).is_none_or(|shape| selection.may_touch(&shape.cap))
        });
        self.pacing.edges = selection.edges();
        self.selection = selection;
        self
    }

    /// Makes a search of a selection pause, and bounds what its filter takes if it [may end early](Self::ending_early).
    #[must_use]
    pub fn at_pace(mut self, pace: Pace) -> Self {
        self.pacing.pace = pace;
        self
    }

    /// Whether it is one of a selection.
    pub fn selects(&self) -> bool {
        !self.selection.is_everything()
    }

    /// Makes a search that [may end early](Self::ending_early) do so as soon as it can.
    pub const fn hurry(&mut self) {
        self.pacing.hurries = true;
    }

    fn enqueue(&mut self, child: &ChildCell, density: f64) {
        if !self.selection.may_touch(&child.cap) {
            return;
        }
        let bound = child.min_angle(self.origin);
        let behind = self.after.as_ref().is_none_or(|after| child.cap.max_angle(self.origin) >= after.angle);
        if bound > self.reach {
            self.passed_over |= bound <= self.radius;
        } else if behind {
            self.queue.push(QueueEntry { bound, density, cell: child.cell, run: None });
        }
    }

    /// Goes on as far as the available pages allow: those supplied, and those that `local` has.
    ///
    /// # Errors
    ///
    /// [`SearchError::PageBudget`] when the search would look at more pages than allowed.
    pub fn advance(
        &mut self,
        local: impl FnMut(H3Cell) -> Option<Arc<Page>>,
    ) -> Result<Progress, SearchError> {
        self.advance_observed(local, |_, _| ())
    }

    /// As [`advance`](Self::advance), and calls `looked_at` with each page that the search looks at, whether it was
    /// supplied or came from `local`. As long as these pages stay the same, so does the answer.
    ///
    /// # Errors
    ///
    /// As [`advance`](Self::advance).
    pub fn advance_observed(
        &mut self,
        mut local: impl FnMut(H3Cell) -> Option<Arc<Page>>,
        mut looked_at: impl FnMut(H3Cell, &Arc<Page>),
    ) -> Result<Progress, SearchError> {
        // Those that a page is asked for, these pages, and those that hope for one of them.
        let (mut missing, mut cells): (Vec<QueueEntry>, Vec<H3Cell>) = (Vec::new(), Vec::new());
        let mut waiting: Vec<QueueEntry> = Vec::new();
        self.begins.clear();
        while let Some(next) = self.pop_within_reach() {
            if self.take_from_above(next.cell) {
                continue;
            }
            if !self.is_due(&missing, &next) {
                self.queue.push(next);
                break;
            }
            if self.ends_before(&next) {
                self.queue.push(next);
                break;
            }
            if let Some(id) = next.run {
                if self.go_through(id)? {
                    continue;
                }
                if self.ask_for_run(&mut missing, next) {
                    cells.push(next.cell);
                    continue;
                }
                break;
            }
            if let Some(page) = self.supplied.remove(&next.cell).or_else(|| local(next.cell)) {
                looked_at(next.cell, &page);
                self.note_root(next.cell, &page);
                self.look_at(next.cell, page)?;
                continue;
            }
            if self.take_from_coarse(next.cell, &mut local, &mut looked_at)? {
                continue;
            }
            if !self.selection.may_hold(next.cell) {
                continue;
            }
            if !self.may_hold(&next, self.reach) {
                // Nothing of it lies within reach; within the radius it may.
                self.passed_over |= self.reach < self.radius;
                continue;
            }
            if !self.exists(next.cell, &mut local, &mut looked_at) {
                // There is nothing below it.
                continue;
            }
            let cell = self.page_to_ask(next.cell);
            if let Some(base) = self.base_to_ask(cell) {
                // Which roots exist is worth knowing before one more is asked for.
                missing.push(next);
                cells.push(base);
                break;
            }
            if cells.contains(&cell) {
                waiting.push(next);
            } else if self.worth_asking(&missing, &next) && !self.may_come_along(&cells, cell) {
                self.roots_asked += usize::from(cell.level() == ROOT_RESOLUTION);
                missing.push(next);
                cells.push(cell);
            } else {
                self.queue.push(next);
                break;
            }
        }
        if self.ended_at.is_some() {
            return Ok(Progress::Done);
        }
        let progress = if self.pacing.takes_pause() { Progress::Paused } else { self.ask(&missing, cells) };
        self.queue.extend(missing);
        self.queue.extend(waiting);
        Ok(progress)
    }

    /// Asks for what is missing: for the pages of these cells, or for runs of crowds if the nearest is one.
    fn ask(&mut self, missing: &[QueueEntry], mut cells: Vec<H3Cell>) -> Progress {
        let Some(nearest) = missing.first() else { return Progress::Done };
        self.work.rounds += 1;
        if nearest.run.is_some() {
            self.run_rounds += 1;
            let runs: Vec<_> = missing.iter().filter_map(|entry| Some(self.run_read(entry.run?))).collect();
            self.work.asked += runs.len();
            Progress::NeedRuns(runs)
        } else {
            let mut asked = missing.iter();
            cells.retain(|_| asked.next().is_some_and(|entry| entry.run.is_none()));
            self.work.asked += cells.len();
            // A root is taken to be as dense as the least dense of what is near it.
            let densities = self.pages.iter().filter_map(|page| match &**page {
                Page::Split(split) => Some(split.density()),
                _ => None,
            });
            let around = densities.reduce(f64::min).unwrap_or(0.0);
            let of_entry = |entry: &QueueEntry| {
                let density = if entry.density > 0.0 { entry.density } else { around };
                Some((entry.cell, begin_of(entry.cell, density, self.query.origin)?))
            };
            self.begins = missing.iter().filter_map(of_entry).collect();
            Progress::Need(cells)
        }
    }

    /// Whether to end before a cell that the budget has no room for. Only at a greater distance than the search began at:
    /// else the next one would stand where this one stands.
    fn ends_before(&mut self, next: &QueueEntry) -> bool {
        let is_spent = self.work.pages >= self.limits.page_budget.get() || self.pacing.is_spent();
        if !self.ends_early || !is_spent {
            return false;
        }
        let end = Meters::new(next.bound * EARTH_RADIUS_M - END_SLACK_M);
        let start = self.query.after.as_ref().map_or(Meters::ZERO, |after| after.distance);
        let end = end.filter(|end| *end > start).map(|distance| NearbyKey { distance, id: String::new() });
        self.ended_at = end.or_else(|| self.end_within_crowd(next.run?));
        self.ended_at.is_some()
    }

    fn count_page(&mut self) -> Result<(), SearchError> {
        self.work.pages += 1;
        let budget = self.limits.page_budget.get();
        let is_over = self.work.pages > budget && !self.ends_early;
        if is_over { Err(SearchError::PageBudget { budget }) } else { Ok(()) }
    }

    /// Of the cells whose pages were asked for last, those that are expected to hold many pages, each with the cell at which
    /// its load should begin ([`PageLoad::beginning_at`](super::PageLoad::beginning_at)). Whoever does not heed it needs
    /// more reads.
    pub fn begins(&self) -> &[(H3Cell, H3Cell)] {
        &self.begins
    }

    /// Supplies a page that was asked for, or one that was loaded along with it.
    pub fn supply(&mut self, cell: H3Cell, page: Arc<Page>) {
        self.supplied.insert(cell, page);
    }

    /// Supplies the places of a run that was asked for.
    pub fn supply_run(&mut self, run: RunRead, page: Arc<Page>) {
        self.supplied_runs.insert(run, page);
    }

    /// The base cell whose roots the search has to know before it asks for one more of them.
    fn base_to_ask(&self, cell: H3Cell) -> Option<H3Cell> {
        if cell.level() != ROOT_RESOLUTION || self.wide || self.roots_asked < EAGER_ROOTS {
            return None;
        }
        cell.ancestor(H3Cell::COARSEST).filter(|base| !self.known_roots.contains_key(base))
    }

    /// Whether a cell may have places, by what is known of the roots that exist.
    fn exists(
        &mut self,
        cell: H3Cell,
        local: &mut impl FnMut(H3Cell) -> Option<Arc<Page>>,
        looked_at: &mut impl FnMut(H3Cell, &Arc<Page>),
    ) -> bool {
        let base = cell.ancestor(H3Cell::COARSEST).filter(|_| cell.level() == ROOT_RESOLUTION && !self.wide);
        let Some(base) = base else { return true };
        if !self.known_roots.contains_key(&base) {
            let Some(page) = self.supplied.remove(&base).or_else(|| local(base)) else { return true };
            looked_at(base, &page);
            self.known_roots.insert(base, page);
        }
        match self.known_roots.get(&base).map(|page| &**page) {
            Some(Page::Roots(roots)) => roots.has(cell),
            _ => true,
        }
    }

    fn pop_within_reach(&mut self) -> Option<QueueEntry> {
        self.tighten();
        if self.pacing.pause_is_due() {
            return None;
        }
        let next = self.queue.peek()?;
        if next.bound > self.reach { None } else { self.queue.pop() }
    }

    /// Whether to go on to a cell although nearer pages are still missing: only when it lies about as near as
    /// the k-th place is expected. Available pages are no exception: what the missing ones hold may spare them,
    /// and a search must not use up its budget before it has asked for what is nearest.
    fn is_due(&self, missing: &[QueueEntry], next: &QueueEntry) -> bool {
        let Some(nearest) = missing.first() else { return true };
        // A search that is to end does so before the nearest of what is missing, not behind it.
        let ends = self.ends_early && self.pacing.is_spent();
        !ends
            && missing.len() < self.limits.fan_out.get()
            && self.work.pages + missing.len() < self.limits.page_budget.get()
            && next.bound <= self.expected_angle(nearest, missing.len())
    }

    /// Whether a missing page that is due is worth a read in this round.
    fn worth_asking(&self, missing: &[QueueEntry], next: &QueueEntry) -> bool {
        missing.first().is_none_or(|nearest| {
            let expected = self.expected_angle(nearest, missing.len());
            self.may_hold(next, expected)
        })
    }

    /// Whether a missing page of a base cell may come with another that is asked for: one load lists the roots below all.
    fn may_come_along(&self, asked: &[H3Cell], next: H3Cell) -> bool {
        let is_base = |cell: &H3Cell| cell.level() == H3Cell::COARSEST;
        self.begun == 0 && is_base(&next) && asked.iter().any(is_base)
    }

    /// How far away the k-th place is expected, in radians, by the density around the nearest missing page.
    fn expected_angle(&self, nearest: &QueueEntry, missing: usize) -> f64 {
        let start = self.after.as_ref().map_or(0.0, |after| after.angle);
        let area = self.query.limit.get() as f64 / nearest.density;
        let expected = (start * start + area / std::f64::consts::PI).sqrt();
        if expected.is_finite() && expected > nearest.bound {
            return expected;
        }
        // Nothing is known yet, or the places at the expected distance were not the wanted ones: whatever is
        // nearest, twice as many pages in each further round.
        if missing < 1 << self.work.rounds.min(8) { self.reach } else { start }
    }

    /// Whether anything keyed below a cell may lie within an angle of the origin, by a close look. A search that has waited
    /// for pages looks more closely. One that has not reads the page, which is in memory then: looking on would take each
    /// search there more time than looking at the page.
    fn may_hold(&self, next: &QueueEntry, angle: f64) -> bool {
        self.seems_to_hold(next, angle)
            && (self.work.rounds == 0 || surely_may_hold(next.cell, self.origin, angle))
    }

    fn seems_to_hold(&self, next: &QueueEntry, angle: f64) -> bool {
        if let Some(shape) = root_index::shape(next.cell) {
            return may_hold(shape, self.origin, angle);
        }
        let mut known = self.pages.iter().filter_map(|page| match &**page {
            Page::Split(split) => split.shapes().iter().find(|known| known.cell == next.cell),
            _ => None,
        });
        known.next().is_none_or(|shape| may_hold(shape, self.origin, angle))
    }

    fn look_at(&mut self, cell: H3Cell, page: Arc<Page>) -> Result<(), SearchError> {
        self.count_page()?;
        match &*page {
            Page::Split(split) => {
                self.descend(split);
                self.pages.push(page);
            }
            Page::Places(places) => self.take(&page, places, 0..places.len()),
            Page::Crowd(crowd) => {
                if let Ok(leaf) = Leaf::try_from(cell) {
                    self.enter(leaf, crowd);
                    self.crowds.push((leaf, page));
                }
            }
            Page::Roots(roots) => self.begin_at(roots),
        }
        Ok(())
    }

    fn begin_at(&mut self, roots: &RootsPage) {
        self.begun += 1;
        for shape in roots.roots().iter().filter_map(|root| root_index::shape(*root)) {
            self.enqueue(shape, 0.0);
        }
    }

    fn descend(&mut self, split: &SplitPage) {
        let density = split.density();
        for child in split.shapes() {
            self.enqueue(child, density);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::page::{PlacesPage, Row};
    use crate::point::Position;

    fn places(rows: Vec<Row>) -> Arc<Page> {
        Arc::new(Page::Places(PlacesPage::new(rows)))
    }

    /// One place lies just within reach of the farthest of four children, and what is below that child is out of
    /// reach: whether its page is a split or not to be had, something may follow.
    #[test]
    fn what_is_out_of_reach_within_the_radius_may_follow() {
        let root = Leaf::at(Position::new(48.0, 11.0).unwrap()).ancestor(3).unwrap();
        let centre = root.centre();
        let split = |cell| SplitPage::new(cell).unwrap();
        let bound = |cell: &ChildCell| cell.min_angle(centre.unit());
        let last = split(root).shapes().iter().cloned().max_by(|a, b| bound(a).total_cmp(&bound(b))).unwrap();
        let nearest_below = split(last.cell).shapes().iter().map(bound).fold(f64::INFINITY, f64::min);
        assert!(nearest_below > bound(&last));
        let reach = f64::midpoint(bound(&last), nearest_below);
        let position = Position::new(centre.lat() + reach.to_degrees(), centre.lon()).unwrap();
        let leaf = Leaf::at(position);
        let row = Row { leaf, id: "a".into(), position, category: None, payload: Vec::new() };
        let radius = Meters::new((nearest_below + 1e-5) * crate::EARTH_RADIUS_M).unwrap();
        for last_is_available in [true, false] {
            let query =
                NearbyQuery { origin: centre, radius, limit: NonZeroUsize::MIN, category: None, after: None };
            let mut search = NearbySearch::new(query, SearchLimits::default());
            let progress = search.advance(|cell| match cell {
                cell if cell == root => Some(Arc::new(Page::Split(split(root)))),
                cell if cell == last.cell && last_is_available => Some(Arc::new(Page::Split(split(cell)))),
                cell if cell == last.cell => None,
                cell if cell.level() == 4 && cell.covers(Leaf::at(centre)) => Some(places(vec![row.clone()])),
                _ => Some(places(Vec::new())),
            });
            assert_eq!(progress, Ok(Progress::Done));
            let answer = search.finish();
            assert_eq!(answer.hits.len(), 1);
            assert!(answer.next.is_some(), "the last page is available: {last_is_available}");
        }
    }
}
