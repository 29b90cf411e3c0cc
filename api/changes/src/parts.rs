//! What a consumer connects, which each of its shards uses as well, and what can go wrong with it.

use std::sync::Arc;

use cellar_cache::clock::Clock;
use cellar_cache::remote::RemoteError;
use thiserror::Error;

use super::status::Status;
use super::stream::{Stream, StreamError};
use super::{Checkpoints, Sink, SinkError};

/// Where changes come from and go to.
pub(super) struct Parts {
    pub(super) stream: Arc<dyn Stream>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) checkpoints: Arc<dyn Checkpoints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) status: Status,
}

impl Parts {
    /// Changes may have been missed: counts that, and tells the sink.
    pub(super) fn invalidate_everything(&self) {
        self.status.found_gap();
        self.sink.invalidate_everything();
    }
}

/// Why a poll failed.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("checkpoints: {0}")]
    Coordination(#[from] RemoteError),
    #[error("the caches cannot be invalidated: {0}")]
    Sink(#[from] SinkError),
}
