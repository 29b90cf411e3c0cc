//! Integration tests, in one binary.

#[cfg(unix)]
mod cached;
#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod crowded;
mod edge;
mod fixture;
mod purge;
#[cfg(unix)]
#[path = "../../../cache/tests/it/support/redis.rs"]
mod redis;
#[cfg(unix)]
mod roots;
mod search;
