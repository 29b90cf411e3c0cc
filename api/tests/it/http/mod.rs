//! The HTTP API over a store in memory.

mod bad_input;
mod cells;
mod document;
mod edge_map;
mod failures;
pub(crate) mod fake;
mod health;
mod live;
mod logs;
mod places;
mod searching;
pub(crate) mod server;
mod writing;
