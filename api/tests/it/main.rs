//! Integration tests, in one binary.

mod http;
mod import;
mod search;
mod store;
mod support;
