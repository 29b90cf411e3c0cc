//! The report as tables.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::burst::BurstReport;
use super::load::LoadReport;
use super::plan::{Report, SimulationReport};
use super::starts::StartReport;
use super::times::Summary;

/// All tables that are not empty, each below its title.
pub fn text(report: &Report) -> String {
    let mut text = format!("{} cores, shared by all environments. Times in ms.\n", report.cores);
    let mut add = |title: &str, table: Table, lines: usize| {
        if lines > 0 {
            let _ = write!(text, "\n{title}\n{table}\n");
        }
    };
    add(
        "One by one: init (p50 p90 p99 max), first invocation, warm ones",
        starts(&report.starts),
        report.starts.len(),
    );
    add("All at once", bursts(&report.bursts), report.bursts.len());
    add("Under load, measured | simulated over the same arrivals", loads(&report.loads), report.loads.len());
    add("Simulated, not measured", simulated(&report.simulated), report.simulated.len());
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn starts(reports: &[StartReport]) -> Table {
    let mut table = table(&[
        "function",
        "inits",
        "p50",
        "p90",
        "p99",
        "max",
        "ratio",
        "first p50",
        "p99",
        "warm p50",
        "p99",
        "first-warm",
        "RSS MiB",
        "peak MiB",
        "errors",
        "CPU",
    ]);
    for report in reports {
        let of = |summary: Option<Summary>, value: fn(&Summary) -> f64| summary.as_ref().map(value);
        let first_over_warm = report.first.zip(report.warm).map(|(first, warm)| first.p50_ms - warm.p50_ms);
        let mib = |kib: Option<u64>| number(kib.map(|kib| kib as f64 / 1_024.0), 1);
        table.add_row([
            report.name.clone(),
            report.init.map_or(0, |init| init.count).to_string(),
            number(of(report.init, |init| init.p50_ms), 2),
            number(of(report.init, |init| init.p90_ms), 2),
            number(of(report.init, |init| init.p99_ms), 2),
            number(of(report.init, |init| init.max_ms), 2),
            number(report.init_ratio, 2),
            number(of(report.first, |first| first.p50_ms), 2),
            number(of(report.first, |first| first.p99_ms), 2),
            number(of(report.warm, |warm| warm.p50_ms), 3),
            number(of(report.warm, |warm| warm.p99_ms), 2),
            number(first_over_warm, 2),
            mib(report.memory.map(|memory| memory.resident_kib)),
            mib(report.memory.map(|memory| memory.peak_kib)),
            errors(report.errors, report.last_error.as_ref()),
            report.cpu.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    table
}

fn bursts(reports: &[BurstReport]) -> Table {
    let mut table = table(&[
        "function",
        "invoked",
        "answered",
        "environments",
        "init p50",
        "p90",
        "max",
        "answer p50",
        "p90",
        "max",
        "all after",
        "errors",
    ]);
    for report in reports {
        let init = |value: fn(&Summary) -> f64| number(report.init.as_ref().map(value), 1);
        let total = |value: fn(&Summary) -> f64| number(report.total.as_ref().map(value), 1);
        table.add_row([
            report.name.clone(),
            report.asked.to_string(),
            report.answered.to_string(),
            report.environments.to_string(),
            init(|init| init.p50_ms),
            init(|init| init.p90_ms),
            init(|init| init.max_ms),
            total(|total| total.p50_ms),
            total(|total| total.p90_ms),
            total(|total| total.max_ms),
            number(Some(report.elapsed.as_secs_f64() * 1_000.0), 1),
            errors(report.asked - report.answered, report.last_error.as_ref()),
        ]);
    }
    table
}

fn loads(reports: &[LoadReport]) -> Table {
    let mut table = table(&[
        "rate/s",
        "burst",
        "idle",
        "MiB",
        "warmer",
        "prov.",
        "answered",
        "failed",
        "cold",
        "| sim.",
        "envs",
        "| sim.",
        "busy",
        "| Little",
        "answer p50",
        "| sim.",
        "p99",
        "| sim.",
        "latency p99",
        "max",
        "send p99",
    ]);
    for report in reports {
        let (seen, said) = (&report.measured, &report.simulated);
        let told = |of: &Option<Summary>, value: fn(&Summary) -> f64| number(of.as_ref().map(value), 2);
        table.add_row([
            format!("{:.0}", report.arrivals.rate),
            report.arrivals.burst.to_string(),
            humantime::format_duration(report.idle).to_string(),
            report.memory_mib.to_string(),
            report.arrivals.warmer.map_or("off".into(), |warmer| warmer.width.to_string()),
            report.provisioned.to_string(),
            seen.answered.to_string(),
            errors(seen.failed, report.last_error.as_ref()),
            percent(seen.cold_share),
            percent(said.cold_share),
            seen.environments.to_string(),
            said.environments.to_string(),
            number(Some(seen.busy_mean), 3),
            number(Some(report.little_busy_mean), 3),
            told(&report.answer, |one| one.p50_ms),
            told(&said.latency, |one| one.p50_ms),
            told(&report.answer, |one| one.p99_ms),
            told(&said.latency, |one| one.p99_ms),
            told(&seen.latency, |one| one.p99_ms),
            number(seen.latency.map(|latency| latency.max_ms), 1),
            number(Some(report.send_delay_p99_ms), 2),
        ]);
    }
    table
}

fn simulated(reports: &[SimulationReport]) -> Table {
    let mut table = table(&[
        "rate/s", "idle", "for", "requests", "cold", "share", "envs", "peak", "busy", "p50", "p99", "max",
    ]);
    for SimulationReport { plan, outcome } in reports {
        let latency = |value: fn(&Summary) -> f64| number(outcome.latency.as_ref().map(value), 2);
        table.add_row([
            format!("{:.0}", plan.arrivals.rate),
            humantime::format_duration(plan.idle).to_string(),
            humantime::format_duration(plan.arrivals.duration).to_string(),
            outcome.answered.to_string(),
            outcome.cold.to_string(),
            percent(outcome.cold_share),
            outcome.environments.to_string(),
            outcome.busy_peak.to_string(),
            number(Some(outcome.busy_mean), 2),
            latency(|one| one.p50_ms),
            latency(|one| one.p99_ms),
            latency(|one| one.max_ms),
        ]);
    }
    table
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// Shares of cold starts are small: three digits that count.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 0.1 || percent == 0.0 { format!("{percent:.2}%") } else { format!("{percent:.1e}%") }
}

fn errors(count: usize, last: Option<&String>) -> String {
    match last {
        Some(last) if count > 0 => format!("{count}: {last}"),
        _ => count.to_string(),
    }
}
