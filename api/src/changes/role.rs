//! Who reads the stream, of the processes that share a cache.

use std::sync::Arc;
use std::time::Duration;

use cellar_cache::remote::{Board, RemoteError};

use super::checkpoints::in_time;

/// The role of a table's consumer. Two holders at once would do harm to nothing but the bill.
#[derive(Clone)]
pub struct Role {
    board: Arc<dyn Board>,
    name: String,
    holder: String,
    /// How long the role stays with a holder that says nothing.
    pub(super) ttl: Duration,
}

impl Role {
    /// The role for a table; `holder` is a name that no other process has.
    pub fn new(board: Arc<dyn Board>, table: &str, holder: impl Into<String>, ttl: Duration) -> Self {
        Self { board, name: format!("consumer:{table}"), holder: holder.into(), ttl }
    }

    /// Takes or keeps it; false if another holder has it.
    pub(super) async fn hold(&self) -> Result<bool, RemoteError> {
        in_time(self.board.hold(&self.name, &self.holder, self.ttl)).await
    }

    /// Gives it back, so that nobody has to wait until it lapses.
    pub(super) async fn release(&self) -> Result<(), RemoteError> {
        in_time(self.board.release(&self.name, &self.holder)).await
    }
}
