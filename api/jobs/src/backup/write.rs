//! Writing an export as DynamoDB would.
//!
//! Each collection is one scan of the table: what is written meanwhile may be in it or not. Notes (density maps,
//! checkpoints) are left out, for they can be made again.
//!
//! Invariant: the directory of an export appears under its name only when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cellar_model::Collection;
use cellar_model::checksum::Checksum;
use cellar_store::dynamo_json::{collection_line, place_line};
use cellar_store::{CollectionInfo, Store};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use serde::Serialize;

use super::manifest::{DATA, FILES, FULL_EXPORT, FileEntry, OUTPUT_FORMAT, SUMMARY, Summary, etag_of};
use super::{base64_of, md5_of};
use crate::export::ExportError;
use crate::progress::Progress;

/// Items in a data file, at most: some 50 MB gzipped.
pub const ITEMS_PER_FILE: u64 = 500_000;

/// An export to be written.
#[derive(Clone, Debug)]
pub struct WriteBackup {
    /// Which collection; `None` is all of them.
    pub only: Option<Collection>,
    /// Where `AWSDynamoDB/<id>` is to be; created if it is not there.
    pub directory: PathBuf,
    /// Items in a data file, [`ITEMS_PER_FILE`] unless a test wants otherwise; at least 1.
    pub items_per_file: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Written {
    /// The directory with the manifests.
    #[serde(rename = "file")]
    pub directory: PathBuf,
    /// Collections.
    pub collections: u64,
    /// Places in all of them.
    #[serde(rename = "exported")]
    pub places: u64,
    /// Data files.
    pub files: u64,
    /// Checksum of the places.
    pub checksum: Checksum,
}

/// Writes an export of a table, or of one of its collections.
pub async fn write_backup(
    job: &WriteBackup,
    store: &dyn Store,
    progress: &dyn Progress,
) -> Result<Written, ExportError> {
    let collections = match &job.only {
        None => store.collections().await?,
        Some(name) => match store.collection(name).await? {
            Some(info) => vec![info],
            None => return Err(ExportError::NoCollection(name.clone())),
        },
    };
    let fault = |error| ExportError::Output { name: job.directory.display().to_string(), error };
    let mut writer = Writer::create(job).map_err(fault)?;
    for info in &collections {
        writer.line(&collection_line(info)?).map_err(fault)?;
    }
    for CollectionInfo { name, .. } in &collections {
        let mut from = None;
        loop {
            let part = store.scan(name, from).await?;
            for place in &part.places {
                writer.line(&place_line(name, place)?).map_err(fault)?;
                writer.checksum.add(name, place);
                writer.places += 1;
            }
            progress.position(writer.bytes, writer.places);
            from = part.next;
            if from.is_none() {
                break;
            }
        }
    }
    writer.finish(collections.len() as u64).map_err(fault)
}

/// The data files, one after another, in a directory that has no name yet.
struct Writer {
    started: SystemTime,
    id: String,
    parent: PathBuf,
    temporary: tempfile::TempDir,
    items_per_file: u64,
    part: Option<Part>,
    entries: Vec<FileEntry>,
    places: u64,
    /// Of all lines, before they are gzipped.
    bytes: u64,
    checksum: Checksum,
}

struct Part {
    name: String,
    items: u64,
    out: GzEncoder<Hashed>,
}

impl Writer {
    fn create(job: &WriteBackup) -> io::Result<Self> {
        let started = SystemTime::now();
        let since_1970 = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // As DynamoDB's: milliseconds since 1970 in 14 digits, and something that makes it unique.
        let id = format!("{:014}-{:08x}", since_1970.as_millis(), fastrand::u32(..));
        let parent = job.directory.join("AWSDynamoDB");
        std::fs::create_dir_all(&parent)?;
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{id}.");
        builder.prefix(&prefix).suffix(".part");
        // As any new directory is, within the umask; temporary ones are private otherwise.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let temporary = builder.tempdir_in(&parent)?;
        std::fs::create_dir(temporary.path().join(DATA))?;
        Ok(Self {
            started,
            id,
            parent,
            temporary,
            items_per_file: job.items_per_file.max(1),
            part: None,
            entries: Vec::new(),
            places: 0,
            bytes: 0,
            checksum: Checksum::default(),
        })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        if self.part.as_ref().is_some_and(|part| part.items == self.items_per_file) {
            self.end_part()?;
        }
        if self.part.is_none() {
            let name = format!("{:06}.json.gz", self.entries.len());
            let file = BufWriter::new(File::create(self.temporary.path().join(DATA).join(&name))?);
            let out = GzEncoder::new(Hashed { file, hash: Md5::new() }, Compression::default());
            self.part = Some(Part { name, items: 0, out });
        }
        let part = self.part.as_mut().expect("it was begun above");
        part.out.write_all(line.as_bytes())?;
        part.out.write_all(b"\n")?;
        part.items += 1;
        self.bytes += line.len() as u64 + 1;
        Ok(())
    }

    fn end_part(&mut self) -> io::Result<()> {
        let Some(Part { name, items, out }) = self.part.take() else { return Ok(()) };
        let Hashed { file, hash } = out.finish()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        self.entries.push(FileEntry {
            item_count: items,
            etag: etag_of(&hash.clone().finalize()),
            md5_checksum: base64_of(hash),
            data_file_s3_key: format!("AWSDynamoDB/{}/{DATA}/{name}", self.id),
        });
        Ok(())
    }

    fn finish(mut self, collections: u64) -> io::Result<Written> {
        self.end_part()?;
        let time = |time| humantime::format_rfc3339_millis(time).to_string();
        let mut list = Vec::new();
        for entry in &self.entries {
            serde_json::to_writer(&mut list, entry)?;
            list.push(b'\n');
        }
        let summary = Summary {
            version: "2020-06-30".into(),
            start_time: time(self.started),
            end_time: time(SystemTime::now()),
            export_time: time(self.started),
            manifest_files_s3_key: format!("AWSDynamoDB/{}/{FILES}", self.id),
            item_count: self.entries.iter().map(|entry| entry.item_count).sum(),
            output_format: OUTPUT_FORMAT.into(),
            export_type: FULL_EXPORT.into(),
        };
        let written = self.temporary.path();
        write_manifest(written, FILES, &list)?;
        write_manifest(written, SUMMARY, &serde_json::to_vec(&summary)?)?;
        let directory = self.parent.join(&self.id);
        std::fs::rename(self.temporary.keep(), &directory)?;
        File::open(&self.parent)?.sync_all()?;
        Ok(Written {
            directory,
            collections,
            places: self.places,
            files: self.entries.len() as u64,
            checksum: self.checksum,
        })
    }
}

fn write_manifest(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let path = directory.join(name);
    for (path, content) in [(path.with_extension("checksum"), md5_of(content).as_bytes()), (path, content)] {
        let mut file = File::create(path)?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    Ok(())
}

/// Hashes what is stored.
struct Hashed {
    file: BufWriter<File>,
    hash: Md5,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
