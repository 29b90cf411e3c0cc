//! HTTP requests over persistent connections: HTTP/1.1 and HTTP/2, in plain text and over TLS.
//!
//! | module | what it holds |
//! |---|---|
//! | [`target`] | where requests go |
//! | [`tls`] | which certificate authorities to trust |
//! | [`connect`] | opening connections |
//! | [`pool`] | idle connections |
//! | [`exchange`] | one request and its answer, within limits |
//!
//! Invariant: whatever a server does, a request ends by its deadline, in bounded memory, with an answer or a class of failure; and
//! a connection whose answer was not read to its end is never reused.

pub mod connect;
pub mod exchange;
pub mod pool;
pub mod target;
pub mod tls;

pub use self::connect::{Protocol, Settings};
pub use self::exchange::{Answer, Failed, Keep, RequestError};
pub use self::pool::Pool;
pub use self::target::{BaseUrl, Target, TargetError};
