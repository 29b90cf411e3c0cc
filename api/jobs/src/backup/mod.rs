//! Exports in the layout of DynamoDB's export to S3, which it makes by itself and `cellar export` makes here.
//!
//! ```text
//! AWSDynamoDB/<id>/manifest-summary.json   how many items, in which format; written last
//!                  manifest-files.json     a line per data file: its name, its items, its MD5
//!                  manifest-*.checksum     MD5 of each of the two
//!                  data/<name>.json.gz     an item per line
//! ```
//!
//! Source: Amazon DynamoDB Developer Guide, "DynamoDB table export output format". An `md5Checksum` is that of the
//! stored, gzipped object, in Base64: in the guide's example, the `ETag` of a multipart upload of one part is the MD5 of
//! just this MD5.
//!
//! Invariant: an export that is not whole is never read. Nothing of it is stored before each of its files has the MD5
//! and the number of items that the manifest says.

mod error;
mod find;
mod manifest;
mod verify;
mod write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

pub use self::error::BackupError;
pub use self::verify::{Backup, DataFile};
pub use self::write::{ITEMS_PER_FILE, WriteBackup, Written, write_backup};

/// An MD5 as the manifests have it.
fn base64_of(hash: Md5) -> String {
    STANDARD.encode(hash.finalize())
}

fn md5_of(bytes: &[u8]) -> String {
    base64_of(Md5::new_with_prefix(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's example, from which we know what the checksum is of.
    #[test]
    fn the_documented_etag_is_the_md5_of_the_documented_md5() {
        let md5 = STANDARD.decode("sQMSpEILNgoQmarvDFonGQ==").unwrap();
        assert_eq!(manifest::etag_of(&md5), "af83d6f217c19b8b0fff8023d8ca4716-1");
        assert_eq!(md5_of(b""), "1B2M2Y8AsgTpgAmY7PhCfg==", "RFC 1321: d41d8cd98f00b204e9800998ecf8427e");
    }
}
