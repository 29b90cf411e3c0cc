//! Invalidations that have not reached the remote tier yet: until they have, its values of their keys do not count.
//!
//! Invariant: a pending key is neither read from the remote tier nor stored in it by this process. It is
//! pending from before its invalidation is sent until one is delivered that was sent after all its failed ones. Groups of
//! which another process says that it has pending keys are left alone, too, for as long as it repeats that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};

/// Keys that are remembered one by one. With more, all keys count as pending until everything is flushed.
const MAX_KEYS: usize = 200_000;

/// How long what another process says counts. While its invalidations fail it says so every two seconds at least.
const HEARSAY: Duration = Duration::from_secs(5);

/// Groups that are remembered because of what others say. With more, it counts for all of them.
const MAX_HEARSAY: usize = 10_000;

/// A group and a key in it.
pub(crate) type Grouped = (String, String);

/// All pending keys.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    /// Pending keys, one for an overflow, and groups that others speak of: read without the lock.
    count: AtomicUsize,
    /// Keys whose invalidation has failed, and one for an overflow, likewise.
    failed: AtomicUsize,
    /// Pending keys, and one for an overflow.
    own: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    keys: FxHashMap<String, PendingKey>,
    failed: usize,
    /// Invalidations begun since there were too many keys.
    overflow: Option<u64>,
    /// Groups that others have pending keys of, and until when that counts.
    hearsay: FxHashMap<String, Instant>,
    /// The same for all groups.
    hearsay_of_all: Option<Instant>,
}

#[derive(Debug)]
struct PendingKey {
    group: String,
    /// Invalidations on their way.
    sent: u32,
    /// Invalidations that have failed.
    failed: u32,
}

/// Invalidations on their way. Those that are not delivered when this is dropped have failed.
#[derive(Debug)]
pub(crate) struct Sending<'a> {
    pending: &'a Pending,
    keys: Vec<Grouped>,
}

