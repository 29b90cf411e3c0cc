//! What the fake server holds: keys with lifetimes on a clock, and who listens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::channel::mpsc::UnboundedSender;

use crate::clock::Clock;
use crate::remote::TOMBSTONE_MAGIC;

/// Everything behind one lock, as Redis does one thing at a time.
pub(super) struct Store {
    clock: Arc<dyn Clock>,
    values: HashMap<String, (Bytes, Instant)>,
    /// Listeners, each with the number of the handle that it came through.
    pub(super) listeners: Vec<(u64, UnboundedSender<Bytes>)>,
    texts: u64,
}

impl Store {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, values: HashMap::new(), listeners: Vec::new(), texts: 0 }
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        let (bytes, ends) = self.values.get(key)?;
        (self.clock.now() < *ends).then(|| bytes.clone())
    }

    pub(super) fn set(&mut self, key: &str, bytes: Bytes, lifetime: Duration) {
        let ends = self.clock.now() + lifetime;
        self.values.insert(key.to_owned(), (bytes, ends));
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }

    pub(super) fn remove_if_equal(&mut self, key: &str, text: &str) {
        if self.get(key).is_some_and(|held| held == text) {
            self.remove(key);
        }
    }

    pub(super) fn holds_tombstone(&self, key: &str) -> bool {
        self.get(key).is_some_and(|bytes| bytes.starts_with(&TOMBSTONE_MAGIC))
    }

    /// A text that was never returned before.
    pub(super) fn new_text(&mut self) -> String {
        self.texts += 1;
        format!("text-{}", self.texts)
    }

    /// Removes about this fraction of all keys, whatever they are.
    pub(super) fn evict(&mut self, fraction: f64) {
        self.values.retain(|_, _| fastrand::f64() >= fraction);
    }

    pub(super) fn wipe(&mut self) {
        self.values.clear();
        self.listeners.clear();
    }
}
