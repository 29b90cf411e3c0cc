//! Integration tests, in one binary.

mod import;
mod search;
mod store;
mod support;
