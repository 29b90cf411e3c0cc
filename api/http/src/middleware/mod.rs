//! What happens to every request around its handler, from the outside in:
//!
//! | module | what it does |
//! |---|---|
//! | [`observe`] | request id, trace, span, one log line, `Server-Timing`, problems made complete, default headers |
//! | [`panics`] | a panic becomes a problem |
//! | [`admit`] | the following five, in one layer |
//! | [`rate_limit`] | clients that ask too often are turned away |
//! | [`shed`] | more requests than the process can work on are turned away at once |
//! | [`guard`] | writes take a key, and reads if so configured |
//! | [`audit`] | a line of the log for each write |
//! | [`deadline`] | a request has so much time and no more; store calls carry its deadline |
//!
//! Probes and documents pass only the first two: an overloaded process is still alive.

pub mod admit;
pub mod audit;
pub mod cors;
pub mod deadline;
pub mod guard;
pub mod observe;
pub mod panics;
pub mod rate_limit;
pub mod request_id;
pub mod route;
pub mod shed;
pub mod trace_id;
