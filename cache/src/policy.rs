//! How long values live, and what may be waited for.

use std::time::Duration;

/// The policy of a cache. Every duration is a bound that somebody can observe; `docs/CACHING.md` says which.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How long a value is served without a question.
    pub fresh: Duration,
    /// The same for negative values.
    pub negative_fresh: Duration,
    /// How long after that it is still served at once, while it is refreshed in the background.
    pub stale_while_revalidate: Duration,
    /// How long after its fresh time it may stand in when loading fails or takes longer than `soft_limit`.
    pub stale_if_error: Duration,
    /// Fresh times vary by this share in both directions, so that what was loaded together is not reloaded together. 0
    /// to 1.
    pub jitter: f64,
    /// β of early refresh: 1 is the published optimum, 0 switches it off.
    pub early_refresh: f64,
    /// How long after an invalidation the source may still return the old value (an index that lags). What is loaded
    /// in this time is kept no longer than this time.
    pub settle: Duration,
    /// How long a copy in memory is served when no invalidations reach the process.
    pub unattended: Duration,
    /// How long after the last sign of life invalidations count as reaching the process.
    pub attention: Duration,
    /// How long a request waits for a load when it has a stale value to fall back on.
    pub soft_limit: Duration,
    /// How long one load may take.
    pub load_limit: Duration,
    /// Bytes of values in memory; 0 switches the tier off.
    pub memory_bytes: u64,
    /// Refreshes in the background at a time; when all are taken, stale values are served without one.
    pub refreshes: usize,
    /// The shared tier.
    pub remote: RemotePolicy,
}

/// The policy of the shared tier.
#[derive(Clone, Debug, PartialEq)]
pub struct RemotePolicy {
    /// How long a read may take that a request waits for.
    pub read_limit: Duration,
    /// How long a write may take.
    pub write_limit: Duration,
    /// How long a process may load a value before others stop waiting for it.
    pub lease: Duration,
    /// How long to wait for another process's load before loading as well.
    pub lease_wait: Duration,
    /// Largest envelope that is stored, in bytes.
    pub max_value_bytes: usize,
    /// Failures in a row that open the circuit breaker.
    pub breaker_failures: u32,
    /// How long the breaker stays open before one call may try; doubles with each failed try, up to 16 times.
    pub breaker_pause: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fresh: Duration::from_mins(5),
            negative_fresh: Duration::from_mins(1),
            stale_while_revalidate: Duration::from_mins(1),
            stale_if_error: Duration::from_hours(1),
            jitter: 0.1,
            early_refresh: 1.0,
            settle: Duration::ZERO,
            unattended: Duration::from_secs(10),
            attention: Duration::from_secs(3),
            soft_limit: Duration::from_millis(100),
            load_limit: Duration::from_secs(2),
            memory_bytes: 256 << 20,
            refreshes: 32,
            remote: RemotePolicy::default(),
        }
    }
}

impl Default for RemotePolicy {
    fn default() -> Self {
        Self {
            read_limit: Duration::from_millis(30),
            write_limit: Duration::from_millis(100),
            lease: Duration::from_secs(3),
            lease_wait: Duration::from_millis(250),
            max_value_bytes: 4 << 20,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(1),
        }
    }
}

impl Policy {
    /// The fresh time of a value loaded now, jitter included; `luck` is uniform in 0 to 1.
    pub(crate) fn fresh_for(&self, negative: bool, luck: f64) -> Duration {
        let base = if negative { self.negative_fresh } else { self.fresh };
        base.mul_f64((1.0 + self.jitter * (2.0 * luck - 1.0)).max(0.0))
    }

    /// The longest that any value can be of use after it was loaded.
    pub fn longest_life(&self) -> Duration {
        let fresh = self.fresh.max(self.negative_fresh).mul_f64(1.0 + self.jitter);
        fresh + self.stale_while_revalidate.max(self.stale_if_error)
    }

    /// Whether to refresh before the fresh time is over, by `XFetch`: "Optimal Probabilistic Cache Stampede Prevention"
    /// (Vattani et al., VLDB 2015): `now − Δ·β·ln U ≥ expiry`, with Δ the time a load takes and U
    /// uniform in 0 to 1.
    pub(crate) fn refresh_early(&self, remaining_ms: u64, load_us: u32, luck: f64) -> bool {
        let ahead_ms = f64::from(load_us) / 1_000.0 * self.early_refresh * -luck.ln();
        ahead_ms >= remaining_ms as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_share() {
        let policy = Policy::default();
        let seconds = |negative, luck| policy.fresh_for(negative, luck).as_secs_f64();
        assert!((seconds(false, 0.0) - 270.0).abs() < 1e-6);
        assert!((seconds(false, 0.5) - 300.0).abs() < 1e-6);
        assert!((seconds(true, 1.0) - 66.0).abs() < 1e-6);
        let wild = Policy { jitter: 1.0, ..policy };
        assert_eq!(wild.fresh_for(false, 0.0), Duration::ZERO);
    }

    #[test]
    fn early_refresh_follows_the_formula() {
        let policy = Policy::default();
        // −ln(e⁻³) = 3: a load of 10 ms is refreshed up to 30 ms ahead.
        let luck = (-3.0f64).exp();
        assert!(policy.refresh_early(29, 10_000, luck));
        assert!(!policy.refresh_early(31, 10_000, luck));
        assert!(!policy.refresh_early(1, 10_000, 1.0));
        let off = Policy { early_refresh: 0.0, ..policy };
        assert!(!off.refresh_early(1, 10_000, luck));
    }

    /// Over many draws, the share of refreshes at a distance d before expiry is P(−ln U ≥ d/Δ) = e^(−d/Δ).
    #[test]
    fn early_refreshes_come_as_often_as_they_should() {
        let policy = Policy::default();
        let mut random = fastrand::Rng::with_seed(1);
        let draws = 100_000;
        let early = (0..draws).filter(|_| policy.refresh_early(20, 10_000, random.f64())).count();
        let share = early as f64 / f64::from(draws);
        assert!((share - (-2.0f64).exp()).abs() < 0.005, "{share}");
    }
}
