//! Builds the report from what was recorded.

use std::time::{Duration, SystemTime};

use super::model::{
    FORM, MapPart, Outcome, OverTime, Part, RegionPart, Report, Settings, SlicePart, Spread, SquarePart,
    TierPart, Verified,
};
use crate::record::{Latencies, Map, Recorder, RequestStats, Slice, Square, Tier};
use crate::run::{Finished, Region};

/// A run with a larger share of late requests has not kept its rate.
const MAX_LATE: f64 = 0.01;
/// Points of the percentile curve per decade: at 1 - 10^(-n/4).
const CURVE_STEPS: i32 = 4;

/// What the report states besides what was recorded.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the run began.
    pub started: SystemTime,
    /// The settings of the run.
    pub settings: Settings,
    /// The regions.
    pub regions: Vec<Region>,
}

/// Builds the report of a run, without conditions.
pub fn build(facts: Facts, finished: &Finished) -> Report {
    let Finished { recorder, measured, interrupted, connections } = finished;
    let stats = recorder.total();
    let regions = facts.regions.iter().zip(&recorder.regions).zip(connections);
    let region = |((region, stats), &connections_opened): ((&Region, &RequestStats), &u64)| RegionPart {
        name: region.name.clone(),
        url: region.target.url.to_string(),
        connections_opened,
        part: part(stats, *measured),
    };
    Report {
        form: FORM,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: humantime::format_rfc3339_seconds(facts.started).to_string(),
        settings: facts.settings,
        outcome: outcome(recorder, &stats, *measured, *interrupted),
        total: part(&stats, *measured),
        regions: regions.map(region).collect(),
        over_time: over_time(recorder, *measured),
        verified: verified(recorder),
        instances: (!recorder.instances.is_empty()).then_some(recorder.instances.len() as u64),
        map: map(&recorder.map),
    }
}

/// The totals of a run, without its settings.
pub(crate) fn sum(finished: &Finished) -> (Outcome, Part, Option<Verified>) {
    let Finished { recorder, measured, interrupted, .. } = finished;
    let stats = recorder.total();
    let outcome = outcome(recorder, &stats, *measured, *interrupted);
    (outcome, part(&stats, *measured), verified(recorder))
}

fn outcome(recorder: &Recorder, stats: &RequestStats, measured: Duration, interrupted: bool) -> Outcome {
    let mut faults = Vec::new();
    if stats.unsent > 0 {
        faults.push(format!(
            "{} of {} requests were not sent: the rate was not kept",
            stats.unsent, stats.planned
        ));
    }
    let late = stats.late as f64 / stats.planned.max(1) as f64;
    if late > MAX_LATE {
        let after = humantime::format_duration(recorder.late_after());
        faults.push(format!(
            "{:.1} % of the requests were sent more than {after} late: the rate was not kept",
            late * 100.0
        ));
    }
    let rate_kept = faults.is_empty() && stats.planned > 0;
    if stats.planned == 0 {
        faults.push("nothing was measured".to_owned());
    } else if stats.succeeded.count() == 0 {
        faults.push("no request succeeded".to_owned());
    }
    if recorder.verified.differ > 0 {
        faults.push(format!("{} answers differ from the exact endpoint's", recorder.verified.differ));
    }
    Outcome {
        measured_s: measured.as_secs_f64(),
        interrupted,
        passed: faults.is_empty(),
        faults,
        rate_kept,
        conditions: Vec::new(),
    }
}

