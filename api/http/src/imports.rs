//! Imports that outlive the request that asks for them: what the routes need of whoever carries them out.
//!
//! A trait, because who does that depends on where the server runs, and the engine of imports is none of this crate's
//! business (docs/adr/0033). Without one, a server says that it takes no imports.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::body::Bytes;
use cellar_model::Collection;
use cellar_store::StoreError;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Names of the parameters that say how a body is read: those of the options of `cellar import`.
pub const OPTIONS: [&str; 23] = [
    "format",
    "preset",
    "records",
    "representative-point",
    "bbox",
    "id-column",
    "id-property",
    "generate-ids",
    "lat-column",
    "lon-column",
    "position-column",
    "position-order",
    "columns",
    "category-column",
    "name-column",
    "text",
    "types",
    "delimiter",
    "skip",
    "decimal-comma",
    "encoding",
    "on-repeat",
    "dry-run",
];

/// Names of the parameters that announce a file which is sent to a bucket, not to the server.
pub const ANNOUNCEMENT: [&str; 2] = ["bytes", "sha256"];

/// A file that will be sent to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its length.
    pub bytes: u64,
    /// Its hash, if the client says: then nothing else is taken for it.
    pub sha256: Option<[u8; 32]>,
}

/// Where and how the file of a job is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ImportUpload)]
pub struct Upload {
    /// Method of the request.
    pub method: &'static str,
    /// Where it goes. Whoever has it may send the file, once.
    pub url: String,
    /// Headers that it has to have, as they are.
    #[schema(value_type = Object)]
    pub headers: BTreeMap<&'static str, String>,
    /// When it has to have begun (RFC 3339).
    pub expires: String,
}

/// What a client wants to be imported.
pub struct Order {
    /// Where to. It exists.
    pub collection: Collection,
    /// How to read the body: names of [`OPTIONS`] with their values.
    pub options: Vec<(&'static str, String)>,
    /// Length of the body, if the client says.
    pub length: Option<u64>,
    /// The client's own name for the order: sent again, it is the same job.
    pub key: Option<String>,
    /// The file, if it is not the body.
    pub announced: Option<Announced>,
}

/// A body on its way; an error if it breaks off.
pub type Incoming = BoxStream<'static, Result<Bytes, String>>;

/// The list of what was not stored.
pub struct RejectList {
    /// Its length in bytes.
    pub length: u64,
    /// Its lines, as they are read.
    pub lines: BoxStream<'static, std::io::Result<Bytes>>,
}

/// What a job did not store.
pub enum Rejects {
    /// The list.
    List(RejectList),
    /// Where the list is to be had, for a while.
    At(String),
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Its file is awaited in the bucket, or was not looked at yet.
    Uploading,
    /// It waits for others to end.
    Queued,
    /// It is being worked on.
    Running,
    /// All is stored or listed.
    Done,
    /// It ended before the end; `error` says why.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// Whether nothing more happens.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// An import, as far as it is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// Where to.
    #[serde(with = "as_text")]
    pub collection: Collection,
    /// How far it is.
    pub state: JobState,
    /// How the body is read, as it was asked for.
    pub options: Vec<(String, String)>,
    /// Length of the body.
    pub bytes: u64,
    /// Bytes of the body that were read.
    pub read_bytes: u64,
    /// Records read.
    pub read: u64,
    /// Places stored.
    pub stored: u64,
    /// Records that are no places.
    pub rejected: u64,
    /// Records whose id came before.
    pub repeated: u64,
    /// Length of the list of rejected and repeated records.
    pub rejects_bytes: u64,
    /// When it was accepted, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// When it began.
    pub started_unix_ms: Option<u64>,
    /// When it ended.
    pub ended_unix_ms: Option<u64>,
    /// When it is forgotten.
    pub expires_unix_ms: Option<u64>,
    /// How often a server went on with it after an interruption.
    pub resumed: u32,
    /// What the body was recognised as.
    pub recognised: Option<String>,
    /// What else there is to know.
    pub notices: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// What was found out about the data.
    pub findings: Option<Value>,
    /// How to send the file, while it is awaited. It lets whoever has it write, and is not kept.
    #[serde(skip)]
    pub upload: Option<Upload>,
}

impl Job {
    /// A job of which nothing is done yet.
    pub fn queued(
        id: String,
        collection: Collection,
        options: impl IntoIterator<Item = (&'static str, String)>,
        bytes: u64,
        created_unix_ms: u64,
    ) -> Self {
        Self {
            id,
            collection,
            state: JobState::Queued,
            options: options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            bytes,
            read_bytes: 0,
            read: 0,
            stored: 0,
            rejected: 0,
            repeated: 0,
            rejects_bytes: 0,
            created_unix_ms,
            started_unix_ms: None,
            ended_unix_ms: None,
            expires_unix_ms: None,
            resumed: 0,
            recognised: None,
            notices: Vec::new(),
            error: None,
            findings: None,
            upload: None,
        }
    }
}

/// Why an order is not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// As many jobs wait, or as many bodies come in, as may.
    #[error("{waiting} imports wait or come in already; that is as many as may")]
    Busy {
        /// How many there are.
        waiting: usize,
        /// When to try again.
        retry_after_s: u32,
    },
    /// There is no room for the body.
    #[error("there is no room for the body beside those of other imports")]
    NoRoom {
        /// When to try again.
        retry_after_s: u32,
    },
    /// The body is longer than any may be.
    #[error("the body is longer than {most} bytes")]
    TooLong {
        /// How long one may be.
        most: u64,
    },
    /// The body has nothing in it.
    #[error("the body is empty")]
    Empty,
    /// The body came too slowly.
    #[error("the body was not received in time")]
    TooSlow,
    /// The body broke off.
    #[error("the body ended before it was complete")]
    Broken(String),
    /// An option cannot be read.
    #[error("{reason}")]
    Option {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What it may be, where that can be listed.
        allowed: Option<String>,
    },
    /// The key came with another order before.
    #[error("the key came with another import before")]
    KeyReused,
    /// The body of an order with this key is coming in.
    #[error("the body of an import with this key is coming in")]
    KeyInUse,
    /// Files are sent to a bucket here, and have to be announced.
    #[error("{reason}")]
    NotHere {
        /// What to do instead.
        reason: &'static str,
    },
    /// The store, which would keep it, fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server cannot keep it.
    #[error("the import cannot be kept")]
    Failed(String),
}

/// Carries imports out. What is known of them may be in a store, which may fail.
///
/// Invariant: a job that was accepted is not forgotten before it has ended, whatever happens to the process.
#[async_trait]
pub trait Imports: Send + Sync {
    /// Takes an order and its body, or its announcement; the job once that is kept.
    async fn submit(&self, order: Order, body: Incoming) -> Result<Job, Refused>;

