//! Users who search: where they live, how they get about, when they are awake and what they ask for.
//!
//! | module | what it holds |
//! |---|---|
//! | `areas` | metropolitan areas and their neighbourhoods, or positions from a file; where a user lives |
//! | `mobility` | where a user goes: exploration and preferential return |
//! | `diurnal` | when users are awake |
//! | `crowd` | sessions of searches and pages: the [`Workload`](crate::plan::Workload) |
//! | `mix` | fixed values, ranges and mixtures |
//! | `positions` | positions from a CSV file |
//! | `stream` | plans as files, out and in |
//! | `summary` | what a plan holds: users, cells, hit ratios of caches with a lifetime |
//!
//! Invariant: the same settings and instants give the same asks on every machine. Chance comes from the `ChaCha8Rng`, what belongs
//! to a user or a neighbourhood from a stream of its own, so it does not depend on who was asked before; positions are
//! rounded to a millionth of a degree, some 10 cm, which hides the last bits in which mathematical libraries differ.
//!
//! Invariant: memory grows with the users that have asked (at most about 1 KB each) and not with requests.

mod areas;
mod chance;
mod crowd;
mod diurnal;
mod mix;
mod mobility;
mod positions;
mod stream;
mod summary;

#[cfg(test)]
mod tests;

pub use areas::{Areas, Home, MAX_POINTS, MAX_ZIPF};
pub use crowd::{Crowd, MAX_USERS, Sessions, Spec};
pub use diurnal::Diurnal;
pub use mix::{Mix, Numbers};
pub use positions::{Points, read_points};
pub use stream::{Format, Imported, export};
pub use summary::{CacheRow, CellRow, Summary};
