//! A remote tier in memory, for tests: does what Redis does, on a clock that tests move, and injects faults.
//!
//! Invariant: a call takes effect as one step, or not at all if it fails or hangs.

mod fault;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use parking_lot::{Mutex, MutexGuard};

pub use self::fault::{Fault, Operation};
use self::fault::{Gate, garbage, out_of_memory};
use self::store::Store;
use super::{Ask, Claim, Entry, Finished, Remote, RemoteError, Ticket};
use crate::clock::Clock;

/// How long a fence is kept after the last load began.
const FENCE_LIFETIME: Duration = Duration::from_mins(10);

/// A remote tier in memory. Each handle has its own faults, counts and subscriptions; see [`peer`](Self::peer).
///
/// ```
/// use std::sync::Arc;
/// use cellar_cache::clock::ManualClock;
/// use cellar_cache::remote::Remote;
/// use cellar_cache::remote::fake::{FakeRemote, Fault, Operation};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let remote = FakeRemote::new(Arc::new(ManualClock::default()));
/// assert_eq!(remote.get(&["{g}k".to_owned()]).await, Ok(vec![None]));
/// remote.set_fault(Fault::OutOfMemory);
/// assert!(remote.begin("g", &[], std::time::Duration::from_secs(1)).await.is_err());
/// assert_eq!(remote.calls(Operation::Begin), 1);
/// # });
/// ```
pub struct FakeRemote {
    store: Arc<Mutex<Store>>,
    gate: Gate,
    id: u64,
}

impl FakeRemote {
    /// An empty tier.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::over(Arc::new(Mutex::new(Store::new(clock))))
    }

    /// Another process's handle to the same data and the same bus.
    #[must_use]
    pub fn peer(&self) -> Self {
        Self::over(Arc::clone(&self.store))
    }

    fn over(store: Arc<Mutex<Store>>) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        Self { store, gate: Gate::default(), id: NEXT_ID.fetch_add(1, Ordering::Relaxed) }
    }

    /// Injects a fault into every operation; `None` removes all faults.
    pub fn set_fault(&self, fault: impl Into<Option<Fault>>) {
        self.gate.set_all(fault.into());
    }

    /// Injects a fault into one operation and leaves the others as they are.
    pub fn set_fault_on(&self, operation: Operation, fault: Fault) {
        self.gate.set(operation, Some(fault));
    }

    /// How often an operation was called, whatever came of it.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.gate.calls(operation)
    }

    /// Puts bytes under a key, as a stranger would.
    pub fn put(&self, key: &str, bytes: impl Into<Bytes>, lifetime: Duration) {
        self.store().set(key, bytes.into(), lifetime);
    }

    /// Removes about this fraction of all keys: values, fences and leases.
    pub fn evict(&self, fraction: f64) {
        self.store().evict(fraction);
    }

    /// Removes a group's fence, as an eviction would.
    pub fn evict_fence(&self, group: &str) {
        self.store().remove(&fence_key(group));
    }

    /// Restarts the server empty, which ends all subscriptions.
    pub fn wipe(&self) {
        self.store().wipe();
    }

    /// Ends all subscriptions of this handle.
    pub fn cut_bus(&self) {
        self.store().listeners.retain(|(id, _)| *id != self.id);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock()
    }
}

impl fmt::Debug for FakeRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRemote").field("id", &self.id).finish_non_exhaustive()
    }
}

fn fence_key(group: &str) -> String {
    format!("fence:{{{group}}}")
}

fn lease_key(key: &str) -> String {
    format!("{key}:lease")
}

#[async_trait]
impl Remote for FakeRemote {
    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, RemoteError> {
        let fault = self.gate.pass(Operation::Get).await?;
        let store = self.store();
        let mut values: Vec<Option<Bytes>> = keys.iter().map(|key| store.get(key)).collect();
        if fault == Some(Fault::Garbage) {
            values.iter_mut().flatten().for_each(|value| *value = garbage());
        }
        Ok(values)
    }

    async fn begin(
        &self,
        group: &str,
        asks: &[Ask],
        lease: Duration,
    ) -> Result<(Ticket, Vec<Claim>), RemoteError> {
        let fault = self.gate.pass(Operation::Begin).await?;
        if fault == Some(Fault::OutOfMemory) {
            return Err(out_of_memory());
        }
        let mut store = self.store();
        let fence = match store.get(&fence_key(group)) {
            Some(fence) => String::from_utf8_lossy(&fence).into_owned(),
            None => store.new_text(),
        };
        store.set(&fence_key(group), fence.clone().into(), FENCE_LIFETIME);
        let holder = store.new_text();
        let mut claims = Vec::with_capacity(asks.len());
        for ask in asks {
            let value = store.get(&ask.key).filter(|_| ask.absent);
            let held = store.get(&lease_key(&ask.key));
            claims.push(match value {
                Some(_) if fault == Some(Fault::Garbage) => Claim::Found(garbage()),
                Some(value) => Claim::Found(value),
                None if held.is_some_and(|held| held.starts_with(fence.as_bytes())) => Claim::Busy,
                None => {
                    store.set(&lease_key(&ask.key), format!("{fence}{holder}").into(), lease);
                    Claim::Lease
                }
            });
        }
        Ok((Ticket { group: group.to_owned(), fence, holder }, claims))
    }

    async fn finish(
        &self,
        ticket: &Ticket,
        entries: &[Entry],
        leases: &[String],
    ) -> Result<Finished, RemoteError> {
        let fault = self.gate.pass(Operation::Finish).await?;
        let mut store = self.store();
        for key in leases {
            store.remove_if_equal(&lease_key(key), &format!("{}{}", ticket.fence, ticket.holder));
        }
        if store.get(&fence_key(&ticket.group)).is_none_or(|fence| fence != ticket.fence) {
            return Ok(Finished::Fenced);
        }
        let free: Vec<&Entry> = entries.iter().filter(|entry| !store.holds_tombstone(&entry.key)).collect();
        if fault == Some(Fault::OutOfMemory) && !free.is_empty() {
            return Err(out_of_memory());
        }
        for entry in &free {
            store.set(&entry.key, entry.bytes.clone(), entry.ttl);
        }
        Ok(Finished::Stored(free.len()))
    }

    async fn invalidate(
        &self,
        group: &str,
        keys: &[String],
        tombstone: Option<(Bytes, Duration)>,
    ) -> Result<(), RemoteError> {
        let fault = self.gate.pass(Operation::Invalidate).await?;
        let mut store = self.store();
        store.remove(&fence_key(group));
        for key in keys {
            store.remove(key);
            if let Some((bytes, lifetime)) = tombstone.clone().filter(|_| fault != Some(Fault::OutOfMemory)) {
                store.set(key, bytes, lifetime);
            }
        }
        Ok(())
    }

    async fn publish(&self, message: Bytes) -> Result<(), RemoteError> {
        let fault = self.gate.pass(Operation::Publish).await?;
        if fault != Some(Fault::DropMessages) {
            let message = if fault == Some(Fault::Garbage) { garbage() } else { message };
            self.store().listeners.retain(|(_, listener)| listener.unbounded_send(message.clone()).is_ok());
        }
        Ok(())
    }

    async fn subscribe(&self) -> Result<BoxStream<'static, Bytes>, RemoteError> {
        self.gate.pass(Operation::Subscribe).await?;
        let (sender, receiver) = mpsc::unbounded();
        self.store().listeners.push((self.id, sender));
        Ok(receiver.boxed())
    }
}
