//! Where Redis is and how it is used.

use std::path::PathBuf;
use std::time::Duration;

use super::url::RedisUrl;

/// Where Redis is and how to use it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Where it is. Its `Debug` and `Display` show no password.
    pub url: RedisUrl,
    /// A file of certificates (PEM) of the authorities to trust instead of those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Such certificates themselves, where there is no file. They only matter with TLS.
    pub authorities: Option<Vec<u8>>,
    /// Prefix of every key and channel in Redis, such as `cellar:1:places:`.
    pub namespace: String,
    /// Longest time for connecting to a node, including TLS and login.
    pub connect_limit: Duration,
    /// Longest time for an answer. Callers have shorter limits; this one is so that nothing hangs for ever, and a
    /// connection that was silent for longer is made anew.
    pub response_limit: Duration,
}

impl RedisConfig {
    /// One second for connecting and for answers, and the authorities that the system trusts.
    pub fn new(url: RedisUrl, namespace: impl Into<String>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            url,
            ca_file: None,
            authorities: None,
            namespace: namespace.into(),
            connect_limit: second,
            response_limit: second,
        }
    }
}
