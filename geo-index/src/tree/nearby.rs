//! Best-first search for the nearest places.
//!
//! A queue of cells is ordered by a lower bound of their distance to the origin. The nearest cell's page is
//! looked at: places become candidates, a split puts its children into the queue instead. The search is over
//! when the next bound lies beyond the radius or beyond the k-th candidate.
//!
//! Candidates are compared by squared chord; only those that can be in the answer, rounding included, get
//! their distance computed. Invariant: a candidate is dropped only when `limit` others are nearer by more
//! than rounding can blur.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::frontier::{Frontier, may_hold};
use super::query::{NearbyKey, NearbyQuery};
use super::{Hit, Progress, SearchLimits, SearchWork, atlas};
use crate::distance::{Chord, DistanceFrom, angle, distance};
use crate::error::SearchError;
use crate::grid::h3::H3Cell;
use crate::page::{ChildCell, Page, PlacesPage, SplitPage};
use crate::point::{Position, UnitVector};
use crate::units::Meters;

/// Places that are looked at before those within reach are kept.
const TAKEN_AT_ONCE: usize = 32;

/// A search for the nearest places; see the [module](super) for how to drive it.
#[derive(Debug)]
pub struct NearbySearch {
    query: NearbyQuery,
    limits: SearchLimits,
    origin: UnitVector,
    frontier: BinaryHeap<Frontier>,
    supplied: FxHashMap<H3Cell, Arc<Page>>,
    roots: Vec<&'static ChildCell>,
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
    work: SearchWork,
}

/// What is known of [`NearbyQuery::after`] without computing a distance.
#[derive(Debug)]
struct After {
    angle: f64,
    surely_before_sq: f64,
    surely_behind_sq: f64,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    chord_sq: f64,
    page: u32,
    row: u32,
}

