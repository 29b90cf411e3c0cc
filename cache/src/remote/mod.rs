//! The remote tier: where a process ends and the shared cache begins.
//!
//! [`Remote`] is what the read path needs of a shared cache, [`Board`] what processes tell each other beside it.
//! Both have two implementations: Redis (or Valkey), and a fake for tests that injects faults. Time limits,
//! the circuit breaker and what an envelope holds are the callers' business: an implementation moves bytes.
//!
//! **Fences.** A load that began before an invalidation must never be stored after it. Keys belong to groups; a
//! group has a fence, a random text under a key of its own. [`Remote::begin`] returns the fence (and makes one if
//! there is none), [`Remote::invalidate`] removes it together with the values, and [`Remote::finish`] stores only
//! if the fence is still the one that `begin` returned. A fence that is gone, whether invalidated, evicted or lost
//! with a restart, matches nothing.
//!
//! **Leases.** Of several processes that miss a key, [`Remote::begin`] lets one load it; see [`Claim`].
//!
//! Invariant: in a cluster, all keys of a group, its fence and its leases are in one slot, since every key holds
//! `{group}`.

pub mod fake;
pub mod redis;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use thiserror::Error;

/// What begins the bytes of a value that stands for "invalidated a moment ago"; [`Remote::finish`] leaves such values
/// alone.
pub const TOMBSTONE_MAGIC: [u8; 4] = *b"CLRT";

/// Why the remote tier could not do as asked. Texts are for logs; they hold no password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RemoteError {
    /// No connection, a lost one, or a server that says that it cannot work now.
    #[error("the remote cache cannot be reached: {0}")]
    Unavailable(String),
    /// No answer within the time limit.
    #[error("the remote cache did not answer in time")]
    TimedOut,
    /// It answers, but refuses this: out of memory, no permission, read only, not what was expected.
    #[error("the remote cache refused: {0}")]
    Refused(String),
}

/// A key that [`Remote::begin`] is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The key.
    pub key: String,
    /// Whether the key was absent a moment ago. If it has a value by now, that is returned instead of a lease.
    pub absent: bool,
}

/// What [`Remote::begin`] says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was absent a moment ago and has this now: a value, or a tombstone.
    Found(Bytes),
    /// The caller is to load it; nobody else is told so until the lease ends or the fence moves.
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
    /// Stored nothing: the group was invalidated since, or its fence is lost.
    Fenced,
}

/// A shared cache.
#[async_trait]
pub trait Remote: Send + Sync + 'static {
    /// The values of many keys, in their order, in one round trip: one `MGET`.
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, RemoteError>;

    /// Begins to load keys of one group: the fence, and who loads what. One round trip.
    async fn begin(
        &self,
        group: &str,
        asks: &[Ask],
        lease: Duration,
    ) -> Result<(Ticket, Vec<Claim>), RemoteError>;

    /// Ends a load: stores values unless the fence has moved, and gives leases back in any case. `leases` are the
    /// keys that were [`Claim::Lease`]; `entries` may hold other keys of the group, too. One round trip.
    async fn finish(
        &self,
        ticket: &Ticket,
        entries: &[Entry],
        leases: &[String],
    ) -> Result<Finished, RemoteError>;

    /// Removes the group's fence and the values of keys, and then, with `tombstone`, leaves it under each key for the
    /// given time. Removing works also when the server is out of memory; tombstones may be refused then, which is no
    /// error.
    async fn invalidate(
        &self,
        group: &str,
        keys: &[String],
        tombstone: Option<(Bytes, Duration)>,
    ) -> Result<(), RemoteError>;

    /// Sends a message to all that listen now.
    async fn publish(&self, message: Bytes) -> Result<(), RemoteError>;

    /// Listens to messages, over a connection of its own. Returns when the subscription is confirmed; the stream ends
    /// when the connection is lost.
    async fn subscribe(&self) -> Result<BoxStream<'static, Bytes>, RemoteError>;
}

/// Small facts that processes share: roles, checkpoints, counts.
#[async_trait]
pub trait Board: Send + Sync + 'static {
    /// Takes a role, or keeps it, for a while; false if another holder has it.
    async fn hold(&self, role: &str, holder: &str, ttl: Duration) -> Result<bool, RemoteError>;

    /// Gives a role back if the holder has it.
    async fn release(&self, role: &str, holder: &str) -> Result<(), RemoteError>;

    /// All fields of a map, in no order; none if there is no such map.
    async fn read(&self, map: &str) -> Result<Vec<(String, String)>, RemoteError>;

    /// Sets fields of a map.
    async fn write(&self, map: &str, fields: &[(String, String)]) -> Result<(), RemoteError>;

    /// Removes fields of a map.
    async fn remove(&self, map: &str, fields: &[String]) -> Result<(), RemoteError>;

    /// Adds to the scores of members, keeps the `keep` highest and forgets the table after `ttl` without additions.
    async fn add_scores(
        &self,
        table: &str,
        scores: &[(String, u64)],
        keep: usize,
        ttl: Duration,
    ) -> Result<(), RemoteError>;

    /// The members of a table with the highest scores, highest first.
    async fn top(&self, table: &str, count: usize) -> Result<Vec<(String, f64)>, RemoteError>;
}
