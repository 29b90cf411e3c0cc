//! Open-model load test of a nearby-search API: what cells, cache tiers and cold starts do to latency, throughput and
//! cost.
//!
//! Modules follow the flow of data. A [`plan`] is a sequence of searches with their instants: [`workload`] generates it at the
//! instants of a [`schedule`], or [`replay`] reads it from an access log. [`regions`] decides where each search goes. [`run`]
//! sends it over [`http`], [`record`] collects what was observed, [`report`] presents it, [`slo`] checks conditions, and
//! [`mod@compare`] compares two reports.
//!
//! [`matrix`] runs the comparison of cells and cache tiers on stacks that it starts itself, and [`cost`] estimates bills.
//! [`lambda`] emulates Lambda around a real binary, and [`coldstart`] measures what starting its environments costs.

pub mod cli;
pub mod coldstart;
pub mod compare;
pub mod cost;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod html;
pub mod http;
pub mod lambda;
pub mod lines;
pub mod matrix;
pub mod plan;
pub mod record;
pub mod regions;
pub mod replay;
pub mod report;
pub mod run;
pub mod schedule;
pub mod slo;
pub mod workload;
