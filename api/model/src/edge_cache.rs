//! A simulated cache whose answers live for a fixed time from their fetch, and the formula for its hit ratio.
//!
//! When requests for a key are a Poisson process of rate λ and an answer lives for T, each fetch is followed by λT hits on
//! average, so λT of 1 + λT requests hit. Over all keys, each with its share p of the requests, the ratio is
//! Σ p · λT / (1 + λT) (J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet Caches", IEEE INFOCOM 2003).
//! It holds for a cache that has run forever and evicts nothing: one that starts empty has less.
//!
//! Two things that it leaves out are in [`hit_ratio_of`]:
//!
//! - *Users who come back.* Requests come in sessions: after each, the same user asks again within the lifetime. Sessions
//!   begin as a Poisson process, so by Campbell's theorem the requests of all others still come at the rate λ, and
//!   r more are the user's own. Of 1 + λT + r requests one is the fetch.
//! - *Purges.* If purges of an answer are a Poisson process of rate ω, it lives for min(T, X) with X exponentially
//!   distributed: L = (1 − e^(−ωT)) / ω in the mean takes the place of T.
//!
//! Neither is exact: a fetch is no typical request, since nobody has asked for a while, so fewer sessions are under way than
//! at other times; and purges that are collected for a window come at more even intervals than a Poisson process.

/// A stored answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stored {
    /// When the origin made it, in seconds of the stream.
    pub made_s: f64,
    /// Until when it is fresh.
    pub until_s: f64,
}

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
    /// The answers by number.
    stored: Vec<Option<Stored>>,
    /// Requests that found an answer.
    pub hits: u64,
    /// Requests that had to fetch one.
    pub misses: u64,
}

impl EdgeCache {
    /// An empty cache whose answers live for so many seconds.
    pub const fn new(ttl_s: f64) -> Self {
        Self { ttl_s, stored: Vec::new(), hits: 0, misses: 0 }
    }

    /// What is stored under a number, fresh or not.
    pub fn get(&self, key: u32) -> Option<Stored> {
        self.stored.get(key as usize).copied().flatten()
    }

    /// Stores an answer under a number. Memory grows with the largest number: count them from 0.
    pub fn put(&mut self, key: u32, answer: Stored) {
        let key = key as usize;
        if key >= self.stored.len() {
            self.stored.resize(key + 1, None);
        }
        self.stored[key] = Some(answer);
    }

    /// A request for the answer with this number, in seconds of the stream: a hit while the last fetch is younger than the
    /// lifetime, else a fetch. Returns whether it was a hit.
    pub fn request(&mut self, key: u32, at_s: f64) -> bool {
        let hit = self.get(key).is_some_and(|answer| at_s - answer.made_s < self.ttl_s);
        if hit {
            self.hits += 1;
        } else {
            self.put(key, Stored { made_s: at_s, until_s: at_s + self.ttl_s });
            self.misses += 1;
        }
        hit
    }
}

/// How often one answer is asked for, and how long it lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Requests per second (λ).
    pub rate: f64,
    /// Lifetime in seconds (T).
    pub ttl_s: f64,
    /// Purges per second (ω).
    pub purges: f64,
}

impl Demand {
    /// How long the answer lives, in the mean (L).
    ///
    /// ```
    /// use cellar_model::edge_cache::Demand;
    ///
    /// let demand = Demand { rate: 1.0, ttl_s: 300.0, purges: 0.0 };
    /// assert_eq!(demand.lives_s(), 300.0);
    /// // A purge every three seconds leaves three seconds.
    /// assert!((Demand { purges: 1.0 / 3.0, ..demand }.lives_s() - 3.0).abs() < 1e-9);
    /// ```
    pub fn lives_s(self) -> f64 {
        if self.purges > 0.0 { -(-self.purges * self.ttl_s).exp_m1() / self.purges } else { self.ttl_s }
    }
}

/// Sessions of users: after each request the same user asks again with probability 1 − 1 / `searches`, after a time that is
/// exponentially distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sessions {
    /// Requests of a session in the mean (m), 1 or more.
    pub searches: f64,
    /// The mean time from one to the next, in seconds (τ), more than 0.
    pub think_s: f64,
}

