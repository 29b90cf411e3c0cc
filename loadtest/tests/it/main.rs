//! The load test's parts against real processes.

mod lambda;
