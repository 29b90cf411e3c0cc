//! Synthetic users: where they live, how they move, when they are active and what they search for.
//!
//! | module | what it holds |
//! |---|---|
//! | `areas` | metropolitan areas and their neighbourhoods, or positions from a file; where a user lives |
//! | `mobility` | where a user goes: exploration and preferential return |
//! | `diurnal` | when users are active |
//! | `synthetic` | sessions of searches and further pages: the [`Workload`](crate::plan::Workload) |
//! | `mix` | fixed values, ranges and mixtures |
//! | `positions` | positions from a CSV file |
//! | `stream` | plans written to and read from files |
//! | `summary` | statistics of a plan: users, cells, hit ratios of caches by lifetime |
//!
//! Invariant: the same settings and instants give the same searches on every machine. Random numbers come from `ChaCha8Rng`; those of
//! a user or a neighbourhood have a stream of their own, so they do not depend on the order of users. Positions are rounded to a
//! millionth of a degree, some 10 cm, which hides the last bits, in which mathematical libraries differ.
//!
//! Invariant: memory grows with the number of users who have searched (at most about 1 KB each), not with the number of requests.

mod areas;
mod chance;
mod diurnal;
mod mix;
mod mobility;
mod positions;
mod stream;
mod summary;
mod synthetic;

#[cfg(test)]
mod tests;

pub use areas::{Areas, Home, MAX_ZIPF};
pub use diurnal::Diurnal;
pub use mix::{Mix, Numbers};
pub use positions::{MAX_POINTS, Points, read_points};
pub use stream::{Format, Imported, export};
pub use summary::{CacheRow, CellRow, Summary};
pub use synthetic::{MAX_USERS, Sessions, Spec, SyntheticUsers};
