//! The HTTP API over a store in memory.

mod bad_input;
mod document;
mod failures;
mod fake;
mod live;
mod logs;
mod places;
mod searching;
mod server;
mod writing;
