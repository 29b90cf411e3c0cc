//! The report of the experiment for a browser, from what was saved.

use std::path::Path;

use cellar_loadtest::matrix::{MatrixReport, html};
use serde_json::{Value, json};

use crate::cli::{code, complaint, loadtest};
use crate::html::{body, by_id, chart, drawn_and_described, marks, needs_nothing_else, text};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/test/matrix.sample.json");

const CHARTS: [(&str, &str); 4] =
    [("read-units", "rect"), ("latency", "circle"), ("dollars", "rect"), ("edge", "rect")];

fn sample() -> MatrixReport {
    serde_json::from_str(&std::fs::read_to_string(SAMPLE).unwrap()).unwrap()
}

#[test]
fn every_chart_is_there_with_its_data_and_in_words() {
    let report = sample();
    let page = html(&report);
    needs_nothing_else(&page);
    let page = body(&page);
    for (id, mark) in CHARTS {
        drawn_and_described(&page, id, mark);
    }
    let count = |id: &str, mark: &str| marks(chart(&page, id).unwrap(), mark).len();
    let rows = report.rows.len();
    assert_eq!((count("read-units", "rect"), count("dollars", "rect")), (rows, rows));
    assert_eq!((count("latency", "circle"), count("latency", "path")), (2 * rows, rows));
    // What the formula says is there once for cold and warm.
    let edges = report.rows.iter().filter(|row| row.hits.edge.is_some()).count();
    let formulas = report.rows.iter().filter(|row| row.formula.is_some() && row.warm).count();
    assert!(formulas > 0 && edges > 2 * formulas, "raw coordinates have none");
    assert_eq!((count("edge", "rect"), count("edge", "path")), (edges, formulas));
}

#[test]
fn bars_are_as_long_as_what_was_measured() {
    let mut report = sample();
    report.rows.retain(|row| row.caching == "no cache" && row.warm);
    for (row, units) in report.rows.iter_mut().zip([4.0, 1.0, 2.0]) {
        row.read_units = Some(units);
    }
    report.rows.truncate(3);
    let page = html(&report);
    let page = body(&page);
    let widths = marks(chart(&page, "read-units").unwrap(), "rect");
    let widths = widths.iter().map(|bar| bar.attribute("width").unwrap().parse::<f64>().unwrap());
    let widths: Vec<f64> = widths.collect();
    assert!(
        (widths[0] - 4.0 * widths[1]).abs() < 0.3 && (widths[0] - 2.0 * widths[2]).abs() < 0.3,
        "{widths:?}"
    );
    // Nothing had an edge.
    assert!(chart(&page, "edge").is_none());
    assert!(text(by_id(&page, "edge")).contains("No combination with an edge was measured"));
}

#[test]
fn the_table_has_all_columns_and_texts_come_escaped() {
    let mut report = sample();
    report.rows[3].faults.push("<script>alert(1)</script>".to_owned());
    let page = html(&report);
    needs_nothing_else(&page);
    let page = body(&page);
    let cells = page.descendants().filter(|node| node.has_tag_name("td") || node.has_tag_name("th"));
    let cells: Vec<String> = cells.map(text).collect();
    for row in &report.rows {
        for figure in [
            row.read_units.map(|units| format!("{units:.3}")),
            row.p99_ms.map(|ms| format!("{ms:.2}")),
            row.database_share.map(|share| format!("{share:.3}")),
            Some(format!("{:.2}", row.million_usd)),
        ] {
            assert!(cells.contains(figure.as_ref().unwrap()), "{figure:?}");
        }
    }
    let all = text(page.root());
    assert!(all.contains("1 of 16 combinations NOT measured") && all.contains("<script>alert(1)"), "{all}");
}

