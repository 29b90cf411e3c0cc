//! Which hits are open: cell answers are those of all times, so the client decides.

use cellar_hours::{OPENING_HOURS, Opening};
use cellar_model::property::TextProperty;

pub use cellar_hours::{Hours, OpenAt, State};

use crate::Hit;

impl Hit {
    /// What the property `opening_hours` of the place says of a time, as `open_at` of the API has it; `None` if the place has
    /// no hours that can be read.
    pub fn opening(&self, at: OpenAt) -> Option<Opening> {
        let tail = self.place.feature_tail();
        let hours = Hours::read(&TextProperty::new(OPENING_HOURS).of(tail.as_bytes())?)?;
        hours.at(self.place.position, at)
    }
}

/// The hits that are open at a time, or may be, nearest first; places without hours that can be read are not.
///
/// A call for so many places may find fewer that are open: ask for more, or leave it to `open_at` of the exact endpoint.
pub fn open_at(hits: &[Hit], at: OpenAt) -> Vec<(&Hit, Opening)> {
    let opening = |hit: &'_ Hit| hit.opening(at).filter(|opening| opening.state != State::Closed);
    hits.iter().filter_map(|hit| Some((hit, opening(hit)?))).collect()
}
