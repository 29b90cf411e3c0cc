//! Synthetic users on fixed seeds: what is checked by statistics is the same on every machine and in every run.

mod files;
mod homes;
mod synthetic;

use std::time::Duration;

use super::*;
use crate::plan::{Plan, Planned, Search, scheduled};

/// A plan of so many asks at a rate.
fn plan(spec: Spec, areas: Areas, count: u64, rps: f64) -> Plan {
    scheduled(
        (0..count).map(move |i| Duration::from_secs_f64(i as f64 / rps)),
        SyntheticUsers::new(spec, areas),
    )
}

fn searches(spec: Spec, count: u64, rps: f64) -> Vec<Planned> {
    let areas = Areas::metropolitan(1.0, spec.seed);
    plan(spec, areas, count, rps).collect()
}

/// Whether a count of `n` trials is within five standard deviations of what a probability says.
fn plausible(count: usize, n: usize, p: f64) -> bool {
    let (expected, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
    (count as f64 - expected).abs() <= 5.0 * deviation
}
