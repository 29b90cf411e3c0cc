//! Searches of places that are open.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use cellar_model::features::Members;
use cellar_model::property::TextProperty;
use chrono::SecondsFormat;
use geo_index::Position;
use geo_index::tree::{Hit, PlaceFilter, PlaceView};
use parking_lot::Mutex;

use crate::at::OpenAt;
use crate::hours::{Hours, Opening, State};

/// The property that has the hours of a place.
pub const OPENING_HOURS: &str = "opening_hours";

/// Texts that a search remembers: most places of a town have one of few.
const MOST_REMEMBERED: usize = 1_024;

/// What becomes of places of which it cannot be told whether they are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unstated {
    /// They are not found.
    #[default]
    LeftOut,
    /// They are found like those that are open.
    Included,
}

/// Finds the places that are open at a time, and says of each until when.
#[derive(Debug)]
pub struct OpenPlaces {
    at: OpenAt,
    unstated: Unstated,
    also: Option<Arc<dyn PlaceFilter>>,
    property: TextProperty,
    /// Texts that were read, as far as they could be.
    read: Mutex<HashMap<Box<str>, Option<Arc<Hours>>>>,
}

impl OpenPlaces {
    /// The places that are open at a time, of those that another filter finds.
    pub fn new(at: OpenAt, unstated: Unstated, also: Option<Arc<dyn PlaceFilter>>) -> Self {
        Self { at, unstated, also, property: TextProperty::new(OPENING_HOURS), read: Mutex::default() }
    }

    /// What the hours of a place say, by its position and the payload that pages keep of it; `None` if that cannot be told.
    pub fn opening(&self, position: Position, payload: &[u8]) -> Option<Opening> {
        self.hours(payload)?.at(position, self.at)
    }

    /// Whether a place is found, whatever the other filter says.
    pub fn finds(&self, position: Position, payload: &[u8]) -> bool {
        match self.hours(payload).and_then(|hours| hours.state(position, self.at)) {
            Some(state) => state != State::Closed,
            None => self.unstated == Unstated::Included,
        }
    }

    fn hours(&self, payload: &[u8]) -> Option<Arc<Hours>> {
        let text = self.property.of(payload)?;
        if let Some(known) = self.read.lock().get(&*text) {
            return known.clone();
        }
        let hours = Hours::read(&text).map(Arc::new);
        let mut read = self.read.lock();
        if read.len() < MOST_REMEMBERED {
            read.insert(text.into(), hours.clone());
        }
        hours
    }
}

impl PlaceFilter for OpenPlaces {
    fn allows(&self, place: &PlaceView<'_>) -> bool {
        self.also.as_ref().is_none_or(|also| also.allows(place))
            && self.finds(place.position(), place.payload())
    }

    fn weight(&self) -> usize {
        1 + self.also.as_ref().map_or(0, |also| also.weight())
    }
}

impl Members for OpenPlaces {
    fn append(&self, out: &mut Vec<u8>, hit: &Hit) {
        // Writing to a vector cannot fail.
        let Some(Opening { state, until, comment }) = self.opening(hit.position(), hit.payload()) else {
            return out.extend_from_slice(br#""open_state":"unstated","#);
        };
        let _ = write!(out, r#""open_state":"{}","open_until":"#, state.name());
        let until = until.map(|until| until.to_rfc3339_opts(SecondsFormat::Secs, true));
        let _ = serde_json::to_writer(&mut *out, &until);
        if let Some(comment) = comment {
            out.extend_from_slice(br#","open_comment":"#);
            let _ = serde_json::to_writer(&mut *out, &*comment);
        }
        out.push(b',');
    }
}
