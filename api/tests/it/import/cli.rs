//! The subcommands, from their arguments to their exit codes.

use std::path::Path;

use cellar_api::cli::{self, CliError, code};
use clap::Parser;

use super::memory::{Effect, End, MemoryStore};
use super::{Bench, read_rejects};

#[derive(Parser)]
enum Command {
    Import(cli::import::ImportArgs),
    Export(cli::export::ExportArgs),
}

async fn run(store: &MemoryStore, args: &[&str]) -> Result<u8, CliError> {
    match Command::try_parse_from([&["cellar"], args].concat()).unwrap() {
        Command::Import(args) => cli::import::run_on(args, store).await,
        Command::Export(args) => cli::export::run_on(args, store).await,
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
