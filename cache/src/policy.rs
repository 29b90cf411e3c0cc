//! How long values live, and how long anything is waited for.

use std::time::Duration;

/// Declares a policy from one list: every field with its meaning and its default, and a setter of the same name.
macro_rules! policy {
    (
        $(#[$of_policy:meta])*
        $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty = $default:expr,)* }
    ) => {
        $(#[$of_policy])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name { $($(#[$of_field])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

policy! {
    /// The policy of a cache. Every duration is a bound that somebody can observe.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cellar_cache::{Policy, RemotePolicy};
    ///
    /// let policy = Policy::default()
    ///     .fresh(Duration::from_secs(30))
    ///     .memory_bytes(64 << 20)
    ///     .remote(RemotePolicy::default().read_limit(Duration::from_millis(20)));
    /// assert_eq!(policy.longest_life(), Duration::from_secs(66) + Duration::from_hours(1));
    /// ```
    Policy {
        /// How long a value is served without checking for a newer one. Default: 5 minutes.
        fresh: Duration = Duration::from_mins(5),
        /// The same for negative values. Default: 1 minute.
        negative_fresh: Duration = Duration::from_mins(1),
        /// How long after its fresh time a value is still served at once, while it is refreshed in the background.
        /// Default: 1 minute.
        stale_while_revalidate: Duration = Duration::from_mins(1),
        /// How long after its fresh time a value may stand in when loading fails or takes longer than `soft_limit`.
        /// Default: 1 hour.
        stale_if_error: Duration = Duration::from_hours(1),
        /// Fresh times vary by this share in both directions, so that values loaded together are not reloaded together.
        /// 0 to 1, default: 0.1.
        jitter: f64 = 0.1,
        /// β of early refresh: 1, the default, is the published optimum, 0 switches it off.
        early_refresh: f64 = 1.0,
        /// How long after an invalidation the source may still return the old value (an index that lags behind). Values
        /// loaded within this time are kept no longer than it lasts. Default: 0.
        settle: Duration = Duration::ZERO,
        /// How long a copy in memory is served while no invalidations reach the process. Default: 10 seconds.
        untrusted_ttl: Duration = Duration::from_secs(10),
        /// How long after a heartbeat invalidations count as reaching the process. Default: 3 seconds.
        heartbeat_timeout: Duration = Duration::from_secs(3),
        /// How long a request waits for a load when it has a stale value to fall back on. Default: 100 ms.
        soft_limit: Duration = Duration::from_millis(100),
        /// How long one load may take. Default: 1.5 seconds.
        load_limit: Duration = Duration::from_millis(1_500),
        /// Bytes of values in memory, by [`weight`](crate::model::Value::weight) and an allowance for each entry; 0
        /// switches the tier off. Default: 256 MiB.
        memory_bytes: u64 = 256 << 20,
        /// Consecutive loads that fail or take too long after which loading is left alone for a while: requests get what
        /// there is, or an error, at once. 0 switches that off. Default: 10.
        source_failures: u32 = 10,
        /// How long loading is left alone before one load may try. Default: 1 second.
        source_pause: Duration = Duration::from_secs(1),
        /// Background refreshes at a time; beyond that, stale values are served without being refreshed. Default: 32.
        refreshes: usize = 32,
        /// The policy of the remote tier.
        remote: RemotePolicy = RemotePolicy::default(),
    }
}

policy! {
    /// The policy of the remote tier.
    RemotePolicy {
        /// How long a read that a request waits for may take. Default: 30 ms.
        read_limit: Duration = Duration::from_millis(30),
        /// How long a write may take. Default: 100 ms.
        write_limit: Duration = Duration::from_millis(100),
        /// How long a process may take to load a value before others stop waiting for it. Default: 3 seconds.
        lease: Duration = Duration::from_secs(3),
        /// How long to wait for another process's load before loading as well. Default: 250 ms.
        lease_wait: Duration = Duration::from_millis(250),
        /// Largest envelope that is stored, in bytes. Default: 4 MiB.
        max_value_bytes: usize = 4 << 20,
        /// Consecutive failures that open the circuit breaker; 0 counts as 1. Default: 5.
        breaker_failures: u32 = 5,
        /// How long the breaker stays open before one call may try; doubles with each failed try, up to 16 times.
        /// Default: 1 second.
        breaker_pause: Duration = Duration::from_secs(1),
    }
}

impl Policy {
    /// The fresh time of a value loaded now, jitter included; `uniform` is drawn evenly from 0 to 1.
    pub(crate) fn fresh_for(&self, negative: bool, uniform: f64) -> Duration {
        let base = if negative { self.negative_fresh } else { self.fresh };
        base.mul_f64((1.0 + self.jitter * (2.0 * uniform - 1.0)).max(0.0))
    }

    /// The longest that any value can be of use after it was loaded.
    pub fn longest_life(&self) -> Duration {
        let fresh = self.fresh.max(self.negative_fresh).mul_f64(1.0 + self.jitter);
        fresh + self.stale_while_revalidate.max(self.stale_if_error)
    }

    /// Whether to refresh before the fresh time is over, by `XFetch`: "Optimal Probabilistic Cache Stampede Prevention"
    /// (Vattani et al., VLDB 2015): `now − Δ·β·ln U ≥ expiry`, where Δ is the time a load takes and U is
    /// drawn evenly from 0 to 1.
    pub(crate) fn refresh_early(&self, remaining_ms: u64, load_us: u32, uniform: f64) -> bool {
        let ahead_ms = f64::from(load_us) / 1_000.0 * self.early_refresh * -uniform.ln();
        ahead_ms >= remaining_ms as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_share() {
        let policy = Policy::default();
        let seconds = |negative, uniform| policy.fresh_for(negative, uniform).as_secs_f64();
        assert!((seconds(false, 0.0) - 270.0).abs() < 1e-6);
        assert!((seconds(false, 0.5) - 300.0).abs() < 1e-6);
        assert!((seconds(true, 1.0) - 66.0).abs() < 1e-6);
        let wild = policy.jitter(1.0);
        assert_eq!(wild.fresh_for(false, 0.0), Duration::ZERO);
    }

    #[test]
    fn early_refresh_follows_the_formula() {
        let policy = Policy::default();
        // −ln(e⁻³) = 3: a load of 10 ms is refreshed up to 30 ms ahead.
        let uniform = (-3.0f64).exp();
        assert!(policy.refresh_early(29, 10_000, uniform));
        assert!(!policy.refresh_early(31, 10_000, uniform));
        assert!(!policy.refresh_early(1, 10_000, 1.0));
        let off = policy.early_refresh(0.0);
        assert!(!off.refresh_early(1, 10_000, uniform));
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
