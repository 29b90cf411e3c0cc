//! Counted places in a k-d tree: how far the nearest so many reach.

use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use crate::distance::EARTH_RADIUS_M;
use crate::grid::{GridCell, geohash::GeohashCell};
use crate::point::Position;

/// Places of one cell, at its centre.
#[derive(Clone, Copy, Debug)]
struct Spot {
    /// A unit vector.
    at: [f64; 3],
    count: u32,
}

/// Spots in the order of a k-d tree: the middle of a range divides it, by x, y and z in turn.
#[derive(Clone, Debug)]
pub(super) struct Crowd(Vec<Spot>);

impl Crowd {
    /// The places of cells, each at the centre of its cell.
    pub(super) fn new(counts: &FxHashMap<GeohashCell, u32>) -> Self {
        let spot = |(cell, &count): (&GeohashCell, &u32)| Spot { at: vector(cell.centre()), count };
        let mut spots: Vec<Spot> = counts.iter().map(spot).collect();
        arrange(&mut spots, 0);
        Self(spots)
    }

    /// How far from a position the nearest `count` places reach, in metres; `cap_m` if they reach farther, or if there
    /// are fewer. At most 10,000 km.
    pub(super) fn reach_m(&self, from: Position, count: u64, cap_m: f64) -> f64 {
        let chord = 2.0 * (cap_m / (2.0 * EARTH_RADIUS_M)).sin();
        let mut search = Search {
            from: vector(from),
            wanted: count,
            cap_sq: chord * chord,
            seen: 0,
            found: BinaryHeap::new(),
        };
        search.visit(&self.0, 0);
        match search.found.peek() {
            Some(last) if search.seen >= count => 2.0 * EARTH_RADIUS_M * (last.away_sq.sqrt() / 2.0).asin(),
            _ => cap_m,
        }
    }
}

fn vector(position: Position) -> [f64; 3] {
    let unit = position.unit();
    [unit.x, unit.y, unit.z]
}

fn arrange(spots: &mut [Spot], axis: usize) {
    if spots.len() > 1 {
        let middle = spots.len() / 2;
        spots.select_nth_unstable_by(middle, |a, b| a.at[axis].total_cmp(&b.at[axis]));
        let (below, rest) = spots.split_at_mut(middle);
        arrange(below, (axis + 1) % 3);
        arrange(&mut rest[1..], (axis + 1) % 3);
    }
}

/// Spots by how far away they are.
#[derive(Clone, Copy, Debug)]
struct Found {
    away_sq: f64,
    count: u32,
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.away_sq.total_cmp(&other.away_sq)
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Found {}

struct Search {
    from: [f64; 3],
    wanted: u64,
    /// Squared chord of the cap.
    cap_sq: f64,
    /// Places in `found`.
    seen: u64,
    /// The nearest spots with `wanted` places, the farthest on top.
    found: BinaryHeap<Found>,
}

impl Search {
    fn visit(&mut self, spots: &[Spot], axis: usize) {
        let middle = spots.len() / 2;
        let Some(&Spot { at, count }) = spots.get(middle) else { return };
        let away_sq = (0..3).map(|i| (at[i] - self.from[i]).powi(2)).sum();
        if away_sq < self.bound_sq() {
            self.take(Found { away_sq, count });
        }
        let beside = self.from[axis] - at[axis];
        let (below, above) = (&spots[..middle], &spots[middle + 1..]);
        let (near, far) = if beside < 0.0 { (below, above) } else { (above, below) };
        self.visit(near, (axis + 1) % 3);
        if beside * beside < self.bound_sq() {
            self.visit(far, (axis + 1) % 3);
        }
    }

    fn take(&mut self, spot: Found) {
        self.found.push(spot);
        self.seen += u64::from(spot.count);
        while let Some(last) = self.found.peek() {
            let without = self.seen - u64::from(last.count);
            if without < self.wanted {
                break;
            }
            self.seen = without;
            self.found.pop();
        }
    }

    /// What is as far away as this is of no interest.
    fn bound_sq(&self) -> f64 {
        match self.found.peek() {
            Some(last) if self.seen >= self.wanted => last.away_sq,
            _ => self.cap_sq,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reaches_are_those_of_brute_force(
            places in prop::collection::vec((-0.3..0.3_f64, -0.3..0.3_f64), 0..200),
            lat in prop_oneof![-89.6..=89.6, Just(0.0), Just(89.6)],
            lon in prop_oneof![-179.9..=179.9, Just(-179.9)],
            count in 1..150_u64, log in 2.0..6.0_f64,
        ) {
            let from = Position::new(lat, lon).unwrap();
            let mut counts: FxHashMap<GeohashCell, u32> = FxHashMap::default();
            for (north, east) in places {
                let lon = (lon + east + 540.0).rem_euclid(360.0) - 180.0;
                let cell = GeohashCell::at(Position::new(lat + north, lon).unwrap(), 7).unwrap();
                *counts.entry(cell).or_default() += 1;
            }
            let away = |(cell, &count): (&GeohashCell, &u32)| {
                std::iter::repeat_n(distance(from, cell.centre()).get(), count as usize)
            };
            let mut all: Vec<f64> = counts.iter().flat_map(away).collect();
            all.sort_by(f64::total_cmp);
            let cap_m = 10f64.powf(log);
            let expected = all.get(count as usize - 1).map_or(cap_m, |&last| last.min(cap_m));
            let reach = Crowd::new(&counts).reach_m(from, count, cap_m);
            prop_assert!((reach - expected).abs() < 1e-3, "{reach} {expected}");
        }
    }
}
