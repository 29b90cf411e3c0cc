//! Crowds: leaves with too many places for a page, read in runs.

use super::super::query::NearbyKey;
use super::super::queue::{QueueEntry, RunId};
use super::{END_SLACK_M, NearbySearch};
use crate::distance::{Chord, EARTH_RADIUS_M, distance};
use crate::error::SearchError;
use crate::grid::cap;
use crate::grid::h3::{H3Cell, Leaf};
use crate::page::{CrowdPage, Page, RunRead};
use crate::point::Position;
use crate::units::Meters;

impl NearbySearch {
    /// Puts the runs of a crowd into the queue.
    pub(super) fn enter(&mut self, leaf: Leaf, crowd: &CrowdPage) {
        let (cell, crowd_number) = (H3Cell::from(leaf), self.crowds.len());
        let anywhere = cap(cell).min_angle(self.origin);
        for (run, part) in crowd.runs().iter().enumerate() {
            if !part.spots.is_empty() && !part.spots.iter().any(|spot| self.selection.has_position(*spot)) {
                continue;
            }
            let angle = |spot: &Position| Chord::angle_at_most(spot.unit().chord_sq(self.origin));
            let nearest = part.spots.iter().map(angle).reduce(f64::min);
            let (bound, run) = (nearest.unwrap_or(anywhere), Some(RunId { crowd: crowd_number, run }));
            if bound > self.reach {
                self.passed_over |= bound <= self.radius;
            } else {
                self.queue.push(QueueEntry { bound, density: 0.0, cell, run });
            }
        }
    }

    fn crowd(&self, id: RunId) -> (Leaf, &CrowdPage) {
        let (leaf, page) = &self.crowds[id.crowd];
        let Page::Crowd(crowd) = &**page else { unreachable!("only crowds are kept there") };
        (*leaf, crowd)
    }

    pub(super) fn run_read(&self, id: RunId) -> RunRead {
        let (leaf, crowd) = self.crowd(id);
        crowd.read(leaf, id.run)
    }

    /// Goes through a run if it is at hand, or past it if nothing of it is in the answer; false if it has to be asked for.
    pub(super) fn go_through(&mut self, id: RunId) -> Result<bool, SearchError> {
        self.settle();
        let read = self.run_read(id);
        if self.is_before_all(id, &read) {
            return Ok(true);
        }
        if let Some(distance) = self.is_behind_last(id, &read) {
            self.passed_over |= distance <= self.query.radius;
            return Ok(true);
        }
        let Some(page) = self.supplied_runs.remove(&read) else { return Ok(false) };
        self.count_page()?;
        if let Page::Places(places) = &*page {
            self.take(&page, places, 0..places.len());
        }
        Ok(true)
    }

    /// Asks for a run, unless those that are asked for already have as many places as are wanted: twice as many runs in
    /// each further round, in case they were not the wanted ones.
    pub(super) fn ask_for_run(&mut self, missing: &mut Vec<QueueEntry>, next: QueueEntry) -> bool {
        let asked = missing.iter().filter_map(|entry| entry.run);
        let places = |id: RunId| self.crowd(id).1.runs()[id.run].places as usize;
        let (runs, places) = asked.map(places).fold((0, 0), |(runs, sum), places| (runs + 1, sum + places));
        let due = runs < 1 << self.run_rounds.min(8) || places < self.query.limit.get();
        if due {
            missing.push(next);
        } else {
            self.queue.push(next);
        }
        due
    }

    /// The distances of a run's places, if these are known exactly.
    fn distances(&self, id: RunId) -> Option<impl Iterator<Item = Meters>> {
        let spots = &self.crowd(id).1.runs()[id.run].spots;
        let origin = self.query.origin;
        (!spots.is_empty()).then(|| spots.iter().map(move |spot| distance(origin, *spot)))
    }

    /// The key that the search may end at before a run: all places before it were looked at, and the search began before it.
    /// `None` where something else may lie as near as the run's places, or their distances are not known.
    pub(super) fn end_within_crowd(&self, id: RunId) -> Option<NearbyKey> {
        let distance = self.distances(id)?.reduce(|a, b| if b < a { b } else { a })?;
        let end =
            NearbyKey { distance, id: self.run_read(id).after.as_deref().unwrap_or_default().to_owned() };
        let is_later = |ahead: &QueueEntry| match ahead.run {
            Some(run) if run.crowd == id.crowd => {
                run.run > id.run && self.distances(run).is_some_and(|mut all| all.all(|at| at >= distance))
            }
            _ => ahead.bound * EARTH_RADIUS_M - END_SLACK_M > distance.get(),
        };
        let start = self.query.after.as_ref();
        let has_come_further = start.is_none_or(|start| {
            (end.distance.get(), end.id.as_str()) > (start.distance.get(), start.id.as_str())
        });
        // Without an id it stands before the first run, and what is nearer was looked at.
        let is_first = start.is_none() && end.id.is_empty() && distance == Meters::ZERO;
        (has_come_further && !is_first && self.queue.iter().all(is_later)).then_some(end)
    }

    /// Whether all places of a run come before those that the search begins behind.
    fn is_before_all(&self, id: RunId, read: &RunRead) -> bool {
        let (Some(key), Some(mut distances)) = (&self.query.after, self.distances(id)) else { return false };
        let ends_before = read.last.as_deref().is_some_and(|last| last <= key.id.as_str());
        distances.all(|at| at < key.distance || (ends_before && at == key.distance))
    }

    /// The distance of a run's nearest place, if `limit` candidates come before all of its places.
    fn is_behind_last(&self, id: RunId, read: &RunRead) -> Option<Meters> {
        let (key, distances) = (self.last_key.as_ref()?, self.distances(id)?);
        let nearest = distances.reduce(|a, b| if b < a { b } else { a })?;
        let begins_behind = read.after.as_deref().is_some_and(|after| after >= key.id.as_str());
        (nearest > key.distance || (begins_behind && nearest == key.distance)).then_some(nearest)
    }
}
