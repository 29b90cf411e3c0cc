//! Random positions by a fixed seed, and the limit that the edge has.

use cellar_model::canonical::DEFAULT_MAX_RADIUS_M;
use geo_index::{Meters, Position};
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
