//! Retries: the only layer of them, the SDK's own being switched off.
//!
//! The SDK retries without knowing the caller's deadline and does not see `UnprocessedItems`. Here one deadline
//! bounds everything, waiting included, and a wait that would outlast it is not begun: the caller hears at once
//! what went wrong. Every request is safe to repeat, for each writes whole items under fixed keys.
//!
//! Invariant: [`retry`] returns by the deadline, however the endpoint behaves.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::StoreError;
use super::failure::Failure;

/// Attempts while DynamoDB throttles: with the waits below, about 5 s on average.
const THROTTLED_ATTEMPTS: u32 = 12;

/// Attempts at a request that fails otherwise. Faults of connections pass at the first retry or not soon.
const FAILED_ATTEMPTS: u32 = 4;

/// Longest first wait; each wait may last twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(25);

/// Longest wait of all.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Time limits of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// When the call ends, whatever its outcome.
    pub(super) deadline: Instant,
    /// How long one attempt may take, so that a dead connection does not use up the whole call.
    pub(super) attempt: Duration,
}

impl Bounds {
    async fn run<T>(&self, attempt: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let end = self.deadline.min(Instant::now() + self.attempt);
        timeout_at(end, attempt).await.unwrap_or(Err(Failure::TimedOut))
    }
}

/// Runs attempts until one succeeds, one fails for good, or patience or time runs out.
pub(super) async fn retry<T, A>(bounds: Bounds, mut attempt: impl FnMut() -> A) -> Result<T, StoreError>
where
    A: Future<Output = Result<T, Failure>>,
{
    let mut backoff = Backoff::default();
    loop {
        match bounds.run(attempt()).await {
            Ok(done) => return Ok(done),
            Err(failure) => backoff.wait(failure, bounds.deadline).await?,
        }
    }
}

/// Exponential backoff with full jitter: each wait is uniform between nothing and a doubling limit.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    waits: u32,
    throttled: u32,
    failed: u32,
}

impl Backoff {
    /// Waits before the next attempt; an error if there should be none.
    pub(super) async fn wait(&mut self, failure: Failure, deadline: Instant) -> Result<(), StoreError> {
        let left = deadline.saturating_duration_since(Instant::now());
        sleep(self.next(failure, left, fastrand::f64())?).await;
        Ok(())
    }

    /// The next wait, with `random` in [0, 1).
    fn next(&mut self, failure: Failure, left: Duration, random: f64) -> Result<Duration, StoreError> {
        let (attempts, most, error) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Throttled => (&mut self.throttled, THROTTLED_ATTEMPTS, StoreError::Throttled),
            Failure::TimedOut => (&mut self.failed, FAILED_ATTEMPTS, StoreError::Deadline),
            Failure::Passing(text) => (&mut self.failed, FAILED_ATTEMPTS, StoreError::Failed(text)),
        };
        *attempts += 1;
        let wait = longest_wait(self.waits).mul_f64(random);
        if *attempts >= most || wait >= left {
            return Err(error);
        }
        self.waits += 1;
        Ok(wait)
    }

    /// Starts over, after progress.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

fn longest_wait(waits_before: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << waits_before.min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// Waits until the error, with the longest possible jitter.
    fn waits(left: Duration, failure: impl Fn() -> Failure) -> (Vec<Duration>, StoreError) {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        loop {
            match backoff.next(failure(), left, 1.0) {
                Ok(wait) => waits.push(wait),
                Err(error) => return (waits, error),
            }
        }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let (waits, error) = waits(LONG, || Failure::Throttled);
        assert!(matches!(error, StoreError::Throttled));
        assert_eq!(waits.len() as u32, THROTTLED_ATTEMPTS - 1);
        assert_eq!(waits[..4], [1, 2, 4, 8].map(|n| FIRST_WAIT * n));
        assert_eq!(waits.last(), Some(&LONGEST_WAIT));
        assert_eq!(longest_wait(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn jitter_is_full() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(Failure::Throttled, LONG, 0.0).unwrap(), Duration::ZERO);
        assert_eq!(backoff.next(Failure::Throttled, LONG, 0.5).unwrap(), FIRST_WAIT);
    }

    #[test]
    fn faults_get_fewer_attempts() {
        let (times, error) = waits(LONG, || Failure::Passing("broken".into()));
        assert_eq!(times.len() as u32, FAILED_ATTEMPTS - 1);
        assert!(matches!(error, StoreError::Failed(text) if text == "broken"));
        let (times, error) = waits(LONG, || Failure::TimedOut);
        assert_eq!(times.len() as u32, FAILED_ATTEMPTS - 1);
        assert!(matches!(error, StoreError::Deadline));
        assert!(waits(LONG, || Failure::Final(StoreError::Deadline)).0.is_empty());
    }

    #[test]
    fn no_wait_outlasts_the_deadline() {
        let (times, error) = waits(FIRST_WAIT * 3, || Failure::Throttled);
        assert_eq!(times, [FIRST_WAIT, FIRST_WAIT * 2]);
        assert!(matches!(error, StoreError::Throttled));
    }

    #[tokio::test]
    async fn a_success_ends_it() {
        let bounds = Bounds { deadline: Instant::now() + LONG, attempt: LONG };
        let mut left = 3;
        let done = retry(bounds, || {
            left -= 1;
            std::future::ready(if left == 0 { Ok("done") } else { Err(Failure::Throttled) })
        });
        assert_eq!(done.await.unwrap(), "done");
    }
}