/// The places found.
#[derive(Clone, Debug)]
pub struct NearbyAnswer {
    /// Nearest first, ties by id.
    pub hits: Vec<Hit>,
    /// Where to go on. Absent when there is surely nothing more within the radius.
    pub next: Option<NearbyKey>,
    /// What it took.
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
            limits,
            origin,
            frontier: BinaryHeap::with_capacity(32),
            supplied: FxHashMap::default(),
            roots: Vec::with_capacity(8),
            pages: Vec::with_capacity(16),
            candidates: Vec::with_capacity(64),
            reach_sq,
            reach,
            radius_sq: reach_sq,
            radius: reach,
            untightened: false,
            passed_over: false,
            after,
            work: SearchWork::default(),
            query,
        };
        atlas::roots_of_disc(search.query.origin, origin, reach, &mut |root| {
            search.roots.push(root);
            search.enqueue(root, 0.0);
        });
        search
    }

    fn enqueue(&mut self, child: &ChildCell, density: f64) {
        let bound = child.min_angle(self.origin);
        let behind = self.after.as_ref().is_none_or(|after| child.cap.max_angle(self.origin) >= after.angle);
        if bound > self.reach {
            self.passed_over |= bound <= self.radius;
        } else if behind {
            self.frontier.push(Frontier { bound, density, cell: child.cell });
        }
    }

    /// Goes on as far as the pages at hand allow: those supplied, and those that `local` has.
    ///
    /// # Errors
    ///
    /// [`SearchError::PageBudget`] when the search would look at more pages than allowed.
    pub fn advance(
        &mut self,
        mut local: impl FnMut(H3Cell) -> Option<Arc<Page>>,
    ) -> Result<Progress, SearchError> {
        let mut missing: Vec<Frontier> = Vec::new();
        while let Some(next) = self.pop_within_reach() {
            if !self.is_due(&missing, &next) {
                self.frontier.push(next);
                break;
            }
            if let Some(page) = self.supplied.remove(&next.cell).or_else(|| local(next.cell)) {
                self.look_at(page)?;
            } else if !self.may_hold(&next, self.reach) {
                // Nothing of it lies within reach; within the radius it may.
                self.passed_over |= self.reach < self.radius;
            } else if self.worth_asking(&missing, &next) {
                missing.push(next);
            } else {
                self.frontier.push(next);
                break;
            }
        }
        if missing.is_empty() {
            return Ok(Progress::Done);
        }
        self.work.rounds += 1;
        self.work.asked += missing.len();
        let cells = missing.iter().map(|frontier| frontier.cell).collect();
        self.frontier.extend(missing);
        Ok(Progress::Need(cells))
    }

    /// Hands in a page that was asked for, or one that came along with it.
    pub fn supply(&mut self, cell: H3Cell, page: Arc<Page>) {
        self.supplied.insert(cell, page);
    }

    fn pop_within_reach(&mut self) -> Option<Frontier> {
        self.tighten();
        let next = self.frontier.peek()?;
        if next.bound > self.reach { None } else { self.frontier.pop() }
    }

    /// Whether to go on to a cell although nearer pages are still missing: only when it lies about as near as
    /// the k-th place is expected. Pages at hand are no exception: what the missing ones hold may spare them,
    /// and a search must not use up its budget before it has asked for what is nearest.
    fn is_due(&self, missing: &[Frontier], next: &Frontier) -> bool {
        let Some(nearest) = missing.first() else { return true };
        missing.len() < self.limits.fan_out
            && self.work.pages + missing.len() < self.limits.page_budget
            && next.bound <= self.expected_angle(nearest, missing.len())
    }

    /// Whether a missing page that is due is worth a read in this round.
    fn worth_asking(&self, missing: &[Frontier], next: &Frontier) -> bool {
        missing.first().is_none_or(|nearest| {
            let expected = self.expected_angle(nearest, missing.len());
            self.may_hold(next, expected)
        })
    }

    /// How far away the k-th place is expected, in radians, by the density around the nearest missing page.
    fn expected_angle(&self, nearest: &Frontier, missing: usize) -> f64 {
        let start = self.after.as_ref().map_or(0.0, |after| after.angle);
        let area = self.query.limit as f64 / nearest.density;
        let expected = (start * start + area / std::f64::consts::PI).sqrt();
        if expected.is_finite() && expected > nearest.bound {
            return expected;
        }
        // Nothing is known yet, or the places at the expected distance were not the wanted ones: whatever is
        // nearest, twice as many pages in each further round.
        if missing < 1 << self.work.rounds.min(8) { self.reach } else { start }
    }

    /// Whether anything keyed below a cell may lie within an angle of the origin, by a close look.
    fn may_hold(&self, next: &Frontier, angle: f64) -> bool {
        let splits = self.pages.iter().filter_map(|page| match &**page {
            Page::Split(split) => Some(split.children()),
            Page::Places(_) => None,
        });
        let mut known = self.roots.iter().copied().chain(splits.flatten());
        let shape = known.find(|known| known.cell == next.cell);
        shape.is_none_or(|shape| may_hold(shape, self.origin, angle))
    }

    fn look_at(&mut self, page: Arc<Page>) -> Result<(), SearchError> {
        self.work.pages += 1;
        if self.work.pages > self.limits.page_budget {
            return Err(SearchError::PageBudget { budget: self.limits.page_budget });
        }
        match &*page {
            Page::Split(split) => {
                self.descend(split);
                self.pages.push(page);
            }
            Page::Places(places) => {
                let before = self.candidates.len();
                self.collect(places);
                if self.candidates.len() > before {
                    self.untightened = true;
                    self.pages.push(page);
                }
            }
        }
        Ok(())
    }

    fn descend(&mut self, split: &SplitPage) {
        let density = split.density();
        for child in split.children() {
            self.enqueue(child, density);
        }
    }

    fn collect(&mut self, places: &PlacesPage) {
        let category = match self.query.category.as_deref().map(|name| places.category_index(name)) {
            None => None,
            Some(Some(index)) => Some(index),
            Some(None) => return,
        };
        let before = self.candidates.len();
        self.take_in(places);
        if category.is_none() && self.after.is_none() {
            return;
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        let wanted = |&Candidate { chord_sq, row, .. }: &Candidate| {
            let row = row as usize;
            category.is_none_or(|index| places.category_indexes()[row] == index)
                && self.is_behind(places, row, chord_sq)
        };
        let mut kept = before;
        for at in before..candidates.len() {
            if wanted(&candidates[at]) {
                candidates.swap(kept, at);
                kept += 1;
            }
        }
        candidates.truncate(kept);
        self.candidates = candidates;
    }

    /// All places within reach become candidates. Whether a place is one is anybody's guess, also the processor's: so
    /// each is written down, and the next one over it if it was none.
    fn take_in(&mut self, places: &PlacesPage) {
        let (origin, reach_sq) = (self.origin, self.reach_sq);
        let mut written = [Candidate { chord_sq: 0.0, page: self.pages.len() as u32, row: 0 }; TAKEN_AT_ONCE];
        let (mut row, mut nearest_beyond_sq) = (0, f64::INFINITY);
        for units in places.units().chunks(TAKEN_AT_ONCE) {
            let mut count = 0;
            for unit in units {
                let chord_sq = unit.chord_sq(origin);
                let within = chord_sq <= reach_sq;
                nearest_beyond_sq = if within { nearest_beyond_sq } else { chord_sq.min(nearest_beyond_sq) };
                written[count].chord_sq = chord_sq;
                written[count].row = row;
                count += usize::from(within);
                row += 1;
            }
            self.candidates.extend_from_slice(&written[..count]);
        }
        self.passed_over |= nearest_beyond_sq <= self.radius_sq;
    }

    fn is_behind(&self, places: &PlacesPage, row: usize, chord_sq: f64) -> bool {
        let (Some(after), Some(key)) = (&self.after, &self.query.after) else { return true };
        if chord_sq < after.surely_before_sq {
            return false;
        }
        chord_sq > after.surely_behind_sq || {
            let at = distance(self.query.origin, places.position(row));
            (at.get(), places.id(row)) > (key.distance.get(), key.id.as_str())
        }
    }

    /// Shrinks the reach to the k-th candidate.
    fn tighten(&mut self) {
        let limit = self.query.limit;
        if !self.untightened || self.candidates.len() < limit {
            return;
        }
        self.untightened = false;
        let by_chord = |a: &Candidate, b: &Candidate| a.chord_sq.total_cmp(&b.chord_sq);
        let (_, kth, _) = self.candidates.select_nth_unstable_by(limit - 1, by_chord);
        let reach_sq = Chord::widen_sq(kth.chord_sq);
        if reach_sq < self.reach_sq {
            self.reach_sq = reach_sq;
            self.reach = Chord::angle_at_least(reach_sq);
            let before = self.candidates.len();
            self.candidates.retain(|candidate| candidate.chord_sq <= reach_sq);
            self.passed_over |= self.candidates.len() < before;
        }
    }

    /// The answer, once [`advance`](NearbySearch::advance) has said that it is done.
    pub fn finish(self) -> NearbyAnswer {
        let (radius, limit) = (self.query.radius, self.query.limit);
        // Positions first: their places in memory are far apart, and so the processor fetches many at a time.
        let mut found: Vec<Found<'_>> = Vec::with_capacity(self.candidates.len());
        found.extend(self.candidates.iter().map(|candidate| self.found(candidate)));
        let from = DistanceFrom::new(self.query.origin);
        for found in &mut found {
            found.at = from.to(found.position);
        }
        found.retain(|found| found.at <= radius);
        let cut = found.len() > limit;
        if cut {
            found.select_nth_unstable_by(limit, Found::by_key);
            found.truncate(limit);
        }
        found.sort_unstable_by(Found::by_key);
        let more = cut || self.passed_over || !self.frontier.is_empty();
        let last = found.last().filter(|_| more && found.len() == limit);
        let next = last.map(|last| NearbyKey { distance: last.at, id: last.id().to_owned() });
        let hit = |found: &Found<'_>| Hit {
            page: Arc::clone(&self.pages[found.page]),
            row: found.row,
            distance: Some(found.at),
        };
        NearbyAnswer { hits: found.iter().map(hit).collect(), next, work: self.work }
    }

    fn found(&self, &Candidate { page, row, .. }: &Candidate) -> Found<'_> {
        let (page, row) = (page as usize, row as usize);
        let Page::Places(places) = &*self.pages[page] else {
            unreachable!("candidates are rows of places pages")
        };
        Found { at: Meters::ZERO, position: places.position(row), places, page, row }
    }
}

