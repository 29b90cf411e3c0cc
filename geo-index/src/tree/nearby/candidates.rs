//! Candidates: places that may be in the answer, compared by squared chord, and at last by their exact distances and ids.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::super::Hit;
use super::super::query::NearbyKey;
use super::{NearbyAnswer, NearbySearch};
use crate::distance::{Chord, DistanceFrom, distance};
use crate::page::{Allowed, Page, PlacesPage};
use crate::point::Position;
use crate::units::Meters;

/// Places that are looked at before those within reach are kept.
const TAKEN_AT_ONCE: usize = 32;

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    chord_sq: f64,
    page: u32,
    row: u32,
}

impl NearbySearch {
    /// Places of a page, by their rows, become candidates.
    pub(super) fn take(&mut self, page: &Arc<Page>, places: &PlacesPage, rows: Range<usize>) {
        let before = self.candidates.len();
        self.collect(places, rows);
        if self.candidates.len() > before {
            self.untightened = true;
            self.unsettled = true;
            self.pages.push(Arc::clone(page));
        }
    }

    fn collect(&mut self, places: &PlacesPage, rows: Range<usize>) {
        let allowed = self.query.category.as_ref().map(|filter| places.allowed(filter));
        if allowed.as_ref().is_some_and(Allowed::none) {
            return;
        }
        let before = self.candidates.len();
        self.take_in(places, rows);
        if allowed.is_none() && self.after.is_none() && self.selection.is_everything() {
            return;
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        let mut pacing = self.pacing;
        let mut wanted = |&Candidate { chord_sq, row, .. }: &Candidate| {
            let row = row as usize;
            allowed.as_ref().is_none_or(|allowed| allowed.has(row))
                && self.is_behind(places, row, chord_sq)
                && self.selection.has(places, row, Some(self.query.origin), &mut pacing)
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
        self.pacing = pacing;
    }

    /// All places within reach become candidates. A branch on whether a place is one would be mispredicted half of the time,
    /// so each is written down, and the next one overwrites it if it was none.
    fn take_in(&mut self, places: &PlacesPage, rows: Range<usize>) {
        let (origin, reach_sq) = (self.origin, self.reach_sq);
        let mut written = [Candidate { chord_sq: 0.0, page: self.pages.len() as u32, row: 0 }; TAKEN_AT_ONCE];
        let (mut row, mut nearest_beyond_sq) = (rows.start as u32, f64::INFINITY);
        for units in places.units()[rows].chunks(TAKEN_AT_ONCE) {
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
    pub(super) fn tighten(&mut self) {
        let limit = self.query.limit.get();
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

    /// Keeps only the `limit` first candidates by their exact keys, and the pages that these are in.
    pub(super) fn settle(&mut self) {
        let limit = self.query.limit.get();
        if !self.unsettled || self.candidates.len() < limit {
            return;
        }
        self.unsettled = false;
        let mut found = self.exact();
        let dropped = found.len() > limit;
        if dropped {
            found.select_nth_unstable_by(limit - 1, Found::by_key);
            found.truncate(limit);
        }
        let last = found.iter().max_by(|a, b| Found::by_key(a, b)).filter(|_| found.len() == limit);
        let last_key = last.map(|last| NearbyKey { distance: last.at, id: last.id().to_owned() });
        let kept: Vec<_> = found.iter().map(|found| (found.page, found.row as u32, found.position)).collect();
        drop(found);
        self.passed_over |= dropped;
        self.last_key = last_key;
        self.candidates.clear();
        let from = self.origin;
        let mut pages: Vec<Arc<Page>> = Vec::new();
        let mut moved: FxHashMap<usize, u32> = FxHashMap::default();
        pages.extend(self.pages.iter().filter(|page| matches!(***page, Page::Split(_))).cloned());
        for (page, row, position) in kept {
            let page = *moved.entry(page).or_insert_with(|| {
                pages.push(Arc::clone(&self.pages[page]));
                pages.len() as u32 - 1
            });
            self.candidates.push(Candidate { chord_sq: position.unit().chord_sq(from), page, row });
        }
        self.pages = pages;
    }

    /// The candidates within the radius, with their distances.
    fn exact(&self) -> Vec<Found<'_>> {
        // Positions first: they lie far apart in memory, and in a loop that does nothing else the processor fetches many
        // of them at a time.
        let mut found: Vec<Found<'_>> = Vec::with_capacity(self.candidates.len());
        found.extend(self.candidates.iter().map(|candidate| self.found(candidate)));
        let from = DistanceFrom::new(self.query.origin);
        for found in &mut found {
            found.at = from.to(found.position);
        }
        let end = self.ended_at.as_ref().map(|end| (end.distance.get(), end.id.as_str()));
        found.retain(|found| {
            found.at <= self.query.radius && end.is_none_or(|end| (found.at.get(), found.id()) <= end)
        });
        found
    }

    /// The answer, once [`advance`](NearbySearch::advance) has said that it is done.
    pub fn finish(self) -> NearbyAnswer {
        let limit = self.query.limit.get();
        let mut found = self.exact();
        let cut = found.len() > limit;
        if cut {
            found.select_nth_unstable_by(limit, Found::by_key);
            found.truncate(limit);
        }
        found.sort_unstable_by(Found::by_key);
        let more = cut || self.passed_over || self.queue.iter().any(|ahead| self.may_follow(ahead.cell));
        let last = found.last().filter(|_| more && found.len() == limit);
        let next = last.map(|last| NearbyKey { distance: last.at, id: last.id().to_owned() });
        // An empty id stands before all places at its distance.
        let next = next.or_else(|| self.ended_at.clone());
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
