//! What happens to every request around its handler, from the outside in:
//!
//! | module | what it does |
//! |---|---|
//! | [`observe`] | request id, trace, span, one log line, `Server-Timing`, problems made complete, default headers |
//! | [`panics`] | a panic becomes a problem |
//! | [`admit`] | the following three, in one layer |
//! | [`shed`] | more requests than the process can work on are turned away at once |
//! | [`write_guard`] | writes take a token |
//! | [`deadline`] | a request has so much time and no more; store calls carry its deadline |
//!
//! Probes and documents pass only the first two: an overloaded process is still alive.

pub mod admit;
pub mod cors;
pub mod deadline;
pub mod observe;
pub mod panics;
pub mod request_id;
pub mod shed;
pub mod trace_id;
pub mod write_guard;
