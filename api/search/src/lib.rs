//! Exact search over the page tree, and everything that is kept of it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`search`] | search over a source of pages |
//! | `instant` | drives the page tree of `geo-index`, until all pages of an answer are from one instant |
//! | `writes` | what this process is writing meanwhile |
//! | [`sorted`] | places within a radius by a property |
//! | [`pages`] | the seam: where pages come from, the store or the cache before it |
//! | [`tiers`] | the caches and the change feed, put together |
//! | [`policy`] | how long the caches keep pages |
//! | [`cells`] | cell answers |
//! | [`category_counts`] | how many places each category has |
//! | [`edge_map`] | density maps, made and kept |
//! | [`deletions`] | deletions of collections, carried out beside answering |
//! | [`hot`] | the cells that searches come from |

pub mod category_counts;
pub mod cells;
pub mod deletions;
mod doubles;
pub mod edge_map;
pub mod hot;
mod instant;
pub mod pages;
pub mod policy;
pub mod search;
mod side_by_side;
pub mod sorted;
pub mod tiers;
mod writes;

pub use search::{Items, Limits, Nearby, Search, SnapshotLimits, UsedPage, Work, Writing};
