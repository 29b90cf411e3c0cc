//! The report for a browser: every chart is there with its data, and the file needs nothing else.

use std::path::Path;

use cellar_loadtest::report::{Report, html};
use roxmltree::{Document, Node};

use crate::cli::{code, report, run, run_for};
use crate::stub::{Reply, Stub, answer};

const CHARTS: [(&str, &str); 6] = [
    ("latency", "path"),
    ("curve", "path"),
    ("hits", "path"),
    ("cold", "rect"),
    ("rate", "path"),
    ("map", "circle"),
];

/// Answers of all tiers, some of them cold.
fn origin() -> Stub {
    Stub::new(|number| {
        let status = match number % 3 {
            0 => "cellar-l1; fwd=miss, edge; hit",
            1 => {
                r#"cellar-l2; hit; detail="2 of 2", cellar-l1; fwd=partial; detail="1 of 3", edge; fwd=uri-miss"#
            }
            _ => {
                r#"cellar-l2; fwd=miss; detail="0 of 2", cellar-l1; fwd=miss; detail="0 of 2", edge; fwd=uri-miss"#
            }
        };
        let cold = number % 10 == 1;
        Reply::Bytes(answer(200, &format!("cache-status: {status}\r\nx-cellar-cold: {cold}\r\n"), "x"))
    })
}

/// A report of a run of three seconds.
fn measured(more: &[&str]) -> Report {
    let url = origin().url();
    let args = ["--collection", "places", "--json"];
    let output = run_for("3s", &[url.clone(), url], &[&args[..], more].concat());
    assert_eq!(code(&output), 0, "{output:?}");
    report(&output)
}

/// The page's body, which is well-formed XML; elements of the head need no end tags.
pub(crate) fn body(page: &str) -> Document<'_> {
    let (from, to) = (page.find("<body>").unwrap(), page.find("</body>").unwrap());
    Document::parse(&page[from..to + "</body>".len()]).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn by_id<'d>(page: &'d Document<'_>, id: &str) -> Node<'d, 'd> {
    page.descendants().find(|node| node.attribute("id") == Some(id)).unwrap_or_else(|| panic!("no {id}"))
}

pub(crate) fn chart<'d>(page: &'d Document<'_>, id: &str) -> Option<Node<'d, 'd>> {
    by_id(page, id).children().find(|node| node.attribute("class") == Some("chart"))
}

pub(crate) fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

pub(crate) fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|classes| classes.split(' ').any(|each| each == class))
}

pub(crate) fn marks<'d>(chart: Node<'d, 'd>, mark: &str) -> Vec<Node<'d, 'd>> {
    let layers = chart
        .children()
        .filter(|node| ["line", "bars", "cells", "stroke"].iter().any(|class| has_class(node, class)));
    let mark = mark.to_owned();
    layers.flat_map(|layer| layer.children()).filter(|node| node.has_tag_name(mark.as_str())).collect()
}

pub(crate) fn drawn_and_described(page: &Document<'_>, id: &str, mark: &str) {
    let chart = chart(page, id).unwrap_or_else(|| panic!("{id} is not drawn"));
    assert!(!marks(chart, mark).is_empty(), "{id} has no {mark}");
    assert_eq!(chart.attribute("role"), Some("img"), "{id}");
    for (reference, element) in [("aria-labelledby", "title"), ("aria-describedby", "desc")] {
        let target = by_id(page, chart.attribute(reference).unwrap());
        assert!(target.has_tag_name(element) && !text(target).is_empty(), "{id}: {reference}");
    }
}