impl Sessions {
    /// How many more requests of the same session find what one request fetched (r). Whether a session goes on does not
    /// depend on how long it has, so they come at the rate (m − 1)/mτ · e^(−t/mτ) at t. The answer is still there with
    /// probability e^(−ωt), up to T. Hence r = (m − 1)/mτ · (1 − e^(−aT))/a, with a = 1/mτ + ω.
    ///
    /// ```
    /// use cellar_model::edge_cache::Sessions;
    ///
    /// let sessions = Sessions { searches: 2.0, think_s: 10.0 };
    /// assert_eq!(sessions.again_within(0.0, 0.0), 0.0);
    /// assert!((sessions.again_within(300.0, 0.0) - 1.0).abs() < 1e-6);
    /// // As many purges as ends of sessions.
    /// assert!((sessions.again_within(300.0, 0.05) - 0.5).abs() < 1e-6);
    /// ```
    pub fn again_within(self, ttl_s: f64, purges: f64) -> f64 {
        let ends = (self.searches * self.think_s).recip();
        (self.searches - 1.0) * ends * Demand { rate: 0.0, ttl_s, purges: ends + purges }.lives_s()
    }
}

/// The hit ratio of answers, each with how often it is asked for, with users who come back and with purges:
/// Σ p · n / (1 + n), n = λL + r. 0 without requests.
///
/// ```
/// use cellar_model::edge_cache::{Demand, Sessions, hit_ratio_of};
///
/// let demand = Demand { rate: 0.01, ttl_s: 300.0, purges: 0.0 };
/// assert!((hit_ratio_of([(1, demand)], None) - 0.75).abs() < 1e-12);
/// let sessions = Sessions { searches: 2.0, think_s: 10.0 };
/// // Four hits for each fetch instead of three.
/// assert!((hit_ratio_of([(1, demand)], Some(sessions)) - 0.8).abs() < 1e-6);
/// ```
pub fn hit_ratio_of(demands: impl IntoIterator<Item = (u64, Demand)>, sessions: Option<Sessions>) -> f64 {
    let (mut hits, mut all) = (0.0, 0.0);
    for (count, demand) in demands {
        let lives_s = demand.lives_s();
        let again = sessions.map_or(0.0, |sessions| sessions.again_within(demand.ttl_s, demand.purges));
        let expected = demand.rate.mul_add(lives_s, again);
        all += count as f64;
        hits += count as f64 * expected / (1.0 + expected);
    }
    if all > 0.0 { hits / all } else { 0.0 }
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

    /// When users ask for one answer, in sessions of two requests in the mean, 10 s apart; a session begins every 400 s.
    fn in_sessions(until_s: f64, exponential: &mut impl FnMut(f64) -> f64) -> Vec<f64> {
        let (mut asked, mut begin_s) = (Vec::new(), 0.0);
        while begin_s < until_s {
            begin_s += exponential(400.0);
            let mut at_s = begin_s;
            asked.push(at_s);
            while exponential(1.0) < 2.0_f64.ln() {
                at_s += exponential(10.0);
                asked.push(at_s);
            }
        }
        asked.sort_by(f64::total_cmp);
        asked
    }

    /// The corrected formula is what a cache does under sessions and purges, to within what it leaves out, and the plain one
    /// is not.
    #[test]
    fn sessions_and_purges_are_what_the_corrected_formula_says() {
        const UNTIL_S: f64 = 1_000_000.0;
        let sessions = Sessions { searches: 2.0, think_s: 10.0 };
        for (ttl_s, purges) in [(60.0, 0.0), (300.0, 0.0), (300.0, 0.02)] {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            let mut exponential = |mean: f64| -(1.0 - rng.random::<f64>()).ln() * mean;
            let asked = in_sessions(UNTIL_S, &mut exponential);
            let mut purged_s = vec![0.0];
            while purges > 0.0 && purged_s[purged_s.len() - 1] < UNTIL_S {
                purged_s.push(purged_s[purged_s.len() - 1] + exponential(1.0 / purges));
            }
            let mut edge = EdgeCache::new(ttl_s);
            let mut hits = 0_u32;
            for &at_s in &asked {
                let last_s = purged_s[purged_s.partition_point(|purge| *purge <= at_s) - 1];
                let hit = edge.get(0).is_some_and(|kept| kept.made_s >= last_s && at_s < kept.until_s);
                hits += u32::from(hit);
                if !hit {
                    edge.put(0, Stored { made_s: at_s, until_s: at_s + ttl_s });
                }
            }
            let simulated = f64::from(hits) / asked.len() as f64;
            let rate = asked.len() as f64 / UNTIL_S;
            let corrected = hit_ratio_of([(1, Demand { rate, ttl_s, purges })], Some(sessions));
            let plain = hit_ratio([rate], ttl_s);
            assert!((simulated - corrected).abs() < 0.03, "{ttl_s} {purges}: {simulated} {corrected}");
            assert!((simulated - corrected).abs() < (simulated - plain).abs(), "{simulated} {plain}");
        }
    }
}
