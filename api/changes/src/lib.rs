//! The change feed: every write to the table, whoever made it, reaches the caches.
//!
//! The table's stream carries the old and the new image of each item that changes. [`Consumer`] follows it, turns
//! records into the pages and edge tags that may be out of date, hands them to a [`Sink`], and moves its checkpoint
//! when the sink has taken them. It is the same code for AWS, DynamoDB Local and the embedded engine.
//!
//! | module | what it holds |
//! |---|---|
//! | [`record`] | a record's texts become a [`Change`]; pure, also for stream events that come as JSON |
//! | [`affected`] | what a change makes out of date |
//! | [`stream`] | the stream over the SDK |
//! | `shard_graph` | which shards there are, and which may be read |
//! | [`checkpoints`] | how far the reading has come |
//! | [`consumer`] | the loop |
//! | [`log`] | the stream as what became of places, for those who keep copies or watch |
//! | `parts` | what it connects, and what can go wrong with that |
//! | [`status`] | what it says about itself |
//!
//! Invariant: a change is handed over at least once, or the sink is told to invalidate everything.

pub mod affected;
pub mod checkpoints;
pub mod consumer;
pub mod log;
mod parts;
pub mod record;
mod role;
mod settings;
mod shard;
mod shard_graph;
pub mod status;
pub mod stream;

use std::time::Instant;

use async_trait::async_trait;
use cellar_model::{Collection, PageKey, Placement};
use thiserror::Error;

pub use affected::{edge_tags, pages_of};
pub use checkpoints::{Checkpoints, MemoryCheckpoints, SharedCheckpoints};
pub use consumer::Consumer;
pub use role::Role;
pub use settings::Settings;
pub use status::{Lag, State, Status};
pub use stream::{Stream, TableStream};

/// What became of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its collection.
    pub collection: Collection,
    /// Where it was; `None` if it was not there.
    pub old: Option<Placement>,
    /// Where it is; `None` if it is gone.
    pub new: Option<Placement>,
}

/// Why a sink did not take something; the text is for logs.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// What the feed feeds.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Forgets pages, here and wherever they are kept, and what carries these tags at the edge. `Ok` means done: the
    /// changes do not come again. An error brings them back; they may also come twice without one.
    async fn invalidate(&self, pages: &[PageKey], tags: &[String]) -> Result<(), SinkError>;

    /// Invalidates everything that is kept: changes may have been missed.
    fn invalidate_everything(&self);

    /// All changes that the stream held at an instant have been handed over. A feed that lives says so with every
    /// poll that finds it there; it says nothing before its first.
    fn caught_up(&self, at: Instant);
}
