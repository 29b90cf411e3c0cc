//! A DynamoDB engine in our own process, so that `cellar` runs without an account, a container or a network.
//!
//! The engine (the `dynoxide` crate, on `SQLite`) listens on a loopback port, and the store reaches it as it
//! reaches AWS: through the SDK. One process at a time owns a data directory, by the lock on its file `lock`,
//! and leaves the address of its engine in the file `endpoint`; others join as clients. When the owner ends,
//! however it ends, one of them takes over at the same address, so that a server survives the import that it
//! joined.
//!
//! Invariant: only the holder of the lock opens the database; it lets go of the lock after the database is
//! closed.
//!
//! Every local user can reach a loopback port, and the engine checks no signatures: this is for a developer's
//! machine.

mod bulk;
mod database;
mod description;
mod dir;
mod engine;
mod log;
mod refusal;
mod server;
mod streams;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

pub(super) use self::bulk::Bulk;
use self::dir::DataDir;
use self::engine::{Engine, Source};
use super::config::{CallLimits, connect_with};
use super::journal::Journal;
use super::table::Stream;
use super::{DynamoStore, SetupError, StoreConfig};

/// How long to wait for the owner of a directory to answer: it may just have started.
const JOIN_LIMIT: Duration = Duration::from_secs(5);

const JOIN_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What a request to the engine may take at least.
const LEAST_ATTEMPT: Duration = Duration::from_secs(2);

/// An engine on a loopback port, ours or that of the process that owns the data directory.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use cellar_store::{Embedded, StoreConfig};
///
/// let embedded = Embedded::open("./data".as_ref()).await?;
/// let store = embedded.store(&StoreConfig::default()).await?;
/// // … read and write …
/// embedded.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Embedded {
    /// Of a database on disk.
    journal: Option<Journal>,
    /// Of an engine in this process, on disk.
    bulk: Option<Bulk>,
    address: SocketAddr,
    engine: Engine,
}

/// Why there is no embedded engine.
#[derive(Debug, Error)]
pub enum EmbeddedError {
    /// The data directory cannot be read or written.
    #[error("cannot use data directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database file is damaged, or something else.
    #[error("cannot open database {}: {reason}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// Another process holds the lock, but no engine answers at the address it left.
    #[error("data directory {} is in use by a process that does not answer", path.display())]
    Silent {
        /// The directory.
        path: PathBuf,
    },
    /// The engine could not start or go on.
    #[error("the embedded engine failed: {0}")]
    Engine(#[from] io::Error),
}

impl Embedded {
    /// Whether there is a database in a directory.
    pub fn is_there(path: &Path) -> bool {
        path.join(dir::DATABASE).is_file()
    }

    /// The engine of a data directory, which is created if need be: our own, or that of the process that owns
    /// the directory already.
    pub async fn open(path: &Path) -> Result<Self, EmbeddedError> {
        Self::open_within(path, JOIN_LIMIT).await
    }

    async fn open_within(path: &Path, join_limit: Duration) -> Result<Self, EmbeddedError> {
        let dir = DataDir::create(path)?;
        let lock = dir.lock_file()?;
        let journal = Some(Journal::of(&dir.database()));
        let end = Instant::now() + join_limit;
        loop {
            if dir.try_own(&lock)? {
                let (engine, address, bulk) = Engine::start(Source::Directory { dir, lock }).await?;
                return Ok(Self { journal, bulk: Some(bulk), address, engine });
            }
            if let Some(address) = dir.endpoint()
                && answers(address).await
            {
                let engine = Engine::stand_by(dir, lock, address)?;
                return Ok(Self { journal, bulk: None, address, engine });
            }
            if Instant::now() >= end {
                return Err(EmbeddedError::Silent { path: path.to_owned() });
            }
            sleep(JOIN_POLL_INTERVAL).await;
        }
    }

    /// An engine that keeps everything in memory and loses it at the end.
    pub async fn memory() -> Result<Self, EmbeddedError> {
        // Its tables are locked as a whole, so only its own thread may write them.
        let (engine, address, _) = Engine::start(Source::Memory).await?;
        Ok(Self { journal: None, bulk: None, address, engine })
    }

