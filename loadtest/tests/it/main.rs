//! The load test's parts against real processes.

mod cold_start;
mod lambda;
