//! Imports and exports against a store in memory that fails, or dies, where a test wants it to.

mod clean;
mod data;
mod export;
mod layouts;
mod plan;
mod random;
mod restore;
mod resume;

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use cellar_jobs::import::{Import, ImportError, Input, Reject, Silent, Summary, import};
use cellar_test_kit::memory::MemoryStore;
use tempfile::TempDir;

const COLLECTION: &str = "places";

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

    fn job(&self) -> Import {
        Import {
            rejects: Some(self.rejects_path()),
            ..Import::new(COLLECTION.parse().unwrap(), Input::File(self.input.clone()))
        }
    }

    async fn run(&self, store: &MemoryStore) -> Result<Summary, ImportError> {
        import(self.job(), store, &Silent).await
    }

    /// All that is listed: what was rejected, and what repeats an id.
    fn rejects(&self) -> Vec<Reject> {
        read_rejects(&self.rejects_path())
    }

    fn rejected(&self) -> Vec<Reject> {
        self.rejects().into_iter().filter(|reject| reject.repeats_line.is_none()).collect()
    }
}

fn read_rejects(path: &Path) -> Vec<Reject> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Imports a text under a name and returns the places by id, and what was rejected.
async fn imported(name: &str, content: impl AsRef<[u8]>) -> (BTreeMap<String, String>, Vec<Reject>) {
    let (bench, store) = (Bench::new(name, content.as_ref()), MemoryStore::default());
    let summary = bench.run(&store).await.unwrap();
    let rejects = bench.rejects();
    assert_eq!(summary.rejected + summary.repeated, rejects.len() as u64);
    assert_eq!(summary.rejects_file.is_some(), !rejects.is_empty(), "a list only if it lists something");
    assert_eq!(bench.rejects_path().exists(), !rejects.is_empty());
    assert_eq!(summary.read, summary.stored + summary.rejected + summary.repeated);
    assert!(store.notes().is_empty(), "no checkpoint is left behind");
    (store.places(), rejects)
}

fn stream(content: impl AsRef<[u8]> + Send + 'static) -> Input {
    Input::Stream(Box::new(Cursor::new(content)))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn feature(id: &str, lat: f64, lon: f64, properties: &str) -> String {
    let id = serde_json::to_string(id).unwrap();
    let (lat, lon) = (serde_json::to_string(&lat).unwrap(), serde_json::to_string(&lon).unwrap());
    format!(
        r#"{{"type":"Feature","id":{id},"geometry":{{"type":"Point","coordinates":[{lon},{lat}]}},"properties":{properties}}}"#
    )
}
