//! How the read cache is set.

use std::ops::RangeInclusive;
use std::time::Duration;

use cellar_cache::{Policy, RemotePolicy};
use cellar_config::{ConfigError, Env, number};

/// Longest lifetime that can be set, in seconds.
const DAY_S: u64 = 86_400;

/// Longest life of a value, stale time included: a change that the table's stream no longer holds, after a day, can
/// only concern values that are gone.
const LONGEST_LIFE: Duration = Duration::from_secs(DAY_S);

/// How far DynamoDB's index may lag behind its stream. AWS says "a fraction of a second, under normal conditions"
/// (Developer Guide, "Eventual consistency in Global Secondary Indexes"); the embedded engine's does not lag.
pub const TABLE_SETTLES: Duration = Duration::from_secs(2);

/// The policy that the environment asks for. `settle` is the default time that the store's index may lag behind.
///
/// ```
/// use std::collections::HashMap;
/// use std::time::Duration;
/// use cellar_search::policy::cache_policy;
///
/// let env = HashMap::from([("CELLAR_L1_MB", "64"), ("CELLAR_FRESH_S", "30")]);
/// let policy = cache_policy(&env, Duration::ZERO)?;
/// assert_eq!((policy.memory_bytes, policy.fresh), (64 << 20, Duration::from_secs(30)));
///
/// let env = HashMap::from([("CELLAR_L2_READ_LIMIT_MS", "0")]);
/// let error = cache_policy(&env, Duration::ZERO).unwrap_err();
/// assert_eq!(error.to_string(), "CELLAR_L2_READ_LIMIT_MS is 0; allowed: 1 to 10000");
/// # Ok::<(), cellar_config::ConfigError>(())
/// ```
pub fn cache_policy(env: &dyn Env, settle: Duration) -> Result<Policy, ConfigError> {
    let default = Policy::default();
    let policy = Policy::default()
        .fresh(seconds(env, "CELLAR_FRESH_S", default.fresh, 1..=DAY_S)?)
        .negative_fresh(seconds(env, "CELLAR_EMPTY_FRESH_S", default.negative_fresh, 1..=DAY_S)?)
        .stale_while_revalidate(seconds(
            env,
            "CELLAR_STALE_WHILE_REVALIDATE_S",
            default.stale_while_revalidate,
            0..=DAY_S,
        )?)
        .stale_if_error(seconds(env, "CELLAR_STALE_IF_ERROR_S", default.stale_if_error, 0..=DAY_S)?)
        .jitter(number(env, "CELLAR_JITTER", default.jitter, 0.0..=0.5)?)
        .early_refresh(number(env, "CELLAR_EARLY_REFRESH", default.early_refresh, 0.0..=10.0)?)
        .settle(millis(env, "CELLAR_SETTLE_MS", settle, 0..=60_000)?)
        .untrusted_ttl(seconds(env, "CELLAR_UNTRUSTED_TTL_S", default.untrusted_ttl, 0..=3_600)?)
        .soft_limit(millis(env, "CELLAR_SOFT_LIMIT_MS", default.soft_limit, 1..=10_000)?)
        .load_limit(millis(env, "CELLAR_LOAD_LIMIT_MS", default.load_limit, 10..=60_000)?)
        .source_failures(number(env, "CELLAR_TABLE_BREAKER_FAILURES", default.source_failures, 0..=10_000)?)
        .source_pause(millis(env, "CELLAR_TABLE_BREAKER_PAUSE_MS", default.source_pause, 10..=60_000)?)
        .memory_bytes(number(env, "CELLAR_L1_MB", default.memory_bytes >> 20, 0..=1 << 20)? << 20)
        .remote(remote_policy(env, &default.remote)?);
    if policy.longest_life() > LONGEST_LIFE {
        return Err(ConfigError {
            variable: "CELLAR_FRESH_S",
            problem: format!("lets values live for {} s with what follows", policy.longest_life().as_secs()),
            allowed: format!(
                "{} s in all: the fresh time with its jitter and the longer of CELLAR_STALE_WHILE_REVALIDATE_S and \
                 CELLAR_STALE_IF_ERROR_S",
                LONGEST_LIFE.as_secs()
            ),
        });
    }
    Ok(policy)
}

