//! Places in the embedded engine: one directory for all stacks, which come one after the other.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cellar_cli_kit::{CliError, code, terminal};
use cellar_model::key::density_row_key;
use cellar_model::{Collection, demo};
use geo_index::edge::{DensityMap, MapRules};
use serde::Deserialize;
use tempfile::TempDir;

use super::stack::program;

/// Where the places come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// The demo data of `cellar demo`: how many places, and the seed.
    Demo(usize, u64),
    /// A file that `cellar import` reads.
    File(PathBuf),
}

/// A data directory of the embedded engine with one collection and its density map; deleted when dropped.
#[derive(Debug)]
pub struct Table {
    directory: TempDir,
    map: DensityMap,
}

/// A density map as the program writes it, for CloudFront's `KeyValueStore`.
#[derive(Deserialize)]
struct Written {
    data: Vec<KeyValue>,
}

#[derive(Deserialize)]
struct KeyValue {
    key: String,
    value: String,
}

impl Table {
    /// Imports the places with the program `cellar`, and has it make the density map.
    ///
    /// # Errors
    ///
    /// There is no room for the data, or the program fails.
    pub fn fill(
        cellar: &Path,
        collection: &Collection,
        places: &Places,
        rules: MapRules,
    ) -> Result<Self, CliError> {
        let failed =
            |error: io::Error| CliError::failure(format!("cannot write the places to import: {error}"));
        let mut table = Self { directory: tempfile::tempdir().map_err(failed)?, map: DensityMap::default() };
        match places {
            Places::Demo(count, seed) => {
                let file = table.directory.path().join("demo.ndjson");
                write_demo(&file, *count, *seed).map_err(failed)?;
                table.import(cellar, collection, &file)?;
            }
            Places::File(file) => table.import(cellar, collection, file)?,
        }
        table.map = table.make_map(cellar, collection, rules)?;
        Ok(table)
    }

    /// The density map that clients get.
    pub const fn map(&self) -> &DensityMap {
        &self.map
    }

    /// Stores the map in the table, where servers find it, and reads it.
    fn make_map(
        &self,
        cellar: &Path,
        collection: &Collection,
        rules: MapRules,
    ) -> Result<DensityMap, CliError> {
        let file = self.directory.path().join("map.json");
        let mut command = program(cellar);
        command.args(["edge-map", "--collection", collection.as_str(), "--data"]).arg(self.data());
        command.args(["--certify", &rules.certified.to_string(), "--listed", &rules.listed.to_string()]);
        command.arg("--output").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status();
        let status =
            status.map_err(|error| CliError::failure(format!("cannot run {}: {error}", cellar.display())))?;
        if !status.success() {
            return Err(CliError::failure("cannot make the density map: see the message above"));
        }
        let text = std::fs::read_to_string(&file);
        let text =
            text.map_err(|error| CliError::failure(format!("cannot read the density map: {error}")))?;
        let written: Written = serde_json::from_str(&text)
            .map_err(|error| CliError::failure(format!("the density map is not as expected: {error}")))?;
        let prefix = density_row_key(collection, "");
        let rows = written.data.iter().filter_map(|row| Some((row.key.strip_prefix(&prefix)?, &row.value)));
        Ok(DensityMap::from_entries(rows))
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The program shows its own progress and says what is wrong.
    fn import(&self, cellar: &Path, collection: &Collection, file: &Path) -> Result<(), CliError> {
        let mut command = program(cellar);
        command.arg("import").arg(file).args(["--collection", collection.as_str(), "--data"]);
        command.arg(self.data()).arg("--rejects").arg(self.directory.path().join("rejected.jsonl"));
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let status =
            status.map_err(|error| CliError::failure(format!("cannot run {}: {error}", cellar.display())))?;
        match status.code() {
            Some(exit) if exit == i32::from(code::OK) => Ok(()),
            Some(exit) if exit == i32::from(code::REJECTED) => {
                terminal::tell(&format!(
                    "some records of {} were rejected; the others are used",
                    file.display()
                ));
                Ok(())
            }
            _ => Err(CliError::failure(format!("cannot import {}: see the message above", file.display()))),
        }
    }
}

/// A GeoJSON Feature per line.
fn write_demo(file: &Path, count: usize, seed: u64) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for place in demo::places(count, seed) {
        writeln!(out, "{}", place.feature())?;
    }
    out.flush()
}