/// A candidate with its distance.
struct Found<'a> {
    at: Meters,
    position: Position,
    places: &'a PlacesPage,
    page: usize,
    row: usize,
}

impl Found<'_> {
    fn id(&self) -> &str {
        self.places.id(self.row)
    }

    fn by_key(a: &Self, b: &Self) -> Ordering {
        a.at.get().total_cmp(&b.at.get()).then_with(|| a.id().cmp(b.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::GridCell;
    use crate::page::Row;

    fn places(rows: Vec<Row>) -> Arc<Page> {
        Arc::new(Page::Places(PlacesPage::new(rows)))
    }

    /// One place lies just within reach of the farthest of four children, and what is below that child is out of
    /// reach: whether its page is a split or not to be had, something may follow.
    #[test]
    fn what_is_out_of_reach_within_the_radius_may_follow() {
        let root = H3Cell::leaf(Position::new(48.0, 11.0).unwrap()).ancestor(3).unwrap();
        let centre = root.centre();
        let split = |cell| SplitPage::new(cell).unwrap();
        let bound = |cell: &ChildCell| cell.min_angle(centre.unit());
        let last =
            split(root).children().iter().cloned().max_by(|a, b| bound(a).total_cmp(&bound(b))).unwrap();
        let nearest_below = split(last.cell).children().iter().map(bound).fold(f64::INFINITY, f64::min);
        assert!(nearest_below > bound(&last));
        let reach = f64::midpoint(bound(&last), nearest_below);
        let position = Position::new(centre.lat() + reach.to_degrees(), centre.lon()).unwrap();
        let leaf = H3Cell::leaf(position);
        let row = Row { leaf, id: "a".into(), position, category: None, payload: Vec::new() };
        let radius = Meters::new((nearest_below + 1e-5) * crate::EARTH_RADIUS_M).unwrap();
        for last_is_at_hand in [true, false] {
            let query = NearbyQuery { origin: centre, radius, limit: 1, category: None, after: None };
            let mut search = NearbySearch::new(query, SearchLimits::default());
            let progress = search.advance(|cell| match cell {
                cell if cell == root => Some(Arc::new(Page::Split(split(root)))),
                cell if cell == last.cell && last_is_at_hand => Some(Arc::new(Page::Split(split(cell)))),
                cell if cell == last.cell => None,
                cell if cell.level() == 4 && cell.covers(H3Cell::leaf(centre)) => {
                    Some(places(vec![row.clone()]))
                }
                _ => Some(places(Vec::new())),
            });
            assert_eq!(progress, Ok(Progress::Done));
            let answer = search.finish();
            assert_eq!(answer.hits.len(), 1);
            assert!(answer.next.is_some(), "the last page is at hand: {last_is_at_hand}");
        }
    }
}
