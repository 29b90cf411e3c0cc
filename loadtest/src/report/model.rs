//! The report as in JSON. `loadtest/report.schema.json` is generated from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::Protocol;
use crate::record::{Failure, Tier};
use crate::run::Mode;
use crate::schedule::Arrivals;

/// Version of the format; it changes when a member is removed or changes its meaning.
pub const FORM: u32 = 1;

/// The report of a run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of the format of this document.
    pub form: u32,
    /// Version of the program.
    pub version: String,
    /// When the run began, in UTC (RFC 3339).
    pub started: String,
    /// The settings of the run.
    pub settings: Settings,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// All regions together.
    pub total: Part,
    /// Each region.
    pub regions: Vec<RegionPart>,
    /// Over time.
    pub over_time: OverTime,
    /// Comparisons with the exact endpoint, if any.
    pub verified: Option<Verified>,
    /// Number of instances that answered, if they identify themselves.
    pub instances: Option<u64>,
    /// Answers by the position searched from; null if nothing was answered.
    pub map: Option<MapPart>,
}

/// The settings of a run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How users search.
    pub mode: Mode,
    /// The collection that they search.
    pub collection: String,
    /// A description of the users and of what they search for.
    pub workload: String,
    /// How arrivals are spaced; null if the instants come from a file.
    pub arrivals: Option<Arrivals>,
    /// Seed of everything random.
    pub seed: u64,
    /// The stages of the measured part; empty if the instants come from a file.
    pub stages: Vec<Stage>,
    /// Length of the warm-up, which was not measured.
    pub warmup_s: f64,
    /// The HTTP version.
    pub protocol: Protocol,
    /// Most concurrent connections to a region.
    pub connections: u64,
    /// Value of `Accept-Encoding`.
    pub accept_encoding: String,
    /// How long after its due instant a request is abandoned.
    pub time_limit_ms: f64,
    /// Requests sent more than this after their due instant count as late.
    pub late_after_ms: f64,
    /// Requests due within this time of each other were sent together when the last of them was due.
    #[serde(default)]
    pub group_within_ms: f64,
    /// Most requests in flight.
    pub max_in_flight: u64,
    /// Sending threads.
    pub workers: u64,
    /// A description of the round trip that was added to latencies.
    pub client_rtt: String,
}

/// A stage of the schedule, in which the rate changes linearly from one value to another.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its duration.
    pub lasts_s: f64,
    /// Requests per second at its beginning.
    pub from_rps: f64,
    /// Requests per second at its end.
    pub to_rps: f64,
}

/// The outcome of a run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Length of the measured part that took place.
    pub measured_s: f64,
    /// Whether it was stopped early.
    pub interrupted: bool,
    /// Whether there are no `faults`, and no condition fails the run.
    pub passed: bool,
    /// What is wrong with the run or its answers.
    pub faults: Vec<String>,
    /// Whether all requests were sent on time.
    pub rate_kept: bool,
    /// Conditions that fail the run when they are true.
    pub conditions: Vec<Condition>,
}

/// A condition that fails the run when it is true.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The condition as given.
    pub text: String,
    /// The measured value, in the unit of the report; null if nothing was measured.
    pub measured: Option<f64>,
    /// Whether it fails the run: it is true, or nothing was measured.
    pub fails: bool,
}

/// A region.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RegionPart {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// Connections opened, including the warm-up.
    pub connections_opened: u64,
    /// What was measured.
    pub part: Part,
}

