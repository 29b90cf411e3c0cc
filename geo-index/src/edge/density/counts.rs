//! From a stream of places to a density map.

use std::num::NonZeroUsize;

use rustc_hash::FxHashSet;

use super::DensityMap;
use super::bins::{Bin, Bins, Rim};
use crate::cell::{Cell, Grid};
use crate::distance::distance;
use crate::edge::ladder::{ANSWER_MAX, CacheCell, PRECISIONS};
use crate::grid::{GridCell, geohash::GeohashCell};
use crate::point::Position;

/// The search that a precision has to certify: this many places within this radius.
const LIMIT: u64 = 20;
/// See [`LIMIT`].
const RADIUS_M: f64 = 10_000.0;

/// Users tried in each geohash-3 cell, spread over its places.
const SAMPLES: u64 = 40;

/// What a density map is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapRules {
    /// The share of users in a geohash-3 cell, from 0 to 1, whom the first answer should be certified for. A smaller share
    /// makes for coarser cells, which are in the cache more often.
    pub certified: f64,
    /// Most places in an answer: [`ANSWER_MAX`], unless other lengths are being tried.
    pub listed: NonZeroUsize,
}

impl Default for MapRules {
    /// 19 of 20 users, and answers of [`ANSWER_MAX`] places.
    fn default() -> Self {
        Self { certified: 0.95, listed: ANSWER_MAX }
    }
}

/// Radii at which the twentieth place is looked for, in metres.
const RUNGS_M: [f64; 7] = [300.0, 600.0, 1_200.0, 2_500.0, 4_000.0, 6_000.0, 8_000.0];

/// Counts the places of a collection where they are, and makes a [`DensityMap`] of the counts.
///
/// Memory is bounded by the number of occupied cells of geohash precision 7 (150 m): some 24 bytes each.
///
/// ```
/// use geo_index::Position;
/// use geo_index::edge::DensityCounts;
///
/// let mut counts = DensityCounts::default();
/// counts.add(Position::new(48.8566, 2.3522)?);
/// // A lonely place: the coarsest precision lists all there is around it.
/// assert_eq!(counts.map().precision("u09".parse().unwrap()), Some(3));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DensityCounts {
    bins: Bins,
}

impl Default for DensityCounts {
    fn default() -> Self {
        Self { bins: Bins::new(*PRECISIONS.end()) }
    }
}

impl DensityCounts {
    /// Counts the place at a position.
    pub fn add(&mut self, position: Position) {
        self.bins.add(position);
    }

    /// How many cells of geohash precision 7 hold places so far.
    pub fn occupied(&self) -> usize {
        self.bins.occupied()
    }

    /// The map: in each geohash-3 cell that holds places, the coarsest precision that certifies 20 places within
    /// 10 km for 19 of 20 users who are where the places are; in an empty cell beside such ones, the coarsest
    /// precision of all if that certifies everywhere in it.
    pub fn map(&self) -> DensityMap {
        self.map_by(MapRules::default())
    }

    /// The map by other rules.
    pub fn map_by(&self, rules: MapRules) -> DensityMap {
        let levels = Levels {
            fine: self.bins.coarser(7),
            middle: self.bins.coarser(6),
            coarse: self.bins.coarser(5),
            listed: rules.listed.get() as u64,
            misses: ((1.0 - rules.certified) * SAMPLES as f64 + 1e-6).max(0.0) as u64,
        };
        let groups = self.bins.by_coarse_cell();
        let keys: FxHashSet<GeohashCell> = groups.keys().filter_map(|cell| cell.parent()).collect();
        let mut map = DensityMap::default();
        for cell in keys.into_iter().flat_map(GeohashCell::children) {
            let precision = match groups.get(&cell) {
                Some(places) => Some(levels.precision(cell, places)),
                None => levels.holds_everywhere(cell).then_some(*PRECISIONS.start()),
            };
            if let Some(precision) = precision {
                map.set(cell, precision);
            }
        }
        map
    }
}

/// The counts in bins of three sizes: a disc is looked at in bins much smaller than itself.
struct Levels {
    fine: Bins,
    middle: Bins,
    coarse: Bins,
    /// Places in an answer, at most.
    listed: u64,
    /// Sampled users who may be left uncertified at the first try.
    misses: u64,
}

impl Levels {
    /// The coarsest precision that certifies in a geohash-3 cell.
    fn precision(&self, cell: GeohashCell, places: &[(Bin, u32)]) -> u8 {
        if self.holds_everywhere(cell) {
            return *PRECISIONS.start();
        }
        let users: Vec<(Position, f64)> =
            sample(places).map(|bin| self.fine.centre(bin)).map(|user| (user, self.need_m(user))).collect();
        let certifies = |&precision: &u8| {
            let missed = users.iter().filter(|&&(user, need_m)| !self.serves(precision, user, need_m));
            missed.take(self.misses as usize + 1).count() as u64 <= self.misses
        };
        PRECISIONS.take(4).find(certifies).unwrap_or(*PRECISIONS.end())
    }

    /// Whether the answer of a cell would be certified for whoever is in it.
    fn holds_everywhere(&self, cell: GeohashCell) -> bool {
        self.is_certified(Cell::Geohash(cell), RADIUS_M + cell.circumradius().get())
    }

    /// Whether the answer at a precision would be certified for a user.
    fn serves(&self, precision: u8, user: Position, need_m: f64) -> bool {
        let cell = CacheCell::at(Grid::Geohash, user, precision).expect("the precision is on the ladder");
        self.is_certified(cell.cell(), distance(cell.centre(), user).get() + need_m)
    }

    /// Whether fewer than M places lie within a distance of a cell's centre.
    fn is_certified(&self, cell: Cell, radius_m: f64) -> bool {
        self.bins_for(radius_m).within(cell.centre(), radius_m, Rim::In) < self.listed
    }

    /// How far an answer must reach around a user: to the twentieth place, at most to the radius.
    fn need_m(&self, user: Position) -> f64 {
        let enough = |&&rung_m: &&f64| self.bins_for(rung_m).within(user, rung_m, Rim::Out) >= LIMIT;
        RUNGS_M.iter().find(enough).copied().unwrap_or(RADIUS_M)
    }

    fn bins_for(&self, radius_m: f64) -> &Bins {
        match radius_m {
            ..3_000.0 => &self.fine,
            ..30_000.0 => &self.middle,
            _ => &self.coarse,
        }
    }
}

/// Bins at even steps through the places.
fn sample(places: &[(Bin, u32)]) -> impl Iterator<Item = Bin> {
    let total: u64 = places.iter().map(|&(_, count)| u64::from(count)).sum();
    let mut wanted = (0..SAMPLES).map(move |i| (2 * i + 1) * total / (2 * SAMPLES)).peekable();
    let mut seen = 0;
    places.iter().flat_map(move |&(bin, count)| {
        seen += u64::from(count);
        let mut times = 0;
        while wanted.next_if(|&at| at < seen).is_some() {
            times += 1;
        }
        std::iter::repeat_n(bin, times)
    })
}
