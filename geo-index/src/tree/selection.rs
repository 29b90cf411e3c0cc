//! What a search asks of places besides their distance and their categories.

use std::fmt;
use std::sync::Arc;

use crate::cap::Cap;
use crate::distance::distance;
use crate::grid::h3::H3Cell;
use crate::page::PlacesPage;
use crate::point::Position;
use crate::region::Region;
use crate::units::Meters;

use super::queue::REFINED_LEVELS;

/// Decides which places a search may find.
///
/// A search asks it of places within reach, more often than it returns places, and in no order.
///
/// ```
/// use geo_index::tree::{PlaceFilter, PlaceView};
///
/// #[derive(Debug)]
/// struct Of(&'static str);
///
/// impl PlaceFilter for Of {
///     fn allows(&self, place: &PlaceView<'_>) -> bool {
///         place.id().starts_with(self.0)
///     }
/// }
/// ```
pub trait PlaceFilter: fmt::Debug + Send + Sync {
    /// Whether a search may find this place. The same place always gets the same answer.
    fn allows(&self, place: &PlaceView<'_>) -> bool;

    /// How many times it goes through a payload, about: what its steps are counted by ([`Pace`]).
    fn weight(&self) -> usize {
        1
    }
}

/// How far a search of a selection goes at a time, and in all. A step is about the time that a byte of a payload takes, or
/// an edge of a region. A page is not left half way, so a search may be over either by what one takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Steps of the filter, of all pages, after which a search that may end early does so.
    pub budget: usize,
    /// Steps after which a search returns [`Progress::Paused`](super::Progress::Paused).
    pub pause: usize,
}

impl Default for Pace {
    /// No bounds, and no pauses.
    fn default() -> Self {
        Self { budget: usize::MAX, pause: usize::MAX }
    }
}

/// The steps of a search, and what they lead to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacing {
    pub(super) pace: Pace,
    /// Edges of the region.
    pub(super) edges: usize,
    /// Steps of the filter.
    filtered: usize,
    /// Steps since the last pause.
    unpaused: usize,
    /// Whether time is short.
    pub(super) hurries: bool,
}

impl Pacing {
    fn step(&mut self, steps: usize) {
        self.unpaused = self.unpaused.saturating_add(steps);
    }

    /// Whether a search that may end early should.
    pub(super) const fn is_spent(&self) -> bool {
        self.hurries || self.filtered >= self.pace.budget
    }

    pub(super) const fn pause_is_due(&self) -> bool {
        self.unpaused >= self.pace.pause
    }

    /// Whether a pause was due, which begins now.
    pub(super) fn takes_pause(&mut self) -> bool {
        let is_due = self.pause_is_due();
        self.unpaused = if is_due { 0 } else { self.unpaused };
        is_due
    }
}

/// A place that a search has come to.
#[derive(Clone, Copy, Debug)]
pub struct PlaceView<'a> {
    places: &'a PlacesPage,
    row: usize,
    origin: Option<Position>,
}

impl<'a> PlaceView<'a> {
    /// Its id.
    pub fn id(&self) -> &'a str {
        self.places.id(self.row)
    }

    /// Its position.
    pub fn position(&self) -> Position {
        self.places.position(self.row)
    }

    /// The payload that it was stored with.
    pub fn payload(&self) -> &'a [u8] {
        self.places.payload(self.row)
    }

    /// Its distance from the origin of a nearby search, computed by each call; `None` in a scan.
    pub fn distance(&self) -> Option<Meters> {
        self.origin.map(|origin| distance(origin, self.position()))
    }
}

/// Restricts a search: to the places of a region, and to those that a filter allows. The default restricts nothing.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only places that lie in it.
    pub region: Option<Arc<Region>>,
    /// Only places that it allows; it is asked of those in the region.
    pub filter: Option<Arc<dyn PlaceFilter>>,
}

impl Selection {
    /// Whether every place is selected.
    pub fn is_everything(&self) -> bool {
        self.region.is_none() && self.filter.is_none()
    }

    /// Whether the place in a row is selected.
    pub(super) fn has(
        &self,
        places: &PlacesPage,
        row: usize,
        origin: Option<Position>,
        pacing: &mut Pacing,
    ) -> bool {
        pacing.step(1 + pacing.edges);
        if !self.has_position(places.position(row)) {
            return false;
        }
        let Some(filter) = &self.filter else { return true };
        let steps = places.payload(row).len().saturating_mul(filter.weight());
        pacing.filtered = pacing.filtered.saturating_add(steps);
        pacing.step(steps);
        filter.allows(&PlaceView { places, row, origin })
    }

    /// Edges of the region.
    pub(super) fn edges(&self) -> usize {
        self.region.as_ref().map_or(0, |region| region.corners())
    }

    /// Whether a place at a position may be selected.
    pub(super) fn has_position(&self, position: Position) -> bool {
        self.region.as_ref().is_none_or(|region| region.contains(position))
    }

    /// Whether anything in a cap may be selected.
    pub(super) fn may_touch(&self, cap: &Cap) -> bool {
        self.region.as_ref().is_none_or(|region| region.may_touch(cap))
    }

    /// Whether anything keyed below a cell may be selected, by the close look that is worth a read.
    pub(super) fn may_hold(&self, cell: H3Cell) -> bool {
        self.region.as_ref().is_none_or(|region| region.may_hold(cell, REFINED_LEVELS))
    }
}
