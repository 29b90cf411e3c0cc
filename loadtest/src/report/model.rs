//! The report, as JSON has it. `loadtest/report.schema.json` is generated of these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::Protocol;
use crate::record::{Failure, Tier};
use crate::run::Mode;
use crate::schedule::Arrivals;

/// Version of the form; it changes when a member goes or changes its meaning.
pub const FORM: u32 = 1;

/// What a run found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version of the form of this document.
    pub form: u32,
    /// Version of the program.
    pub version: String,
    /// When the run began, in UTC, as RFC 3339 has it.
    pub started: String,
    /// What was to be done.
    pub settings: Settings,
    /// How it ended.
    pub outcome: Outcome,
    /// All regions together.
    pub total: Part,
    /// Each region.
    pub regions: Vec<RegionPart>,
    /// Over time.
    pub over_time: OverTime,
    /// Comparisons with the exact endpoint, if there were any.
    pub verified: Option<Verified>,
    /// Different instances that answered, if they say who they are.
    pub instances: Option<u64>,
    /// Answers by where users asked; none if nothing was answered.
    pub map: Option<MapPart>,
}

/// What was to be done.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How users ask.
    pub mode: Mode,
    /// What they search.
    pub collection: String,
    /// Who they are and what they want, in words.
    pub workload: String,
    /// How requests are spaced; none if their instants are those of a file.
    pub arrivals: Option<Arrivals>,
    /// Seed of all that is random.
    pub seed: u64,
    /// The stages that were measured; none if instants are those of a file.
    pub stages: Vec<Stage>,
    /// Length of the part before, which was not measured.
    pub warmup_s: f64,
    /// How requests are put on the wire.
    pub protocol: Protocol,
    /// Most connections to a region at a time.
    pub connections: u64,
    /// Value of `Accept-Encoding`.
    pub accept_encoding: String,
    /// Users give up so long after the planned instant.
    pub time_limit_ms: f64,
    /// What is sent later than this after its instant counts as late.
    pub late_after_ms: f64,
    /// What was due within this time was sent together, when the last of it was due.
    #[serde(default)]
    pub group_within_ms: f64,
    /// Most requests under way.
    pub max_in_flight: u64,
    /// Sending threads.
    pub workers: u64,
    /// The round trip that was added to what was measured, in words.
    pub client_rtt: String,
}

/// A piece of the schedule, in which the rate goes straight from one value to another.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Its length.
    pub lasts_s: f64,
    /// Requests per second at its beginning.
    pub from_rps: f64,
    /// Requests per second at its end.
    pub to_rps: f64,
}

/// How a run ended.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Length of the measured part that took place.
    pub measured_s: f64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Whether nothing speaks against it: no `faults`, and no condition that was to fail it.
    pub passed: bool,
    /// What speaks against it, in words.
    pub faults: Vec<String>,
    /// Whether all was sent, and sent on time.
    pub rate_kept: bool,
    /// Conditions that were to fail the run.
    pub conditions: Vec<Condition>,
}

/// A condition that was to fail the run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// As it was given.
    pub text: String,
    /// What was measured, in the unit of the report; none if nothing was.
    pub measured: Option<f64>,
    /// Whether it fails the run: it is true, or it could not be measured.
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
    /// Connections opened, those of the warm-up included.
    pub connections_opened: u64,
    /// What was measured.
    pub part: Part,
}

/// What was measured, of a region or of all.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Requests whose instant came.
    pub planned: u64,
    /// Of these, how many were never sent.
    pub unsent: u64,
    /// Of these, how many were sent late.
    pub late: u64,
    /// Of these, how many were under way when the run was stopped.
    pub cut: u64,
    /// Requests that came to an end.
    pub done: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// Requests for a further page that had no answer to go on behind; the first page was asked for instead.
    pub pages_lost: u64,
    /// Requests per second that were planned.
    pub planned_rps: f64,
    /// Requests per second that succeeded.
    pub succeeded_rps: f64,
    /// From the planned instant to the end, of all requests that came to one.
    pub latency_ms: Option<Spread>,
    /// The same of those that succeeded.
    pub succeeded_ms: Option<Spread>,
    /// From the planned instant to the head of the (first) answer.
    pub first_byte_ms: Option<Spread>,
    /// From the planned instant to when the sender took the request up: what the sender is to blame for.
    pub send_delay_ms: Option<Spread>,
    /// Shares of requests, and the latencies that they did not exceed, in milliseconds.
    pub curve: Vec<(f64, f64)>,
    /// Failures by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests over HTTP; more than one for a user's request in mode `cell`.
    pub exchanges: u64,
    /// Bytes of bodies, as sent.
    pub bytes: u64,
    /// Tiers that were asked or answered, the nearest to the user first.
    pub tiers: Vec<TierPart>,
    /// Answers of cold instances.
    pub cold: u64,
    /// Their latencies.
    pub cold_ms: Option<Spread>,
    /// DynamoDB Queries per answer, of answers that declare them.
    pub queries_per_answer: Option<f64>,
    /// DynamoDB read request units per answer, of answers that declare them.
    pub read_units_per_answer: Option<f64>,
    /// Share of successful answers that declare their read request units.
    pub read_units_declared: Option<f64>,
    /// Mode `cell`: share of results that the certificate of a cell vouches for.
    pub certified_share: Option<f64>,
    /// Mode `cell`: cells asked for, per result.
    pub tries_per_answer: Option<f64>,
}

/// A distribution.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// What half of them do not exceed.
    pub p50: f64,
    /// What 90 % do not exceed.
    pub p90: f64,
    /// What 99 % do not exceed.
    pub p99: f64,
    /// What 99.9 % do not exceed.
    pub p99_9: f64,
    /// The greatest.
    pub max: f64,
}

/// A tier.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TierPart {
    /// Which.
    pub tier: Tier,
    /// Answers for which it was asked; none for what is no cache.
    pub asked: Option<u64>,
    /// Of these, the share for which it had everything.
    pub hit_ratio: Option<f64>,
    /// Of the pages that it was asked for, the share that it had.
    pub page_hit_ratio: Option<f64>,
    /// Answers that came from it.
    pub served: u64,
    /// Of all successful answers, the share that came from it.
    pub share: f64,
    /// Latencies of those that came from it.
    pub latency_ms: Option<Spread>,
}

/// What happened over time.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OverTime {
    /// Length of a slice.
    pub slice_s: f64,
    /// Slices of the measured part, by planned instants.
    pub slices: Vec<SlicePart>,
}

/// Requests that were planned in one slice.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlicePart {
    /// Requests planned.
    pub planned: u64,
    /// Requests that came to an end.
    pub done: u64,
    /// Requests that failed or were not sent.
    pub failed: u64,
    /// Answers of cold instances.
    pub cold: u64,
    /// Half of the requests took no longer.
    pub p50_ms: Option<f64>,
    /// 99 % of the requests took no longer.
    pub p99_ms: Option<f64>,
    /// The longest.
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

/// Answers by where users asked, in squares as small as a bounded number of them allows.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MapPart {
    /// Side of a square, in degrees.
    pub side_deg: f64,
    /// Squares with answers, those with most of them first.
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
    /// Answers to users who asked from here.
    pub answers: u64,
    /// Of those that say where they came from, the share that came from a cache.
    pub cached_share: Option<f64>,
}

impl Report {
    /// The schema of the form.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }
}