fn part(stats: &RequestStats, measured: Duration) -> Part {
    let seconds = measured.as_secs_f64().max(f64::MIN_POSITIVE);
    let answers = stats.tiers.iter().map(|tier| tier.served.count()).sum::<u64>();
    let tiers = Tier::ALL.into_iter().filter_map(|tier| tier_part(stats, tier, answers)).collect();
    let (certified, results) = stats.certified;
    Part {
        planned: stats.planned,
        unsent: stats.unsent,
        late: stats.late,
        cut: stats.cut,
        done: stats.done(),
        failed: stats.failed(),
        pages_lost: stats.pages_lost,
        planned_rps: stats.planned as f64 / seconds,
        succeeded_rps: stats.succeeded.count() as f64 / seconds,
        latency_ms: spread(&stats.latency),
        succeeded_ms: spread(&stats.succeeded),
        first_byte_ms: spread(&stats.first_byte),
        send_delay_ms: spread(&stats.send_delay),
        curve: curve(&stats.latency),
        failures: stats.failures.clone(),
        statuses: stats.statuses.clone(),
        exchanges: stats.exchanges,
        bytes: stats.bytes,
        tiers,
        cold: stats.cold.count(),
        cold_ms: spread(&stats.cold),
        queries_per_answer: ratio(stats.queries.0 as f64, stats.queries.1),
        read_units_per_answer: ratio(stats.read_units.0, stats.read_units.1),
        read_units_declared: ratio(stats.read_units.1 as f64, answers),
        certified_share: ratio(certified as f64, results),
        tries_per_answer: ratio(stats.tries as f64, results),
    }
}

fn tier_part(stats: &RequestStats, tier: Tier, answers: u64) -> Option<TierPart> {
    let found = stats.tier(tier);
    let served = found.served.count();
    if found.asked == 0 && served == 0 {
        return None;
    }
    Some(TierPart {
        tier,
        asked: Tier::CACHES.contains(&tier).then_some(found.asked),
        hit_ratio: ratio(found.hits as f64, found.asked),
        page_hit_ratio: ratio(found.pages_found as f64, found.pages_asked),
        served,
        share: ratio(served as f64, answers).unwrap_or(0.0),
        latency_ms: spread(&found.served),
    })
}

fn over_time(recorder: &Recorder, measured: Duration) -> OverTime {
    let length = recorder.slice_length();
    let took_place = measured.as_nanos().div_ceil(length.as_nanos()) as usize;
    let slices = recorder.slices.iter().take(took_place.max(1)).map(slice_part).collect();
    OverTime { slice_s: length.as_secs_f64(), slices }
}

fn slice_part(slice: &Slice) -> SlicePart {
    SlicePart {
        planned: slice.planned,
        done: slice.done,
        failed: slice.failed,
        cold: slice.cold,
        p50_ms: slice.quantile(0.5).map(ms),
        p99_ms: slice.quantile(0.99).map(ms),
        max_ms: slice.quantile(1.0).map(ms),
        hit_ratios: slice.caches.map(|(asked, hits)| ratio(hits as f64, asked)),
    }
}

fn verified(recorder: &Recorder) -> Option<Verified> {
    let crate::record::recorder::Verified { compared, differ, unknown, examples } = recorder.verified.clone();
    (compared + unknown > 0).then_some(Verified { compared, differ, unknown, examples })
}

fn map(map: &Map) -> Option<MapPart> {
    let part = |(lat, lon, square): (f64, f64, Square)| SquarePart {
        lat,
        lon,
        answers: square.answers,
        cached_share: ratio(square.cached as f64, square.declared),
    };
    let squares: Vec<SquarePart> = map.squares().into_iter().map(part).collect();
    (!squares.is_empty()).then(|| MapPart { side_deg: map.side_deg(), squares })
}

fn spread(latencies: &Latencies) -> Option<Spread> {
    let at = |share| ms(latencies.quantile(share));
    (latencies.count() > 0).then(|| Spread {
        count: latencies.count(),
        mean: ms(latencies.mean()),
        p50: at(0.5),
        p90: at(0.9),
        p95: Some(at(0.95)),
        p99: at(0.99),
        p99_9: at(0.999),
        max: ms(latencies.max()),
    })
}

/// The percentile curve, as far into the tail as the number of requests allows.
fn curve(latencies: &Latencies) -> Vec<(f64, f64)> {
    if latencies.count() == 0 {
        return Vec::new();
    }
    let last = ((latencies.count() as f64).log10() * f64::from(CURVE_STEPS)).ceil() as i32;
    let share = |step: i32| 1.0 - 10_f64.powf(-f64::from(step) / f64::from(CURVE_STEPS));
    let shares = (0..last).map(share).chain([1.0]);
    shares.map(|share| (share, ms(latencies.quantile(share)))).collect()
}

fn ratio(part: f64, of: u64) -> Option<f64> {
    (of > 0).then(|| part / of as f64)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
