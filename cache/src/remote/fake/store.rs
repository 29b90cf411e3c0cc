//! What the fake server holds: keys with lifetimes on a clock, the board, and who listens.

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
    pub(super) maps: HashMap<String, HashMap<String, String>>,
    tables: HashMap<String, (HashMap<String, u64>, Instant)>,
    /// Listeners, each with the number of the handle that it came through.
    pub(super) listeners: Vec<(u64, UnboundedSender<Bytes>)>,
    texts: u64,
}

impl Store {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let (values, maps, tables) = Default::default();
        Self { clock, values, maps, tables, listeners: Vec::new(), texts: 0 }
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

    pub(super) fn add_scores(
        &mut self,
        table: &str,
        scores: &[(String, u64)],
        keep: usize,
        lifetime: Duration,
    ) {
        let now = self.clock.now();
        let entry = self.tables.entry(table.to_owned()).or_insert_with(|| (HashMap::new(), now));
        if entry.1 <= now {
            entry.0.clear();
        }
        entry.1 = now + lifetime;
        for (member, score) in scores {
            *entry.0.entry(member.clone()).or_default() += score;
        }
        let kept = self.top(table, keep);
        let kept: HashMap<_, _> = kept.into_iter().collect();
        if let Some((members, _)) = self.tables.get_mut(table) {
            members.retain(|member, _| kept.contains_key(member));
        }
    }

    pub(super) fn top(&self, table: &str, count: usize) -> Vec<(String, u64)> {
        let Some((members, ends)) = self.tables.get(table) else { return Vec::new() };
        if self.clock.now() >= *ends {
            return Vec::new();
        }
        let mut sorted: Vec<_> = members.iter().map(|(member, score)| (member.clone(), *score)).collect();
        // Redis sorts members of equal score by their bytes, and this is its order reversed.
        sorted.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
        sorted.truncate(count);
        sorted
    }

    /// Removes about this fraction of all keys, whatever they are.
    pub(super) fn evict(&mut self, fraction: f64) {
        self.values.retain(|_, _| fastrand::f64() >= fraction);
    }

    pub(super) fn wipe(&mut self) {
        self.values.clear();
        self.maps.clear();
        self.tables.clear();
    }
}
