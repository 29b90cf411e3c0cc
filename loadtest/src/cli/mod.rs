//! The subcommands of `loadtest`: their arguments, what they print, and how they end.
//!
//! An error is one line, what went wrong and how to mend it.

pub mod cost;
pub mod workload;
