//! Open-model load test of a nearby-search API: what cells, cache tiers and cold starts do to latency, throughput and
//! cost.
//!
//! The tree is the data flow: [`plan`] says what is asked and when; [`workload`] thinks it up at the instants of
//! [`schedule`], or [`replay`] reads it from an access log; [`regions`] says where a user's ask goes. [`run`] sends it over
//! [`http`], [`record`] holds what was seen, and [`report`] tells of it; [`slo`] judges, and [`mod@compare`] sets two reports
//! side by side. [`formula`] and [`cost`] say what to expect. [`lambda`] runs a function as Lambda does, and [`coldstart`]
//! measures what its environments cost. [`matrix`] runs the experiment on stacks that it starts itself.

pub mod cli;
pub mod coldstart;
pub mod compare;
pub mod cost;
pub mod formula;
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
