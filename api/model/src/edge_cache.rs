//! A simulated cache whose answers live for a fixed time from their fetch, and the formula for its hit ratio.
//!
//! When requests for a key are a Poisson process of rate λ and an answer lives for T, each fetch is followed by λT hits on
//! average, so λT of 1 + λT requests hit. Over all keys, each with its share p of the requests, the ratio is
//! Σ p · λT / (1 + λT) (J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet Caches", IEEE INFOCOM 2003).
//! It holds for a cache that has run forever and evicts nothing: one that starts empty has less.

/// One edge location: it starts empty, stores every answer for its lifetime from the fetch and no longer, evicts nothing and
/// never revalidates.
///
/// ```
/// use cellar_model::edge_cache::EdgeCache;
///
/// let mut edge = EdgeCache::new(60.0);
/// assert_eq!([0.0, 59.0, 60.0].map(|at_s| edge.request(0, at_s)), [false, true, false]);
/// assert_eq!((edge.hits, edge.misses), (1, 2));
/// ```
#[derive(Clone, Debug)]
pub struct EdgeCache {
    /// Lifetime of an answer, in seconds.
    pub ttl_s: f64,
    /// When each answer was fetched last, in seconds of the stream.
    fetched_s: Vec<Option<f64>>,
    /// Requests that found an answer.
    pub hits: u64,
    /// Requests that had to fetch one.
    pub misses: u64,
}

impl EdgeCache {
    /// An empty cache whose answers live for so many seconds.
    pub const fn new(ttl_s: f64) -> Self {
        Self { ttl_s, fetched_s: Vec::new(), hits: 0, misses: 0 }
    }

    /// A request for the answer with this number, in seconds of the stream: a hit while the last fetch is younger than the
    /// lifetime, else a fetch. Returns whether it was a hit. Memory grows with the largest number: count them from 0.
    pub fn request(&mut self, key: u32, at_s: f64) -> bool {
        let key = key as usize;
        if key >= self.fetched_s.len() {
            self.fetched_s.resize(key + 1, None);
        }
        let hit = self.fetched_s[key].is_some_and(|fetched_s| at_s - fetched_s < self.ttl_s);
        if hit {
            self.hits += 1;
        } else {
            self.fetched_s[key] = Some(at_s);
            self.misses += 1;
        }
        hit
    }
}

/// The hit ratio at rates of requests per second, one for each key, and a lifetime in seconds; 0 without requests.
///
/// ```
/// use cellar_model::edge_cache::hit_ratio;
///
/// // One key at one request a second, kept for 9 s: nine hits for every fetch.
/// assert!((hit_ratio([1.0], 9.0) - 0.9).abs() < 1e-12);
/// // A request in a million seconds never finds anything.
/// assert!(hit_ratio([1e-6], 9.0) < 1e-5);
/// assert_eq!(hit_ratio([], 9.0), 0.0);
/// ```
pub fn hit_ratio(rates: impl IntoIterator<Item = f64>, ttl_s: f64) -> f64 {
    let (mut hits, mut all) = (0.0, 0.0);
    for rate in rates {
        let expected = rate * ttl_s;
        all += rate;
        hits += rate * expected / (1.0 + expected);
    }
    if all > 0.0 { hits / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn an_answer_lives_for_its_lifetime_after_the_fetch() {
        let mut edge = EdgeCache::new(60.0);
        let asked = [(0, 0.0), (0, 59.9), (1, 59.9), (0, 60.0), (0, 119.9), (1, 119.8), (0, 120.0)];
        let hits: Vec<u64> = asked
            .into_iter()
            .map(|(key, at_s)| {
                let before = edge.hits;
                edge.request(key, at_s);
                edge.hits - before
            })
            .collect();
        assert_eq!(hits, [0, 1, 0, 0, 1, 1, 0]);
        assert_eq!((edge.hits, edge.misses), (3, 4));
    }

    /// Zipf over 200 keys, 50 requests a second for 20,000 s: the formula is what such a cache does.
    #[test]
    fn a_simulated_cache_hits_as_often_as_the_formula_says() {
        let weights: Vec<f64> = (1..=200).map(|rank| 1.0 / f64::from(rank)).collect();
        let sum: f64 = weights.iter().sum();
        let sums = weights.iter().scan(0.0, |s, w| {
            *s += w / sum;
            Some(*s)
        });
        let sums: Vec<f64> = sums.collect();
        for ttl_s in [1.0, 10.0, 100.0] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut edge = EdgeCache::new(ttl_s);
            let (mut at_s, mut hits, mut asked) = (0.0, 0_u32, 0_u32);
            while at_s < 20_000.0 {
                at_s -= (1.0 - rng.random::<f64>()).ln() / 50.0;
                let share: f64 = rng.random();
                let hit = edge.request(sums.partition_point(|s| *s <= share) as u32, at_s);
                // Empty at the start: the first lifetimes do not count.
                if at_s > 500.0 {
                    hits += u32::from(hit);
                    asked += 1;
                }
            }
            let (simulated, formula) = (
                f64::from(hits) / f64::from(asked),
                hit_ratio(weights.iter().map(|w| 50.0 * w / sum), ttl_s),
            );
            assert!((simulated - formula).abs() < 0.003, "{ttl_s} s: {simulated} {formula}");
        }
    }
}
