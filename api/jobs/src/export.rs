//! Bulk export: a whole collection as GeoJSON, in constant memory. What is exported imports as the same places.
//!
//! Invariant: a file appears under its name only when it is complete; until then it is a temporary file beside
//! it. A FeatureCollection that is cut off on a pipe lacks its closing brackets and is not JSON.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use cellar_cli_kit::output::OutputFile;
use cellar_model::Collection;
use cellar_model::checksum::Checksum;
use cellar_store::{Store, StoreError};
use flate2::Compression;
use flate2::write::GzEncoder;
use thiserror::Error;

use crate::progress::Progress;

/// Formats of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// A GeoJSON FeatureCollection.
    Geojson,
    /// A GeoJSON Feature in every line.
    #[value(alias = "jsonl")]
    Ndjson,
}

impl ExportFormat {
    /// What the name of a file asks for; GeoJSON unless it ends in `.ndjson`, `.jsonl` or `.geojsonl`.
    pub fn of_name(path: &Path) -> Self {
        let path = if is_gzip_name(path) { path.with_extension("") } else { path.to_owned() };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("ndjson" | "jsonl" | "ldjson" | "geojsonl") => Self::Ndjson,
            _ => Self::Geojson,
        }
    }

    const fn opening(self) -> &'static [u8] {
        match self {
            Self::Geojson => b"{\"type\":\"FeatureCollection\",\"features\":[\n",
            Self::Ndjson => b"",
        }
    }

    const fn between(self) -> &'static [u8] {
        match self {
            Self::Geojson => b",\n",
            Self::Ndjson => b"\n",
        }
    }

    const fn closing(self, empty: bool) -> &'static [u8] {
        match self {
            Self::Geojson if empty => b"]}\n",
            Self::Geojson => b"\n]}\n",
            Self::Ndjson if empty => b"",
            Self::Ndjson => b"\n",
        }
    }
}

/// What an export wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Places.
    pub places: u64,
    /// Checksum of them.
    pub checksum: Checksum,
}

/// Why an export stopped.
#[derive(Debug, Error)]
pub enum ExportError {
    /// Nothing to export.
    #[error("there is no collection `{0}`")]
    NoCollection(Collection),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output could not be written.
    #[error("cannot write {name}: {error}")]
    Output {
        /// File or standard output.
        name: String,
        /// Why.
        error: io::Error,
    },
}

/// Writes a collection. Its places come in no order.
pub async fn export(
    store: &dyn Store,
    collection: &Collection,
    format: ExportFormat,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Exported, ExportError> {
    if store.collection(collection).await?.is_none() {
        return Err(ExportError::NoCollection(collection.clone()));
    }
    let fault = |error| ExportError::Output { name: "the output".into(), error };
    let (mut exported, mut bytes) = (Exported::default(), 0);
    let mut from = None;
    out.write_all(format.opening()).map_err(fault)?;
    loop {
        let part = store.scan(collection, from).await?;
        for place in &part.places {
            if exported.places > 0 {
                out.write_all(format.between()).map_err(fault)?;
            }
            let feature = place.feature();
            out.write_all(feature.as_bytes()).map_err(fault)?;
            exported.places += 1;
            exported.checksum.add(collection, place);
            bytes += feature.len() as u64;
        }
        progress.position(bytes, exported.places);
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    out.write_all(format.closing(exported.places == 0)).map_err(fault)?;
    out.flush().map_err(fault)?;
    Ok(exported)
}

/// Writes a collection to a file, gzipped if its name ends in `.gz`. An older file of the name is replaced; a device
/// or a FIFO is written to.
pub async fn export_to_file(
    store: &dyn Store,
    collection: &Collection,
    format: ExportFormat,
    path: &Path,
    progress: &dyn Progress,
) -> Result<Exported, ExportError> {
    let fault = |error| ExportError::Output { name: path.display().to_string(), error };
    let file = BufWriter::new(OutputFile::create(path).map_err(fault)?);
    let (exported, file) = if is_gzip_name(path) {
        let mut out = GzEncoder::new(file, Compression::default());
        let exported = export(store, collection, format, &mut out, progress).await?;
        (exported, out.finish().map_err(fault)?)
    } else {
        let mut out = file;
        (export(store, collection, format, &mut out, progress).await?, out)
    };
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    file.and_then(OutputFile::finish).map_err(fault)?;
    Ok(exported)
}

fn is_gzip_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

#[cfg(test)]
mod tests;
