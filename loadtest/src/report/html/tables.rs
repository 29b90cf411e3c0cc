//! The figures of the summary, and those that the charts are drawn from.

use maud::{Markup, html};

use crate::html::table::table;
use crate::record::Tier;
use crate::report::model::{Part, Report, Settings, Spread};
use crate::report::text::{number, percent, spread};

/// Cells that are listed.
const CELLS: usize = 10;

/// Latencies by region and in total.
pub(super) fn latencies(report: &Report) -> Markup {
    let row = |name: &str, part: &Part| {
        let first = |of: fn(&Spread) -> f64| number(part.first_byte_ms.as_ref().map(of));
        let counts = [part.done, part.failed, part.unsent, part.late].map(|count| count.to_string());
        let mut row = vec![name.to_owned()];
        row.extend(counts);
        row.extend(spread(part.latency_ms.as_ref()));
        row.extend([first(|spread| spread.p50), first(|spread| spread.p99)]);
        row.push(number(part.send_delay_ms.as_ref().map(|delay| delay.p99)));
        row
    };
    let mut rows: Vec<_> = report.regions.iter().map(|region| row(&region.name, &region.part)).collect();
    if report.regions.len() > 1 {
        rows.push(row("all", &report.total));
    }
    let headings = [
        "region",
        "done",
        "failed",
        "unsent",
        "late",
        "p50",
        "p90",
        "p95",
        "p99",
        "p99.9",
        "max",
        "first byte p50",
        "first byte p99",
        "send delay p99",
    ];
    table("Latency by region, ms", &headings, &rows)
}

/// What each tier did.
pub(super) fn tiers(report: &Report) -> Markup {
    let rows = report.total.tiers.iter().map(|tier| {
        let asked = tier.asked.map_or_else(|| "-".to_owned(), |asked| asked.to_string());
        let mut row =
            vec![tier.tier.name().to_owned(), asked, percent(tier.hit_ratio), percent(tier.page_hit_ratio)];
        row.extend([tier.served.to_string(), percent(Some(tier.share))]);
        row.extend(spread(tier.latency_ms.as_ref()));
        row
    });
    let rows: Vec<_> = rows.collect();
    let headings =
        ["tier", "asked", "hits", "pages", "answers", "share", "p50", "p90", "p95", "p99", "p99.9", "max"];
    table("Tiers; latency in ms", &headings, &rows)
}

/// Failures and statuses.
pub(super) fn failures(report: &Report) -> Markup {
    let part = &report.total;
    let of = |count: u64, all: u64| percent(Some(count as f64 / all.max(1) as f64));
    let failures = part
        .failures
        .iter()
        .map(|(failure, count)| vec![failure.words().to_owned(), count.to_string(), of(*count, part.done)]);
    let statuses = part.statuses.iter().map(|(status, count)| {
        vec![format!("status {status}"), count.to_string(), of(*count, part.exchanges)]
    });
    let rows: Vec<_> = failures.chain(statuses).collect();
    table("Failures and statuses", &["what", "number", "share"], &rows)
}

/// Conditions of the verdict.
pub(super) fn conditions(report: &Report) -> Markup {
    let rows = report.outcome.conditions.iter().map(|condition| {
        let fails = if condition.fails { "fails" } else { "passes" };
        vec![condition.text.clone(), number(condition.measured), fails.to_owned()]
    });
    let rows: Vec<_> = rows.collect();
    html! { @if !rows.is_empty() { (table("Conditions that fail the run", &["condition", "measured", "run"], &rows)) } }
}

/// What was to be done.
pub(super) fn settings(settings: &Settings) -> Markup {
    let in_json = |value: serde_json::Result<serde_json::Value>| match value {
        Ok(serde_json::Value::String(text)) => text,
        _ => "-".to_owned(),
    };
    let stages = settings.stages.iter().map(|stage| match stage {
        stage if (stage.from_rps - stage.to_rps).abs() < f64::EPSILON => {
            format!("{} s at {}/s", stage.lasts_s, stage.to_rps)
        }
        stage => format!("{} s from {}/s to {}/s", stage.lasts_s, stage.from_rps, stage.to_rps),
    });
    let stages: Vec<String> = stages.collect();
    let rows = [
        ("mode", in_json(serde_json::to_value(settings.mode))),
        ("collection", settings.collection.clone()),
        ("workload", settings.workload.clone()),
        ("arrivals", in_json(serde_json::to_value(settings.arrivals))),
        ("stages", if stages.is_empty() { "of the file".to_owned() } else { stages.join(", ") }),
        ("warm-up", format!("{} s", settings.warmup_s)),
        ("seed", settings.seed.to_string()),
        ("protocol", in_json(serde_json::to_value(settings.protocol))),
        ("connections", settings.connections.to_string()),
        ("accept-encoding", settings.accept_encoding.clone()),
        ("time limit", format!("{} ms", settings.time_limit_ms)),
        ("late after", format!("{} ms", settings.late_after_ms)),
        ("sent together within", format!("{} ms", settings.group_within_ms)),
        ("sending threads", settings.workers.to_string()),
        ("added round trip", settings.client_rtt.clone()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    html! { div.words { (table("Settings", &["setting", "value"], &rows)) } }
}

/// What the charts over time are drawn from.
pub(super) fn slices(report: &Report) -> Markup {
    let row = |(number_of, slice): (usize, &crate::report::model::SlicePart)| {
        let mut row = vec![(number_of as f64 * report.over_time.slice_s).to_string()];
        row.extend([slice.planned, slice.done, slice.failed, slice.cold].map(|count| count.to_string()));
        row.extend([slice.p50_ms, slice.p99_ms, slice.max_ms].map(number));
        row.extend(slice.hit_ratios.map(percent));
        row
    };
    let rows: Vec<_> = report.over_time.slices.iter().enumerate().map(row).collect();
    let mut headings =
        vec!["from, s", "planned", "done", "failed", "cold", "p50, ms", "p99, ms", "longest, ms"];
    headings.extend(Tier::CACHES.map(Tier::name));
    table("Over time; hit ratios by tier", &headings, &rows)
}

/// What the curve is drawn from.
pub(super) fn curve(report: &Report) -> Markup {
    let point = |(share, ms): &(f64, f64)| vec![format!("{:.5} %", share * 100.0), number(Some(*ms))];
    let rows: Vec<_> = report.total.curve.iter().map(point).collect();
    table("Latency by percentile, all regions", &["share", "ms"], &rows)
}

/// The cells with most answers.
pub(super) fn cells(report: &Report) -> Markup {
    let squares = report.map.iter().flat_map(|map| &map.squares).take(CELLS);
    let rows = squares.map(|square| {
        let place = format!("{:.3}, {:.3}", square.lat, square.lon);
        vec![place, square.answers.to_string(), percent(square.cached_share)]
    });
    let rows: Vec<_> = rows.collect();
    let caption = format!("The {} cells with most answers", rows.len());
    table(&caption, &["latitude, longitude", "answers", "from a cache"], &rows)
}
