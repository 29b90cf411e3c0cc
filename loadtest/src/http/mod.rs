//! Requests over connections that stay open: HTTP/1.1 and HTTP/2, plain and over TLS.
//!
//! | module | what it holds |
//! |---|---|
//! | [`target`] | where requests go |
//! | [`tls`] | whom to trust |
//! | [`connect`] | opening connections |
//! | [`pool`] | connections that wait for their next request |
//! | [`exchange`] | one request and its answer, within limits |
//!
//! Invariant: whatever a server does, a request comes to an end by its deadline, in bounded memory, with a class; and a
//! connection whose answer was not read to its end is never used again.

pub mod connect;
pub mod exchange;
pub mod pool;
pub mod target;
pub mod tls;

pub use self::connect::{Protocol, Settings};
pub use self::exchange::{Answer, Broken, Keep, Missed};
pub use self::pool::Pool;
pub use self::target::{BaseUrl, Target, TargetError};
