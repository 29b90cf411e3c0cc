//! How coarse a cell may be, place by place: a hint for the edge and for clients.
//!
//! Correctness never rests on it. With a wrong or empty map answers are asked for at another precision than would be
//! best: more tries, or fewer hits at the edge.

mod bins;
mod counts;
mod map;

pub use counts::{DensityCounts, MapRules};
pub use map::DensityMap;
