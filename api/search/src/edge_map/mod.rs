//! The density map of a collection: stored by a job, kept for a minute by every process, read by clients.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stored`] | the map in the table |
//! | `make` | from places to a map |
//! | [`refresh`] | makes maps anew, in the background |
//! | [`kept`] | maps in memory while requests ask for them |
//!
//! Invariant: a map is a hint. Nothing fails, and no result changes, for want of one or because of a wrong one.

pub mod kept;
mod make;
pub mod refresh;
pub mod stored;

pub use kept::EdgeMaps;
pub use make::{Made, Next, Progress, make};
pub use refresh::Refresh;
pub use stored::StoredMap;
