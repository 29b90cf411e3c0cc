//! How a load ends: for the requests that wait for it, and for the caller.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::model::Loader;
use crate::single_flight::Leader;

/// Why there is no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheError<E> {
    /// Loading failed.
    #[error(transparent)]
    Load(E),
    /// There was none in time.
    #[error("no value in time")]
    Deadline,
    /// Loads have failed one after the other, and loading is left alone for a moment.
    #[error("loads have been failing; the next one is tried in a moment")]
    Unavailable,
    /// Loading panicked.
    #[error("loading a value panicked")]
    Panicked,
}

/// Values that were asked for, and others that came along.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetched<K, V, C> {
    /// Keys with their values.
    pub values: Vec<(K, Arc<V>)>,
    /// What the loads cost that this request led.
    pub cost: C,
}

/// What a load in flight brought.
#[derive(Debug)]
pub(crate) struct Outcome<K, V, C> {
    pub(crate) value: Arc<V>,
    pub(crate) others: Arc<[(K, Arc<V>)]>,
    pub(crate) cost: C,
    /// Remaining fresh time if it is from the remote tier, in milliseconds; negative when stale.
    pub(crate) ttl_ms: Option<i64>,
    /// How long the load took, if the source was asked.
    pub(crate) load: Option<Duration>,
    /// All of it is as current as its invalidations, as far as is known.
    pub(crate) settled: bool,
    /// Another process loaded it.
    pub(crate) elsewhere: bool,
    pub(crate) remote: RemoteUse,
}

impl<K, V, C: Copy> Clone for Outcome<K, V, C> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), others: Arc::clone(&self.others), ..*self }
    }
}

/// Why a load in flight brought nothing.
#[derive(Clone, Debug)]
pub(crate) struct Failure<E> {
    pub(crate) error: CacheError<E>,
    pub(crate) remote: RemoteUse,
}

/// Whether the remote tier took part in finding a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// There is none.
    #[default]
    Absent,
    /// It was not asked: failing, slow, or not to be trusted about this key.
    Skipped,
    /// It was asked.
    Asked,
}

/// How the remote tier was used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RemoteUse {
    pub(crate) part: Part,
    pub(crate) trips: u32,
    pub(crate) waited: Duration,
    /// It did not answer.
    pub(crate) failed: bool,
}

impl RemoteUse {
    /// It was there and not asked.
    pub(crate) fn skipped() -> Self {
        Self { part: Part::Skipped, ..Self::default() }
    }
}

/// How a load in flight ended.
pub(crate) type LoadResult<K, V, L> =
    Result<Outcome<K, V, <L as Loader<K, V>>::Cost>, Failure<<L as Loader<K, V>>::Error>>;

/// Who carries out a load that ends so.
pub(crate) type LeaderOf<K, V, L> = Leader<K, LoadResult<K, V, L>>;
