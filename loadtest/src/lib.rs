//! Open-model load test of a nearby-search API: what cells, cache tiers and cold starts do to latency, throughput and
//! cost.
//!
//! The tree is the data flow: [`plan`] says what is asked and when; [`lambda`] runs a function as Lambda does, and
//! [`coldstart`] measures what its environments cost.

pub mod cli;
pub mod coldstart;
pub mod lambda;
pub mod plan;
