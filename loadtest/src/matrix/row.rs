//! The results of a run, and what they would cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Caching, Combination};
use crate::cost::{Deployment, Prices, Profile, Usage};
use crate::record::Tier;
use crate::report::model::{Outcome, Part, TierPart, Verified};

/// The number of requests that prices are given for.
const MILLION: f64 = 1e6;

/// The results of one combination.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What users ask for: `raw`, `geohash 5`.
    #[serde(rename = "asking")]
    pub scheme: String,
    /// The caches in front of the table: `no cache`, `L1+L2+edge`.
    pub caching: String,
    /// Whether the same users have searched before.
    pub warm: bool,
    /// Requests that were due.
    pub planned: u64,
    /// Of these, those that failed or were not sent.
    pub failed: u64,
    /// Requests for a search, in the mean: more than one where the first cell does not certify the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<f64>,
    /// Searches per second that succeeded.
    pub succeeded_rps: f64,
    /// Median latency, from the due instants.
    pub p50_ms: Option<f64>,
    /// 99th percentile of latencies.
    pub p99_ms: Option<f64>,
    /// Hit ratios, each over the lookups in the tier.
    pub hits: Hits,
    /// Steady-state hit ratio of the edge by Σ p·λT/(1+λT); null without an edge, or where it may store nothing.
    pub formula: Option<f64>,
    /// Share of all answers for which the database was read; null unless all answers say where they came from.
    #[serde(default)]
    pub database_share: Option<f64>,
    /// DynamoDB read request units per request; null unless all answers declare them.
    pub read_units: Option<f64>,
    /// Mean bytes of an answer, as sent.
    pub answer_bytes: f64,
    /// Cost of a million requests in US dollars, without fixed costs and without free amounts.
    pub million_usd: f64,
    /// Share of the checked answers that certify the user's result; null for raw coordinates.
    pub certified: Option<f64>,
    /// Comparisons with the exact endpoint.
    pub verified: Option<Verified>,
    /// What is wrong with the measurement.
    pub faults: Vec<String>,
}

/// Hit ratios.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hits {
    /// Over all answers.
    pub edge: Option<f64>,
    /// Rendered answers, over the answers of the process.
    pub rendered: Option<f64>,
    /// Pages in memory, over the pages that searches needed.
    pub l1: Option<f64>,
    /// Pages in the shared cache, over the remaining pages.
    pub l2: Option<f64>,
}

impl Row {
    /// The results of a run of a combination.
    pub fn new(
        combination: Combination,
        outcome: &Outcome,
        part: &Part,
        verified: Option<Verified>,
        formula: Option<f64>,
    ) -> Self {
        let edge = combination.caching == Caching::L1L2Edge;
        let hits = Hits::of(&part.tiers);
        // All or nothing: the mean over answers that declare them need not be the mean over the others.
        let declared = part.read_units_declared.is_some_and(|share| share > 0.999_999);
        let read_units = part.read_units_per_answer.filter(|_| declared);
        let answers: u64 = part.tiers.iter().map(|tier| tier.served).sum();
        let answer_bytes = part.bytes as f64 / answers.max(1) as f64;
        let profile = profile(combination, hits, read_units.unwrap_or(0.0), answer_bytes);
        let usage = Usage::of_requests(&Deployment::default(), &profile, MILLION);
        Self {
            scheme: combination.scheme.to_string(),
            caching: combination.caching.to_string(),
            warm: combination.warm,
            planned: part.planned,
            failed: part.failed + part.unsent,
            requests: (part.done > 0).then(|| part.exchanges as f64 / part.done as f64),
            succeeded_rps: part.succeeded_rps,
            p50_ms: part.latency_ms.map(|spread| spread.p50),
            p99_ms: part.latency_ms.map(|spread| spread.p99),
            hits,
            formula: formula.filter(|_| edge),
            database_share: database_share(&part.tiers),
            read_units,
            answer_bytes,
            million_usd: usage.cost_usd(&Prices::built_in(), false),
            certified: part.certified_share,
            verified,
            faults: outcome.faults.clone(),
        }
    }
}

