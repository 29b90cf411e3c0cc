//! Open-model load test of a nearby-search API: what cells, cache tiers and cold starts do to latency, throughput and
//! cost.
//!
//! The tree is the data flow: [`plan`] says what is asked and when; [`workload`] thinks it up, [`replay`] reads it from an
//! access log; [`regions`] says where a user's ask goes. [`formula`] and [`cost`] say what to expect of it.

pub mod cli;
pub mod cost;
pub mod formula;
pub mod lines;
pub mod plan;
pub mod regions;
pub mod replay;
pub mod workload;
