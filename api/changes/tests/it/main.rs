//! The change feed: on a real endpoint, and on a stream that misbehaves.

mod directories;
mod fake;
mod faults;
mod feed;
mod log;
mod restart;
mod role;
mod shards;
