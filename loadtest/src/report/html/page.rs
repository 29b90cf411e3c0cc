//! The parts of the report in order.

use maud::{Markup, html};

use super::{figures, map, tables};
use crate::html::document::document;
use crate::report::model::Report;
use crate::report::text::{facts, heading, verdict};

/// The report as an HTML document.
pub fn html(report: &Report) -> String {
    let title = format!("Load test of {}, {}", report.settings.collection, report.started);
    document(&title, &html! { (summary(report, &title)) main { (charts(report)) (details(report)) } })
}

fn summary(report: &Report, title: &str) -> Markup {
    let class = if report.outcome.passed { "passed" } else { "failed" };
    html! {
        header {
            h1 { (title) }
            p class=(class) { strong { (verdict(report)) } }
            p { (heading(report)) }
            ul { @for fact in facts(report) { li { (fact) } } }
        }
    }
}

fn charts(report: &Report) -> Markup {
    html! {
        section.charts aria-label="Charts" {
            (figures::latency(report))
            (figures::curve(report))
            (figures::hits(report))
            (figures::cold(report))
            (figures::rate(report))
            (map::map(report))
        }
    }
}

fn details(report: &Report) -> Markup {
    html! {
        section aria-label="Tables" {
            (tables::latencies(report))
            (tables::tiers(report))
            (tables::failures(report))
            (tables::conditions(report))
            (tables::settings(&report.settings))
            details {
                summary { "Figures of the charts" }
                (tables::slices(report))
                (tables::curve(report))
                (tables::cells(report))
            }
        }
        footer { p { "cellar loadtest " (report.version) "; latencies count from the instant at which each request was due." } }
    }
}
