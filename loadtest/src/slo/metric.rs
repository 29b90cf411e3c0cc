//! Metrics of conditions.

use std::str::FromStr;

use crate::record::Tier;
use crate::report::model::{Part, Spread, TierPart};

/// All names, for error messages.
pub(super) const KNOWN: &str = "p50 p90 p95 p99 p99.9 max mean (also as ok.p99, ttfb.p99, delay.p99, cold.p99), errors unsent late \
    rate hit.edge hit.rendered hit.l1 hit.l2 share.edge share.rendered share.l1 share.l2 share.database cold certified tries \
    queries read_units";

/// A metric of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A value of a distribution.
    Latency(Of, Value),
    /// Share of the requests that failed or were never sent.
    Errors,
    /// Share of the planned requests that were never sent.
    Unsent,
    /// Share of the planned requests that were sent late.
    Late,
    /// Requests per second that succeeded.
    Rate,
    /// Hit ratio of a cache.
    Hit(Tier),
    /// Share of the answers that came from a tier.
    Share(Tier),
    /// Share of the answers that came from cold instances.
    Cold,
    /// Share of the results that a cell certifies.
    Certified,
    /// Cells requested per result.
    Tries,
    /// DynamoDB Queries per answer.
    Queries,
    /// DynamoDB read request units per answer.
    ReadUnits,
}

/// Which latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Of all requests.
    All,
    /// Of those that succeeded.
    Succeeded,
    /// To the first byte.
    FirstByte,
    /// From the due instant to the sending.
    SendDelay,
    /// Of cold instances.
    Cold,
}

/// Which value of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The median.
    P50,
    /// The 90th percentile.
    P90,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// The maximum.
    Max,
    /// The mean.
    Mean,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Time,
    Share,
    Number,
}

impl FromStr for Metric {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        if let Some(tier) = name.strip_prefix("hit.") {
            return tier_of(tier, &Tier::CACHES).map(Self::Hit);
        }
        if let Some(tier) = name.strip_prefix("share.") {
            return tier_of(tier, &Tier::ALL).map(Self::Share);
        }
        Ok(match name {
            "errors" => Self::Errors,
            "unsent" => Self::Unsent,
            "late" => Self::Late,
            "rate" => Self::Rate,
            "cold" => Self::Cold,
            "certified" => Self::Certified,
            "tries" => Self::Tries,
            "queries" => Self::Queries,
            "read_units" => Self::ReadUnits,
            _ => latency(name)?,
        })
    }
}

fn tier_of(name: &str, among: &[Tier]) -> Result<Tier, ()> {
    among.iter().copied().find(|tier| tier.name() == name).ok_or(())
}

fn latency(name: &str) -> Result<Metric, ()> {
    let prefixes =
        [("ok.", Of::Succeeded), ("ttfb.", Of::FirstByte), ("delay.", Of::SendDelay), ("cold.", Of::Cold)];
    let prefixed = prefixes.into_iter().find_map(|(prefix, of)| Some((of, name.strip_prefix(prefix)?)));
    let (of, value) = prefixed.unwrap_or((Of::All, name));
    let value = match value {
        "p50" => Value::P50,
        "p90" => Value::P90,
        "p95" => Value::P95,
        "p99" => Value::P99,
        "p99.9" => Value::P999,
        "max" => Value::Max,
        "mean" => Value::Mean,
        _ => return Err(()),
    };
    Ok(Metric::Latency(of, value))
}

impl Metric {
    pub(super) const fn unit(self) -> Unit {
        match self {
            Self::Latency(..) => Unit::Time,
            Self::Rate | Self::Tries | Self::Queries | Self::ReadUnits => Unit::Number,
            _ => Unit::Share,
        }
    }

    /// The measured value: milliseconds, a share or a number; `None` if nothing was measured.
    pub fn of(self, part: &Part) -> Option<f64> {
        let planned = |count: u64| (part.planned > 0).then(|| count as f64 / part.planned as f64);
        match self {
            Self::Latency(of, value) => value.of(of.of(part)?),
            Self::Errors => planned(part.failed + part.unsent),
            Self::Unsent => planned(part.unsent),
            Self::Late => planned(part.late),
            Self::Rate => Some(part.succeeded_rps),
            Self::Hit(tier) => find(part, tier)?.hit_ratio,
            // A tier that is not in the report had no answers, if any tier had one.
            Self::Share(tier) if !part.tiers.is_empty() => {
                Some(find(part, tier).map_or(0.0, |tier| tier.share))
            }
            Self::Share(_) => None,
            Self::Cold => {
                let answers: u64 = part.tiers.iter().map(|tier| tier.served).sum();
                (answers > 0).then(|| part.cold as f64 / answers as f64)
            }
            Self::Certified => part.certified_share,
            Self::Tries => part.tries_per_answer,
            Self::Queries => part.queries_per_answer,
            Self::ReadUnits => part.read_units_per_answer,
        }
    }
}

fn find(part: &Part, tier: Tier) -> Option<&TierPart> {
    part.tiers.iter().find(|found| found.tier == tier)
}

impl Of {
    const fn of(self, part: &Part) -> Option<&Spread> {
        match self {
            Self::All => part.latency_ms.as_ref(),
            Self::Succeeded => part.succeeded_ms.as_ref(),
            Self::FirstByte => part.first_byte_ms.as_ref(),
            Self::SendDelay => part.send_delay_ms.as_ref(),
            Self::Cold => part.cold_ms.as_ref(),
        }
    }
}

impl Value {
    const fn of(self, spread: &Spread) -> Option<f64> {
        match self {
            Self::P50 => Some(spread.p50),
            Self::P90 => Some(spread.p90),
            Self::P95 => spread.p95,
            Self::P99 => Some(spread.p99),
            Self::P999 => Some(spread.p99_9),
            Self::Max => Some(spread.max),
            Self::Mean => Some(spread.mean),
        }
    }
}

impl Unit {
    pub(super) fn read(self, text: &str) -> Option<f64> {
        let number =
            |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
        match self {
            Self::Time => {
                let units = [("us", 1e-3), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)];
                let (value, factor) =
                    units.into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
                Some(number(value)? * factor)
            }
            Self::Share => {
                let share = match text.strip_suffix('%') {
                    Some(percent) => number(percent)? / 100.0,
                    None => number(text)?,
                };
                (share <= 1.0).then_some(share)
            }
            Self::Number => number(text),
        }
    }

    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Time => "a time with its unit, such as 50ms, 1.5s or 200us",
            Self::Share => "a share from 0 to 1, such as 0.01, or 1%",
            Self::Number => "a number, such as 300",
        }
    }
}
