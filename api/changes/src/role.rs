//! Who reads the stream, of the processes that share a cache.

use std::sync::Arc;
use std::time::Duration;

use cellar_coordination::{CoordinationStore, RemoteError};

use super::checkpoints::in_time;

/// The role of a table's consumer. Two holders at once would do harm to nothing but the bill.
#[derive(Clone)]
pub struct Role {
    coordination: Arc<dyn CoordinationStore>,
    name: String,
    holder: String,
    /// How long the role stays with a holder that says nothing.
    pub(super) ttl: Duration,
}

impl Role {
    /// The role for a table; `holder` is a name that no other process has.
    pub fn new(
        coordination: Arc<dyn CoordinationStore>,
        table: &str,
        holder: impl Into<String>,
        ttl: Duration,
    ) -> Self {
        Self { coordination, name: format!("consumer:{table}"), holder: holder.into(), ttl }
    }

    /// Takes or keeps it; false if another holder has it.
    pub(super) async fn hold(&self) -> Result<bool, RemoteError> {
        in_time(self.coordination.hold(&self.name, &self.holder, self.ttl)).await
    }

    /// Gives it back, so that nobody has to wait until it lapses.
    pub(super) async fn release(&self) -> Result<(), RemoteError> {
        in_time(self.coordination.release(&self.name, &self.holder)).await
    }
}
