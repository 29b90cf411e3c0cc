//! The experiment: what quantization and each tier do, one combination after the other, on stacks of our own.
//!
//! | module | what it holds |
//! |---|---|
//! | [`combination`] | what is compared, and what of it is wanted |
//! | `asking` | raw coordinates, or the cells of a grid's level |
//! | `stack` | a server with the tiers of a combination, in front of a table |
//! | `redis`, `process` | the processes that belong to it |
//! | [`table`](mod@table) | places in the embedded engine, for all stacks |
//! | [`rates`] | how often each answer is asked for, and so what the formula says |
//! | [`experiment`] | runs, one after the other |
//! | [`row`] | what a run found; its price |
//! | [`report`] | all of it, as a table and as JSON |
//! | [`html`](mod@html) | and as one file for a browser |
//!
//! Invariant: a stack ends with what started it: its processes are children that end when it is dropped. All combinations are asked the same
//! by the same users at the same instants.

mod asking;
pub mod combination;
pub mod experiment;
pub mod html;
mod process;
pub mod rates;
mod redis;
pub mod report;
pub mod row;
mod stack;
pub mod table;

pub use self::asking::Asking;
pub use self::combination::{Combination, Only};
pub use self::experiment::Experiment;
pub use self::html::html;
pub use self::report::MatrixReport;
pub use self::row::Row;
pub use self::stack::{Caching, Stack, StackError};
