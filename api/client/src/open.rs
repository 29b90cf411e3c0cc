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

#[cfg(test)]
mod tests {
    use cellar_model::place::{Place, Properties};
    use geo_index::{Meters, Position};
    use serde_json::value::RawValue;

    use super::*;

    fn hit(id: &str, properties: &str) -> Hit {
        let properties: &RawValue = serde_json::from_str(properties).unwrap();
        let place = Place {
            id: id.parse().unwrap(),
            position: Position::new(48.8566, 2.3522).unwrap(),
            properties: Properties::from_raw(properties).unwrap(),
        };
        Hit { place, distance: Meters::ZERO }
    }

    #[test]
    fn hits_that_are_open_say_until_when() {
        let hits = [
            hit("day", r#"{"opening_hours":"08:00-19:00"}"#),
            hit("night", r#"{"opening_hours":"19:00-04:00"}"#),
            hit("none", "{}"),
            hit("unreadable", r#"{"opening_hours":"often"}"#),
        ];
        let open = |at: &str| -> Vec<(String, String)> {
            let until = |opening: Opening| opening.until.map(|until| until.to_rfc3339()).unwrap_or_default();
            let open = open_at(&hits, at.parse().unwrap()).into_iter();
            open.map(|(hit, opening)| (hit.place.id.to_string(), until(opening))).collect()
        };
        let of = |id: &str, until: &str| vec![(id.to_owned(), until.to_owned())];
        assert_eq!(open("2026-07-01T18:00"), of("day", "2026-07-01T19:00:00+02:00"));
        assert_eq!(open("2026-12-31T22:00Z"), of("night", "2027-01-01T04:00:00+01:00"));
    }
}
