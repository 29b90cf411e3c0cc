//! How coarse a cell may be in which part of the world: a hint for caches and clients.
//!
//! Correctness never rests on it. With a wrong or empty map, answers are asked for at another precision than would be
//! best: that means more tries, or fewer hits.

mod bins;
mod counts;
mod map;

pub use counts::{DensityCounts, MapRules};
pub use map::DensityMap;
