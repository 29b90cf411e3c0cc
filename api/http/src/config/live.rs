//! Who may watch changes, and how often the stream is asked for them.

use std::time::Duration;

use cellar_config::{ConfigError, Env, number};

/// Limits of watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveConfig {
    /// Watchers of the process at a time; 0 takes none.
    pub watchers: usize,
    /// The same of each client, told by its key or its address.
    pub watchers_per_client: usize,
    /// Pause between two reads of the stream's end, which are for all watchers together.
    pub poll: Duration,
    /// After so long without an event a comment is sent, for whatever stands between to see that somebody is there.
    pub heartbeat: Duration,
    /// How long a watcher may take for what it is sent.
    pub stalled: Duration,
}

impl Default for LiveConfig {
    fn default() -> Self {
        Self {
            watchers: 1_000,
            watchers_per_client: 20,
            poll: Duration::from_secs(1),
            heartbeat: Duration::from_secs(15),
            stalled: Duration::from_secs(30),
        }
    }
}

impl LiveConfig {
    /// Reads `CELLAR_LIVE_WATCHERS`, `CELLAR_LIVE_WATCHERS_PER_CLIENT` and `CELLAR_LIVE_POLL_MS`. The embedded engine limits
    /// nobody, so it is asked more often.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use cellar_http::config::LiveConfig;
    ///
    /// let env = HashMap::from([("CELLAR_LIVE_POLL_MS", "5")]);
    /// let error = LiveConfig::from_env(&env, false).unwrap_err();
    /// assert_eq!(error.to_string(), "CELLAR_LIVE_POLL_MS is 5; allowed: 50 to 60000");
    /// ```
    pub fn from_env(env: &dyn Env, embedded: bool) -> Result<Self, ConfigError> {
        let default = Self::default();
        let poll_ms = if embedded { 200 } else { 1_000 };
        Ok(Self {
            watchers: number(env, "CELLAR_LIVE_WATCHERS", default.watchers, 0..=100_000)?,
            watchers_per_client: number(
                env,
                "CELLAR_LIVE_WATCHERS_PER_CLIENT",
                default.watchers_per_client,
                1..=100_000,
            )?,
            poll: Duration::from_millis(number(env, "CELLAR_LIVE_POLL_MS", poll_ms, 50..=60_000)?),
            ..default
        })
    }
}
