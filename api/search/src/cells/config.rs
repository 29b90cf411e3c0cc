//! How long the edge and clients may keep cell answers, and how many places these list.

use std::num::NonZeroUsize;
use std::time::Duration;

use cellar_config::{ConfigError, Env, number};
use geo_index::edge::ANSWER_MAX;

/// Longest lifetime that can be set, in seconds.
const DAY_S: u64 = 86_400;

/// Fewest and most places that an answer can be set to list.
const LISTED: std::ops::RangeInclusive<usize> = 128..=1_024;

/// Lifetimes and lengths of cell answers. docs/EDGE.md has the bound on staleness that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeConfig {
    /// How long a client may keep one (`max-age`).
    pub max_age: Duration,
    /// How long a shared cache may (`s-maxage`).
    pub shared_max_age: Duration,
    /// How long after that it may still be served while a new one is fetched.
    pub stale_while_revalidate: Duration,
    /// How long after that it may be served when there is no new one to be had.
    pub stale_if_error: Duration,
    /// How long a shared cache may keep an answer that was made of pages past their time.
    pub stale_max_age: Duration,
    /// Bytes of rendered answers in memory; 0 keeps none.
    pub memory_bytes: u64,
    /// Places in an answer, at most. More make for coarser cells, which are in the cache more often, and for more bytes.
    pub listed: NonZeroUsize,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30),
            shared_max_age: Duration::from_mins(5),
            stale_while_revalidate: Duration::from_mins(1),
            stale_if_error: Duration::from_hours(1),
            stale_max_age: Duration::from_secs(5),
            memory_bytes: 64 << 20,
            listed: ANSWER_MAX,
        }
    }
}

impl EdgeConfig {
    /// Reads `CELLAR_EDGE_MAX_AGE_S`, `CELLAR_EDGE_SHARED_MAX_AGE_S`, `CELLAR_EDGE_STALE_WHILE_REVALIDATE_S`,
    /// `CELLAR_EDGE_STALE_IF_ERROR_S`, `CELLAR_EDGE_STALE_MAX_AGE_S`, `CELLAR_EDGE_MEMORY_MB` and `CELLAR_EDGE_ANSWER_PLACES`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_search::cells::EdgeConfig;
    ///
    /// let env = HashMap::from([("CELLAR_EDGE_MAX_AGE_S", "-1")]);
    /// let error = EdgeConfig::from_env(&env).unwrap_err();
    /// assert_eq!(error.to_string(), r#"CELLAR_EDGE_MAX_AGE_S is "-1", which is not such a number; allowed: 0 to 86400"#);
    /// ```
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let default = Self::default();
        let seconds = |variable, default: Duration| {
            number(env, variable, default.as_secs(), 0..=DAY_S).map(Duration::from_secs)
        };
        Ok(Self {
            max_age: seconds("CELLAR_EDGE_MAX_AGE_S", default.max_age)?,
            shared_max_age: seconds("CELLAR_EDGE_SHARED_MAX_AGE_S", default.shared_max_age)?,
            stale_while_revalidate: seconds(
                "CELLAR_EDGE_STALE_WHILE_REVALIDATE_S",
                default.stale_while_revalidate,
            )?,
            stale_if_error: seconds("CELLAR_EDGE_STALE_IF_ERROR_S", default.stale_if_error)?,
            stale_max_age: seconds("CELLAR_EDGE_STALE_MAX_AGE_S", default.stale_max_age)?,
            memory_bytes: number(env, "CELLAR_EDGE_MEMORY_MB", default.memory_bytes >> 20, 0..=1 << 20)?
                << 20,
            listed: listed(env)?,
        })
    }
}

/// Reads how many places answers list, at most, from `CELLAR_EDGE_ANSWER_PLACES`.
///
/// # Errors
///
/// If that is no number from 128 to 1,024.
pub fn listed(env: &dyn Env) -> Result<NonZeroUsize, ConfigError> {
    let count = number(env, "CELLAR_EDGE_ANSWER_PLACES", ANSWER_MAX.get(), LISTED)?;
    Ok(NonZeroUsize::new(count).unwrap_or(ANSWER_MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_is_not_set_has_a_default() {
        let empty = HashMap::<&str, &str>::new();
        assert_eq!(EdgeConfig::from_env(&empty).unwrap(), EdgeConfig::default());
    }

    #[test]
    fn every_variable_counts() {
        let env = HashMap::from([
            ("CELLAR_EDGE_MAX_AGE_S", "1"),
            ("CELLAR_EDGE_SHARED_MAX_AGE_S", "2"),
            ("CELLAR_EDGE_STALE_WHILE_REVALIDATE_S", "3"),
            ("CELLAR_EDGE_STALE_IF_ERROR_S", "4"),
            ("CELLAR_EDGE_STALE_MAX_AGE_S", "5"),
            ("CELLAR_EDGE_MEMORY_MB", "6"),
            ("CELLAR_EDGE_ANSWER_PLACES", "512"),
        ]);
        let seconds = Duration::from_secs;
        let expected = EdgeConfig {
            max_age: seconds(1),
            shared_max_age: seconds(2),
            stale_while_revalidate: seconds(3),
            stale_if_error: seconds(4),
            stale_max_age: seconds(5),
            memory_bytes: 6 << 20,
            listed: NonZeroUsize::new(512).unwrap(),
        };
        assert_eq!(EdgeConfig::from_env(&env).unwrap(), expected);
    }
}
