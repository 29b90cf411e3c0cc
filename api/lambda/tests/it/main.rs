//! The API as a Lambda function: events in, answers out.

mod alike;
mod bed;
#[cfg(unix)]
mod binary;
mod deleting;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
#[path = "../../../../cache/tests/it/support/redis.rs"]
mod redis;
#[cfg(unix)]
mod stream;
mod variables;
#[cfg(unix)]
mod warming;
