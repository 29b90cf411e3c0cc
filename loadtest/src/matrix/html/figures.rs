//! The charts: a row for each scheme, grouped by caches; cold above warm.

use maud::Markup;

use crate::html::axis::Axis;
use crate::html::chart::missing;
use crate::html::rows::{Group, Lane, Mark, Row as Line, Rows};
use crate::matrix::report::temperature;
use crate::matrix::{MatrixReport, Row};

/// Kinds of lanes.
const KINDS: [&str; 2] = ["cold", "warm"];

/// The mark of a row, and its figure.
type Shown = fn(&Row) -> Option<(Mark, String)>;

/// A value of a row.
type Value = fn(&Row) -> Option<f64>;

/// What a chart shows.
struct What {
    id: &'static str,
    title: &'static str,
    /// Description, without the figures.
    about: &'static str,
    /// Why there is no data, if there is none.
    missing: &'static str,
    shown: Shown,
    /// A value to compare with, and its name.
    stroke: Option<(&'static str, Value)>,
    scale: fn(&[f64]) -> Axis,
}

/// What is read from the table.
pub(super) fn read_units(report: &MatrixReport) -> Markup {
    chart(
        report,
        &What {
            id: "read-units",
            title: "Database read units per request",
            about: "DynamoDB read request units per request, by scheme and by caches",
            missing: "Not all answers declare their read units.",
            shown: |row| row.read_units.map(|units| (Mark::Bar(units), format!("{units:.3}"))),
            stroke: None,
            scale: amounts,
        },
    )
}

/// How long users wait.
pub(super) fn latencies(report: &MatrixReport) -> Markup {
    chart(
        report,
        &What {
            id: "latency",
            title: "Latency from p50 to p99, ms",
            about: "Median and 99th percentile of the latency in milliseconds, from due instants, on a logarithmic scale",
            missing: "No request ended.",
            shown: |row| {
                let (p50, p99) = (row.p50_ms?, row.p99_ms?);
                Some((Mark::Span(p50, p99), format!("{} – {}", short(p50), short(p99))))
            },
            stroke: None,
            scale: |values| Axis::latencies(values.iter().copied()),
        },
    )
}

/// What requests cost.
pub(super) fn dollars(report: &MatrixReport) -> Markup {
    chart(
        report,
        &What {
            id: "dollars",
            title: "US dollars per million requests",
            about: "A million requests in US dollars by the cost model, without fixed costs and free amounts",
            missing: "Nothing was measured.",
            shown: |row| Some((Mark::Bar(row.million_usd), format!("{:.2}", row.million_usd))),
            stroke: None,
            scale: amounts,
        },
    )
}

/// The hit ratio of the edge, and its steady state.
pub(super) fn edge(report: &MatrixReport) -> Markup {
    chart(
        report,
        &What {
            id: "edge",
            title: "Hit ratio of the edge, and the formula",
            about: "Share of all answers that came from the edge; a stroke marks Σ p·λT/(1+λT), the steady-state hit ratio",
            missing: "No combination with an edge was measured.",
            shown: |row| row.hits.edge.map(|hits| (Mark::Bar(hits), format!("{:.1} %", hits * 100.0))),
            stroke: Some(("Σ p·λT/(1+λT)", |row| row.formula)),
            scale: |_| Axis::shares(),
        },
    )
}

fn chart(report: &MatrixReport, what: &What) -> Markup {
    let groups = groups(report, what);
    let lanes = || groups.iter().flat_map(|group| &group.rows).flat_map(|line| &line.lanes);
    let marks: Vec<Mark> = lanes().filter_map(|lane| lane.mark).collect();
    if marks.is_empty() {
        return missing(what.id, what.title, what.missing);
    }
    let ends = marks.iter().flat_map(|mark| match *mark {
        Mark::Bar(value) => vec![value],
        Mark::Span(from, to) => vec![from, to],
    });
    let ends: Vec<f64> = ends.collect();
    Rows {
        id: what.id,
        title: what.title,
        about: format!("{}. {}.", what.about, extremes(report, what)),
        scale: (what.scale)(&ends),
        kinds: &KINDS,
        stroke: what.stroke.map(|(name, _)| name),
        groups,
    }
    .figure()
}

/// Stacks with data as groups, schemes as their rows, in the order of the report.
fn groups(report: &MatrixReport, what: &What) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in &report.rows {
        let name = |group: &Group| group.name == row.caching;
        let at = groups.iter().position(name).unwrap_or_else(|| {
            groups.push(Group { name: row.caching.clone(), rows: Vec::new() });
            groups.len() - 1
        });
        let lines = &mut groups[at].rows;
        let stroke = what.stroke.and_then(|(_, value)| value(row));
        match lines.iter_mut().find(|line| line.name == row.scheme) {
            Some(line) => line.lanes.push(lane(row, what)),
            None => lines.push(Line { name: row.scheme.clone(), lanes: vec![lane(row, what)], stroke }),
        }
    }
    let shows =
        |group: &Group| group.rows.iter().flat_map(|line| &line.lanes).any(|lane| lane.mark.is_some());
    groups.retain(shows);
    groups
}

fn lane(row: &Row, what: &What) -> Lane {
    let (mark, text) = (what.shown)(row).unzip();
    Lane { kind: usize::from(row.warm), mark, text: text.unwrap_or_else(|| "-".to_owned()) }
}

/// The minimum and the maximum, in words.
fn extremes(report: &MatrixReport, what: &What) -> String {
    let end = |(mark, _): &(Mark, String)| match *mark {
        Mark::Bar(value) | Mark::Span(_, value) => value,
    };
    let shown = report.rows.iter().filter_map(|row| (what.shown)(row).map(|shown| (row, shown)));
    let mut shown: Vec<_> = shown.collect();
    shown.sort_by(|(_, a), (_, b)| end(a).total_cmp(&end(b)));
    let words = |(row, (_, text)): &(&Row, (Mark, String))| {
        format!("{text} with {}, {}, {}", row.scheme, row.caching, temperature(row))
    };
    match (shown.first(), shown.last()) {
        (Some(least), Some(most)) => format!("Least: {}; most: {}", words(least), words(most)),
        _ => String::new(),
    }
}

fn amounts(values: &[f64]) -> Axis {
    Axis::amounts(values.iter().copied().fold(0.0, f64::max))
}

/// About three digits: there is little space.
fn short(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}
