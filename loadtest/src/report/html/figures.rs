//! The charts over time, and of percentiles.

use maud::Markup;

use crate::html::axis::Axis;
use crate::html::chart::{Bar, Chart, Line, STYLES, missing};
use crate::record::Tier;
use crate::report::model::{Part, Report, SlicePart};
use crate::report::text::{number, percent};

/// A value of a slice.
type Value = fn(&SlicePart) -> Option<f64>;

/// Latencies of slices.
pub(super) fn latency(report: &Report) -> Markup {
    let (id, title) = ("latency", "Latency over time");
    let values: [(&str, Value); 3] =
        [("p50", |slice| slice.p50_ms), ("p99", |slice| slice.p99_ms), ("longest", |slice| slice.max_ms)];
    let slices = &report.over_time.slices;
    let all = || values.iter().flat_map(|(_, value)| slices.iter().filter_map(value));
    if all().next().is_none() {
        return missing(id, title, "No request ended.");
    }
    let total = report.total.latency_ms.as_ref();
    let about = format!(
        "Median, 99th percentile and longest latency, in milliseconds from the due instant, on a logarithmic scale; {}. \
         Over the whole run: p50 {}, p99 {}, longest {}.",
        slices_in_words(report),
        number(total.map(|spread| spread.p50)),
        number(total.map(|spread| spread.p99)),
        number(total.map(|spread| spread.max)),
    );
    let chart = Chart { id, title, about, x: time(report), y: Axis::latencies(all()) };
    chart.lines(&values.map(|(name, value)| line(report, name, value)))
}

/// Requests per second of slices.
pub(super) fn rate(report: &Report) -> Markup {
    let (id, title) = ("rate", "Requests per second");
    let values: [(&str, Value); 3] = [
        ("planned", |slice| Some(slice.planned as f64)),
        ("done", |slice| Some(slice.done as f64)),
        ("failed or unsent", |slice| Some(slice.failed as f64)),
    ];
    let slice_s = report.over_time.slice_s;
    let lines = values.map(|(name, value)| {
        let mut line = line(report, name, value);
        for (second, (_, count)) in line.points.iter_mut().enumerate() {
            let took = (report.outcome.measured_s - second as f64 * slice_s).min(slice_s);
            *count = count.map(|count| count / took.max(f64::MIN_POSITIVE)).filter(|_| took > slice_s / 10.0);
        }
        line
    });
    let most = lines.iter().flat_map(|line| &line.points).filter_map(|(_, rate)| *rate).fold(0.0, f64::max);
    let part = &report.total;
    let about = format!(
        "Requests planned, done, and failed or not sent, per second; {}. Over the whole run: {:.1} planned and {:.1} succeeded \
         per second, {} failed, {} unsent.",
        slices_in_words(report),
        part.planned_rps,
        part.succeeded_rps,
        part.failed,
        part.unsent,
    );
    Chart { id, title, about, x: time(report), y: Axis::counts(most) }.lines(&lines)
}

/// Latency by share of requests, into the tail.
pub(super) fn curve(report: &Report) -> Markup {
    let (id, title) = ("curve", "Latency by percentile");
    let parts = parts(report);
    let all = || parts.iter().flat_map(|(_, part)| part.curve.iter().map(|(_, ms)| *ms));
    if all().next().is_none() {
        return missing(id, title, "No request ended.");
    }
    let tail = |part: &Part| (part.done.max(1) as f64).log10();
    let line = |(name, part): &(String, &Part)| {
        let nines = |share: f64| if share < 1.0 { -(1.0 - share).log10() } else { tail(part) };
        let points = part.curve.iter().map(|(share, ms)| (nines(*share), Some(*ms))).collect();
        Line { name: name.clone(), points }
    };
    let lines: Vec<Line> = parts.iter().map(line).collect();
    let most = parts.iter().map(|(_, part)| tail(part)).fold(0.0, f64::max);
    let spread = |(name, part): &(String, &Part)| {
        let of = part.latency_ms.as_ref();
        let [p50, p99, max] = [of.map(|s| s.p50), of.map(|s| s.p99), of.map(|s| s.max)].map(number);
        format!("{name}: p50 {p50}, p99 {p99}, longest {max}")
    };
    let figures: Vec<String> = parts.iter().map(spread).collect();
    let about = format!(
        "The latency, in milliseconds, that a share of the requests does not exceed; both scales are logarithmic. {}.",
        figures.join("; ")
    );
    Chart { id, title, about, x: Axis::tail(most), y: Axis::latencies(all()) }.lines(&lines)
}

