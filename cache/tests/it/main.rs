//! Tests of the cache as its users see it, against real servers where there are any.

mod policy;
mod remote;
mod support;
