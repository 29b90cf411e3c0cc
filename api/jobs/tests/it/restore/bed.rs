//! A table, an export of it, and ways to alter that.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cellar_jobs::backup::{Backup, BackupError, WriteBackup, Written, write_backup};
use cellar_jobs::import::{Import, Input, ReadOptions, Silent};
use cellar_store::{CollectionInfo, Store};
use md5::{Digest as _, Md5};
use serde_json::Value;
use tempfile::TempDir;

use crate::gzip;
use cellar_test_kit::{TestStore, collection, fresh_store, place};

pub(super) const ITEMS_PER_FILE: u64 = 7;

/// An export, in a directory that goes with it.
pub(super) struct Bed {
    directory: TempDir,
    pub(super) written: Written,
}

impl Bed {
    pub(super) async fn of(store: &TestStore) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let job = WriteBackup {
            only: None,
            directory: directory.path().to_owned(),
            items_per_file: ITEMS_PER_FILE,
        };
        let written = write_backup(&job, &**store, &Silent).await.unwrap();
        Self { directory, written }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn rejects_path(&self) -> PathBuf {
        self.path("rejected.jsonl")
    }

    pub(super) fn backup(&self) -> Backup {
        open(&self.written.directory).unwrap()
    }

    /// Restores all collections, a few items at a time.
    pub(super) fn job(&self) -> Import {
        let import = Import::new(collection("unused"), Input::from(self.backup()));
        Import {
            collection: None,
            options: ReadOptions::default(),
            rejects: Some(self.rejects_path()),
            chunk_records: 4,
            ..import
        }
    }
}

pub(super) fn open(directory: &Path) -> Result<Backup, BackupError> {
    Backup::open(directory, |_, _| {})
}

/// Three collections, one of them empty, one with a title; the ids of two are the same.
pub(super) async fn filled_store() -> TestStore {
    let store = fresh_store().await;
    for (name, title) in [("cities", Some("Cities")), ("empty", None), ("wineries", None)] {
        let info = CollectionInfo { name: collection(name), title: title.map(Into::into) };
        store.put_collection(&info).await.unwrap();
    }
    for (name, count) in [("cities", 11), ("wineries", 12)] {
        let places: Vec<_> = (0..count)
            .map(|n| {
                let properties = format!(r#"{{"of":"{name}","é \"q\"":1.00000000000000000001,"n":{n}}}"#);
                place(&format!("a#{n}/é"), f64::from(n) * 7.1 - 40.0, f64::from(n) * -13.7, &properties)
            })
            .collect();
        store.put_many(&collection(name), &places).await.unwrap();
    }
    store
}

/// Collections with their titles, and features by collection and id.
pub(super) type Contents = (Vec<(String, Option<String>)>, BTreeMap<(String, String), String>);

pub(super) async fn contents(store: &TestStore) -> Contents {
    let collections = store.collections().await.unwrap();
    let mut places = BTreeMap::new();
    for CollectionInfo { name, .. } in &collections {
        let mut from = None;
        loop {
            let part = store.scan(name, from).await.unwrap();
            for place in part.places {
                places.insert((name.to_string(), place.id.to_string()), place.feature());
            }
            from = part.next;
            if from.is_none() {
                break;
            }
        }
    }
    (collections.into_iter().map(|info| (info.name.to_string(), info.title)).collect(), places)
}

/// Lines of a gzipped file.
pub(super) fn lines_of(path: &Path) -> Vec<String> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Changes the lines of a data file, and the manifests so that they agree.
pub(super) fn rewrite(directory: &Path, index: usize, change: impl FnOnce(&mut Vec<String>)) {
    let path = open(directory).unwrap().files()[index].path.clone();
    let mut lines = lines_of(&path);
    change(&mut lines);
    let bytes = gzip(lines.join("\n").as_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let mut entries = manifest_files(directory);
    entries[index]["itemCount"] = lines.iter().filter(|line| !line.trim().is_empty()).count().into();
    entries[index]["md5Checksum"] = STANDARD.encode(Md5::digest(&bytes)).into();
    write_manifests(directory, &entries);
}

pub(super) fn manifest_files(directory: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(directory.join("manifest-files.json")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes the list of files and a summary that agrees with it.
pub(super) fn write_manifests(directory: &Path, entries: &[Value]) {
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    write_manifest(directory, "files", &lines.join("\n"));
    let count: u64 = entries.iter().map(|entry| entry["itemCount"].as_u64().unwrap()).sum();
    change_summary(directory, |summary| summary["itemCount"] = count.into());
}

pub(super) fn change_summary(directory: &Path, change: impl FnOnce(&mut Value)) {
    let text = std::fs::read_to_string(directory.join("manifest-summary.json")).unwrap();
    let mut summary = serde_json::from_str(&text).unwrap();
    change(&mut summary);
    write_manifest(directory, "summary", &summary.to_string());
}

fn write_manifest(directory: &Path, name: &str, text: &str) {
    std::fs::write(directory.join(format!("manifest-{name}.json")), text).unwrap();
    let md5 = STANDARD.encode(Md5::digest(text));
    std::fs::write(directory.join(format!("manifest-{name}.checksum")), md5).unwrap();
}
