//! Imports from their acceptance to their end, over a store that fails and dies where a test says.

mod bed;
mod bounds;
mod ends;
mod restarts;
