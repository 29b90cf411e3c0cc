//! Imports of files that clients send to a bucket, and that a worker carries out (docs/adr/0035).
//!
//! ```text
//! POST …/imports?bytes=N → record in the table ⇒ 202, with a signed PUT of uploads/<collection>/<id>
//!                            client: PUT ⇒ the bucket ⇒ message in the queue ⇒ cellar-importer
//! GET, cancel, list        → records in the table, whoever is asked
//! GET …/rejects            → 303, with a signed GET of rejects/<collection>/<id>
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`service`] | what the API does: it signs and keeps records, and sends nothing to S3 or SQS |
//! | [`ledger`], [`record`] | what is known of jobs, in the table |
//! | [`bucket`], `sign` | addresses and signatures |
//! | `config` | what the worker is told |
//! | `client` | a bucket and a queue as the worker uses them; feature `client` |
//!
//! Invariants:
//! - Of several that change a record, each from what it has read, one wins: a job has one worker at a time.
//! - What is signed lets nobody do more than it says: one object, of one length, written once; or one that is read.

pub mod bucket;
#[cfg(feature = "client")]
pub mod client;
mod config;
pub mod ledger;
pub mod record;
pub mod service;
mod sign;

pub use self::bucket::Bucket;
pub use self::config::WorkerConfig;
pub use self::ledger::Ledger;
pub use self::record::{Lease, Record};
pub use self::service::Uploads;
pub use self::sign::SignError;

/// Where the file of a job is.
pub fn upload_key(collection: &cellar_model::Collection, id: &str) -> String {
    format!("uploads/{collection}/{id}")
}

/// Where the list of what a job did not store is.
pub fn rejects_key(collection: &cellar_model::Collection, id: &str) -> String {
    format!("rejects/{collection}/{id}")
}

/// The collection and the id of a job whose file has this key.
///
/// ```
/// let id = "0123456789abcdef0123456789abcdef";
/// let key = format!("uploads/places/{id}");
/// let (collection, found) = cellar_uploads::parse_upload_key(&key).unwrap();
/// assert_eq!((collection.as_str(), found), ("places", id));
/// assert!(cellar_uploads::parse_upload_key("uploads/places/../places").is_none());
/// ```
pub fn parse_upload_key(key: &str) -> Option<(cellar_model::Collection, &str)> {
    let (collection, id) = key.strip_prefix("uploads/")?.split_once('/')?;
    is_id(id).then_some((collection.parse().ok()?, id))
}

/// Whether a text can be the id of a job.
pub fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
