//! Where the edge is: locations among the users, each of whom asks the nearest.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::num::NonZeroU8;

use geo_index::{Cell, Grid, Position, distance};

use super::positions::Stream;

/// Level of the geohash cells in which users are counted: 156 km wide at the equator.
const COUNTED: u8 = 3;

/// How far locations are from each other at first, in metres; half of it as often as there is no room for more.
const APART_M: f64 = 4_000_000.0;

/// Below this they may be anywhere.
const LEAST_APART_M: f64 = 1_000.0;

/// At most so many locations, in the middle of the cells with the most users, as far from each other as there is room
/// for. There are fewer where users are in fewer cells.
pub(super) fn locations(stream: &Stream, count: NonZeroU8) -> Vec<Position> {
    let mut counts: BTreeMap<Cell, u64> = BTreeMap::new();
    for request in &stream.requests {
        if let Ok(cell) = Cell::at(Grid::Geohash, request.position, COUNTED) {
            *counts.entry(cell).or_default() += 1;
        }
    }
    let mut fullest: Vec<(Cell, u64)> = counts.into_iter().collect();
    // Ties in the order of cells: one stream has one set of locations.
    fullest.sort_by_key(|&(_, count)| Reverse(count));
    let centres: Vec<Position> = fullest.iter().map(|(cell, _)| cell.centre()).collect();
    let wanted = usize::from(count.get()).min(centres.len());
    let mut apart_m = APART_M;
    loop {
        let mut found: Vec<Position> = Vec::with_capacity(wanted);
        for &centre in &centres {
            if found.len() < wanted && found.iter().all(|other| distance(*other, centre).get() >= apart_m) {
                found.push(centre);
            }
        }
        if found.len() == wanted || apart_m < LEAST_APART_M {
            return found;
        }
        apart_m /= 2.0;
    }
}

/// The location of each request.
pub(super) fn nearest(stream: &Stream, locations: &[Position]) -> Vec<u8> {
    let nearest = |from: Position| {
        let away_m = |at: &usize| distance(from, locations[*at]).get();
        (0..locations.len()).min_by(|a, b| away_m(a).total_cmp(&away_m(b))).unwrap_or(0) as u8
    };
    stream.requests.iter().map(|request| nearest(request.position)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(count: u8) -> NonZeroU8 {
        NonZeroU8::new(count).unwrap()
    }

    #[test]
    fn locations_are_where_users_are_and_apart() {
        let at = |lat, lon| Position::new(lat, lon).unwrap();
        let (paris, lille, tokyo) = (at(48.85, 2.35), at(50.63, 3.06), at(35.68, 139.65));
        let users = [vec![paris; 5], vec![lille; 4], vec![tokyo; 3]].concat();
        let stream = Stream::paced(users, 1.0);
        let two = locations(&stream, count(2));
        assert_eq!(two.len(), 2);
        assert!(
            distance(two[0], paris).get() < 150_000.0 && distance(two[1], tokyo).get() < 150_000.0,
            "{two:?}"
        );
        assert_eq!(nearest(&stream, &two), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
        assert_eq!(locations(&stream, count(3)).len(), 3);
        assert_eq!(locations(&stream, count(12)).len(), 3, "users are in three cells");
        assert_eq!(nearest(&stream, &locations(&stream, count(1))), [0; 12]);
        assert!(locations(&Stream::default(), count(2)).is_empty());
    }
}
