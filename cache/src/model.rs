//! What a cache holds and where it comes from: the traits that its user implements.

use std::fmt::Debug;
use std::hash::Hash;
use std::ops::AddAssign;
use std::time::Instant;

use async_trait::async_trait;

/// A key.
///
/// Invariant: [`remote`](Key::remote) holds `{group}`, braces included, so that a cluster keeps a group in one slot, and
/// [`parse_remote`](Key::parse_remote) takes back what `remote` wrote.
pub trait Key: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// The key in the remote tier.
    fn remote(&self) -> String;

    /// The group that shares a fence: what is often invalidated together.
    fn group(&self) -> String;

    /// Takes a remote key apart; `None` if it is not one of ours.
    fn parse_remote(key: &str) -> Option<Self>;
}

/// A value.
pub trait Value<K>: Debug + Sized + Send + Sync + 'static {
    /// Bytes that it takes in memory, about.
    fn weight(&self) -> usize;

    /// Whether it says that there is nothing: such values have a lifetime of their own.
    fn is_negative(&self) -> bool;

    /// Bytes for the remote tier.
    fn encode(&self, key: &K) -> Vec<u8>;

    /// Takes back what `encode` wrote; `None` if these bytes are something else.
    fn decode(key: &K, bytes: &[u8]) -> Option<Self>;
}

/// Where values come from when no tier has them.
#[async_trait]
pub trait Loader<K, V>: Send + Sync + 'static {
    /// Why there is no value.
    type Error: Clone + std::error::Error + Send + Sync;
    /// What a load took, for the account of the request that caused it.
    type Cost: AddAssign + Copy + Debug + Default + Send + Sync;

    /// Loads one value before a deadline. Values of other keys that came along for free are welcome.
    async fn load(&self, key: &K, deadline: Instant) -> Result<Loaded<K, V, Self::Cost>, Self::Error>;
}

/// What a load brought.
#[derive(Clone, Debug)]
pub struct Loaded<K, V, C> {
    /// The value of the key that was asked for.
    pub value: V,
    /// Values of other keys.
    pub others: Vec<(K, V)>,
    /// What it took.
    pub cost: C,
}
