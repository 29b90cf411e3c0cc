//! What cold starts cost: measured with real binaries in emulated environments, and simulated beyond the capacity of the machine.
//!
//! [`starts`] measures environments one by one, [`burst`] all at once, [`load`] under arrivals at a rate. [`simulate`] draws from the
//! measured times. It is run over the same arrivals as each measured load, so that the two can be compared before the simulation is
//! trusted for rates that one machine cannot reach.
//!
//! Invariant: simulated figures are labelled so in the table and in the JSON, and never replace measured ones.

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
