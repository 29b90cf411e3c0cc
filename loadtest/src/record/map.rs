//! Answers by the position searched from, in squares of degrees, as small as a bounded number of them allows.
//!
//! Invariant: a square at one size lies within a square at the next. So coarsening, before or after merging, gives what would have been
//! counted at the coarser size from the beginning.

use std::collections::HashMap;

use geo_index::Position;
use rustc_hash::FxBuildHasher;

use super::response::Tier;

/// Most squares; when there would be more, they are coarsened.
const MAX_SQUARES: usize = 1_024;
/// Side of the largest squares, in degrees; 648 of them cover the Earth.
const LARGEST_DEG: f64 = 10.0;
/// How often the largest side is halved for the smallest: 10° / 1024 is about a kilometre.
const HALVINGS: u8 = 10;

/// Answers in a square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Square {
    /// Answers.
    pub answers: u64,
    /// Of these, those that say which tier they came from.
    pub declared: u64,
    /// Of these, those that came from a cache.
    pub cached: u64,
}

/// Column, from 180° W, and row, from the South Pole.
type Place = (u32, u32);

/// Answers by square.
#[derive(Clone, Debug)]
pub struct Map {
    squares: HashMap<Place, Square, FxBuildHasher>,
    halvings: u8,
}

impl Default for Map {
    fn default() -> Self {
        Self { squares: HashMap::default(), halvings: HALVINGS }
    }
}

impl Map {
    /// Side of a square, in degrees.
    pub fn side_deg(&self) -> f64 {
        LARGEST_DEG / f64::from(1_u32 << self.halvings)
    }

    /// All squares with answers, the most answers first, with the latitude and longitude of their centres, in degrees.
    pub fn squares(&self) -> Vec<(f64, f64, Square)> {
        let mut squares: Vec<(Place, Square)> =
            self.squares.iter().map(|(at, square)| (*at, *square)).collect();
        squares.sort_unstable_by_key(|(at, square)| (std::cmp::Reverse(square.answers), *at));
        let middle = |index: u32, from: f64| (f64::from(index) + 0.5).mul_add(self.side_deg(), from);
        squares.into_iter().map(|((x, y), square)| (middle(y, -90.0), middle(x, -180.0), square)).collect()
    }

    pub(super) fn add(&mut self, position: Position, served: Tier) {
        let answer = Square {
            answers: 1,
            declared: u64::from(served != Tier::Undeclared),
            cached: u64::from(Tier::CACHES.contains(&served)),
        };
        self.put(smallest(position), HALVINGS, answer);
        self.bound();
    }

    /// Adds the answers of another map.
    pub(super) fn merge(&mut self, other: &Self) {
        while self.halvings > other.halvings {
            self.coarsen();
        }
        for (at, square) in &other.squares {
            self.put(*at, other.halvings, *square);
        }
        self.bound();
    }

    /// Adds to the square that holds a square of this many halvings.
    fn put(&mut self, (x, y): Place, halvings: u8, more: Square) {
        let up = halvings - self.halvings;
        let square = self.squares.entry((x >> up, y >> up)).or_default();
        square.answers += more.answers;
        square.declared += more.declared;
        square.cached += more.cached;
    }

    fn bound(&mut self) {
        while self.squares.len() > MAX_SQUARES {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let (squares, halvings) = (std::mem::take(&mut self.squares), self.halvings);
        self.halvings -= 1;
        for (at, square) in squares {
            self.put(at, halvings, square);
        }
    }
}

/// The smallest square of a position. The North Pole and 180° E are in the last row and column.
fn smallest(position: Position) -> Place {
    let each = LARGEST_DEG / f64::from(1_u32 << HALVINGS);
    let index = |degrees: f64, all: f64| (degrees / each).min((all / each) - 1.0) as u32;
    (index(position.lon() + 180.0, 360.0), index(position.lat() + 90.0, 180.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anywhere(random: &mut fastrand::Rng, spread_deg: f64) -> Position {
        let near = |middle: f64, random: &mut fastrand::Rng| (random.f64() - 0.5).mul_add(spread_deg, middle);
        Position::new(near(40.0, random), near(-70.0, random)).unwrap()
    }

    #[test]
    fn squares_are_as_small_as_their_number_allows() {
        let mut random = fastrand::Rng::with_seed(3);
        for (spread_deg, side_deg) in [(0.1, 10.0 / 1_024.0), (1.0, 0.039_062_5), (90.0, 5.0)] {
            let mut map = Map::default();
            (0..20_000).for_each(|_| map.add(anywhere(&mut random, spread_deg), Tier::L1));
            let squares = map.squares();
            assert!(squares.len() <= MAX_SQUARES, "{}", squares.len());
            assert_eq!(squares.iter().map(|(.., square)| square.answers).sum::<u64>(), 20_000);
            assert!((map.side_deg() - side_deg).abs() < 1e-12, "{spread_deg}: {}", map.side_deg());
        }
    }

    #[test]
    fn what_is_merged_is_what_one_would_have_counted() {
        let mut random = fastrand::Rng::with_seed(4);
        let tiers = [Tier::Edge, Tier::Database, Tier::Undeclared];
        let (mut all, mut narrow, mut wide) = (Map::default(), Map::default(), Map::default());
        for number in 0..6_000 {
            let is_wide = number % 3 == 0;
            let position = anywhere(&mut random, if is_wide { 60.0 } else { 0.2 });
            let tier = tiers[random.usize(..3)];
            all.add(position, tier);
            if is_wide { &mut wide } else { &mut narrow }.add(position, tier);
        }
        assert!(narrow.side_deg() < wide.side_deg());
        for (mut one, other) in [(narrow.clone(), &wide), (wide.clone(), &narrow)] {
            one.merge(other);
            assert_eq!((one.side_deg(), one.squares()), (all.side_deg(), all.squares()));
        }
    }

    #[test]
    fn the_ends_of_the_earth_are_on_the_map() {
        let mut map = Map::default();
        for (lat, lon) in [(90.0, 180.0), (-90.0, -180.0), (90.0, -180.0), (-90.0, 180.0)] {
            map.add(Position::new(lat, lon).unwrap(), Tier::Database);
        }
        assert_eq!(map.squares().len(), 4);
        for (lat, lon, square) in map.squares() {
            assert!(lat.abs() < 90.0 && lon.abs() < 180.0, "{lat} {lon}");
            assert_eq!(square, Square { answers: 1, declared: 1, cached: 0 });
        }
    }
}
