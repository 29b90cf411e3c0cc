//! Cell answers that a client keeps for a while: a user who moves within a cell asks once.
//!
//! Invariant: what is handed out was read for that very URL and is fresh; all that is kept was sent in at most so many
//! bytes, and the oldest goes first. The lock is held for a look-up at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::read::Cell;

/// The answers in memory, by URL.
pub(super) struct Kept {
    entries: Mutex<Entries>,
    capacity_bytes: usize,
}

#[derive(Default)]
struct Entries {
    by_url: HashMap<String, Entry>,
    /// URLs and the number that their entries then had: an entry that was replaced since has another.
    oldest: VecDeque<(String, u64)>,
    number: u64,
    bytes: usize,
}

struct Entry {
    answer: Arc<Cell>,
    fresh_until: Instant,
    bytes: usize,
    number: u64,
}

impl Kept {
    /// Room for answers that were sent in so many bytes; 0 keeps none.
    pub(super) fn new(capacity_bytes: usize) -> Self {
        Self { entries: Mutex::default(), capacity_bytes }
    }

    /// The answer of a URL, if it is still fresh.
    pub(super) fn get(&self, url: &str, now: Instant) -> Option<Arc<Cell>> {
        let mut entries = self.lock();
        let entry = entries.by_url.get(url)?;
        if now < entry.fresh_until {
            return Some(Arc::clone(&entry.answer));
        }
        entries.remove(url);
        None
    }

    /// Keeps an answer that was sent in so many bytes.
    pub(super) fn put(&self, url: String, answer: Arc<Cell>, bytes: usize, fresh_until: Instant) {
        if bytes > self.capacity_bytes {
            return;
        }
        let mut entries = self.lock();
        entries.remove(&url);
        entries.number += 1;
        let number = entries.number;
        entries.bytes += bytes;
        entries.oldest.push_back((url.clone(), number));
        entries.by_url.insert(url, Entry { answer, fresh_until, bytes, number });
        while entries.bytes > self.capacity_bytes {
            entries.evict();
        }
        entries.forget_replaced();
    }

    /// Entries are whole after every call, so a panic elsewhere does no harm.
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn remove(&mut self, url: &str) {
        if let Some(entry) = self.by_url.remove(url) {
            self.bytes -= entry.bytes;
        }
    }

    fn evict(&mut self) {
        let Some((url, number)) = self.oldest.pop_front() else { return };
        if self.by_url.get(&url).is_some_and(|entry| entry.number == number) {
            self.remove(&url);
        }
    }

    /// Keeps the queue no longer than twice the entries.
    fn forget_replaced(&mut self) {
        if self.oldest.len() > 2 * self.by_url.len() + 16 {
            let Self { by_url, oldest, .. } = self;
            oldest.retain(|(url, number)| by_url.get(url).is_some_and(|entry| entry.number == *number));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer() -> Arc<Cell> {
        let cell: geo_index::edge::CacheCell = "gh:u09t".parse().unwrap();
        Arc::new(Cell { cell, certified_radius: cell.horizon(), places: vec![] })
    }

    #[test]
    fn answers_are_kept_while_they_are_fresh() {
        let (kept, now) = (Kept::new(100), Instant::now());
        kept.put("a".into(), answer(), 10, now + Duration::from_secs(5));
        assert!(kept.get("a", now + Duration::from_secs(4)).is_some());
        assert!(kept.get("b", now).is_none());
        assert!(kept.get("a", now + Duration::from_secs(5)).is_none());
        assert_eq!(kept.lock().bytes, 0);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let (kept, now) = (Kept::new(100), Instant::now());
        let until = now + Duration::from_secs(5);
        kept.put("a".into(), answer(), 40, until);
        kept.put("b".into(), answer(), 40, until);
        // Younger than "b" by now.
        kept.put("a".into(), answer(), 40, until);
        kept.put("c".into(), answer(), 40, until);
        let there = ["a", "b", "c"].map(|url| kept.get(url, now).is_some());
        assert_eq!((there, kept.lock().bytes), ([true, false, true], 80));
        kept.put("large".into(), answer(), 101, until);
        assert!(kept.get("large", now).is_none() && kept.get("a", now).is_some());
    }

    #[test]
    fn what_is_replaced_takes_no_room() {
        let (kept, now) = (Kept::new(100), Instant::now());
        for _ in 0..1_000 {
            kept.put("a".into(), answer(), 10, now + Duration::from_secs(5));
        }
        let entries = kept.lock();
        assert_eq!((entries.bytes, entries.by_url.len()), (10, 1));
        assert!(entries.oldest.len() < 32);
    }
}