/// Hit ratios of slices, by tier.
pub(super) fn hits(report: &Report) -> Markup {
    let (id, title) = ("hits", "Hit ratio over time");
    let slices = &report.over_time.slices;
    let asked = |index: usize| slices.iter().any(|slice| slice.hit_ratios[index].is_some());
    let caches: Vec<usize> = (0..Tier::CACHES.len()).filter(|index| asked(*index)).collect();
    if caches.is_empty() {
        return missing(id, title, "No answer reported a cache lookup.");
    }
    let points = |index: usize| {
        let at = |(number, slice): (usize, &SlicePart)| (middle(report, number), slice.hit_ratios[index]);
        slices.iter().enumerate().map(at).collect()
    };
    let named = |&index: &usize| Line { name: Tier::CACHES[index].name().to_owned(), points: points(index) };
    let lines: Vec<Line> = caches.iter().map(named).collect();
    let overall = report.total.tiers.iter().filter(|tier| tier.asked.is_some());
    let overall: Vec<String> =
        overall.map(|tier| format!("{} {}", tier.tier.name(), percent(tier.hit_ratio))).collect();
    let about = format!(
        "Of the answers for which a cache was looked up, the share for which it had everything; {}. Over the whole run: {}.",
        slices_in_words(report),
        overall.join(", ")
    );
    Chart { id, title, about, x: time(report), y: Axis::shares() }.lines(&lines)
}

/// Cold starts of slices.
pub(super) fn cold(report: &Report) -> Markup {
    let (id, title) = ("cold", "Cold starts over time");
    if report.total.cold == 0 {
        return missing(id, title, "No answer reported a cold start.");
    }
    let (slices, slice_s) = (&report.over_time.slices, report.over_time.slice_s);
    let bar = |(number, slice): (usize, &SlicePart)| -> Bar {
        (number as f64 * slice_s, (number as f64 + 0.9) * slice_s, slice.cold as f64)
    };
    let bars: Vec<Bar> = slices.iter().enumerate().map(bar).collect();
    let most = bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
    let about = format!(
        "Answers from cold instances; {}. Over the whole run: {}, at most {most} in a slice.",
        slices_in_words(report),
        report.total.cold
    );
    Chart { id, title, about, x: time(report), y: Axis::counts(most) }.bars(&bars)
}

/// All regions together, and, if there are several, those with the most requests, as many as there are line styles.
fn parts(report: &Report) -> Vec<(String, &Part)> {
    let mut parts = vec![("all".to_owned(), &report.total)];
    if report.regions.len() > 1 {
        let mut regions: Vec<_> = report.regions.iter().collect();
        regions.sort_by_key(|region| std::cmp::Reverse(region.part.done));
        parts.extend(regions.into_iter().take(STYLES - 1).map(|region| (region.name.clone(), &region.part)));
    }
    parts
}

fn line(report: &Report, name: &str, value: Value) -> Line {
    let slices = report.over_time.slices.iter().enumerate();
    let points = slices.map(|(number, slice)| (middle(report, number), value(slice))).collect();
    Line { name: name.to_owned(), points }
}

/// The middle of a slice, in seconds.
fn middle(report: &Report, number: usize) -> f64 {
    (number as f64 + 0.5) * report.over_time.slice_s
}

fn time(report: &Report) -> Axis {
    Axis::time(report.over_time.slices.len() as f64 * report.over_time.slice_s)
}

fn slices_in_words(report: &Report) -> String {
    format!("{} slices of {} s", report.over_time.slices.len(), report.over_time.slice_s)
}
