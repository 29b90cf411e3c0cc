//! What a cache holds and where it comes from: the traits that its user implements.

use std::fmt::Debug;
use std::hash::Hash;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use async_trait::async_trait;

/// What a value is found by, in memory as it is and in the remote tier as text.
///
/// Invariant: [`remote`](Key::remote) contains `{group}`, braces included, so that a cluster keeps a group in one slot, and
/// [`parse_remote`](Key::parse_remote) inverts `remote`.
pub trait Key: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// The key's name in the remote tier, without line breaks.
    fn remote(&self) -> String;

    /// The group that shares a fence in the remote tier: keys that are often invalidated together.
    fn group(&self) -> String;

    /// Parses a name that [`remote`](Key::remote) made; `None` if it is not one.
    fn parse_remote(name: &str) -> Option<Self>;
}

/// What a cache holds for a key.
pub trait Value<K>: Debug + Sized + Send + Sync + 'static {
    /// Bytes that the value takes in memory, approximately.
    fn weight(&self) -> usize;

    /// Whether the value says that there is nothing: such values have a lifetime of their own.
    fn is_negative(&self) -> bool;

    /// Bytes for the remote tier.
    fn encode(&self, key: &K) -> Vec<u8>;

    /// Decodes what [`encode`](Value::encode) wrote; `None` if these bytes are something else.
    fn decode(key: &K, bytes: &[u8]) -> Option<Self>;
}

/// Where values come from when no tier has them.
#[async_trait]
pub trait Loader<K, V>: Send + Sync + 'static {
    /// Why a load failed.
    type Error: Clone + std::error::Error + Send + Sync;
    /// What a load cost, for the request that caused it.
    type Cost: AddAssign + Copy + Debug + Default + Send + Sync;

    /// Loads one value before a deadline. Values of other keys that came along for free are welcome.
    ///
    /// # Errors
    ///
    /// Any error of the source. It is handed to everybody who waits for this load, unless there is an old value to stand in.
    async fn load(&self, key: &K, deadline: Instant) -> Result<Loaded<K, V, Self::Cost>, Self::Error>;

    /// Whether an error means that the source is away, as far as it can tell: not that there is something wrong with this
    /// one value.
    fn is_outage(&self, _error: &Self::Error) -> bool {
        true
    }

    /// How long the load of a key may take, for keys that take longer than the policy's limit. Requests still wait no
    /// longer than they have time: the load goes on, for whoever comes next.
    fn limit(&self, _key: &K, usual: Duration) -> Duration {
        usual
    }
}

/// What a load returns.
#[derive(Clone, Debug)]
pub struct Loaded<K, V, C> {
    /// The value of the key that was asked for.
    pub value: V,
    /// Values of other keys, which are cached as well.
    pub others: Vec<(K, V)>,
    /// What the load cost.
    pub cost: C,
}
