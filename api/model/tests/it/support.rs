//! Random positions by a fixed seed, and the limit that the edge has.

use std::collections::BTreeMap;

use cellar_model::Collection;
use cellar_model::canonical::DEFAULT_MAX_RADIUS_M;
use cellar_model::key::density_row_key;
use geo_index::edge::DensityMap;
use geo_index::{GeohashCell, Meters, Position};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub(crate) fn anywhere(rng: &mut impl Rng) -> Position {
    let z: f64 = rng.random_range(-1.0..=1.0);
    Position::new(z.asin().to_degrees(), rng.random_range(-180.0..=180.0)).unwrap()
}

/// What `infra/edge/function.js` is written with.
pub(crate) fn max_radius() -> Meters {
    Meters::new(DEFAULT_MAX_RADIUS_M).unwrap()
}

/// What the rows of a `KeyValueStore` say of a cell: those under the texts of its ancestors of level 2 and 4.
pub(crate) fn precision(
    rows: &BTreeMap<String, String>,
    collection: &Collection,
    cell: GeohashCell,
) -> Option<u8> {
    let geohash = cell.to_string();
    let row = |length: usize| {
        let key = &geohash[..length];
        Some((key, rows.get(&density_row_key(collection, key))?))
    };
    DensityMap::from_entries([2, 4].into_iter().filter_map(row)).precision(cell)
}
