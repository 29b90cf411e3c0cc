//! An export that is not whole, or not as it was written, is refused with the name of the file.

use std::path::Path;

use cellar_jobs::backup::BackupError;

use super::bed::{Bed, change_summary, filled_store, lines_of, manifest_files, open, write_manifests};
use crate::gzip;

const DATA_FILE: &str = "000001.json.gz";

/// Alters one file of a copy of the export; what opening it says then.
fn after(bed: &Bed, case: &str, alter: impl FnOnce(&Path)) -> BackupError {
    let copy = bed.path("copy");
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir_all(copy.join("data")).unwrap();
    for directory in ["", "data"] {
        for entry in std::fs::read_dir(bed.written.directory.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.join(directory).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    open(&copy).unwrap_or_else(|error| panic!("{case}: the copy is good: {error}"));
    alter(&copy);
    match open(&copy) {
        Ok(_) => panic!("{case} was not found"),
        Err(error) => error,
    }
}

fn assert_names(error: &BackupError, case: &str, parts: &[&str]) {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{case}: {text}");
    for part in parts {
        assert!(text.contains(part), "{case}: `{part}` in {text}");
    }
}

#[tokio::test]
async fn an_altered_or_truncated_data_file_is_found() {
    let bed = Bed::of(&filled_store().await).await;
    let data = |copy: &Path| copy.join("data").join(DATA_FILE);
    let error = after(&bed, "every byte counts", |copy| {
        let mut bytes = std::fs::read(data(copy)).unwrap();
        // The time in the header of gzip: no decoder minds it.
        bytes[4] ^= 1;
        std::fs::write(data(copy), bytes).unwrap();
    });
    assert!(matches!(error, BackupError::Checksum { .. }), "{error}");
    assert_names(&error, "a byte", &[DATA_FILE, "MD5"]);
    for keep in [0, 1, 20, 100] {
        let error = after(&bed, "truncated", |copy| {
            let bytes = std::fs::read(data(copy)).unwrap();
            std::fs::write(data(copy), &bytes[..keep]).unwrap();
        });
        assert!(matches!(error, BackupError::Checksum { .. }), "{keep}: {error}");
        assert_names(&error, "truncated", &[DATA_FILE, "MD5"]);
    }
    let error = after(&bed, "a lost line", |copy| {
        let lines = lines_of(&data(copy));
        std::fs::write(data(copy), gzip(lines[1..].join("\n").as_bytes())).unwrap();
    });
    assert_names(&error, "a lost line", &[DATA_FILE, "MD5"]);
    let error = after(&bed, "a missing file", |copy| std::fs::remove_file(data(copy)).unwrap());
    assert!(matches!(error, BackupError::Io { .. }), "{error}");
    assert_names(&error, "a missing file", &[DATA_FILE]);
}

#[tokio::test]
async fn counts_are_compared_with_the_manifest() {
    let bed = Bed::of(&filled_store().await).await;
    let error = after(&bed, "items of a file", |copy| {
        let mut entries = manifest_files(copy);
        entries[1]["itemCount"] = 8.into();
        write_manifests(copy, &entries);
    });
    assert!(matches!(error, BackupError::Count { expected: 8, found: 7, .. }), "{error}");
    assert_names(&error, "items of a file", &[DATA_FILE, "7 items, not 8"]);
    let error = after(&bed, "items of all", |copy| change_summary(copy, |s| s["itemCount"] = 27.into()));
    assert!(matches!(error, BackupError::Count { expected: 27, found: 26, .. }), "{error}");
    assert_names(&error, "items of all", &["manifest-summary.json"]);
    let error = after(&bed, "a file that is not listed", |copy| {
        let text = std::fs::read_to_string(copy.join("manifest-files.json")).unwrap();
        let all_but_one: Vec<&str> = text.lines().skip(1).collect();
        std::fs::write(copy.join("manifest-files.json"), all_but_one.join("\n")).unwrap();
    });
    assert_names(&error, "a shorter list", &["manifest-files.json", "MD5"]);
}

#[tokio::test]
async fn other_exports_are_refused() {
    let bed = Bed::of(&filled_store().await).await;
    let summary = "manifest-summary.json";
    let error = after(&bed, "ION", |copy| change_summary(copy, |s| s["outputFormat"] = "ION".into()));
    assert_names(&error, "ION", &[summary, "export again as DYNAMODB_JSON"]);
    let error = after(&bed, "changes only", |copy| {
        change_summary(copy, |s| s["exportType"] = "INCREMENTAL_EXPORT".into());
    });
    assert_names(&error, "changes only", &[summary, "INCREMENTAL_EXPORT"]);
    let error = after(&bed, "under way", |copy| std::fs::remove_file(copy.join(summary)).unwrap());
    assert!(matches!(error, BackupError::NoManifest { .. }), "{error}");
    let error = after(&bed, "no JSON", |copy| {
        std::fs::remove_file(copy.join("manifest-files.checksum")).unwrap();
        std::fs::write(copy.join("manifest-files.json"), "{\n").unwrap();
    });
    assert_names(&error, "no JSON", &["manifest-files.json: line 1"]);
}

/// The guide does not say how the checksum of a manifest is written.
#[tokio::test]
async fn a_manifest_is_compared_with_its_checksum_in_base64_or_hexadecimal() {
    let bed = Bed::of(&filled_store().await).await;
    let checksum = bed.written.directory.join("manifest-files.checksum");
    std::fs::write(&checksum, "something else").unwrap();
    open(&bed.written.directory).unwrap();
    for wrong in ["1B2M2Y8AsgTpgAmY7PhCfg==", "d41d8cd98f00b204e9800998ecf8427e"] {
        std::fs::write(&checksum, wrong).unwrap();
        let error = open(&bed.written.directory).unwrap_err();
        assert_names(&error, wrong, &["manifest-files.json", wrong]);
    }
}
