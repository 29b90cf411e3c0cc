//! What the processes of a region tell each other beside cached values: who has a role, how far something has come, and what
//! is asked for most.
//!
//! [`CoordinationStore`] has two implementations: Redis or Valkey, over the connection that the cache has already, and, with
//! the feature `test-util`, one in memory. Nothing here is needed for a correct answer: a process that cannot reach the store
//! does without it.

#[cfg(any(test, feature = "test-util"))]
pub mod fake;
mod redis;

use std::time::Duration;

use async_trait::async_trait;
pub use cellar_cache::remote::RemoteError;

/// Small facts that processes share: roles, maps of checkpoints, tables of counts.
///
/// # Errors
///
/// Every call fails with a [`RemoteError`] if the store cannot be reached, or refuses.
#[async_trait]
pub trait CoordinationStore: Send + Sync + 'static {
    /// Takes a role, or keeps it, for a while; false if another holder has it.
    async fn hold(&self, role: &str, holder: &str, ttl: Duration) -> Result<bool, RemoteError>;

    /// Gives a role back if the holder has it.
    async fn release(&self, role: &str, holder: &str) -> Result<(), RemoteError>;

    /// All fields of a map, in no order; none if there is no such map.
    async fn read(&self, map: &str) -> Result<Vec<(String, String)>, RemoteError>;

    /// Sets fields of a map, which stays until they are removed.
    async fn write(&self, map: &str, fields: &[(String, String)]) -> Result<(), RemoteError>;

    /// Removes fields of a map.
    async fn remove(&self, map: &str, fields: &[String]) -> Result<(), RemoteError>;

    /// Adds to the scores of a table's members, keeps the `keep` highest, and forgets the table after `ttl` without
    /// additions.
    async fn add_scores(
        &self,
        table: &str,
        scores: &[(String, u64)],
        keep: usize,
        ttl: Duration,
    ) -> Result<(), RemoteError>;

    /// The members of a table with the highest scores, highest first; none if there is no such table.
    async fn top(&self, table: &str, count: usize) -> Result<Vec<(String, f64)>, RemoteError>;
}
