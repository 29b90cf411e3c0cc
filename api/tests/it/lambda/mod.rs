//! The API as a Lambda function: events in, answers out.

mod alike;
mod bed;
#[cfg(unix)]
mod binary;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod stream;
pub(crate) mod transport;
mod variables;
#[cfg(unix)]
mod warming;
