//! What cold starts cost: measured with real binaries in emulated environments, and simulated where the machine ends.
//!
//! [`starts`] measures environments one by one, [`burst`] all at once, [`load`] under arrivals at a rate. [`simulate`]
//! takes the times that were measured and is run over the very arrivals of each measured load, so that the two can be
//! compared before it is believed for rates that one machine cannot have.
//!
//! Invariant: what is simulated says so, in the table and in the JSON, and never stands in for what was measured.

pub mod arrivals;
pub mod burst;
pub mod contender;
pub mod load;
pub mod plan;
pub mod simulate;
pub mod starts;
pub mod table;
pub mod times;
pub mod tls;

pub use contender::Contender;
pub use plan::{Plan, Report};
pub use times::{Summary, Times};
