//! Random URLs, by the thousand: what [`canonical`] makes of each, the edge function in node makes of it, too.
//!
//! `CELLAR_FUZZ_URLS=2000000 CELLAR_FUZZ_SEED=7 cargo test -p cellar-model --test it fuzz -- --nocapture` tries other
//! ones. A difference is printed with its URL; shrunk, it belongs into `vectors/tables.rs`.

mod coverage;
mod number;
mod spelling;
mod text;
mod urls;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

use cellar_model::Collection;
use cellar_model::canonical::{Canonical, canonical};
use geo_index::{GeohashCell, GridCell as _};
use rand::{Rng, RngExt};
use serde_json::Value;

use self::coverage::Coverage;
use crate::support::{anywhere, max_radius, precision, rng};

/// URLs in one run of the gate.
const URLS: usize = 100_000;

/// Fine rows of each collection: one geohash-4 cell in twenty has one.
const FINE_ROWS: usize = 50_000;

/// URLs that are compared before the next are made.
const BATCH: usize = 2_000;

/// Rows of the density maps by key, broken ones among them.
type Rows = BTreeMap<String, String>;

/// What became of a URL, in a form that both sides can be brought to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Pass,
    Uri(String),
    Refused { kind: String, parameter: Option<String> },
}

fn rows(rng: &mut impl Rng) -> Rows {
    const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let mut rows = Rows::new();
    for collection in ["wineries", "c"] {
        for (first, second) in LETTERS.iter().flat_map(|a| LETTERS.iter().map(move |b| (*a, *b))) {
            let digits = if rng.random_ratio(1, 10) { "03456789xX " } else { "034567xx" };
            let row = (0..32).map(|_| spelling::pick_char(rng, digits)).collect();
            rows.insert(format!("{collection}:{}{}", char::from(first), char::from(second)), row);
        }
        for _ in 0..FINE_ROWS {
            let key = GeohashCell::at(anywhere(rng), 4).expect("geohashes have this level");
            rows.insert(format!("{collection}:{key}"), fine_row(rng));
        }
    }
    rows
}

/// A row under a geohash-4 cell: one digit, or marks and the bits that go with them, or nearly so.
fn fine_row(rng: &mut impl Rng) -> String {
    if rng.random_ratio(1, 4) {
        return spelling::pick_char(rng, "45678").into();
    }
    let marks: String = (0..32).map(|_| spelling::pick_char(rng, "567x")).collect();
    let wrong = if rng.random_ratio(1, 10) { rng.random_range(0..2) } else { 0 };
    let bits = 7 * marks.matches('x').count() + wrong;
    let letters = if rng.random_ratio(1, 10) { "0123456789abc" } else { "0123456789bcdefghjkmnpqrstuvwxyz" };
    marks.chars().chain((0..bits).map(|_| spelling::pick_char(rng, letters))).collect()
}

fn by_the_origin(url: &str, rows: &Rows) -> Outcome {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let precision_at = |collection: &Collection, cell: GeohashCell| precision(rows, collection, cell);
    match canonical(path, query, max_radius(), precision_at) {
        Ok(Canonical::PassThrough) => Outcome::Pass,
        Ok(Canonical::Cell(url)) => Outcome::Uri(url.to_string()),
        Err(reject) => Outcome::Refused { kind: reject.kind.slug().into(), parameter: reject.parameter },
    }
}

/// `infra/edge/canonicalize.mjs`, a line in and a line out.
struct Node {
    child: Child,
    urls: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Node {
    fn start(rows: &Rows, directory: &tempfile::TempDir) -> Self {
        let file = directory.path().join("density.json");
        std::fs::write(&file, serde_json::to_string(rows).unwrap()).unwrap();
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/edge/canonicalize.mjs");
        let mut command = Command::new("node");
        let command = command.arg(program).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node is installed: `make node`");
        let urls = BufWriter::new(child.stdin.take().unwrap());
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, urls, answers }
    }

    /// The outcomes of URLs, in order. Writing and reading go on at once: neither pipe holds them all.
    fn outcomes(&mut self, urls: &[String]) -> Vec<Outcome> {
        let (input, answers) = (&mut self.urls, &mut self.answers);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for url in urls {
                    writeln!(input, "{url}").unwrap();
                }
                input.flush().unwrap();
            });
            let lines = answers.lines().take(urls.len());
            let outcomes: Vec<_> = lines.map(|line| outcome(&line.unwrap())).collect();
            assert_eq!(outcomes.len(), urls.len(), "node ended early");
            outcomes
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of `canonicalize.mjs`.
fn outcome(line: &str) -> Outcome {
    let answer: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(uri) = text(&answer["uri"]) {
        return Outcome::Uri(uri);
    }
    let problem = &answer["problem"];
    match text(&problem["type"]) {
        Some(kind) => Outcome::Refused {
            kind: kind.trim_start_matches("/problems/").into(),
            parameter: text(&problem["parameter"]),
        },
        None => Outcome::Pass,
    }
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    let set = std::env::var(name).ok();
    set.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}")))
}

#[test]
fn fuzz_the_edge_and_the_origin_agree() {
    let (count, seed) = (variable("CELLAR_FUZZ_URLS", URLS), variable("CELLAR_FUZZ_SEED", 61));
    println!("{count} URLs, seed {seed}");
    let mut rng = rng(seed);
    let rows = rows(&mut rng);
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(&rows, &directory);
    let (mut coverage, mut differences) = (Coverage::default(), Vec::new());
    while coverage.total() < count {
        let urls: Vec<String> =
            (0..BATCH.min(count - coverage.total())).map(|_| urls::url(&mut rng)).collect();
        for (url, edge) in urls.iter().zip(node.outcomes(&urls)) {
            let origin = by_the_origin(url, &rows);
            coverage.count(url, &origin);
            if origin != edge {
                differences.push(format!("{url}\n    origin {origin:?}\n    edge   {edge:?}"));
            }
        }
    }
    println!("{coverage}");
    let shown = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} differences with seed {seed}:\n{shown}", differences.len());
    coverage.assert_broad();
}
