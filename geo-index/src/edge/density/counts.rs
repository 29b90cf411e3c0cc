//! From a stream of places to a density map.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use rustc_hash::FxHashMap;

use super::DensityMap;
use super::crowd::Crowd;
use super::row::{PARTS, Part};
use crate::distance::distance;
use crate::edge::ladder::{ANSWER_MAX, CacheCell, PRECISIONS};
use crate::grid::{GridCell, geohash::GeohashCell};
use crate::point::Position;

/// The search that a precision has to certify: this many places within this radius.
const LIMIT: u64 = 20;
/// See [`LIMIT`].
const RADIUS_M: f64 = 10_000.0;

/// Longest text of all fine rows and their keys. With the coarse rows, 35 KB at most, a map fits an item of `DynamoDB`
/// (400 KB), and those of 20 collections CloudFront's `KeyValueStore` (5 MB).
const MAX_FINE_BYTES: usize = 200_000;

/// What a density map is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapRules {
    /// The share of a cell's area, from 0 to 1, within which its answer has to be certified for users. A smaller share makes
    /// for coarser cells, which are in the cache more often.
    pub certified: f64,
    /// Most places in an answer: [`ANSWER_MAX`], unless other lengths are being tried.
    pub listed: NonZeroUsize,
}

impl Default for MapRules {
    /// 95 % of the area, and answers of [`ANSWER_MAX`] places.
    fn default() -> Self {
        Self { certified: 0.95, listed: ANSWER_MAX }
    }
}

/// Counts the places of a collection where they are, and makes a [`DensityMap`] of the counts.
///
/// Memory is bounded by the number of occupied cells of geohash precision 7 (150 m): some 24 bytes each, and 32 more while
/// the map is made.
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
#[derive(Clone, Debug, Default)]
pub struct DensityCounts {
    counts: FxHashMap<GeohashCell, u32>,
}

impl DensityCounts {
    /// Counts the place at a position.
    pub fn add(&mut self, position: Position) {
        if let Ok(cell) = GeohashCell::at(position, *PRECISIONS.end()) {
            let count = self.counts.entry(cell).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// How many cells of geohash precision 7 hold places so far.
    pub fn occupied(&self) -> usize {
        self.counts.len()
    }

    /// The map for 20 places within 10 km: at each position the coarsest cell in whose area, but for a twentieth, a user
    /// would be served by its answer. It says something of all geohash-2 cells that hold places or are beside
    /// such ones: where nothing is near, the coarsest cells do.
    pub fn map(&self) -> DensityMap {
        self.map_by(MapRules::default())
    }

    /// The map by other rules.
    pub fn map_by(&self, rules: MapRules) -> DensityMap {
        let survey = Survey {
            crowd: Crowd::new(&self.counts),
            listed: rules.listed.get() as u64,
            misses: ((1.0 - rules.certified) * PARTS as f64).round().max(0.0) as usize,
        };
        let mut map = DensityMap::default();
        let mut fine = Vec::new();
        let keys: BTreeSet<GeohashCell> = self.occupied_at(2).into_keys().flat_map(around).collect();
        for cell in keys.into_iter().flat_map(GeohashCell::children) {
            match survey.divide(cell) {
                Node::Whole(precision) => map.set(cell, precision),
                Node::Divided(children) => {
                    map.divide(cell);
                    fine.extend(cell.children().into_iter().zip(children));
                }
            }
        }
        self.keep_the_fullest(&mut fine);
        for (cell, node) in fine {
            match node {
                Node::Whole(precision) => map.set(cell, precision),
                Node::Divided(children) => {
                    map.set_parts(cell, std::array::from_fn(|i| children[i].as_part()));
                }
            }
        }
        map
    }

    /// Places by the cell of a level.
    fn occupied_at(&self, level: u8) -> BTreeMap<GeohashCell, u64> {
        let mut sums = BTreeMap::new();
        for (cell, &count) in &self.counts {
            if let Some(cell) = cell.ancestor(level) {
                *sums.entry(cell).or_default() += u64::from(count);
            }
        }
        sums
    }

    /// Drops what would make the map too long: cells that have precision 4 need no row, and beyond the limit the rows go
    /// to where most places are.
    fn keep_the_fullest(&self, fine: &mut Vec<(GeohashCell, Node)>) {
        let places = self.occupied_at(4);
        fine.retain(|(_, node)| !matches!(node, Node::Whole(4)));
        fine.sort_by_cached_key(|(cell, _)| std::cmp::Reverse(places.get(cell).copied().unwrap_or_default()));
        let lengths = fine.iter().scan(0, |bytes, (_, node)| {
            *bytes += node.row_bytes();
            Some(*bytes)
        });
        let kept = lengths.take_while(|&bytes| bytes <= MAX_FINE_BYTES).count();
        fine.truncate(kept);
    }
}

/// A geohash-2 cell and those beside it.
fn around(cell: GeohashCell) -> impl Iterator<Item = GeohashCell> {
    let [west, south, east, north] = cell.bounds().edges();
    let (height, width, centre) = (north - south, east - west, cell.centre());
    let steps = (-1..=1).flat_map(|row| (-1..=1).map(move |column| (f64::from(row), f64::from(column))));
    steps.filter_map(move |(row, column)| {
        let lon = (centre.lon() + column * width + 540.0).rem_euclid(360.0) - 180.0;
        GeohashCell::at(Position::new(centre.lat() + row * height, lon).ok()?, cell.level()).ok()
    })
}

/// A cell of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// One precision for all of it.
    Whole(u8),
    /// Its children, in order.
    Divided(Vec<Node>),
}

impl Node {
    /// As a part of the row of a geohash-4 cell: children divide into precisions 6 and 7 only.
    fn as_part(&self) -> Part {
        match self {
            &Self::Whole(precision) => Part::Whole(precision),
            Self::Divided(children) => {
                let bit = |(i, child): (usize, &Self)| u32::from(*child == Self::Whole(7)) << i;
                Part::Finer(children.iter().enumerate().map(bit).sum())
            }
        }
    }

