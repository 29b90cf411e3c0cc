//! Cell answers over a store in memory.

mod vectors;