impl Pending {
    /// Invalidations of these keys are about to be sent.
    pub(crate) fn begin(&self, keys: Vec<Grouped>) -> Sending<'_> {
        let mut state = self.state.lock();
        for (group, key) in &keys {
            state.begin(group, key);
        }
        self.recount(&state);
        Sending { pending: self, keys }
    }

    /// Invalidations that were sent after these had failed are delivered.
    pub(crate) fn resolve<'a>(&self, keys: impl IntoIterator<Item = (&'a str, u32)>) {
        let mut state = self.state.lock();
        for (key, times) in keys {
            if let Some(pending) = state.keys.get_mut(key) {
                let had_failed = pending.failed > 0;
                pending.failed = pending.failed.saturating_sub(times);
                let resolved = had_failed && pending.failed == 0;
                state.failed -= usize::from(resolved);
            }
            state.forget(key);
        }
        self.recount(&state);
    }

    /// Whether a key is pending, or its group is said to be.
    pub(crate) fn holds(&self, group: impl FnOnce() -> String, key: &str, now: Instant) -> bool {
        if self.count.load(Ordering::Acquire) == 0 {
            return false;
        }
        let mut state = self.state.lock();
        if state.overflow.is_some() || state.keys.contains_key(key) {
            return true;
        }
        state.forget_hearsay(now);
        self.recount(&state);
        state.hearsay_of_all.is_some() || state.hearsay.contains_key(&group())
    }

    /// Another process says that it has pending keys of these groups, or, with none named, of any group. Returns whether
    /// that is news.
    pub(crate) fn hear(&self, groups: &[&str], now: Instant) -> bool {
        let mut state = self.state.lock();
        state.forget_hearsay(now);
        let until = now + HEARSAY;
        let mut news = false;
        if groups.is_empty() || state.hearsay.len() + groups.len() > MAX_HEARSAY {
            news = state.hearsay_of_all.replace(until).is_none();
        } else {
            for group in groups {
                news |= state.hearsay.insert((*group).to_owned(), until).is_none();
            }
        }
        self.recount(&state);
        news
    }

    /// Groups with pending keys, if there are at most so many.
    pub(crate) fn groups(&self, most: usize) -> Option<Vec<String>> {
        let state = self.state.lock();
        if state.overflow.is_some() {
            return None;
        }
        let groups: FxHashSet<&str> = state.keys.values().map(|pending| pending.group.as_str()).collect();
        (groups.len() <= most).then(|| groups.into_iter().map(str::to_owned).collect())
    }

    /// How many invalidations were begun since there were too many keys, if that is so.
    pub(crate) fn overflow(&self) -> Option<u64> {
        if !self.has_failed() {
            return None;
        }
        self.state.lock().overflow
    }

    /// Everything in the remote tier has been invalidated, after [`overflow`](Self::overflow) had returned this.
    pub(crate) fn flushed(&self, overflow: u64) {
        let mut state = self.state.lock();
        if state.overflow == Some(overflow) {
            state.overflow = None;
        }
        self.recount(&state);
    }

    /// Up to `count` keys whose invalidation has failed, and how often.
    pub(crate) fn failed(&self, count: usize) -> Vec<(Grouped, u32)> {
        if !self.has_failed() {
            return Vec::new();
        }
        let state = self.state.lock();
        // Not always the same ones: some may fail for ever while others would not.
        let failed = state.keys.iter().filter(|(_, pending)| pending.failed > 0);
        let some = failed.skip(fastrand::usize(..=state.failed.saturating_sub(count))).take(count);
        some.map(|(key, pending)| ((pending.group.clone(), key.clone()), pending.failed)).collect()
    }

    /// Whether an invalidation of this process has failed and none has been delivered since.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire) > 0
    }

    /// How many keys of this process are pending.
    pub(crate) fn len(&self) -> usize {
        self.own.load(Ordering::Acquire)
    }

    fn recount(&self, state: &State) {
        let overflow = usize::from(state.overflow.is_some());
        let hearsay = state.hearsay.len() + usize::from(state.hearsay_of_all.is_some());
        self.count.store(state.keys.len() + overflow + hearsay, Ordering::Release);
        self.failed.store(state.failed + overflow, Ordering::Release);
        self.own.store(state.keys.len() + overflow, Ordering::Release);
    }
}

impl State {
    fn begin(&mut self, group: &str, key: &str) {
        if let Some(pending) = self.keys.get_mut(key) {
            pending.sent += 1;
        } else if let Some(overflow) = &mut self.overflow {
            *overflow += 1;
        } else if self.keys.len() < MAX_KEYS {
            self.keys.insert(key.to_owned(), PendingKey { group: group.to_owned(), sent: 1, failed: 0 });
        } else {
            // What is known of single keys is of no more use.
            (self.keys, self.failed, self.overflow) = (FxHashMap::default(), 0, Some(1));
        }
    }

    /// Removes a key of which nothing is pending any more.
    fn forget(&mut self, key: &str) {
        if self.keys.get(key).is_some_and(|pending| pending.sent == 0 && pending.failed == 0) {
            self.keys.remove(key);
        }
    }

    /// Removes what others have not repeated.
    fn forget_hearsay(&mut self, now: Instant) {
        self.hearsay.retain(|_, until| now < *until);
        self.hearsay_of_all = self.hearsay_of_all.filter(|until| now < *until);
    }
}