    /// Length of the row of a geohash-4 cell, its key and what JSON adds.
    fn row_bytes(&self) -> usize {
        let row = match self {
            Self::Whole(_) => 1,
            Self::Divided(children) => {
                PARTS + 7 * children.iter().filter(|child| matches!(child, Self::Divided(_))).count()
            }
        };
        4 + row + r#""":"","#.len()
    }
}

/// Where answers would be certified.
struct Survey {
    crowd: Crowd,
    /// Places in an answer, at most.
    listed: u64,
    /// Sampled users of a cell who may be left uncertified.
    misses: usize,
}

impl Survey {
    /// What precisions a cell has.
    fn divide(&self, cell: GeohashCell) -> Node {
        if cell.level() == *PRECISIONS.end() || self.certifies(cell) {
            return Node::Whole(cell.level());
        }
        let children: Vec<Node> = cell.children().into_iter().map(|child| self.divide(child)).collect();
        match children[0] {
            Node::Whole(precision) if children.iter().all(|child| *child == children[0]) => {
                Node::Whole(precision)
            }
            _ => Node::Divided(children),
        }
    }

    /// Whether the answer of a cell would be certified for most users in it: they are in the middles of its children.
    fn certifies(&self, cell: GeohashCell) -> bool {
        let farthest_m = cell.circumradius().get() + RADIUS_M;
        let centre = cell.centre();
        let horizon_m = CacheCell::new(cell.into()).map_or(0.0, |cell| cell.horizon().get());
        let certified_m = self.crowd.reach_m(centre, self.listed, farthest_m.min(horizon_m));
        if certified_m >= farthest_m {
            return true;
        }
        let is_missed = |child: &GeohashCell| {
            let user = child.centre();
            let left_m = certified_m - distance(centre, user).get();
            // Nothing is certified, everything, or what the twentieth place decides.
            left_m <= 0.0 || (left_m < RADIUS_M && self.crowd.reach_m(user, LIMIT, left_m) >= left_m)
        };
        cell.children().iter().filter(|child| is_missed(child)).take(self.misses + 1).count() <= self.misses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::refine;

    #[test]
    fn what_is_beside_the_places_is_known_too() {
        let mut counts = DensityCounts::default();
        counts.add(Position::new(1.0, 179.0).unwrap());
        counts.add(Position::new(89.0, 0.5).unwrap());
        let map = counts.map();
        let known = |lat, lon| map.precision_at(Position::new(lat, lon).unwrap());
        assert_eq!((known(2.0, -179.0), known(-3.0, 175.0), known(10.0, 165.0)), (Some(3), Some(3), Some(3)));
        assert_eq!((known(80.0, -5.0), known(30.0, 100.0)), (Some(3), None));
        assert_eq!(map.entries().count(), 9 + 6);
    }

    /// More rows than there is room for: those of the most places stay, and precision 4 needs none.
    #[test]
    fn a_map_is_bounded_and_keeps_what_matters_most() {
        let cells: Vec<GeohashCell> = GeohashCell::coarsest()[0]
            .children()
            .into_iter()
            .flat_map(GeohashCell::children)
            .flat_map(GeohashCell::children)
            .take(10_000)
            .collect();
        let mut counts = DensityCounts::default();
        let full = cells[9_000];
        (0..3).for_each(|_| counts.add(full.centre()));
        counts.add(cells[8_000].centre());
        let node = |i: usize| match i % 4 {
            0 => Node::Whole(4),
            1 => Node::Whole(5),
            _ => Node::Divided(vec![Node::Whole(6); PARTS]),
        };
        let mut fine: Vec<(GeohashCell, Node)> =
            cells.iter().enumerate().map(|(i, &cell)| (cell, node(i + 2))).collect();
        counts.keep_the_fullest(&mut fine);
        let bytes: usize = fine.iter().map(|(_, node)| node.row_bytes()).sum();
        assert!((MAX_FINE_BYTES - 100..=MAX_FINE_BYTES).contains(&bytes), "{bytes}");
        assert_eq!((fine[0].0, fine[1].0), (full, cells[8_000]));
        assert!(fine.iter().all(|(_, node)| *node != Node::Whole(4)));
    }

    /// Of users all over a city and its surroundings, as many are served by the first answer as were asked for.
    #[test]
    fn the_share_that_is_asked_for_is_certified() {
        let centre = Position::new(40.7, -74.0).unwrap();
        let mut state = 7_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let places = crate::edge::synthetic::places_around(&[centre], 8_000, &mut uniform);
        let mut counts = DensityCounts::default();
        for &place in &places {
            counts.add(place);
        }
        let users: Vec<Position> = (0..400)
            .map(|_| {
                crate::destination(centre, 40_000.0 * uniform().sqrt(), uniform() * std::f64::consts::TAU)
            })
            .collect();
        let mut cells_asked = Vec::new();
        for share in [0.95, 0.7] {
            let map = counts.map_by(MapRules { certified: share, ..MapRules::default() });
            let cell = |user: &Position| {
                let precision = map.precision_at(*user).unwrap_or(4);
                CacheCell::at(crate::Grid::Geohash, *user, precision).unwrap()
            };
            let served = users.iter().filter(|&user| is_served(&places, cell(user), *user)).count();
            assert!(served as f64 >= share * 400.0, "{share}: {served}");
            cells_asked.push(users.iter().map(cell).collect::<std::collections::BTreeSet<_>>().len());
        }
        assert!(cells_asked[1] < cells_asked[0] && cells_asked[0] < 300, "{cells_asked:?}");
    }

    /// By the places themselves.
    fn is_served(places: &[Position], cell: CacheCell, user: Position) -> bool {
        use crate::edge::{CellAnswer, CellPlace, Refined, certified_radius};
        let mut near: Vec<(crate::Meters, Position)> =
            places.iter().map(|&place| (distance(cell.centre(), place), place)).collect();
        near.retain(|(away, _)| *away <= cell.horizon());
        near.sort_by(|a, b| a.0.get().total_cmp(&b.0.get()));
        let cut = near.len() > ANSWER_MAX.get();
        near.truncate(ANSWER_MAX.get());
        let certified_radius = certified_radius(cell, near.last().map(|last| last.0), cut);
        let place = |(i, (_, position)): (usize, (_, Position))| CellPlace {
            id: i.to_string(),
            position,
            payload: (),
        };
        let answer =
            CellAnswer { cell, certified_radius, places: near.into_iter().enumerate().map(place).collect() };
        let radius = crate::Meters::new(RADIUS_M).unwrap();
        matches!(refine(&answer, user, radius, NonZeroUsize::new(20).unwrap()), Refined::Exact(_))
    }
}
