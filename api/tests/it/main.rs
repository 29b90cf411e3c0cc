//! Integration tests, in one binary.

mod cli;
mod http;
mod import;
mod search;
mod store;
mod support;
