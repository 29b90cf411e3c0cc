//! Open-model load test of a nearby-search API: what cells, cache tiers and cold starts do to latency, throughput and
//! cost.
//!
//! The tree is the data flow: [`plan`] says what is asked, [`schedule`] when; [`run`] sends it over [`http`], and
//! [`record`] holds what was seen, of which [`report`] tells.

pub mod http;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod schedule;
