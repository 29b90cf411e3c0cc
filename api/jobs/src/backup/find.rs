//! Which export a directory means: itself, or the only one below it.

use std::path::{Path, PathBuf};

use super::BackupError;
use super::manifest::SUMMARY;

/// The directory with the manifests.
pub(super) fn find(directory: &Path) -> Result<PathBuf, BackupError> {
    if is_export(directory) {
        return Ok(directory.to_owned());
    }
    let mut found = exports_in(&directory.join("AWSDynamoDB"));
    found.extend(exports_in(directory));
    found.sort();
    match found.len() {
        0 => Err(BackupError::NoManifest { directory: directory.to_owned() }),
        1 => Ok(found.remove(0)),
        _ => Err(BackupError::Several { directory: directory.to_owned(), found }),
    }
}

fn is_export(directory: &Path) -> bool {
    directory.join(SUMMARY).is_file()
}

fn exports_in(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_export(path)).collect()
}