/// The page loads nothing and links to nothing.
pub(crate) fn needs_nothing_else(page: &str) {
    assert!(page.contains("default-src 'none'"), "no policy");
    for forbidden in
        ["http://", "https://", "<script", "<link", "<img", "<iframe", "url(", "@import", " src=", " href="]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn every_chart_is_there_with_its_data_and_in_words() {
    let report = measured(&[]);
    let page = html(&report);
    let page = body(&page);
    for (id, mark) in CHARTS {
        drawn_and_described(&page, id, mark);
    }
    // Every line goes through every slice: p50, p99 and the longest; edge, l1 and l2.
    for id in ["latency", "hits"] {
        let lines = marks(chart(&page, id).unwrap(), "path");
        let points: Vec<usize> =
            lines.iter().map(|line| line.attribute("d").unwrap().matches(['M', 'L']).count()).collect();
        assert_eq!(points, [report.over_time.slices.len(); 3], "{id}");
    }
    let cold = report.over_time.slices.iter().filter(|slice| slice.cold > 0).count();
    assert_eq!(marks(chart(&page, "cold").unwrap(), "rect").len(), cold);
    let cells = marks(chart(&page, "map").unwrap(), "circle").len();
    let map = report.map.as_ref().unwrap();
    assert!(cells > 1 && cells == map.squares.len(), "{cells}");
    assert_eq!(map.squares.iter().map(|square| square.answers).sum::<u64>(), report.total.done);
    assert_eq!(
        by_id(&page, "curve").descendants().filter(|node| has_class(node, "key")).count(),
        3,
        "regions and all"
    );
}

#[test]
fn a_chart_says_when_nothing_was_measured() {
    let stub = [Stub::always("", "x").url()];
    let report = report(&run(&stub, &["--json"]));
    let page = html(&report);
    let page = body(&page);
    for (id, said) in
        [("hits", "No answer reported a cache lookup"), ("cold", "No answer reported a cold start")]
    {
        assert!(chart(&page, id).is_none(), "{id} shows what was not measured");
        assert!(text(by_id(&page, id)).contains(said), "{id}");
    }
    // One second is one slice: no line, but dots.
    assert_eq!(marks(chart(&page, "latency").unwrap(), "circle").len(), 3);
}

#[test]
fn nothing_is_loaded_and_texts_come_escaped() {
    let mut report = measured(&[]);
    report.outcome.faults.push("<script>alert(1)</script> & \"more\"".to_owned());
    let page = html(&report);
    needs_nothing_else(&page);
    assert!(text(body(&page).root()).contains("<script>alert(1)</script> & \"more\""));
}

#[test]
fn tables_hold_the_figures_of_the_report() {
    let report = measured(&["--fail-if", "p99>1000s"]);
    let page = html(&report);
    let page = body(&page);
    let cells: Vec<String> = page.descendants().filter(|node| node.has_tag_name("td")).map(text).collect();
    let total = report.total.latency_ms.unwrap();
    let tiers = report.total.tiers.iter().map(|tier| tier.served.to_string());
    let slices = report.over_time.slices.iter().map(|slice| format!("{:.3}", slice.p99_ms.unwrap()));
    for expected in
        [format!("{:.3}", total.p99), format!("{:.3}", total.max)].into_iter().chain(tiers).chain(slices)
    {
        assert!(cells.contains(&expected), "{expected}");
    }
    assert!(text(page.root()).contains("p99>1000s"));
}

#[test]
fn a_file_that_cannot_be_written_costs_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let stub = [Stub::always("", "x").url()];
    let (good, bad) = (path("report.html"), path("nowhere/report.html"));

    let output = run(&stub, &["--html", &good, "--out", &path("nowhere/report.json")]);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(std::fs::read_to_string(&good).unwrap().ends_with("</html>\n"));

    let output =
        run(&stub, &["--arrivals", "constant", "--json", "--html", &bad, "--out", &path("report.json")]);
    assert_eq!(code(&output), 1, "{output:?}");
    let complaint = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = complaint.lines().filter(|line| line.starts_with("loadtest: ")).collect();
    assert!(matches!(lines[..], [line] if line.contains(&bad)), "{complaint}");
    assert_eq!(report(&output).total.planned, 100);
    let written: Report =
        serde_json::from_str(&std::fs::read_to_string(path("report.json")).unwrap()).unwrap();
    assert_eq!(written, report(&output));
    assert!(!Path::new(&bad).exists());

    #[cfg(target_os = "linux")]
    {
        let output = run(&stub, &["--arrivals", "constant", "--html", "/dev/full"]);
        assert_eq!(code(&output), 1, "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the report to `/dev/full`"));
        assert!(String::from_utf8_lossy(&output.stdout).contains("100 done"), "{output:?}");
    }
}

#[cfg(unix)]
#[test]
fn files_have_the_mode_of_any_other_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/test/matrix.sample.json");
    let region = format!("us-east-1={}", Stub::always("", "x").url());
    let files = ["--out", "a.json", "--html", "a.html"];
    for command in [
        &["--regions", &region, "--collection", "c", "--late-after", "30s", "--duration", "1s"][..],
        &["matrix", "--from", sample],
    ] {
        for (umask, mode) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", r#"umask "$0" && exec "$@""#, umask, env!("CARGO_BIN_EXE_loadtest")]);
            let output = shell.args(command).args(files).current_dir(&directory).output().unwrap();
            assert_eq!(code(&output), 0, "{output:?}");
            for file in ["a.json", "a.html"] {
                let found = std::fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
                assert_eq!(found & 0o777, mode, "{command:?} {umask} {file}: {found:o}");
                // As with the shell's `>`, only what is new gets a mode of its own; the last one stays for the next check.
                if umask != "002" {
                    std::fs::remove_file(directory.path().join(file)).unwrap();
                }
            }
        }
        let path = directory.path().join("a.json");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut again = std::process::Command::new(env!("CARGO_BIN_EXE_loadtest"));
        assert_eq!(code(&again.args(command).args(files).current_dir(&directory).output().unwrap()), 0);
        let kept = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(kept, 0o600, "{command:?}: a private file stays private");
        files.iter().filter(|file| file.starts_with("a.")).for_each(|file| {
            std::fs::remove_file(directory.path().join(file)).unwrap();
        });
    }
}
