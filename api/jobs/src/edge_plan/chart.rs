//! Hit ratios as a drawing: a bar for each scheme of each case, and a stroke where the corrected formula is.
//!
//! Invariant: what is drawn is also there as a number, and texts are escaped.

use std::fmt::Write as _;

use super::report::{CaseReport, Report};

/// Ends of the scale: names are to the left of it, numbers to the right.
const LEFT: f64 = 150.0;
const RIGHT: f64 = 560.0;
const WIDTH: f64 = 760.0;
/// Height of a row, and of a line of text above a group.
const ROW: f64 = 18.0;
const HEADING: f64 = 30.0;
/// What is above the first group.
const TOP: f64 = 46.0;

/// Hit ratios of the edge as SVG, under a title.
///
/// ```
/// use cellar_jobs::edge_plan::{Plan, Stream, chart, plan};
///
/// let report = plan(&Plan::default(), &[], &Stream::default(), |_, _| {});
/// assert!(chart(&report, "Breweries & bars").starts_with("<svg "));
/// ```
pub fn chart(report: &Report, title: &str) -> String {
    let groups = groups(report);
    let rows: usize = groups.iter().map(|(_, rows)| rows.len()).sum();
    let height = TOP + groups.len() as f64 * HEADING + rows as f64 * ROW + 30.0;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" font-family="system-ui, sans-serif" font-size="12"><title>{title}</title><rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="10" y="20" font-size="15" font-weight="600">{title}</text><text x="10" y="36" fill="#555">bar: share of requests that the edge answers, from empty; stroke: the corrected formula, an edge that has run forever</text>"##,
        title = escaped(title)
    );
    let mut y = TOP;
    for (name, rows) in groups {
        y += HEADING;
        let _ = write!(out, r#"<text x="10" y="{:.0}" font-weight="600">{}</text>"#, y - 8.0, escaped(&name));
        for (scheme, case) in rows {
            draw(&mut out, y, &scheme, case);
            y += ROW;
        }
    }
    for percent in [0, 25, 50, 75, 100] {
        let x = at(f64::from(percent) / 100.0);
        let _ = write!(
            out,
            r##"<path d="M{x:.1} {TOP}V{y:.0}" stroke="#ddd" stroke-width="1" opacity="0.6"/><text x="{x:.1}" y="{:.0}" text-anchor="middle" fill="#555">{percent} %</text>"##,
            y + 16.0
        );
    }
    out.push_str("</svg>\n");
    out
}

/// By case, in the order of the report.
fn groups(report: &Report) -> Vec<(String, Vec<(String, &CaseReport)>)> {
    let mut groups: Vec<(String, Vec<(String, &CaseReport)>)> = Vec::new();
    for (row, case) in report.cases() {
        let name = case.name();
        let at = groups.iter().position(|(group, _)| *group == name).unwrap_or_else(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push((row.scheme.clone(), case));
    }
    groups
}

fn draw(out: &mut String, y: f64, scheme: &str, case: &CaseReport) {
    let (bar, stroke) = (at(case.hit_ratio) - LEFT, at(case.corrected_formula));
    let base = y + ROW - 5.0;
    let _ = write!(
        out,
        r##"<text x="{:.0}" y="{base:.0}" text-anchor="end">{}</text><rect x="{LEFT}" y="{:.0}" width="{bar:.1}" height="{:.0}" fill="#2a6f97"/><path d="M{stroke:.1} {:.0}v{:.0}" stroke="#d1495b" stroke-width="2"/><text x="{:.0}" y="{base:.0}">{:.1} %, {:.1} requests/s at the origin</text>"##,
        LEFT - 8.0,
        escaped(scheme),
        y + 2.0,
        ROW - 5.0,
        y + 1.0,
        ROW - 3.0,
        RIGHT + 8.0,
        case.hit_ratio * 100.0,
        case.origin_rps,
    );
}

fn at(share: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * share.clamp(0.0, 1.0)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_shares_stay_on_the_scale() {
        assert_eq!(escaped(r#"<a href="x">&"#), "&lt;a href=&quot;x&quot;&gt;&amp;");
        let units = |at: f64| at.round() as i64;
        let expected = [LEFT, 355.0, RIGHT, RIGHT].map(units);
        assert_eq!([0.0, 0.5, 1.0, 1.5].map(|share| units(at(share))), expected);
    }
}
