//! The sections of the report in order.

use maud::{Markup, html};

use super::{figures, sentence};
use crate::html::document::document;
use crate::html::table::table;
use crate::matrix::MatrixReport;
use crate::matrix::report::{HEADER, NOTES, cells};

/// The experiment as an HTML document.
///
/// ```
/// use cellar_loadtest::matrix::{MatrixReport, html};
///
/// let saved = r#"{"form":1,"version":"0.1.0","started":"2026-01-01T00:00:00Z","processors":2,"places":"places",
///     "users":"users","seed":1,"rps":100,"duration_s":10,"lifetime_s":10,"interrupted":true,"rows":[]}"#;
/// let report: MatrixReport = serde_json::from_str(saved)?;
/// assert!(html(&report).ends_with("</html>"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn html(report: &MatrixReport) -> String {
    let title = format!("What cells and caches do, {}", report.started);
    document(&title, &html! { (summary(report, &title)) main { (charts(report)) (figures_of(report)) } })
}

fn summary(report: &MatrixReport, title: &str) -> Markup {
    let class = if report.is_valid() { "passed" } else { "failed" };
    html! {
        header {
            h1 { (title) }
            @if let Some(sentence) = sentence::sentence(report) { p.finding { (sentence) } }
            p class=(class) { strong { (verdict(report)) } }
            @for line in report.heading().lines() { p { (line) } }
            ul { @for complaint in report.complaints() { li { (complaint) } } }
        }
    }
}

/// Whether the measurements are valid.
fn verdict(report: &MatrixReport) -> String {
    let verified = || report.rows.iter().filter_map(|row| row.verified.as_ref());
    let compared: u64 = verified().map(|verified| verified.compared).sum();
    let answers = match (compared, report.differ()) {
        (0, _) => String::new(),
        (_, 0) => format!("; {compared} answers compared with the exact endpoint, none differ"),
        (_, differ) => format!("; of {compared} answers {differ} DIFFER from the exact endpoint's"),
    };
    let stopped = if report.interrupted { ", stopped early" } else { "" };
    let faults = report.rows.iter().filter(|row| !row.faults.is_empty()).count();
    match (report.rows.len(), faults) {
        (0, _) => format!("nothing was measured{stopped}"),
        (rows, 0) => format!("{rows} combinations measured{stopped}{answers}"),
        (rows, faults) => {
            format!("{faults} of {rows} combinations NOT measured validly{stopped}{answers}")
        }
    }
}

fn charts(report: &MatrixReport) -> Markup {
    html! {
        section.charts aria-label="Charts" {
            (figures::read_units(report))
            (figures::latencies(report))
            (figures::dollars(report))
            (figures::edge(report))
        }
    }
}

fn figures_of(report: &MatrixReport) -> Markup {
    let rows: Vec<Vec<String>> = report.rows.iter().map(cells).collect();
    let headings = HEADER.map(|heading| if heading.is_empty() { "state" } else { heading });
    html! {
        section aria-label="Table" { (table("All combinations", &headings, &rows)) p { (NOTES) } }
        footer {
            p {
                "cellar loadtest matrix " (report.version) ", seed " (report.seed)
                "; latencies are measured from the instant at which each request was due."
            }
        }
    }
}