    /// The jobs of a collection, the newest first.
    async fn list(&self, collection: &Collection) -> Result<Vec<Job>, StoreError>;

    /// A job of a collection.
    async fn get(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError>;

    /// Ends a job unless it has ended. If it is at its end when this returns, nothing more is written for it; else it is
    /// carried out elsewhere, and ends soon.
    async fn cancel(&self, collection: &Collection, id: &str) -> Result<Option<Job>, StoreError>;

    /// The same, and forgets it; whether there was one.
    async fn remove(&self, collection: &Collection, id: &str) -> Result<bool, StoreError>;

    /// What a job did not store, as far as it has come.
    async fn rejects(&self, collection: &Collection, id: &str) -> Result<Option<Rejects>, StoreError>;

    /// Ends all jobs of a collection, which is being deleted.
    async fn cancel_all(&self, collection: &Collection) -> Result<(), StoreError>;
}

/// Who carries imports out: nobody, until somebody does. Clones are the same.
#[derive(Clone, Default)]
pub struct Importer(Arc<OnceLock<Arc<dyn Imports>>>);

impl Importer {
    /// Who it is, if anybody.
    pub fn get(&self) -> Option<Arc<dyn Imports>> {
        self.0.get().cloned()
    }

    /// Says who it is from now on; what is said after that is not heard.
    pub fn set(&self, imports: Arc<dyn Imports>) {
        self.0.get_or_init(|| imports);
    }
}

impl From<Arc<dyn Imports>> for Importer {
    fn from(imports: Arc<dyn Imports>) -> Self {
        Self(Arc::new(imports.into()))
    }
}

/// A collection as its name.
mod as_text {
    use cellar_model::Collection;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(collection: &Collection, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(collection.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Collection, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