fn remote_policy(env: &dyn Env, default: &RemotePolicy) -> Result<RemotePolicy, ConfigError> {
    let max_kb = default.max_value_bytes >> 10;
    Ok(RemotePolicy::default()
        .read_limit(millis(env, "CELLAR_L2_READ_LIMIT_MS", default.read_limit, 1..=10_000)?)
        .write_limit(millis(env, "CELLAR_L2_WRITE_LIMIT_MS", default.write_limit, 1..=10_000)?)
        .lease(millis(env, "CELLAR_L2_LEASE_MS", default.lease, 10..=60_000)?)
        .lease_wait(millis(env, "CELLAR_L2_LEASE_WAIT_MS", default.lease_wait, 0..=60_000)?)
        .max_value_bytes(number(env, "CELLAR_L2_MAX_VALUE_KB", max_kb, 1..=65_536)? << 10)
        .breaker_failures(number(env, "CELLAR_L2_BREAKER_FAILURES", default.breaker_failures, 1..=1_000)?)
        .breaker_pause(millis(env, "CELLAR_L2_BREAKER_PAUSE_MS", default.breaker_pause, 10..=60_000)?))
}

fn seconds(
    env: &dyn Env,
    variable: &'static str,
    default: Duration,
    range: RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    number(env, variable, default.as_secs(), range).map(Duration::from_secs)
}

fn millis(
    env: &dyn Env,
    variable: &'static str,
    default: Duration,
    range: RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    let default_ms = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
    number(env, variable, default_ms, range).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_is_not_set_has_a_default() {
        let settle = Duration::from_secs(2);
        let policy = cache_policy(&HashMap::<&str, &str>::new(), settle).unwrap();
        assert_eq!(policy, Policy::default().settle(settle));
    }

    #[test]
    fn no_value_outlives_the_stream() {
        let env = HashMap::from([("CELLAR_FRESH_S", "40000"), ("CELLAR_STALE_IF_ERROR_S", "43000")]);
        let text = cache_policy(&env, Duration::ZERO).unwrap_err().to_string();
        assert!(text.starts_with("CELLAR_FRESH_S lets values live for 87000 s"), "{text}");
        let env = HashMap::from([("CELLAR_FRESH_S", "39000"), ("CELLAR_STALE_IF_ERROR_S", "43000")]);
        assert!(cache_policy(&env, Duration::ZERO).is_ok());
    }

    #[test]
    fn every_variable_counts() {
        let variables = [
            "CELLAR_FRESH_S",
            "CELLAR_EMPTY_FRESH_S",
            "CELLAR_STALE_WHILE_REVALIDATE_S",
            "CELLAR_STALE_IF_ERROR_S",
            "CELLAR_EARLY_REFRESH",
            "CELLAR_SETTLE_MS",
            "CELLAR_UNTRUSTED_TTL_S",
            "CELLAR_SOFT_LIMIT_MS",
            "CELLAR_LOAD_LIMIT_MS",
            "CELLAR_TABLE_BREAKER_FAILURES",
            "CELLAR_TABLE_BREAKER_PAUSE_MS",
            "CELLAR_L1_MB",
            "CELLAR_L2_READ_LIMIT_MS",
            "CELLAR_L2_WRITE_LIMIT_MS",
            "CELLAR_L2_LEASE_MS",
            "CELLAR_L2_LEASE_WAIT_MS",
            "CELLAR_L2_MAX_VALUE_KB",
            "CELLAR_L2_BREAKER_FAILURES",
            "CELLAR_L2_BREAKER_PAUSE_MS",
        ];
        let default = cache_policy(&HashMap::<&str, &str>::new(), Duration::ZERO).unwrap();
        for (variable, value) in
            variables.map(|variable| (variable, if variable.contains("EARLY") { "7" } else { "77" }))
        {
            let set = cache_policy(&HashMap::from([(variable, value)]), Duration::ZERO).unwrap();
            assert_ne!(set, default, "{variable}");
        }
    }
}
