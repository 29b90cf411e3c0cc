//! The store against a real endpoint, a stub that misbehaves, and data directories.

mod categories;
mod conditional;
mod contract;
mod deletion;
mod embedded;
mod faults;
mod roots;
