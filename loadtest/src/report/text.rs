//! The report for a terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::model::{Part, RegionPart, Report, Spread};

/// The report as tables and a verdict.
pub fn text(report: &Report) -> String {
    let mut out = heading(report);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\n{}", latencies(report));
    if report.total.tiers.iter().any(|tier| tier.served > 0) {
        let _ = writeln!(out, "\n{}", tiers(&report.total));
    }
    if report.total.failed > 0 {
        let _ = writeln!(out, "\n{}", failures(&report.total));
    }
    let facts = facts(report);
    if !facts.is_empty() {
        let _ = writeln!(out, "\n{}", facts.join("\n"));
    }
    let _ = write!(out, "\n{}", verdict(report));
    out
}

/// How much was done, in one sentence.
pub(super) fn heading(report: &Report) -> String {
    let part = &report.total;
    let stopped = if report.outcome.interrupted { ", stopped early" } else { "" };
    format!(
        "{:.1} s measured{stopped}: {} requests planned ({:.1}/s), {} done, {} failed, {} unsent, {} late; {:.1}/s succeeded",
        report.outcome.measured_s,
        part.planned,
        part.planned_rps,
        part.done,
        part.failed,
        part.unsent,
        part.late,
        part.succeeded_rps
    )
}

fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Latencies by region and in total, from due instants.
fn latencies(report: &Report) -> Table {
    let mut table = table(&[
        "ms",
        "done",
        "p50",
        "p90",
        "p95",
        "p99",
        "p99.9",
        "max",
        "1st byte p50",
        "p99",
        "send delay p99",
    ]);
    let mut add = |name: &str, part: &Part| {
        let first = |of: fn(&Spread) -> f64| number(part.first_byte_ms.as_ref().map(of));
        let mut row = vec![name.to_owned(), part.done.to_string()];
        row.extend(spread(part.latency_ms.as_ref()));
        row.extend([first(|spread| spread.p50), first(|spread| spread.p99)]);
        row.push(number(part.send_delay_ms.as_ref().map(|delay| delay.p99)));
        table.add_row(row);
    };
    for RegionPart { name, part, .. } in &report.regions {
        add(name, part);
    }
    if report.regions.len() > 1 {
        add("all", &report.total);
    }
    table
}

fn tiers(part: &Part) -> Table {
    let mut table = table(&[
        "tier", "lookups", "hits", "pages", "answers", "share", "p50 ms", "p90", "p95", "p99", "p99.9", "max",
    ]);
    for tier in &part.tiers {
        let asked = tier.asked.map_or_else(|| "-".to_owned(), |asked| asked.to_string());
        let ratios = [percent(tier.hit_ratio), percent(tier.page_hit_ratio)];
        let mut row = vec![tier.tier.name().to_owned(), asked];
        row.extend(ratios);
        row.extend([tier.served.to_string(), percent(Some(tier.share))]);
        row.extend(spread(tier.latency_ms.as_ref()));
        table.add_row(row);
    }
    table
}

fn failures(part: &Part) -> Table {
    let mut table = table(&["failure", "requests", "share"]);
    for (failure, count) in &part.failures {
        let share = *count as f64 / part.done.max(1) as f64;
        table.add_row([failure.words().to_owned(), count.to_string(), percent(Some(share))]);
    }
    table
}

/// Further facts, a line each.
pub(super) fn facts(report: &Report) -> Vec<String> {
    let part = &report.total;
    let mut facts = Vec::new();
    if let (Some(certified), Some(tries)) = (part.certified_share, part.tries_per_answer) {
        let share = percent(Some(certified));
        facts.push(format!("certified by a cell: {share}, {tries:.3} cells requested per result"));
    }
    if let Some(queries) = part.queries_per_answer {
        facts.push(format!("DynamoDB Queries per answer: {queries:.4}"));
    }
    if let Some(units) = part.read_units_per_answer {
        let declared = percent(part.read_units_declared);
        facts.push(format!(
            "DynamoDB read units per answer: {units:.4}, over the {declared} of answers that declare them"
        ));
    }
    if let Some(instances) = report.instances {
        facts.push(format!("{instances} instances, {} cold starts", part.cold));
    }
    if part.pages_lost > 0 {
        let lost = part.pages_lost;
        facts.push(format!(
            "{lost} further pages had no answer to continue; first pages were requested instead"
        ));
    }
    if let Some(verified) = &report.verified {
        let (compared, differ, unknown) = (verified.compared, verified.differ, verified.unknown);
        facts.push(format!(
            "{compared} answers compared with the exact endpoint: {differ} differ, {unknown} unknown"
        ));
        facts.extend(verified.examples.iter().map(|example| format!("  {example}")));
    }
    facts
}

/// `passed`, or the reasons why the run failed.
pub(super) fn verdict(report: &Report) -> String {
    let outcome = &report.outcome;
    let failed = outcome.conditions.iter().filter(|condition| condition.fails);
    let failed = failed.map(|condition| match condition.measured {
        Some(measured) => format!("{} (measured: {measured:.3})", condition.text),
        None => format!("{} (not measured)", condition.text),
    });
    let reasons: Vec<String> = outcome.faults.iter().cloned().chain(failed).collect();
    if reasons.is_empty() { "passed".to_owned() } else { format!("FAILED: {}", reasons.join("; ")) }
}

pub(super) fn spread(spread: Option<&Spread>) -> [String; 6] {
    let of = |value: fn(&Spread) -> f64| number(spread.map(value));
    let p95 = number(spread.and_then(|spread| spread.p95));
    [of(|s| s.p50), of(|s| s.p90), p95, of(|s| s.p99), of(|s| s.p99_9), of(|s| s.max)]
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}
