//! The API as a Lambda function: events in, answers out.

mod alike;
mod bed;
mod binary;
mod faults;
mod stream;
pub(crate) mod transport;
mod variables;
mod warming;
