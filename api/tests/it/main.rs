//! Integration tests, in one binary.

mod search;
mod store;
mod support;
