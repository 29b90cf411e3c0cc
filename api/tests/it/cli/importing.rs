//! The subcommands, from their arguments to their exit codes.

use std::path::{Path, PathBuf};

use cellar::{export, import};
use cellar_cli_kit::{CliError, code};
use clap::Parser;

use cellar_jobs::import::Reject;
use cellar_test_kit::memory::{Effect, End, MemoryStore};
use tempfile::TempDir;

/// An input file and the list of what was rejected, in a directory that goes with it.
struct Bench {
    directory: TempDir,
    input: PathBuf,
}

impl Bench {
    fn new(name: &str, content: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join(name);
        std::fs::write(&input, content).unwrap();
        Self { directory, input }
    }

    fn rejects_path(&self) -> PathBuf {
        self.directory.path().join("rejected.jsonl")
    }
}

fn read_rejects(path: &Path) -> Vec<Reject> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[derive(Parser)]
enum Command {
    Import(Box<import::ImportArgs>),
    Export(export::ExportArgs),
}

async fn run(store: &MemoryStore, args: &[&str]) -> Result<u8, CliError> {
    match Command::try_parse_from([&["cellar"], args].concat()).unwrap() {
        Command::Import(args) => import::run_on(*args, store).await,
        Command::Export(args) => export::run_on(args, store).await,
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn the_exit_code_says_whether_all_was_stored() {
    let (good, store) = (Bench::new("a.csv", b"id,lat,lon\n1,1,2\n"), MemoryStore::default());
    let rejects = good.rejects_path();
    let import = ["import", text(&good.input), "-c", "places", "--rejects", text(&rejects)];
    assert_eq!(run(&store, &import).await, Ok(code::OK));
    std::fs::write(&good.input, "id,lat,lon\n1,1,2\n2,,2\n").unwrap();
    assert_eq!(run(&store, &[&import[..], &["--json"]].concat()).await, Ok(code::REJECTED));
    assert_eq!(read_rejects(&rejects).len(), 1);

    let exported = good.directory.path().join("b.ndjson");
    assert_eq!(run(&store, &["export", text(&exported), "-c", "places"]).await, Ok(code::OK));
    assert_eq!(std::fs::read_to_string(&exported).unwrap().trim_end(), store.places()["1"]);
}

#[tokio::test]
async fn errors_are_one_line_that_says_how_to_mend_it() {
    let (bench, store) = (Bench::new("a.csv", b"nr,lat,lon\n1,1,2\n"), MemoryStore::default());
    let rejects = bench.rejects_path();
    let import = ["import", text(&bench.input), "-c", "places", "--rejects", text(&rejects)];
    let error = run(&store, &import).await.unwrap_err();
    assert_eq!(error.code, code::FAILURE);
    assert!(error.to_string().contains("name it with --id-column NAME"), "{error}");
    assert_eq!(run(&store, &[&import[..], &["--id-column", "nr"]].concat()).await, Ok(code::OK));

    let own = ["import", text(&bench.input), "-c", "places", "--rejects", text(&bench.input)];
    let error = run(&store, &own).await.unwrap_err();
    assert!(
        error.code == code::USAGE && error.to_string().ends_with("; choose another with --rejects"),
        "{error}"
    );

    store.fail((store.writes(), Effect::None, End::Error));
    let error = run(&store, &[&import[..], &["--id-column", "nr"]].concat()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store is throttling requests; 0 records are done; importing again is safe: a place that is there \
         already is replaced by itself"
    );
    let error = run(&store, &["export", "-", "-c", "nothing"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no collection `nothing`; `cellar import FILE --collection nothing` creates it"
    );
}

#[tokio::test]
async fn an_id_that_comes_again_is_told_by_the_exit_code() {
    let (bench, store) = (Bench::new("a.csv", b"id,lat,lon\na,1,2\nb,1,2\na,3,4\n"), MemoryStore::default());
    let rejects = bench.rejects_path();
    let import = ["import", text(&bench.input), "-c", "places", "--rejects", text(&rejects)];
    assert_eq!(run(&store, &import).await, Ok(code::REJECTED));
    let repeat = read_rejects(&rejects).remove(0);
    assert_eq!((repeat.line, repeat.repeats_line, repeat.id.as_deref()), (4, Some(2), Some("a")));
    assert!(store.places()["a"].contains("[4.0,3.0]"), "the last one is stored");
    let first = [&import[..], &["--on-repeat", "first"]].concat();
    assert_eq!(run(&store, &first).await, Ok(code::REJECTED));
    assert!(store.places()["a"].contains("[2.0,1.0]"), "the first one is stored");
}

#[tokio::test]
async fn options_that_say_nothing_are_wrong_usage() {
    let collection = br#"{"type":"FeatureCollection","features":[]}"#;
    let (bench, store) = (Bench::new("a.geojson", collection), MemoryStore::default());
    for option in
        [["--id-column", "x"], ["--lat", "x"], ["--delimiter", ";"], ["--columns", "a,b"], ["--text", "a"]]
    {
        let error =
            run(&store, &[&["import", text(&bench.input), "-c", "places"][..], &option].concat()).await;
        let error = error.unwrap_err();
        assert!(
            error.code == code::USAGE && error.message.contains("says nothing about"),
            "{option:?}: {error}"
        );
    }
    assert!(store.writes() == 0 && !store.has_collections());
}

#[tokio::test]
async fn a_preview_stores_nothing_and_needs_no_collection() {
    let (bench, store) = (Bench::new("a.csv", b"id;lat;lon\n1;48,85;2,35\n2;x;2\n"), MemoryStore::default());
    for json in [&[][..], &["--json"]] {
        let preview = [&["import", text(&bench.input), "--preview"][..], json].concat();
        assert_eq!(run(&store, &preview).await, Ok(code::REJECTED), "a row would be rejected");
    }
    assert!(store.writes() == 0 && !store.has_collections());
    let error =
        run(&store, &["import", text(&bench.input), "--preview", "--id-property", "x"]).await.unwrap_err();
    assert_eq!(error.code, code::USAGE);
}

#[tokio::test]
async fn files_and_directories_are_one_import() {
    let (bench, store) = (Bench::new("a.csv", b"id,lat,lon\na,1,2\n"), MemoryStore::default());
    let directory = bench.directory.path();
    std::fs::write(directory.join("b.csv"), "ID;Latitude;Longitude\nb;1;2\na;3;4\n").unwrap();
    std::fs::write(directory.join("notes.md"), "not places").unwrap();
    let rejects = bench.rejects_path();
    let (first, second) = (directory.join("a.csv"), directory.join("b.csv"));
    for inputs in [vec![text(directory)], vec![text(&first), text(&second)]] {
        let import = [&["import"][..], &inputs, &["-c", "places", "--rejects", text(&rejects)]].concat();
        assert_eq!(run(&store, &import).await, Ok(code::REJECTED), "{inputs:?}");
        assert_eq!(store.places().keys().collect::<Vec<_>>(), ["a", "b"]);
        let repeat = read_rejects(&rejects).remove(0);
        assert_eq!((repeat.file.as_deref(), repeat.repeats_file.as_deref()), (Some("b.csv"), Some("a.csv")));
    }
    let error = run(&store, &["import", "-", text(&first), "-c", "places"]).await.unwrap_err();
    assert_eq!(error.code, code::USAGE);
}

/// Properties that an import would look through for a name and a category, had they come from elsewhere.
const STORED: [(&str, &str); 5] = [
    ("a", r#"{"Category":" cafe ","title":"A","categories":{"primary":"x"}}"#),
    ("b/é #%", r#"{"name":" B","n":1.50,"big":12345678901234567890,"e":1.0e3}"#),
    ("1", "{}"),
    ("001", r#"{"category":[null,7],"nested":{"lat":1,"lon":2,"id":3},"text":"\u001b \u2028"}"#),
    ("z", r#"{"category":true,"NAME":"Z"}"#),
];

#[tokio::test]
async fn an_export_imports_as_the_same_places() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let lines: Vec<String> = STORED
        .iter()
        .enumerate()
        .map(|(i, (id, properties))| {
            let id = serde_json::to_string(id).unwrap();
            format!(
                r#"{{"type":"Feature","id":{id},"geometry":{{"type":"Point","coordinates":[{i}.25,-0.1]}},"properties":{properties}}}"#
            )
        })
        .collect();
    std::fs::write(path("first.ndjson"), lines.join("\n")).unwrap();
    let first = MemoryStore::default();
    assert_eq!(run(&first, &["import", text(&path("first.ndjson")), "-c", "places"]).await, Ok(code::OK));
    assert!(first.places()["a"].ends_with(&format!("{}}}", STORED[0].1)), "{:?}", first.places());
    for name in ["out.geojson", "out.ndjson", "out.geojson.gz", "out.ndjson.gz"] {
        let (out, again) = (path(name), path(&format!("again.{name}")));
        assert_eq!(run(&first, &["export", text(&out), "-c", "places"]).await, Ok(code::OK));
        let second = MemoryStore::default();
        assert_eq!(run(&second, &["import", text(&out), "-c", "places"]).await, Ok(code::OK), "{name}");
        assert_eq!(second.places(), first.places(), "{name}");
        assert_eq!(run(&second, &["export", text(&again), "-c", "places"]).await, Ok(code::OK));
        assert!(std::fs::read(&out).unwrap() == std::fs::read(&again).unwrap(), "{name}");
    }
}

#[tokio::test]
async fn nothing_in_a_file_steers_the_terminal() {
    let (bench, store) = (Bench::new("a.csv", b"a\x1b[31mRED\x1b[0m,b\n1,2\n"), MemoryStore::default());
    let error = run(&store, &["import", text(&bench.input), "-c", "places"]).await.unwrap_err().to_string();
    assert!(!error.contains('\u{1b}') && error.contains("\\u{1b}[31mRED"), "{error}");
}
