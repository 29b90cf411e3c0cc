//! How coarse a cell may be in which part of the world: a hint for caches and clients.
//!
//! Correctness never rests on it. With a wrong or empty map, answers are asked for at another precision than would be
//! best: that means more tries, or fewer hits.
//!
//! | module | what it holds |
//! |---|---|
//! | `counts` | from a stream of places to a map |
//! | `crowd` | the counted places, in a k-d tree |
//! | `map` | the map, as rows of text |
//! | `row` | the text of a row where places are concentrated |

mod counts;
mod crowd;
mod map;
mod row;

pub use counts::{DensityCounts, MapRules};
pub use map::DensityMap;
pub use row::Part;
