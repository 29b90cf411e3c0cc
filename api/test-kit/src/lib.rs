//! What integration tests of several crates use: tables of their own, places, real data, and with the feature
//! `server` a router in the process that is asked over HTTP or as a Lambda function.

#![expect(missing_docs, reason = "what tests use says what it is by its name")]
#![expect(clippy::new_without_default, reason = "only tests call it")]

#[cfg(feature = "server")]
pub mod fake;
#[cfg(feature = "server")]
pub mod imports;
pub mod memory;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod transport;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cellar_model::Collection;
use cellar_model::place::{Place, Properties};
use cellar_store::config::{CallLimits, connect};
use cellar_store::table::Stream;
use cellar_store::{DynamoStore, Embedded, StoreConfig};
use geo_index::Position;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

/// Set this to run against another endpoint than the embedded engine: DynamoDB Local, say.
const ENDPOINT_VARIABLE: &str = "CELLAR_TEST_DYNAMODB_ENDPOINT";

/// A table that no other test uses.
pub struct TestStore {
    store: DynamoStore,
    /// The configuration of a table that outlives the process unless it is removed.
    lasting: Option<StoreConfig>,
}

impl std::ops::Deref for TestStore {
    type Target = DynamoStore;

    fn deref(&self) -> &DynamoStore {
        &self.store
    }
}

impl Drop for TestStore {
    /// Removes a lasting table as well as can be, over connections of its own: those of the store need the
    /// test's runtime, which this may be blocking.
    fn drop(&mut self) {
        let Some(config) = self.lasting.take() else { return };
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async { connect(&config).await.ok()?.delete_table().await.ok() })
        });
        if !matches!(removed.join(), Ok(Some(()))) {
            eprintln!("table {} is left behind", self.store.table());
        }
    }
}

/// Whether the tests run against another endpoint than the embedded engine.
pub fn on_other_endpoint() -> bool {
    std::env::var_os(ENDPOINT_VARIABLE).is_some()
}

/// Where the tables of [`fresh_store`] are, as a URL.
pub async fn endpoint() -> String {
    match std::env::var(ENDPOINT_VARIABLE) {
        Ok(url) => url,
        Err(_) => engine().await.endpoint(),
    }
}

/// A store on a table that no other test uses.
pub async fn fresh_store() -> TestStore {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    let number = TABLES.fetch_add(1, Ordering::Relaxed);
    let config = StoreConfig::new(format!("cellar-test-{}-{number}", std::process::id()));
    let Ok(url) = std::env::var(ENDPOINT_VARIABLE) else {
        let store = engine().await.store(&config).await.expect("the engine creates tables");
        return TestStore { store, lasting: None };
    };
    // A slow endpoint is no failure: a request that was given up and sent again may find what it did itself.
    let patient = CallLimits::new(Duration::from_mins(1), Duration::from_secs(20));
    let config = StoreConfig { endpoint_url: Some(url), interactive: patient, bulk: patient, ..config };
    let store = connect(&config).await.expect("the endpoint's region and credentials are set");
    store.create_table(Stream::On).await.expect("the endpoint creates tables");
    TestStore { store, lasting: Some(config) }
}

/// One engine for all tests of the process: their tables are apart.
async fn engine() -> &'static Embedded {
    static ENGINE: OnceCell<Embedded> = OnceCell::const_new();
    ENGINE.get_or_init(|| async { Embedded::memory().await.expect("an engine in memory") }).await
}

/// A collection by name.
pub fn collection(name: &str) -> Collection {
    name.parse().expect("a valid name")
}

/// A file of real data, if it is there: `CELLAR_TEST_DATA` names its directory, else it is looked for beside the
/// workspace.
pub fn data_file(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let directory = std::env::var_os("CELLAR_TEST_DATA").map_or_else(beside, PathBuf::from);
    Some(directory.join(name)).filter(|path| path.exists())
}

/// A place with the properties of a JSON text.
pub fn place(id: &str, lat: f64, lon: f64, properties: &str) -> Place {
    let raw: Box<RawValue> = serde_json::from_str(properties).expect("valid JSON");
    Place {
        id: id.parse().expect("a valid id"),
        position: Position::new(lat, lon).expect("a valid position"),
        properties: Properties::from_raw(&raw).expect("an object"),
    }
}
