//! What the tests of the caches share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::remote::redis::{RedisConfig, RedisRemote};
use cellar_cache::{Policy, RemotePolicy};

use crate::redis::RedisServer;

/// What the names of fences, the coordination store and the bus begin with; as in `cellar serve`.
const NAMESPACE: &str = "cellar:1:";

/// Longest time for anything but a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A policy without chance, whose limits no busy machine reaches.
pub(crate) fn patient() -> Policy {
    let remote = RemotePolicy::default().read_limit(PATIENCE).write_limit(PATIENCE);
    Policy::default()
        .jitter(0.0)
        .early_refresh(0.0)
        .untrusted_ttl(Duration::from_hours(1))
        .soft_limit(PATIENCE)
        .load_limit(PATIENCE)
        .remote(remote)
}

pub(crate) fn url(redis: &RedisServer) -> String {
    format!("redis://127.0.0.1:{}", redis.port())
}

/// A client, as each process has one.
pub(crate) fn client(url: &str) -> RedisRemote {
    client_of(url, NAMESPACE)
}

/// A client of the store that a namespace names.
pub(crate) fn client_of(url: &str, namespace: &str) -> RedisRemote {
    let mut config = RedisConfig::new(url.parse().expect("a good URL"), namespace);
    config.response_limit = PATIENCE;
    RedisRemote::new(config).expect("a good configuration")
}

/// A client for counting round trips.
pub(crate) fn counted(redis: &RedisServer) -> Arc<RedisRemote> {
    Arc::new(client(&url(redis)))
}

/// Polls until there is something.
pub(crate) async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
