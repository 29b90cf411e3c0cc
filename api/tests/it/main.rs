//! Integration tests, in one binary.

mod http;
mod search;
mod store;
mod support;
