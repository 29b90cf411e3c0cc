//! The experiment: what quantization and each tier do, one combination after the other, on a stack of our own.
//!
//! | module | what it holds |
//! |---|---|
//! | `asking` | raw coordinates, or the cells of a grid's level |
//! | `stack` | a server with the tiers of a combination, in front of a table |
//! | `redis`, `edge` | the processes that belong to it |
//!
//! Invariant: a stack ends with what started it. Its processes are children that are killed when it is dropped.

mod asking;
mod edge;
mod redis;
mod stack;

#[cfg(test)]
mod tests;

pub use asking::Asking;
pub use stack::{Caching, Stack, StackError};

/// One combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// What users ask for.
    pub asking: Asking,
    /// What there is to answer from.
    pub caching: Caching,
    /// Whether the same users have asked before.
    pub warm: bool,
}

/// All combinations, in the order in which the experiment runs them.
///
/// ```
/// assert_eq!(cellar_loadtest::matrix::combinations().count(), 7 * 4 * 2);
/// ```
pub fn combinations() -> impl Iterator<Item = Combination> {
    Asking::ALL.into_iter().flat_map(|asking| {
        Caching::ALL.into_iter().flat_map(move |caching| {
            [false, true].into_iter().map(move |warm| Combination { asking, caching, warm })
        })
    })
}
