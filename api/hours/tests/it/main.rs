//! Which places are open.

mod brute;
mod cases;
mod hostile;

use cellar_hours::{Hours, OpenAt, Opening};
use geo_index::Position;

fn at(text: &str) -> OpenAt {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn position(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).unwrap()
}

fn opening(hours: &str, place: (f64, f64), time: &str) -> Opening {
    let read = Hours::read(hours).unwrap_or_else(|| panic!("{hours}"));
    let place = position(place.0, place.1);
    let opening = read.at(place, at(time)).unwrap_or_else(|| panic!("{hours} {time}"));
    assert_eq!(read.state(place, at(time)), Some(opening.state), "{hours} {time}");
    opening
}
