//! What tests share.

pub(crate) mod redis;
pub(crate) mod tls;

use std::time::{Duration, Instant};

/// Longest time that anything in a test may take; only hangs come near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Repeats something until it is as it should be, and fails after [`PATIENCE`].
pub(crate) async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(result) = attempt().await {
            return result;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Fails if something does not end.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("hangs: {what}"))
}
