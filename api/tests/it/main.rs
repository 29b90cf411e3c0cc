//! Integration tests, in one binary.

#[cfg(unix)]
mod cached;
mod changes;
#[cfg(unix)]
mod cli;
mod edge;
mod http;
mod import;
mod lambda;
mod plan;
mod purge;
#[cfg(unix)]
#[path = "../../../cache/tests/it/support/redis.rs"]
mod redis;
mod search;
mod store;
mod support;
mod world;