/// What was measured, for a region or for all.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Requests that were due.
    pub planned: u64,
    /// Of these, those that were never sent.
    pub unsent: u64,
    /// Of these, those that were sent late.
    pub late: u64,
    /// Of these, those in flight when the run was stopped.
    pub cut: u64,
    /// Requests that ended.
    pub done: u64,
    /// Of these, those that failed.
    pub failed: u64,
    /// Requests for a further page without an answer to continue; the first page was requested instead.
    pub pages_lost: u64,
    /// Requests per second that were due.
    pub planned_rps: f64,
    /// Requests per second that succeeded.
    pub succeeded_rps: f64,
    /// From the due instant to the end, of all requests that ended.
    pub latency_ms: Option<Spread>,
    /// The same, of those that succeeded.
    pub succeeded_ms: Option<Spread>,
    /// From the due instant to the head of the (first) answer.
    pub first_byte_ms: Option<Spread>,
    /// From the due instant to when the request was sent: the part of the latency caused by the sender.
    pub send_delay_ms: Option<Spread>,
    /// Percentile curve: shares of requests, and the latencies in milliseconds that they do not exceed.
    pub curve: Vec<(f64, f64)>,
    /// Failures by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// HTTP requests; in mode `cell` a search can take more than one.
    pub exchanges: u64,
    /// Bytes of bodies, as sent.
    pub bytes: u64,
    /// Tiers that were looked up or answered, the nearest to the user first.
    pub tiers: Vec<TierPart>,
    /// Answers from cold instances.
    pub cold: u64,
    /// Their latencies.
    pub cold_ms: Option<Spread>,
    /// DynamoDB Queries per answer, over the answers that declare them.
    pub queries_per_answer: Option<f64>,
    /// DynamoDB read request units per answer, over the answers that declare them.
    pub read_units_per_answer: Option<f64>,
    /// Share of successful answers that declare their read request units.
    pub read_units_declared: Option<f64>,
    /// Mode `cell`: share of results that a cell certifies.
    pub certified_share: Option<f64>,
    /// Mode `cell`: cells requested per result.
    pub tries_per_answer: Option<f64>,
}

/// A distribution.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Number of values.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile; absent from reports that were saved before it was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p99_9: f64,
    /// The maximum.
    pub max: f64,
}

/// A tier.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TierPart {
    /// The tier.
    pub tier: Tier,
    /// Answers for which it was looked up; null if it is not a cache.
    pub asked: Option<u64>,
    /// Share of these for which it had everything.
    pub hit_ratio: Option<f64>,
    /// Share of the pages looked up that were found.
    pub page_hit_ratio: Option<f64>,
    /// Answers that came from it.
    pub served: u64,
    /// Share of all successful answers that came from it.
    pub share: f64,
    /// Latencies of the answers that came from it.
    pub latency_ms: Option<Spread>,
}

/// Observations over time.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OverTime {
    /// Duration of a slice.
    pub slice_s: f64,
    /// Slices of the measured part; requests belong to the slice in which they were due.
    pub slices: Vec<SlicePart>,
}

/// Requests that were due in one slice.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlicePart {
    /// Requests due.
    pub planned: u64,
    /// Requests that ended.
    pub done: u64,
    /// Requests that failed or were not sent.
    pub failed: u64,
    /// Answers from cold instances.
    pub cold: u64,
    /// The median latency.
    pub p50_ms: Option<f64>,
    /// The 99th percentile of latencies.
    pub p99_ms: Option<f64>,
    /// The longest latency.
    pub max_ms: Option<f64>,
    /// Hit ratios of `edge`, `rendered`, `l1` and `l2`.
    pub hit_ratios: [Option<f64>; 4],
}

/// Comparisons with the exact endpoint.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Answers that were compared.
    pub compared: u64,
    /// Answers that differ.
    pub differ: u64,
    /// Answers that could not be compared, because the exact endpoint failed.
    pub unknown: u64,
    /// The first differences.
    pub examples: Vec<String>,
}

/// Answers by the position searched from, in squares as small as a bounded number of them allows.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MapPart {
    /// Side of a square, in degrees.
    pub side_deg: f64,
    /// Squares with answers, the most answers first.
    pub squares: Vec<SquarePart>,
}

/// A square of the map.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SquarePart {
    /// Latitude of its centre, in degrees.
    pub lat: f64,
    /// Longitude of its centre, in degrees.
    pub lon: f64,
    /// Answers to searches from here.
    pub answers: u64,
    /// Share that came from a cache, of the answers that say where they came from.
    pub cached_share: Option<f64>,
}

impl Report {
    /// The JSON schema of the report.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }
}