impl Hits {
    fn of(tiers: &[TierPart]) -> Self {
        let tier = |wanted: Tier| tiers.iter().find(|tier| tier.tier == wanted);
        Self {
            edge: tier(Tier::Edge).and_then(|tier| tier.hit_ratio),
            rendered: tier(Tier::Rendered).and_then(|tier| tier.hit_ratio),
            l1: tier(Tier::L1).and_then(|tier| tier.page_hit_ratio),
            l2: tier(Tier::L2).and_then(|tier| tier.page_hit_ratio),
        }
    }
}

fn database_share(tiers: &[TierPart]) -> Option<f64> {
    let served = |wanted: Tier| {
        tiers.iter().filter(move |tier| tier.tier == wanted).map(|tier| tier.served).sum::<u64>()
    };
    let all: u64 = tiers.iter().map(|tier| tier.served).sum();
    (all > 0 && served(Tier::Undeclared) == 0).then(|| served(Tier::Database) as f64 / all as f64)
}

/// The profile that the cost model bills: as measured, and for what cannot be measured on one machine (times in a region, cold
/// starts, logs) as the model assumes.
fn profile(combination: Combination, hits: Hits, read_units: f64, answer_bytes: f64) -> Profile {
    let Combination { caching, .. } = combination;
    let edge = caching == Caching::L1L2Edge;
    // A rendered answer looks up no page, as if all of its pages were in memory.
    let rendered = hits.rendered.unwrap_or(0.0);
    let l1_hit = rendered + (1.0 - rendered) * hits.l1.unwrap_or(0.0);
    let assumed = Profile::uncached(combination.to_string());
    let mut profile = Profile {
        edge_hit: edge.then(|| hits.edge.unwrap_or(0.0)),
        l1_hit: if caching == Caching::Nothing { 0.0 } else { l1_hit },
        l2_hit: (caching >= Caching::L1L2).then(|| hits.l2.unwrap_or(0.0)),
        answer_bytes,
        // The name of the edge is not resolved for each request, as in `Profile::all`.
        dns_per_request: if edge { 0.0 } else { assumed.dns_per_request },
        ..assumed
    };
    // Scaled to a search with nothing cached, so that a request of this run reads what was measured.
    let share = profile.origin_share() * profile.table_share();
    profile.read_units = if share > 0.0 { read_units / share } else { 0.0 };
    profile
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Scheme;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }

    #[test]
    fn what_the_database_was_asked_for_is_known_of_all_answers_or_not_at_all() {
        let part = |(tier, served)| TierPart {
            tier,
            asked: None,
            hit_ratio: None,
            page_hit_ratio: None,
            served,
            share: 0.0,
            latency_ms: None,
        };
        let share =
            |served: &[(Tier, u64)]| database_share(&served.iter().copied().map(part).collect::<Vec<_>>());
        assert_eq!(share(&[(Tier::Edge, 3), (Tier::Database, 1)]), Some(0.25));
        assert_eq!(share(&[(Tier::L1, 3)]), Some(0.0));
        assert_eq!(share(&[(Tier::Database, 3), (Tier::Undeclared, 1)]), None);
        assert_eq!(share(&[]), None);
    }

    #[test]
    fn what_was_measured_is_what_is_billed() {
        let hits = Hits { edge: Some(0.5), rendered: Some(0.2), l1: Some(0.5), l2: Some(0.25) };
        let of = |caching, hits, units| {
            profile(Combination { scheme: Scheme::Raw, caching, warm: false }, hits, units, 2_000.0)
        };
        let full = of(Caching::L1L2Edge, hits, 0.3);
        near(full.origin_share(), 0.5);
        near(full.l1_hit, 0.6);
        near(full.table_share(), 0.4 * 0.75);
        near(full.read_units_per_request(), 0.3);
        let nothing = of(Caching::Nothing, Hits::default(), 2.5);
        near(nothing.read_units_per_request(), 2.5);
        assert_eq!((nothing.edge_hit, nothing.l2_hit), (None, None));
        let all = Hits { l1: Some(1.0), ..Hits::default() };
        near(of(Caching::L1, all, 0.0).read_units_per_request(), 0.0);
    }
}
