//! How the edge is told to forget.

use std::time::Duration;

use cellar_config::{ConfigError, Env, number};

use crate::PurgeSettings;

/// Paths a month that CloudFront does not bill.
const FREE_PATHS: u64 = 1_000;

/// How long other processes need to hear of a change, and answers on their way to arrive, where the index does not lag.
const SPREAD: Duration = Duration::from_millis(500);

/// Which edge there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// nginx on this machine, where a purge costs nothing.
    Nginx,
    /// A CloudFront distribution, where each path is billed.
    CloudFront,
}

/// The settings that the environment asks for. `settle` is how long the store's index may lag behind.
///
/// ```
/// use std::collections::HashMap;
/// use std::time::Duration;
/// use cellar_purge::{EdgeKind, purge_settings};
///
/// let env = HashMap::from([("CELLAR_EDGE_PURGE_BUDGET", "5000")]);
/// let settings = purge_settings(&env, EdgeKind::CloudFront, Duration::from_secs(2))?;
/// assert_eq!((settings.budget, settings.window), (5_000, Duration::from_secs(10)));
/// # Ok::<(), cellar_config::ConfigError>(())
/// ```
pub fn purge_settings(env: &dyn Env, edge: EdgeKind, settle: Duration) -> Result<PurgeSettings, ConfigError> {
    let (window_ms, budget) = match edge {
        EdgeKind::Nginx => (1_000, u64::MAX),
        EdgeKind::CloudFront => (10_000, FREE_PATHS),
    };
    Ok(PurgeSettings {
        window: Duration::from_millis(number(env, "CELLAR_EDGE_PURGE_WINDOW_MS", window_ms, 0..=3_600_000)?),
        settle: settle + SPREAD,
        give_up: Duration::from_secs(number(env, "CELLAR_EDGE_PURGE_GIVE_UP_S", 3_600, 1..=86_400)?),
        rate: number(env, "CELLAR_EDGE_PURGE_RATE", 600, 1..=100_000)?,
        budget: number(env, "CELLAR_EDGE_PURGE_BUDGET", budget, 0..=1_000_000_000)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_variable_counts_and_has_a_range() {
        let read = |env: &HashMap<&str, &str>| purge_settings(env, EdgeKind::Nginx, Duration::ZERO);
        let default = read(&HashMap::new()).unwrap();
        assert_eq!((default.budget, default.window), (u64::MAX, Duration::from_secs(1)));
        for variable in ["BUDGET", "WINDOW_MS", "GIVE_UP_S", "RATE"] {
            let name: &'static str = format!("CELLAR_EDGE_PURGE_{variable}").leak();
            assert_ne!(read(&HashMap::from([(name, "77")])).unwrap(), default, "{name}");
            let error = read(&HashMap::from([(name, "-1")])).unwrap_err().to_string();
            assert!(error.starts_with(name) && error.contains("allowed: "), "{error}");
        }
    }
}
