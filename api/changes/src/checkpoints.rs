//! How far the reading of each shard has come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cellar_coordination::{CoordinationStore, RemoteError};
use parking_lot::Mutex;
use tokio::time::timeout;

/// How long a coordination store may take.
const COORDINATION_LIMIT: Duration = Duration::from_secs(1);

/// Waits for a coordination store, which knows no time limit of its own.
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T, RemoteError>>) -> Result<T, RemoteError> {
    timeout(COORDINATION_LIMIT, call).await.unwrap_or(Err(RemoteError::TimedOut))
}

/// Where checkpoints are kept: by shard, a text.
#[async_trait]
pub trait Checkpoints: Send + Sync + 'static {
    /// Whether they outlive the process.
    fn are_lasting(&self) -> bool;

    /// All of them.
    async fn load(&self) -> Result<HashMap<String, String>, RemoteError>;

    /// Moves one.
    async fn save(&self, shard: &str, checkpoint: &str) -> Result<(), RemoteError>;

    /// Removes those of shards that are gone.
    async fn remove(&self, shards: &[String]) -> Result<(), RemoteError>;
}

/// Checkpoints that all processes share: the map `stream:<table>` of a coordination store.
#[derive(Clone)]
pub struct SharedCheckpoints {
    coordination: Arc<dyn CoordinationStore>,
    map: String,
}

impl SharedCheckpoints {
    /// Those of a table.
    pub fn new(coordination: Arc<dyn CoordinationStore>, table: &str) -> Self {
        Self { coordination, map: format!("stream:{table}") }
    }
}

#[async_trait]
impl Checkpoints for SharedCheckpoints {
    fn are_lasting(&self) -> bool {
        true
    }

    async fn load(&self) -> Result<HashMap<String, String>, RemoteError> {
        Ok(in_time(self.coordination.read(&self.map)).await?.into_iter().collect())
    }

    async fn save(&self, shard: &str, checkpoint: &str) -> Result<(), RemoteError> {
        in_time(self.coordination.write(&self.map, &[(shard.to_owned(), checkpoint.to_owned())])).await
    }

    async fn remove(&self, shards: &[String]) -> Result<(), RemoteError> {
        in_time(self.coordination.remove(&self.map, shards)).await
    }
}

/// Checkpoints that end with the process, as do the caches that they are for.
#[derive(Debug, Default)]
pub struct MemoryCheckpoints(Mutex<HashMap<String, String>>);

#[async_trait]
impl Checkpoints for MemoryCheckpoints {
    fn are_lasting(&self) -> bool {
        false
    }

    async fn load(&self) -> Result<HashMap<String, String>, RemoteError> {
        Ok(self.0.lock().clone())
    }

    async fn save(&self, shard: &str, checkpoint: &str) -> Result<(), RemoteError> {
        let mut all = self.0.lock();
        all.insert(shard.to_owned(), checkpoint.to_owned());
        Ok(())
    }

    async fn remove(&self, shards: &[String]) -> Result<(), RemoteError> {
        let mut all = self.0.lock();
        all.retain(|shard, _| !shards.contains(shard));
        Ok(())
    }
}
