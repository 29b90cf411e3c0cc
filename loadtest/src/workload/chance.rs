//! Random numbers.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// The sequence of searches.
    Asks = 0,
    /// A user's home.
    Home = 1,
    /// The position of a neighbourhood.
    Neighbourhood = 2,
}

/// The random numbers for one thing, whatever was drawn for others before. `number` is below 2⁵⁶.
pub(super) fn numbers(seed: u64, what: Purpose, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((what as u64) << 56) | number);
    rng
}

/// Exponentially distributed, with mean 1.
pub(super) fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

/// A distance and a bearing (radians) whose components are normally distributed with this standard deviation.
pub(super) fn scatter(rng: &mut ChaCha8Rng, sigma: f64) -> (f64, f64) {
    // The polar form of Box and Muller (1958): a Rayleigh distance in a uniform direction.
    (sigma * (2.0 * exponential(rng)).sqrt(), rng.random::<f64>() * TAU)
}

/// The first index whose cumulative sum exceeds a share (0 to 1) of the last; 0 if there are none.
pub(super) fn pick(sums: &[f64], share: f64) -> usize {
    let at = share * sums.last().copied().unwrap_or(0.0);
    sums.partition_point(|sum| *sum <= at).min(sums.len().saturating_sub(1))
}

/// Cumulative sums of weights; anything but a positive number counts as 0.
pub(super) fn cumulative(weights: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |weight: f64| {
        sum += if weight.is_finite() { weight.max(0.0) } else { 0.0 };
        sum
    };
    weights.into_iter().map(add).collect()
}
