//! Places in the embedded engine: one directory for all stacks, which come one after the other.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use cellar_api::cli::CliError;
use cellar_api::store::{CollectionInfo, Embedded, Store as _, StoreConfig};
use cellar_api::world;
use geo_index::Collection;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use super::stack::program;

/// Places that are written at a time.
const CHUNK: usize = 1_000;

/// The exit code of `cellar import` when some records were rejected, which it lists.
const SOME_REJECTED: i32 = 3;

/// Where the places come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// The generated world of `cellar demo`: how many, and its seed.
    World(usize, u64),
    /// A file that `cellar import` takes.
    File(PathBuf),
}

/// A directory of the embedded engine with a collection; gone when it is dropped.
#[derive(Debug)]
pub struct Table {
    directory: TempDir,
}

impl Table {
    /// Stores the places, with a progress bar.
    pub async fn fill(cellar: &Path, collection: &Collection, places: &Places) -> Result<Self, CliError> {
        let directory = tempfile::tempdir();
        let directory =
            directory.map_err(|error| CliError::failure(format!("no temporary directory: {error}")))?;
        let table = Self { directory };
        match places {
            Places::World(count, seed) => table.generate(collection, *count, *seed).await?,
            Places::File(file) => table.import(cellar, collection, file)?,
        }
        Ok(table)
    }

    /// Where the engine's data is.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    async fn generate(&self, collection: &Collection, count: usize, seed: u64) -> Result<(), CliError> {
        let engine = Embedded::open(&self.data()).await?;
        let store = engine.store(&StoreConfig::default()).await?;
        store.put_collection(&CollectionInfo { name: collection.clone(), title: None }).await?;
        let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} places [{elapsed}]");
        let bar =
            ProgressBar::new(count as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let mut places = world::places(count, seed);
        loop {
            let chunk: Vec<_> = places.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                break;
            }
            store.put_many(collection, &chunk).await?;
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        engine.shutdown().await;
        Ok(())
    }

    /// By the program, which shows its own progress and says what was wrong.
    fn import(&self, cellar: &Path, collection: &Collection, file: &Path) -> Result<(), CliError> {
        let mut command = program(cellar);
        command.arg("import").arg(file).args(["--collection", collection.as_str(), "--data"]);
        command.arg(self.data()).arg("--rejects").arg(self.directory.path().join("rejected.jsonl"));
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let status =
            status.map_err(|error| CliError::failure(format!("cannot run {}: {error}", cellar.display())))?;
        match status.code() {
            Some(0) => Ok(()),
            Some(SOME_REJECTED) => {
                eprintln!("some records of {} were rejected; the others are used", file.display());
                Ok(())
            }
            _ => Err(CliError::failure(format!("cannot import {}: the line above says why", file.display()))),
        }
    }
}
