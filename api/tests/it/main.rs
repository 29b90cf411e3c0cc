//! Integration tests, in one binary.

#[cfg(unix)]
mod cli;
mod http;
mod import;
mod search;
mod store;
mod support;
