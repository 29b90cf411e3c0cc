//! The store against a real endpoint, a stub that misbehaves, and data directories.

mod contract;
mod embedded;
mod faults;
