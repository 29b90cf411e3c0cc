//! The experiment: what quantization and each cache tier do, measured one combination after the other on stacks that are started
//! for it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`combination`] | the combinations, and a choice among them |
//! | `scheme` | what users ask for: raw coordinates, or the cells of a level |
//! | `stack` | a server with the tiers of a combination, in front of a table |
//! | `redis`, `process` | the processes of a stack |
//! | [`table`](mod@table) | the places, in the embedded engine, for all stacks |
//! | [`rates`] | how often each answer is requested, and the hit ratio that follows by the formula |
//! | [`experiment`] | the runs, one after the other |
//! | [`row`] | the results of a run, and its price |
//! | [`report`] | all results, as a table and as JSON |
//! | [`html`](mod@html) | and as a self-contained HTML file |
//!
//! Invariant: the processes of a stack end when it is dropped. All combinations get the same searches from the same users at the
//! same instants.

pub mod combination;
pub mod experiment;
pub mod html;
mod process;
pub mod rates;
mod redis;
pub mod report;
pub mod row;
mod scheme;
mod stack;
pub mod table;

pub use self::combination::{Combination, Only};
pub use self::experiment::Experiment;
pub use self::html::html;
pub use self::process::StartError;
pub use self::report::MatrixReport;
pub use self::row::Row;
pub use self::scheme::Scheme;
pub use self::stack::{Caching, Stack};
