//! What waits to be purged, merged.
//!
//! Invariant: whatever was added is covered by a purge that is taken no earlier than the settle time after it was
//! added. The queue never holds more than a few thousand items.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Purge, collection_of};

/// Tags of one collection that wait; beyond them the whole collection does, which is one path for CloudFront. An import
/// changes thousands of roots.
pub(super) const TAGS_OF_A_COLLECTION: usize = 100;

/// Whole collections that wait; beyond them everything does. CloudFront takes 15 wildcards at a time.
pub(super) const WHOLE_COLLECTIONS: usize = 10;

/// All that waits; beyond it everything does.
pub(super) const ITEMS: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    All,
    Collection(String),
    Tag(String),
}

/// When an item was added first and last since it was taken.
#[derive(Clone, Copy, Debug)]
struct Times {
    first: Instant,
    last: Instant,
}

/// What waits.
#[derive(Debug)]
pub struct Queue {
    window: Duration,
    settle: Duration,
    items: BTreeMap<Item, Times>,
}

impl Queue {
    /// An empty queue: a purge is due the settle time and a window after the first change that it is for.
    pub fn new(window: Duration, settle: Duration) -> Self {
        Self { window, settle, items: BTreeMap::new() }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a tag; false if what waits covers it already.
    pub fn add(&mut self, tag: &str, now: Instant) -> bool {
        let collection = collection_of(tag);
        for wider in [Item::All, Item::Collection(collection.to_owned()), Item::Tag(tag.to_owned())] {
            if let Some(times) = self.items.get_mut(&wider) {
                times.last = now;
                return false;
            }
        }
        self.items.insert(Item::Tag(tag.to_owned()), Times { first: now, last: now });
        if self.tags_of(collection).count() > TAGS_OF_A_COLLECTION {
            self.merge_collection(collection);
        }
        if self.items.len() > ITEMS || self.collections() > WHOLE_COLLECTIONS {
            self.add_everything(now);
        }
        true
    }

    /// Adds all answers there are, in place of whatever waits.
    pub(super) fn add_everything(&mut self, now: Instant) {
        let first = self.items.values().map(|times| times.first).min().unwrap_or(now);
        self.items = BTreeMap::from([(Item::All, Times { first, last: now })]);
    }

    /// When something is due.
    pub fn due(&self) -> Option<Instant> {
        self.items.values().map(|times| times.first + self.settle + self.window).min()
    }

    /// When the last change has settled.
    pub(super) fn settled(&self) -> Option<Instant> {
        self.items.values().map(|times| times.last + self.settle).max()
    }

    /// Takes what is due, and what else has settled by now: one order is cheaper than two.
    pub fn take(&mut self, now: Instant) -> Option<Purge> {
        if self.due()? > now {
            return None;
        }
        let settle = self.settle;
        let taken = |times: &Times| times.first + settle <= now;
        let purge = purge(self.items.iter().filter(|(_, times)| taken(times)).map(|(item, _)| item));
        // What changed again too short a time ago needs another purge.
        self.items.retain(|_, times| {
            let again = times.last + settle > now;
            times.first = if taken(times) { times.last } else { times.first };
            again
        });
        Some(purge)
    }

    /// Takes all there is, settled or not.
    pub(super) fn take_all(&mut self) -> Option<Purge> {
        let items = std::mem::take(&mut self.items);
        (!items.is_empty()).then(|| purge(items.keys()))
    }

    fn tags_of(&self, collection: &str) -> impl Iterator<Item = (&Item, &Times)> {
        // `;` follows `:`.
        let range = Item::Tag(format!("{collection}:"))..Item::Tag(format!("{collection};"));
        self.items.range(range)
    }

    fn merge_collection(&mut self, collection: &str) {
        let first = self.tags_of(collection).map(|(_, times)| times.first).min();
        let last = self.tags_of(collection).map(|(_, times)| times.last).max();
        let (Some(first), Some(last)) = (first, last) else { return };
        self.items.retain(|item, _| !matches!(item, Item::Tag(tag) if collection_of(tag) == collection));
        self.items.insert(Item::Collection(collection.to_owned()), Times { first, last });
    }

    fn collections(&self) -> usize {
        self.items.keys().filter(|item| matches!(item, Item::Collection(_))).count()
    }
}

fn purge<'a>(items: impl Iterator<Item = &'a Item>) -> Purge {
    let mut purge = Purge::default();
    for item in items {
        match item {
            Item::All => purge.all = true,
            Item::Collection(name) => drop(purge.collections.insert(name.clone())),
            Item::Tag(tag) => drop(purge.tags.insert(tag.clone())),
        }
    }
    purge
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tags(purge: &Purge) -> Vec<&str> {
        purge.tags.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_purge_comes_once_the_last_change_has_settled() {
        let (mut queue, start) = (Queue::new(10 * SECOND, 2 * SECOND), Instant::now());
        assert_eq!((queue.due(), queue.take(start)), (None, None));
        assert!(queue.add("a:1", start));
        assert!(!queue.add("a:1", start + 5 * SECOND), "merged");
        assert!(queue.add("a:2", start + 9 * SECOND));
        assert!(queue.add("a:3", start + 11 * SECOND));
        assert_eq!(queue.due(), Some(start + 12 * SECOND));
        assert_eq!(queue.take(start + 11 * SECOND), None);
        let first = queue.take(start + 12 * SECOND).unwrap();
        assert_eq!(tags(&first), ["a:1", "a:2"], "the third has not settled");
        assert_eq!((queue.len(), queue.due()), (1, Some(start + 23 * SECOND)));
        assert_eq!(tags(&queue.take(start + 23 * SECOND).unwrap()), ["a:3"]);
        assert_eq!((queue.len(), queue.due()), (0, None));
    }

    #[test]
    fn a_tag_that_changes_all_the_time_is_sent_once_a_window_and_once_at_the_end() {
        let (mut queue, start) = (Queue::new(10 * SECOND, 2 * SECOND), Instant::now());
        let (mut sent, mut last_sent) = (0, start);
        for second in 0..200 {
            let now = start + second * SECOND;
            if second < 100 {
                queue.add("a:1", now);
            }
            if queue.take(now).is_some() {
                sent += 1;
                last_sent = now;
            }
        }
        assert!((8..=11).contains(&sent), "{sent}");
        assert!(
            last_sent >= start + 101 * SECOND,
            "the last change, too, is followed by a purge that has settled"
        );
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn many_tags_are_a_collection_and_many_collections_are_everything() {
        let (mut queue, start) = (Queue::new(SECOND, SECOND), Instant::now());
        queue.add("other:1", start);
        for tag in 0..=TAGS_OF_A_COLLECTION {
            queue.add(&format!("many:{tag}"), start + SECOND);
        }
        assert!(!queue.add("many:later", start + SECOND));
        let purge = queue.take(start + 3 * SECOND).unwrap();
        assert_eq!((purge.all, purge.paths(), tags(&purge)), (false, 2, vec!["other:1"]));
        assert!(purge.collections.contains("many"));
        for name in 0..=WHOLE_COLLECTIONS {
            for tag in 0..=TAGS_OF_A_COLLECTION {
                queue.add(&format!("c{name}:{tag}"), start + 4 * SECOND);
            }
        }
        assert!(!queue.add("c1:x", start + 4 * SECOND));
        assert_eq!(queue.take(start + 6 * SECOND), Some(Purge::everything()));
        for item in 0..=ITEMS {
            queue.add(&format!("c{item}:1"), start + 7 * SECOND);
        }
        assert_eq!((queue.len(), queue.take_all()), (1, Some(Purge::everything())));
    }

    #[test]
    fn names_that_begin_alike_are_kept_apart() {
        let (mut queue, start) = (Queue::new(SECOND, SECOND), Instant::now());
        for tag in 0..=TAGS_OF_A_COLLECTION {
            queue.add(&format!("bar:{tag}"), start);
            queue.add(&format!("bars:{}", tag / 2), start);
            queue.add(&format!("bar-s:{}", tag / 2), start);
        }
        let purge = queue.take_all().unwrap();
        assert_eq!(purge.collections.iter().collect::<Vec<_>>(), ["bar"]);
        assert!(purge.tags.contains("bars:0") && purge.tags.contains("bar-s:0"));
        assert!(!purge.tags.contains("bar:0"));
    }
}
