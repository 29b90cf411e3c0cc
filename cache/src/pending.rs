//! Invalidations that have not reached the remote tier yet: until they have, what it says of their keys does not
//! count.
//!
//! Invariant: a key that is pending is neither read from the remote tier nor stored in it by this process. It is
//! pending from before its invalidation is sent until one that was sent later than all its failed ones is through.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Keys that are remembered one by one. With more, all of them count as pending for as long as any value can live.
const MAX_KEYS: usize = 200_000;

/// A key with its group.
pub(crate) type Grouped = (String, String);

/// The keys that wait.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    /// Keys that wait, and one for an overflow: looked at without the lock.
    count: AtomicUsize,
    /// Keys whose invalidation has failed, likewise.
    failed: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    keys: FxHashMap<String, Waiting>,
    failed: usize,
    overflow_until: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    group: String,
    /// Invalidations under way.
    flying: u32,
    /// Invalidations that have failed.
    failed: u32,
}

/// Invalidations under way. What is not through when this is dropped has failed.
#[derive(Debug)]
pub(crate) struct Flying<'a> {
    pending: &'a Pending,
    keys: Vec<Grouped>,
}

impl Pending {
    /// Invalidations of these keys are about to be sent.
    pub(crate) fn begin(&self, keys: Vec<Grouped>, now: Instant, longest_life: Duration) -> Flying<'_> {
        let mut state = self.lock();
        let mut counted = Vec::with_capacity(keys.len());
        for (group, key) in keys {
            if state.keys.len() >= MAX_KEYS && !state.keys.contains_key(&key) {
                state.overflow_until = Some(now + longest_life);
            }
            let new = || Waiting { group: group.clone(), flying: 0, failed: 0 };
            state.keys.entry(key.clone()).or_insert_with(new).flying += 1;
            counted.push((group, key));
        }
        self.recount(&state);
        Flying { pending: self, keys: counted }
    }

    /// Invalidations that were sent after these had failed are through.
    pub(crate) fn mended<'a>(&self, keys: impl IntoIterator<Item = (&'a str, u32)>) {
        let mut state = self.lock();
        for (key, times) in keys {
            if let Some(waiting) = state.keys.get_mut(key) {
                let had = waiting.failed > 0;
                waiting.failed = waiting.failed.saturating_sub(times);
                let mended = had && waiting.failed == 0;
                state.failed -= usize::from(mended);
            }
            state.forget(key);
        }
        self.recount(&state);
    }

    /// Whether a key waits.
    pub(crate) fn holds(&self, key: &str, now: Instant) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let mut state = self.lock();
        if state.overflow_until.is_some_and(|until| until <= now) {
            state.overflow_until = None;
            self.recount(&state);
        }
        state.overflow_until.is_some() || state.keys.contains_key(key)
    }

    /// Up to `count` keys whose invalidation has failed, and how often.
    pub(crate) fn failed(&self, count: usize) -> Vec<(Grouped, u32)> {
        if !self.has_failed() {
            return Vec::new();
        }
        let state = self.lock();
        // Not always the same ones: some may fail for ever while others would not.
        let failed = state.keys.iter().filter(|(_, waiting)| waiting.failed > 0);
        let some = failed.skip(fastrand::usize(..=state.failed.saturating_sub(count))).take(count);
        some.map(|(key, waiting)| ((waiting.group.clone(), key.clone()), waiting.failed)).collect()
    }

    /// Whether an invalidation has failed and was not mended.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire) > 0
    }

    /// How many keys wait.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    fn recount(&self, state: &State) {
        let count = state.keys.len() + usize::from(state.overflow_until.is_some());
        self.count.store(count, Ordering::Release);
        self.failed.store(state.failed, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes a key that nothing waits for any more; with too many, also one that has failed.
    fn forget(&mut self, key: &str) {
        let over = self.keys.len() > MAX_KEYS && self.overflow_until.is_some();
        if self.keys.get(key).is_some_and(|waiting| waiting.flying == 0 && (waiting.failed == 0 || over)) {
            let gone = self.keys.remove(key);
            self.failed -= usize::from(gone.is_some_and(|waiting| waiting.failed > 0));
        }
    }
}

impl Flying<'_> {
    /// The keys.
    pub(crate) fn keys(&self) -> &[Grouped] {
        &self.keys
    }

    /// The invalidations of these groups are through.
    pub(crate) fn through(&mut self, groups: &[String]) {
        let keys = std::mem::take(&mut self.keys);
        let (through, left) = keys.into_iter().partition(|(group, _)| groups.contains(group));
        self.keys = left;
        self.land(through, false);
    }

    fn land(&self, keys: Vec<Grouped>, failed: bool) {
        let mut state = self.pending.lock();
        for (_, key) in keys {
            if let Some(waiting) = state.keys.get_mut(&key) {
                waiting.flying = waiting.flying.saturating_sub(1);
                let first = failed && waiting.failed == 0;
                waiting.failed += u32::from(failed);
                state.failed += usize::from(first);
            }
            state.forget(&key);
        }
        self.pending.recount(&state);
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.keys);
        if !left.is_empty() {
            self.land(left, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_mins(1);

    fn keys(names: &[&str]) -> Vec<Grouped> {
        names.iter().map(|name| ("g".to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn a_key_waits_until_all_its_invalidations_are_through() {
        let (pending, now) = (Pending::default(), Instant::now());
        let mut first = pending.begin(keys(&["a", "b"]), now, LIFE);
        let second = pending.begin(keys(&["a"]), now, LIFE);
        first.through(&["g".to_owned()]);
        drop(first);
        assert!(pending.holds("a", now) && !pending.holds("b", now));
        assert!(pending.failed(9).is_empty());
        drop(second);
        assert_eq!(pending.failed(9), [(("g".to_owned(), "a".to_owned()), 1)]);
        pending.mended([("a", 1)]);
        assert!(!pending.holds("a", now));
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn a_mended_failure_says_nothing_about_what_was_begun_since() {
        let (pending, now) = (Pending::default(), Instant::now());
        drop(pending.begin(keys(&["a"]), now, LIFE));
        let failed = pending.failed(9);
        let later = pending.begin(keys(&["a"]), now, LIFE);
        pending.mended(failed.iter().map(|((_, key), times)| (key.as_str(), *times)));
        assert!(pending.holds("a", now));
        drop(later);
        assert!(pending.holds("a", now), "the later one has failed, too");
    }

    #[test]
    fn too_many_keys_make_all_of_them_wait_for_a_life() {
        let (pending, now) = (Pending::default(), Instant::now());
        let many: Vec<_> = (0..=MAX_KEYS).map(|i| ("g".to_owned(), i.to_string())).collect();
        drop(pending.begin(many, now, LIFE));
        assert!(pending.holds("never heard of", now));
        assert!(!pending.holds("never heard of", now + LIFE));
        assert!(pending.len() <= MAX_KEYS, "and are not remembered one by one");
    }
}