    /// Where the engine listens, as a URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether the engine runs in this process; if not, another one owns the data directory.
    pub fn is_owner(&self) -> bool {
        self.engine.is_serving()
    }

    /// A store on this engine, with its table created, its stream and its expiry enabled. The configuration's endpoint is not used.
    pub async fn store(&self, config: &StoreConfig) -> Result<DynamoStore, SetupError> {
        let credentials = Credentials::new("cellar", "cellar", None, None, "embedded");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("local"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        // Nothing is lost between this process and its engine, and other attempts would only add to its work.
        let attempt = config.interactive.attempt.max(LEAST_ATTEMPT);
        let interactive = CallLimits { attempt, ..config.interactive };
        let config = StoreConfig { endpoint_url: Some(self.endpoint()), interactive, ..config.clone() };
        let store = connect_with(&config, &sdk)?.on_engine(self.journal.clone(), self.bulk.clone());
        store.create_table(Stream::On).await?;
        store.enable_stream().await?;
        store.enable_expiry().await?;
        Ok(store)
    }

    /// Stops the engine once the requests it has begun are answered, and closes its database. Dropping does the
    /// same, but blocks the thread meanwhile.
    pub async fn shutdown(self) {
        // The task cannot fail, and nothing is left to be done if it did.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

async fn answers(address: SocketAddr) -> bool {
    let connected = timeout(Duration::from_millis(500), TcpStream::connect(address)).await;
    matches!(connected, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cellar_model::Collection;
    use cellar_model::place::{Place, Properties};
    use geo_index::Position;

    use super::*;
    use crate::{Store as _, item};

    #[tokio::test]
    async fn a_silent_owner_is_reported() {
        let temporary = tempfile::TempDir::new().unwrap();
        let dir = DataDir::create(temporary.path()).unwrap();
        let lock = dir.lock_file().unwrap();
        assert!(dir.try_own(&lock).unwrap());
        let error = Embedded::open_within(temporary.path(), Duration::ZERO).await.unwrap_err();
        assert!(matches!(error, EmbeddedError::Silent { .. }), "{error}");
        lock.unlock().unwrap();
        assert!(Embedded::open(temporary.path()).await.unwrap().is_owner());
    }

    #[tokio::test]
    async fn everyone_on_a_directory_waits_for_its_log_and_memory_has_none() {
        let temporary = tempfile::TempDir::new().unwrap();
        let owner = Embedded::open(temporary.path()).await.unwrap();
        let joined = Embedded::open(temporary.path()).await.unwrap();
        assert!(owner.is_owner() && !joined.is_owner());
        owner.store(&StoreConfig::default()).await.unwrap();
        assert!(temporary.path().join("cellar.db-wal").is_file());
        assert!(owner.journal.is_some() && joined.journal.is_some());
        assert!(Embedded::memory().await.unwrap().journal.is_none());
    }

    /// Places as the store writes them are plain: else every import would take the long way, and no test would see it.
    #[tokio::test]
    async fn who_owns_the_engine_writes_places_without_a_request() {
        let temporary = tempfile::TempDir::new().unwrap();
        let owner = Embedded::open(temporary.path()).await.unwrap();
        let joined = Embedded::open(temporary.path()).await.unwrap();
        let store = owner.store(&StoreConfig::default()).await.unwrap();
        let collection: Collection = "places".parse().unwrap();
        let place = |id: &str, properties: &str| Place {
            id: id.parse().unwrap(),
            position: Position::new(1.0, 2.0).unwrap(),
            properties: Properties::from_stored(properties.to_owned()).unwrap(),
        };
        let places = [place("a", "{}"), place("é \"b\"", r#"{"category":["bar","café"],"n":1e300}"#)];
        let items: Result<Vec<_>, _> =
            places.iter().map(|place| item::from_place(&collection, place)).collect();
        let table: Arc<str> = store.table().into();
        assert!(owner.bulk.as_ref().unwrap().takes(&table, &items.unwrap()).await);
        for place in &places {
            let stored = store.get(&collection, &place.id).await.unwrap().unwrap();
            assert_eq!(stored.properties.as_json(), place.properties.as_json());
            assert_eq!((stored.id, stored.position), (place.id.clone(), place.position));
        }
        assert!(joined.bulk.is_none() && Embedded::memory().await.unwrap().bulk.is_none());
    }
}
