//! The two manifests of an export.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::{BackupError, md5_of};

pub(super) const SUMMARY: &str = "manifest-summary.json";
pub(super) const FILES: &str = "manifest-files.json";
pub(super) const DATA: &str = "data";

/// The format whose items we read.
pub(super) const OUTPUT_FORMAT: &str = "DYNAMODB_JSON";
pub(super) const FULL_EXPORT: &str = "FULL_EXPORT";

/// What we use of the summary. DynamoDB's has more, which is about AWS: bucket, encryption, ARNs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) version: String,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub(super) start_time: String,
    #[serde(default)]
    pub(super) end_time: String,
    #[serde(default)]
    pub(super) export_time: String,
    #[serde(rename = "manifestFilesS3Key")]
    pub(super) manifest_files_s3_key: String,
    pub(super) item_count: u64,
    pub(super) output_format: String,
    /// Older exports do not say; they are full.
    #[serde(default = "full_export")]
    pub(super) export_type: String,
}

fn full_export() -> String {
    FULL_EXPORT.into()
}

/// A line of the list of files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileEntry {
    pub(super) item_count: u64,
    pub(super) md5_checksum: String,
    #[serde(default)]
    pub(super) etag: String,
    #[serde(rename = "dataFileS3Key")]
    pub(super) data_file_s3_key: String,
}

/// The `ETag` of an upload of one part, from the MD5 of that part.
pub(super) fn etag_of(md5: &[u8]) -> String {
    format!("{:032x}-1", u128::from_be_bytes(Md5::digest(md5).into()))
}

/// Reads a manifest whose checksum file, if there is one, agrees. The guide does not say how the MD5 is written there,
/// so Base64 and hexadecimal digits are both taken, and whatever else is there is not compared.
pub(super) fn read(directory: &Path, name: &str) -> Result<String, BackupError> {
    let path = directory.join(name);
    let text =
        std::fs::read_to_string(&path).map_err(|error| BackupError::Io { path: path.clone(), error })?;
    if let Ok(expected) = std::fs::read_to_string(path.with_extension("checksum")) {
        let (expected, found) = (expected.trim().to_owned(), Md5::digest(text.as_bytes()));
        if md5_from(&expected).is_some_and(|expected| expected != found[..]) {
            return Err(BackupError::Checksum { path, expected, found: md5_of(text.as_bytes()) });
        }
    }
    Ok(text)
}

/// The sixteen bytes that a text stands for.
fn md5_from(text: &str) -> Option<Vec<u8>> {
    let from_hex = || (0..16).map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    let bytes: Option<Vec<u8>> = if text.len() == 32 { from_hex() } else { STANDARD.decode(text).ok() };
    bytes.filter(|bytes| bytes.len() == 16)
}

impl Summary {
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, BackupError> {
        let fault = |reason: String| BackupError::Manifest { path: path.to_owned(), reason };
        let summary: Self = serde_json::from_str(text)
            .map_err(|error| fault(format!("not a summary of an export: {error}")))?;
        if summary.output_format != OUTPUT_FORMAT {
            let reason = format!("its format is {}; export again as {OUTPUT_FORMAT}", summary.output_format);
            return Err(fault(reason));
        }
        if summary.export_type != FULL_EXPORT {
            let reason = format!("it is an {}; only a {FULL_EXPORT} is the whole table", summary.export_type);
            return Err(fault(reason));
        }
        Ok(summary)
    }
}

impl FileEntry {
    /// The lines of the list; [`BackupError::Manifest`] tells which is not one.
    pub(super) fn parse_all(text: &str, path: &Path) -> Result<Vec<Self>, BackupError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(number, line)| {
                serde_json::from_str(line).map_err(|error| BackupError::Manifest {
                    path: path.to_owned(),
                    reason: format!("line {}: {error}", number + 1),
                })
            })
            .collect()
    }
}
