//! The command line.

pub mod cold_start;
