//! Places counted in bins: the rectangles of geohash precision 7, summed up to coarser ones.

use rustc_hash::FxHashMap;

use crate::distance::{EARTH_RADIUS_M, distance};
use crate::edge::ladder::PRECISIONS;
use crate::grid::{GridCell, geohash::GeohashCell};
use crate::point::Position;

/// Column from the west and row from the south.
pub(super) type Bin = (u32, u32);

/// Counts of one precision.
#[derive(Clone, Debug, Default)]
pub(super) struct Bins {
    precision: u8,
    counts: FxHashMap<Bin, u32>,
}

/// Which bins on the rim of a disc count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rim {
    /// Those that lie wholly inside: the sum is at most the number of places.
    Out,
    /// Those that touch the disc: the sum is at least the number of places.
    In,
}

impl Bins {
    pub(super) fn new(precision: u8) -> Self {
        Self { precision, counts: FxHashMap::default() }
    }

    pub(super) fn add(&mut self, position: Position) {
        let bin = self.bin_of(position);
        let count = self.counts.entry(bin).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn occupied(&self) -> usize {
        self.counts.len()
    }

    /// The same places in coarser bins.
    pub(super) fn coarser(&self, precision: u8) -> Self {
        let ((columns, rows), (its_columns, its_rows)) = (bits(self.precision), bits(precision));
        let mut counts: FxHashMap<Bin, u32> = FxHashMap::default();
        for (&(column, row), &count) in &self.counts {
            let bin = (column >> (columns - its_columns), row >> (rows - its_rows));
            let sum = counts.entry(bin).or_default();
            *sum = sum.saturating_add(count);
        }
        Self { precision, counts }
    }

    /// The bins of each geohash-3 cell, in a fixed order.
    pub(super) fn by_coarse_cell(&self) -> FxHashMap<GeohashCell, Vec<(Bin, u32)>> {
        let mut groups: FxHashMap<GeohashCell, Vec<(Bin, u32)>> = FxHashMap::default();
        for (&bin, &count) in &self.counts {
            let cell =
                GeohashCell::at(self.centre(bin), *PRECISIONS.start()).expect("geohashes have this level");
            groups.entry(cell).or_default().push((bin, count));
        }
        for group in groups.values_mut() {
            group.sort_unstable();
        }
        groups
    }

    /// Places within a distance of a position, bounded from below or from above.
    pub(super) fn within(&self, from: Position, radius_m: f64, rim: Rim) -> u64 {
        let (height, width) = self.size();
        let half_diagonal_m = |lat: f64| {
            let widest = (lat.abs() - height / 2.0).max(0.0).to_radians().cos();
            EARTH_RADIUS_M * (height / 2.0).to_radians().hypot((width / 2.0).to_radians() * widest)
        };
        let counts = |bin: Bin, count: u32| {
            let centre = self.centre(bin);
            let half = half_diagonal_m(centre.lat());
            let rim_m = if rim == Rim::In { radius_m + half } else { radius_m - half };
            if distance(from, centre).get() <= rim_m { u64::from(count) } else { 0 }
        };
        let reach_m = radius_m + half_diagonal_m(from.lat().abs() - (radius_m / 100_000.0).min(90.0));
        match self.window(from, reach_m) {
            Some((rows, columns))
                if rows.len() * ((columns.end - columns.start) as usize) < self.counts.len() =>
            {
                let all_columns = 1_i64 << bits(self.precision).0;
                rows.flat_map(|row| columns.clone().map(move |column| (column, row)))
                    .filter_map(|(column, row)| {
                        let bin = (column.rem_euclid(all_columns) as u32, row);
                        self.counts.get(&bin).map(|&count| counts(bin, count))
                    })
                    .sum()
            }
            _ => self.counts.iter().map(|(&bin, &count)| counts(bin, count)).sum(),
        }
    }

    /// Rows and columns that a disc may touch; columns run on across ±180°. `None` beside a pole.
    fn window(&self, from: Position, reach_m: f64) -> Option<(std::ops::Range<u32>, std::ops::Range<i64>)> {
        let (height, width) = self.size();
        let angle = reach_m / EARTH_RADIUS_M;
        let (south, north) = (from.lat() - angle.to_degrees(), from.lat() + angle.to_degrees());
        if south <= -89.0 || north >= 89.0 {
            return None;
        }
        let half_width = (angle.sin() / from.lat().to_radians().cos()).min(1.0).asin().to_degrees();
        let row = |lat: f64| ((lat + 90.0) / height) as u32;
        let column = |lon: f64| ((lon + 180.0) / width).floor() as i64;
        let columns = column(from.lon() - half_width)..column(from.lon() + half_width) + 1;
        (columns.end - columns.start < 1 << bits(self.precision).0)
            .then(|| (row(south)..row(north) + 1, columns))
    }

    /// Middle of a bin.
    pub(super) fn centre(&self, (column, row): Bin) -> Position {
        let (height, width) = self.size();
        let (lat, lon) = (f64::from(row) + 0.5, f64::from(column) + 0.5);
        Position::new(lat * height - 90.0, lon * width - 180.0).expect("bins lie on the sphere")
    }

    fn bin_of(&self, position: Position) -> Bin {
        let (height, width) = self.size();
        let (columns, rows) = bits(self.precision);
        let column = (((position.lon() + 180.0) / width) as u32).min((1 << columns) - 1);
        let row = (((position.lat() + 90.0) / height) as u32).min((1 << rows) - 1);
        (column, row)
    }

    /// Height and width of a bin, in degrees.
    fn size(&self) -> (f64, f64) {
        let (columns, rows) = bits(self.precision);
        (180.0 / f64::from(1_u32 << rows), 360.0 / f64::from(1_u32 << columns))
    }
}

/// Bits of longitude and of latitude in a geohash.
fn bits(precision: u8) -> (u32, u32) {
    let all = 5 * u32::from(precision);
    (all.div_ceil(2), all / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_bound_the_number_of_places(
            places in prop::collection::vec((-0.3..0.3_f64, -0.3..0.3_f64), 1..200),
            lat in prop_oneof![-89.6..=89.6, Just(0.0), Just(89.6)], lon in prop_oneof![-179.9..=179.9, Just(-179.9)],
            log in 2.0..4.8_f64, precision in 4..=7_u8,
        ) {
            let from = Position::new(lat, lon).unwrap();
            let around = |(north, east): &(f64, f64)| {
                let lon = (lon + east + 540.0).rem_euclid(360.0) - 180.0;
                Position::new(lat + north, lon).unwrap()
            };
            let places: Vec<Position> = places.iter().map(around).collect();
            let mut finest = Bins::new(7);
            for &place in &places {
                finest.add(place);
            }
            let bins = finest.coarser(precision);
            let radius_m = 10f64.powf(log);
            let truth = places.iter().filter(|&&place| distance(from, place).get() <= radius_m).count() as u64;
            prop_assert!(bins.within(from, radius_m, Rim::Out) <= truth);
            prop_assert!(bins.within(from, radius_m, Rim::In) >= truth);
        }
    }
}