impl Sending<'_> {
    /// The keys.
    pub(crate) fn keys(&self) -> &[Grouped] {
        &self.keys
    }

    /// The invalidations of these groups are delivered.
    pub(crate) fn delivered(&mut self, groups: &[String]) {
        let keys = std::mem::take(&mut self.keys);
        let (delivered, left) = keys.into_iter().partition(|(group, _)| groups.contains(group));
        self.keys = left;
        self.end(delivered, false);
    }

    fn end(&self, keys: Vec<Grouped>, failed: bool) {
        let mut state = self.pending.state.lock();
        for (_, key) in keys {
            if let Some(pending) = state.keys.get_mut(&key) {
                pending.sent = pending.sent.saturating_sub(1);
                let first = failed && pending.failed == 0;
                pending.failed += u32::from(failed);
                state.failed += usize::from(first);
            }
            state.forget(&key);
        }
        self.pending.recount(&state);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.keys);
        if !left.is_empty() {
            self.end(left, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<Grouped> {
        names.iter().map(|name| ("g".to_owned(), (*name).to_owned())).collect()
    }

    fn holds(pending: &Pending, key: &str, now: Instant) -> bool {
        pending.holds(|| "g".to_owned(), key, now)
    }

    #[test]
    fn a_key_is_pending_until_all_its_invalidations_are_delivered() {
        let (pending, now) = (Pending::default(), Instant::now());
        let mut first = pending.begin(keys(&["a", "b"]));
        let second = pending.begin(keys(&["a"]));
        first.delivered(&["g".to_owned()]);
        drop(first);
        assert!(holds(&pending, "a", now) && !holds(&pending, "b", now));
        assert!(pending.failed(9).is_empty());
        drop(second);
        assert_eq!(pending.failed(9), [(("g".to_owned(), "a".to_owned()), 1)]);
        assert_eq!(pending.groups(1), Some(vec!["g".to_owned()]));
        pending.resolve([("a", 1)]);
        assert!(!holds(&pending, "a", now));
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn a_resolved_failure_says_nothing_about_what_was_begun_since() {
        let (pending, now) = (Pending::default(), Instant::now());
        drop(pending.begin(keys(&["a"])));
        let failed = pending.failed(9);
        let later = pending.begin(keys(&["a"]));
        pending.resolve(failed.iter().map(|((_, key), times)| (key.as_str(), *times)));
        assert!(holds(&pending, "a", now));
        drop(later);
        assert!(holds(&pending, "a", now), "the later one has failed, too");
    }

    #[test]
    fn too_many_keys_make_all_of_them_pending_until_everything_is_flushed() {
        let (pending, now) = (Pending::default(), Instant::now());
        let many: Vec<_> = (0..=MAX_KEYS).map(|i| ("g".to_owned(), i.to_string())).collect();
        drop(pending.begin(many));
        assert!(holds(&pending, "never heard of", now));
        assert!(pending.has_failed() && pending.len() <= MAX_KEYS, "and are not remembered one by one");
        assert_eq!(pending.groups(usize::MAX), None);
        let before = pending.overflow().unwrap();
        drop(pending.begin(keys(&["later"])));
        pending.flushed(before);
        assert!(holds(&pending, "later", now), "it was begun after the flush");
        pending.flushed(pending.overflow().unwrap());
        assert!(!holds(&pending, "later", now) && !pending.has_failed());
        assert_eq!((pending.overflow(), pending.len()), (None, 0));
    }

    #[test]
    fn what_others_say_counts_for_a_while() {
        let (pending, now) = (Pending::default(), Instant::now());
        assert!(pending.hear(&["g", "h"], now));
        assert!(!pending.hear(&["g"], now + HEARSAY / 2), "that is no news");
        assert!(holds(&pending, "a", now + HEARSAY) && !pending.holds(|| "i".to_owned(), "a", now));
        assert!(!pending.holds(|| "h".to_owned(), "a", now + HEARSAY));
        assert_eq!(
            (pending.len(), pending.has_failed()),
            (0, false),
            "it is not this process's own business"
        );
        assert!(!holds(&pending, "a", now + HEARSAY * 2));
        let many: Vec<_> = (0..=MAX_HEARSAY).map(|i| i.to_string()).collect();
        for groups in [Vec::new(), many.iter().map(String::as_str).collect()] {
            assert!(pending.hear(&groups, now));
            assert!(holds(&pending, "a", now));
            assert!(!holds(&pending, "a", now + HEARSAY));
        }
    }
}
