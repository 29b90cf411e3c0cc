//! The most frequent keys of a stream, in memory that does not grow.
//!
//! Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data
//! Streams", ICDT 2005): a key that is not among the `capacity` counted ones takes the place of the least of them and
//! inherits its count as its possible error.
//!
//! Invariants, with `N` keys offered: the counts add up to `N`; a count is the true one at least, and too high by its
//! error at most, which is at most `N / capacity`; every key that came more than `N / capacity` times is among them.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Counts of the most frequent keys.
///
/// ```
/// use cellar_search::hot::SpaceSaving;
///
/// let mut keys = SpaceSaving::new(2);
/// for key in ["a", "b", "a", "c", "a"] {
///     keys.offer(key);
/// }
/// let top = keys.counted().next().unwrap();
/// assert_eq!((top.key, top.count, top.error), ("a", 3, 0));
/// ```
#[derive(Clone, Debug)]
pub struct SpaceSaving<K> {
    capacity: usize,
    offered: u64,
    /// Highest count first.
    counted: Vec<Counted<K>>,
    places: FxHashMap<K, usize>,
    /// Where the keys of each count begin. A count grows by one, so its key changes places with the first of its
    /// equals, and the order holds.
    firsts: FxHashMap<u64, usize>,
}

/// A key with its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<K> {
    /// The key.
    pub key: K,
    /// How often it came, at most.
    pub count: u64,
    /// By how much that may be too high.
    pub error: u64,
}

impl<K> Counted<K> {
    /// How often the key came, at least.
    pub const fn at_least(&self) -> u64 {
        self.count - self.error
    }
}

impl<K: Clone + Eq + Hash> SpaceSaving<K> {
    /// Counts of this many keys, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            offered: 0,
            counted: Vec::new(),
            places: FxHashMap::default(),
            firsts: FxHashMap::default(),
        }
    }

    /// Counts a key: a handful of hash lookups, however many keys there are.
    pub fn offer(&mut self, key: K) {
        self.offered += 1;
        let place = match self.places.get(&key) {
            Some(&place) => place,
            None => self.admit(key),
        };
        self.raise(place);
    }

    fn admit(&mut self, key: K) -> usize {
        let last = self.counted.len();
        if last < self.capacity {
            self.places.insert(key.clone(), last);
            self.counted.push(Counted { key, count: 0, error: 0 });
            self.firsts.entry(0).or_insert(last);
            return last;
        }
        let least = &mut self.counted[last - 1];
        let gone = std::mem::replace(&mut least.key, key.clone());
        least.error = least.count;
        self.places.remove(&gone);
        self.places.insert(key, last - 1);
        last - 1
    }

    fn raise(&mut self, place: usize) {
        let count = self.counted[place].count;
        let first = self.firsts.get(&count).copied().unwrap_or(place);
        if first != place {
            self.counted.swap(first, place);
            self.places.insert(self.counted[first].key.clone(), first);
            self.places.insert(self.counted[place].key.clone(), place);
        }
        self.counted[first].count += 1;
        if self.counted.get(first + 1).is_some_and(|next| next.count == count) {
            self.firsts.insert(count, first + 1);
        } else {
            self.firsts.remove(&count);
        }
        self.firsts.entry(count + 1).or_insert(first);
    }

    /// The keys, most frequent first.
    pub fn counted(&self) -> impl Iterator<Item = &Counted<K>> {
        self.counted.iter()
    }

    /// Keys offered so far.
    pub const fn offered(&self) -> u64 {
        self.offered
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Keys of a Zipf distribution: the k-th is 1/k^skew as likely as the first.
    fn zipf(keys: u32, skew: f64, count: usize, seed: u64) -> Vec<u32> {
        let weights: Vec<f64> = (1..=keys).map(|rank| f64::from(rank).powf(-skew)).collect();
        let total: f64 = weights.iter().sum();
        let mut rng = fastrand::Rng::with_seed(seed);
        let draw = |_| {
            let mut at = rng.f64() * total;
            let rank = weights.iter().position(|weight| {
                at -= weight;
                at < 0.0
            });
            rank.map_or(keys, |rank| rank as u32)
        };
        (0..count).map(draw).collect()
    }

    proptest! {
        #[test]
        fn counts_are_off_by_no_more_than_promised(
            keys in 1..400_u32, skew in 0.0..2.0_f64, count in 0..3_000_usize, capacity in 1..80_usize, seed: u64,
        ) {
            let stream = zipf(keys, skew, count, seed);
            let (mut exact, mut counted) = (HashMap::new(), SpaceSaving::new(capacity));
            for key in &stream {
                *exact.entry(*key).or_insert(0_u64) += 1;
                counted.offer(*key);
            }
            let most_error = count as u64 / capacity as u64;
            let found: Vec<_> = counted.counted().copied().collect();
            prop_assert!(found.is_sorted_by(|a, b| a.count >= b.count));
            prop_assert_eq!(found.iter().map(|key| key.count).sum::<u64>(), count as u64);
            prop_assert_eq!(found.len(), exact.len().min(capacity));
            for key in &found {
                let truth = exact[&key.key];
                prop_assert!(key.at_least() <= truth && truth <= key.count, "{:?} came {} times", key, truth);
                prop_assert!(key.error <= most_error, "{:?} of {}", key, count);
            }
            for (key, truth) in exact {
                prop_assert!(truth <= most_error || found.iter().any(|found| found.key == key));
            }
        }
    }

    #[test]
    fn the_top_of_a_skewed_stream_is_exact_in_order() {
        let mut counted = SpaceSaving::new(200);
        for key in zipf(10_000, 1.2, 50_000, 7) {
            counted.offer(key);
        }
        let top: Vec<_> = counted.counted().take(5).map(|key| key.key).collect();
        assert_eq!(top, [0, 1, 2, 3, 4]);
        assert_eq!(counted.offered(), 50_000);
    }
}
