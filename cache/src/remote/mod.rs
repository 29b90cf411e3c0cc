//! The remote tier: where a process ends and the shared cache begins.
//!
//! [`Remote`] is what a cache needs of the tier that processes share. It has two implementations: Redis (or Valkey), and,
//! with the feature `test-util`, a fake that injects faults. Time limits, the circuit breaker and the envelopes of values
//! are the cache's business: an implementation moves bytes.
//!
//! **Fences.** A load that began before an invalidation must never be stored after it. Keys belong to groups; a
//! group has a fence, a random text under a key of its own. [`Remote::begin`] returns the fence (and creates one if
//! there is none), [`Remote::invalidate`] removes it together with the values, and [`Remote::finish`] stores only
//! if the fence is still the one that `begin` returned. A fence that is gone, whether invalidated, evicted or lost
//! in a restart, matches nothing.
//!
//! **Leases.** Of several processes that miss a key, [`Remote::begin`] lets one load it: see [`Claim`].
//!
//! Invariant: in a cluster, all keys of a group, its fence and its leases are in one slot, since every key holds
//! `{group}`.

#[cfg(any(test, feature = "test-util"))]
pub mod fake;
pub mod redis;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use thiserror::Error;

/// First bytes of a value that stands for "invalidated recently"; [`Remote::finish`] does not overwrite such values.
pub const TOMBSTONE_MAGIC: [u8; 4] = *b"CLRT";

/// Why the remote tier could not do what it was asked. Messages are for logs; they contain no password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteError {
    /// No connection, a lost one, or a server that says that it cannot work at the moment.
    #[error("the remote cache cannot be reached: {0}")]
    Unavailable(String),
    /// No answer within the time limit.
    #[error("the remote cache did not answer in time")]
    TimedOut,
    /// It answers, but refuses this: out of memory, no permission, read-only, or an answer of unexpected form.
    #[error("the remote cache refused: {0}")]
    Refused(String),
}

/// A key that [`Remote::begin`] is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The key.
    pub key: String,
    /// Whether the key was absent when it was last read. If it has a value by now, that is returned instead of a lease.
    pub absent: bool,
}

/// What [`Remote::begin`] says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was absent and has this now: a value, or a tombstone.
    Found(Bytes),
    /// The caller is to load it; nobody else is told so until the lease ends or the fence changes.
    Lease,
    /// Somebody else is loading it.
    Busy,
}

/// What a load holds between [`Remote::begin`] and [`Remote::finish`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Group of the keys.
    pub group: String,
    /// The group's fence when the load began.
    pub fence: String,
    /// Who holds the leases.
    pub holder: String,
}

/// A value on its way into the remote tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// The envelope.
    pub bytes: Bytes,
    /// How long to keep it.
    pub ttl: Duration,
}

/// What [`Remote::finish`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Stored this many values; the others' keys hold tombstones.
    Stored(usize),
    /// Stored nothing: the group has been invalidated since, or its fence is lost.
    Fenced,
}

/// A tier that processes share.
///
/// # Errors
///
/// Every call may fail with a [`RemoteError`]; the cache then does without the tier.
#[async_trait]
pub trait Remote: Send + Sync + 'static {
    /// The values of many keys, in their order, in one round trip: one `MGET`.
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, RemoteError>;

    /// Begins to load keys of one group: returns the fence, and who loads what. One round trip.
    async fn begin(
        &self,
        group: &str,
        asks: &[Ask],
        lease: Duration,
    ) -> Result<(Ticket, Vec<Claim>), RemoteError>;

    /// Ends a load: stores values unless the fence has changed, and gives leases back in any case. `leases` are the
    /// keys that were [`Claim::Lease`]; `entries` may also be of other keys of the group. One round trip.
    async fn finish(
        &self,
        ticket: &Ticket,
        entries: &[Entry],
        leases: &[String],
    ) -> Result<Finished, RemoteError>;

    /// Removes the group's fence and the values of keys, and then, with `tombstone`, leaves that under each key for the
    /// given time. Removing works even when the server is out of memory; tombstones may be refused then, which is not
    /// an error.
    async fn invalidate(
        &self,
        group: &str,
        keys: &[String],
        tombstone: Option<(Bytes, Duration)>,
    ) -> Result<(), RemoteError>;

    /// Sends a message to all current subscribers.
    async fn publish(&self, message: Bytes) -> Result<(), RemoteError>;

    /// Subscribes to messages, over a connection of its own. Returns when the subscription is confirmed; the stream
    /// ends when the connection is lost.
    async fn subscribe(&self) -> Result<BoxStream<'static, Bytes>, RemoteError>;
}
