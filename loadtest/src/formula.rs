//! The hit ratio of a cache whose entries live for a fixed time from their fetch, as a formula.
//!
//! When requests for a key are a Poisson process of rate λ and an entry lives for T, a fetch is followed by λT hits in
//! the mean, so λT of 1 + λT requests hit. Over all keys, each with its share p of the requests, the ratio is
//! Σ p · λT / (1 + λT) (J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet Caches", IEEE INFOCOM 2003).
//! It is that of a cache that has run for ever and evicts nothing: one that starts empty has less.

/// The hit ratio at rates of requests per second, one for each key, and a lifetime in seconds; 0 without requests.
///
/// ```
/// use cellar_loadtest::formula::hit_ratio;
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
    use cellar_api::jobs::edge_plan::Edge;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::hit_ratio;

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
            let mut edge = Edge::new(ttl_s);
            let (mut at_s, mut hits, mut asked) = (0.0, 0_u32, 0_u32);
            while at_s < 20_000.0 {
                at_s -= (1.0 - rng.random::<f64>()).ln() / 50.0;
                let share: f64 = rng.random();
                let hit = edge.ask(sums.partition_point(|s| *s <= share) as u32, at_s);
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