#[test]
fn the_sentence_says_what_was_measured_and_nothing_else() {
    let share = |scheme: &str, caching: &str, warm: bool, share: f64| {
        let mut row = sample().rows.into_iter().find(|row| row.scheme == scheme && row.warm == warm).unwrap();
        (row.caching, row.database_share) = (caching.to_owned(), Some(share));
        row
    };
    let said = |rows| {
        let page = html(&MatrixReport { rows, ..sample() });
        let page = body(&page);
        page.descendants().find(|node| node.attribute("class") == Some("finding")).map(text)
    };
    let rows = vec![
        share("raw", "no cache", true, 0.999),
        share("raw", "L1+L2+edge", true, 0.3104),
        share("geohash 5", "L1", true, 0.5),
        share("geohash 5", "L1+L2+edge", true, 0.012),
        share("H3 8", "L1+L2+edge", true, 0.0406),
        share("geohash 6", "L1+L2+edge", true, 0.02),
        share("geohash 6", "L1+L2+edge", false, 0.9),
    ];
    let warm = "Of 1,000 requests, the database sees 999 with raw coordinates and no cache; behind memory, Redis and the edge it sees \
                310 with raw coordinates, and 12 with geohash 5 to 41 with H3 8 (warm: the same users have searched before).";
    assert_eq!(said(rows.clone()).as_deref(), Some(warm));
    let few = vec![rows[2].clone(), rows[0].clone()];
    let few = said(few).unwrap();
    assert!(few.contains("; behind the process's memory it sees 500 with geohash 5 (warm"), "{few}");
    assert_eq!(said(rows[1..].to_vec()), None);
    assert_eq!(said(vec![rows[0].clone()]), None);
    let cold = vec![share("raw", "no cache", false, 1.0), share("geohash 6", "L1+L2", false, 0.5)];
    let cold = said(cold).unwrap();
    assert!(cold.starts_with("Of 1,000 requests, the database sees 1,000 with raw coordinates"), "{cold}");
    assert!(cold.ends_with("it sees 500 with geohash 6 (cold: nobody has searched before)."), "{cold}");
}

#[test]
fn a_saved_report_is_told_without_running_anything() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (page, again) = (path("a.html"), path("again.json"));
    let output = loadtest(&["matrix", "--from", SAMPLE, "--html", &page, "--out", &again]);
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("geohash 6  L1+L2+edge  warm"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), html(&sample()) + "\n");
    assert_eq!(std::fs::read_to_string(&again).unwrap(), std::fs::read_to_string(SAMPLE).unwrap());
}

#[test]
fn the_exit_code_of_a_saved_report_is_that_of_its_measurement() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved.json");
    let mut report = serde_json::to_value(sample()).unwrap();
    let mut exit = |name: &str, part: &dyn Fn(&mut Value)| {
        part(&mut report);
        std::fs::write(&path, report.to_string()).unwrap();
        let output = loadtest(&["matrix", "--from", path.to_str().unwrap()]);
        assert!(!output.stdout.is_empty(), "{name}: {output:?}");
        code(&output)
    };
    assert_eq!(exit("a fault", &|report| report["rows"][0]["faults"] = json!(["the rate was not kept"])), 98);
    assert_eq!(exit("stopped", &|report| report["interrupted"] = json!(true)), 130);
    let verified = json!({ "compared": 9, "differ": 1, "unknown": 0, "examples": [] });
    assert_eq!(exit("different", &|report| report["rows"][0]["verified"] = verified.clone()), 97);
}

#[test]
fn what_is_no_saved_report_is_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let saved = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut report = serde_json::to_value(sample()).unwrap();
        change(&mut report);
        let path = directory.path().join(name);
        std::fs::write(&path, report.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let other = saved("other.json", &|report| report["form"] = json!(99));
    let more = saved("more.json", &|report| report["rows"][0]["surprise"] = json!(1));
    let nowhere = directory.path().join("nowhere").join("a.html");
    for (args, exit, said) in [
        (&["--from", "/nowhere/a.json"][..], 1, "cannot read `/nowhere/a.json`"),
        (&["--from", "/dev/null"], 1, "is not a report of `loadtest matrix --json`"),
        (&["--from", &other], 1, "has format version 99; this program reads version 1"),
        (&["--from", &more], 1, "surprise"),
        (&["--from", SAMPLE, "--rps", "10"], 2, "--rps"),
        (&["--html", nowhere.to_str().unwrap()], 2, "there is no such directory"),
    ] {
        let output = loadtest(&[&["matrix"], args].concat());
        let complaint = complaint(&output);
        assert!(code(&output) == exit && complaint.contains(said), "{args:?}: {complaint}");
    }
    assert!(!Path::new(&nowhere).exists());
}
