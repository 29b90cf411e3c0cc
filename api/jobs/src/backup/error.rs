//! Why an export cannot be read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why an export cannot be read. Each names the file and what to do.
#[derive(Debug, Error)]
pub enum BackupError {
    /// No manifest.
    #[error(
        "{} is a directory without a manifest-summary.json; name the file to import, or the directory \
         AWSDynamoDB/<id> of a whole export", directory.display()
    )]
    NoManifest {
        /// The directory that was named.
        directory: PathBuf,
    },
    /// More than one export.
    #[error("{} holds {} exports; name one of them, such as {}", directory.display(), found.len(), found[0].display())]
    Several {
        /// The directory that was named.
        directory: PathBuf,
        /// The exports in it, at least two.
        found: Vec<PathBuf>,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}; copy the export again, whole", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A manifest is not as it should be.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not the one that was exported.
    #[error("{} is damaged: its MD5 is {found}, not {expected} as in the manifest; copy it again", path.display())]
    Checksum {
        /// Which file.
        path: PathBuf,
        /// MD5 of the manifest, in Base64.
        expected: String,
        /// MD5 of the file.
        found: String,
    },
    /// A file has more or fewer items.
    #[error("{} is damaged: it has {found} items, not {expected} as in the manifest; copy it again", path.display())]
    Count {
        /// Which file; the summary if it is about the sum of all.
        path: PathBuf,
        /// Items by the manifest.
        expected: u64,
        /// Items that are there.
        found: u64,
    },
}
