//! Retries: the only layer of them, the SDK's own being switched off.
//!
//! The SDK retries without knowing the caller's deadline and does not see `UnprocessedItems`. Here one deadline
//! bounds everything, waiting included, and a wait that would leave no time for another attempt is not begun: the
//! caller hears at once what went wrong. That is throttling if there was any, even if the last attempt timed out. Every
//! request is safe to repeat, for each writes whole items under fixed keys.
//!
//! A table in trouble must not be asked several times as much because of it: retries are paid from a budget that successes
//! fill, one for ten. A job that nobody waits for has none; it waits as long as throttling lasts.
//!
//! Invariant: [`retry`] returns by the deadline, however the endpoint behaves; where throttling is waited out, by a deadline
//! after it has ended.

use std::future::Future;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

use super::StoreError;
use super::failure::Failure;

/// Attempts while DynamoDB throttles: with the waits below, about 5 s on average.
const THROTTLED_ATTEMPTS: u32 = 12;

/// Attempts at a request that fails otherwise. Faults of connections pass at the first retry or not soon.
const FAILED_ATTEMPTS: u32 = 4;

/// Longest first wait; each wait may last twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(25);

/// What an attempt needs at least: with less time left, none is begun.
const LEAST_ATTEMPT: Duration = Duration::from_millis(25);

/// Longest wait of all.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Retries that a full budget pays for.
const BUDGET: f64 = 100.0;

/// What a success adds to it, in retries.
const BY_SUCCESS: f64 = 0.1;

/// What a second adds to it: after an outage there are few successes to earn with, and the first faults that pass at a retry.
const BY_SECOND: f64 = 1.0;

/// How often the log tells that throttling is waited out.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Retries that the requests to one table may still cause.
#[derive(Debug)]
pub(super) struct RetryBudget(Mutex<Purse>);

#[derive(Debug)]
struct Purse {
    left: f64,
    filled: Instant,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(Purse { left: BUDGET, filled: Instant::now() }))
    }
}

impl RetryBudget {
    /// A request has succeeded.
    fn earn(&self) {
        let mut purse = self.0.lock();
        purse.left = (purse.left + BY_SUCCESS).min(BUDGET);
    }

    /// Pays for a retry, if there is enough left.
    fn spend(&self) -> bool {
        let (mut purse, now) = (self.0.lock(), Instant::now());
        let waited = now.saturating_duration_since(purse.filled);
        (purse.left, purse.filled) = ((purse.left + waited.as_secs_f64() * BY_SECOND).min(BUDGET), now);
        let pays = purse.left >= 1.0;
        if pays {
            purse.left -= 1.0;
        }
        pays
    }
}

/// Time limits of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// When the call ends, whatever its outcome.
    pub(super) deadline: Instant,
    /// How long one attempt may take, so that a dead connection does not use up the whole call.
    pub(super) attempt: Duration,
    /// Throttling is waited out: the call has so much time again after each throttled attempt.
    pub(super) renewal: Option<Duration>,
}

impl Bounds {
    async fn run<T>(&self, attempt: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let end = self.deadline.min(Instant::now() + self.attempt);
        timeout_at(end, attempt).await.unwrap_or(Err(Failure::TimedOut))
    }
}

/// Runs attempts until one succeeds, one fails for good, or the budget, patience or time runs out.
pub(super) async fn retry<T, A>(
    mut bounds: Bounds,
    budget: &RetryBudget,
    mut attempt: impl FnMut() -> A,
) -> Result<T, StoreError>
where
    A: Future<Output = Result<T, Failure>>,
{
    let mut backoff = Backoff::default();
    loop {
        // The SDK's futures are large, and callers would copy them about.
        match bounds.run(Box::pin(attempt())).await {
            Ok(done) => {
                budget.earn();
                return Ok(done);
            }
            Err(failure) => backoff.wait(failure, &mut bounds, budget).await?,
        }
    }
}

/// Exponential backoff with full jitter: each wait is uniform between nothing and a doubling limit.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    waits: u32,
    throttled: u32,
    failed: u32,
    /// When throttling that is waited out was last told of.
    told: Option<Instant>,
}

impl Backoff {
    /// Waits before the next attempt; an error if there should be none.
    pub(super) async fn wait(
        &mut self,
        failure: Failure,
        bounds: &mut Bounds,
        budget: &RetryBudget,
    ) -> Result<(), StoreError> {
        if let (Failure::Throttled, Some(renewal)) = (&failure, bounds.renewal) {
            self.tell();
            sleep(longest_wait(self.waits).mul_f64(fastrand::f64())).await;
            self.waits += 1;
            bounds.deadline = Instant::now() + renewal;
            return Ok(());
        }
        let left = bounds.deadline.saturating_duration_since(Instant::now());
        let wait =
            self.next(failure, left, fastrand::f64(), || bounds.renewal.is_some() || budget.spend())?;
        sleep(wait).await;
        Ok(())
    }

    fn tell(&mut self) {
        let now = Instant::now();
        match self.told {
            // The first of it may be over in a moment.
            None => self.told = Some(now),
            Some(told) if now.saturating_duration_since(told) >= TELL_EVERY => {
                self.told = Some(now);
                tracing::warn!(waits = self.waits, "the table throttles; this goes on when it takes more");
            }
            Some(_) => {}
        }
    }

    /// The next wait, with `random` in [0, 1), if `pays` says that there may be one.
    fn next(
        &mut self,
        failure: Failure,
        left: Duration,
        random: f64,
        pays: impl FnOnce() -> bool,
    ) -> Result<Duration, StoreError> {
        let (attempts, most, error) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Throttled => (&mut self.throttled, THROTTLED_ATTEMPTS, StoreError::Throttled),
            Failure::TimedOut => {
                let error = self.cause_of(StoreError::Deadline);
                (&mut self.failed, FAILED_ATTEMPTS, error)
            }
            Failure::Passing(text) => (&mut self.failed, FAILED_ATTEMPTS, StoreError::Failed(text)),
        };
        *attempts += 1;
        let wait = longest_wait(self.waits).mul_f64(random);
        if *attempts >= most || wait + LEAST_ATTEMPT >= left || !pays() {
            return Err(error);
        }
        self.waits += 1;
        Ok(wait)
    }

    /// What to report for an error: time that ran out after throttling ran out because of it.
    pub(super) fn cause_of(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Deadline if self.throttled > 0 => StoreError::Throttled,
            other => other,
        }
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
            match backoff.next(failure(), left, 1.0, || true) {
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
        assert_eq!(backoff.next(Failure::Throttled, LONG, 0.0, || true).unwrap(), Duration::ZERO);
        assert_eq!(backoff.next(Failure::Throttled, LONG, 0.5, || true).unwrap(), FIRST_WAIT);
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
    fn a_wait_leaves_time_for_an_attempt() {
        let left = FIRST_WAIT * 2 + LEAST_ATTEMPT;
        let (times, error) = waits(left + Duration::from_nanos(1), || Failure::Throttled);
        assert_eq!(times, [FIRST_WAIT, FIRST_WAIT * 2]);
        assert!(matches!(error, StoreError::Throttled));
        assert_eq!(waits(left, || Failure::Throttled).0, [FIRST_WAIT]);
    }

    #[test]
    fn a_timeout_after_throttling_is_reported_as_throttling() {
        let mut backoff = Backoff::default();
        backoff.next(Failure::Throttled, LONG, 0.5, || true).unwrap();
        let error = backoff.next(Failure::TimedOut, Duration::ZERO, 0.5, || true).unwrap_err();
        assert!(matches!(error, StoreError::Throttled), "{error}");
        let error = Backoff::default().next(Failure::TimedOut, Duration::ZERO, 0.5, || true).unwrap_err();
        assert!(matches!(error, StoreError::Deadline), "{error}");
    }

    #[tokio::test]
    async fn a_success_ends_it() {
        let (mut left, budget) = (3, RetryBudget::default());
        let done = retry(bounds(None), &budget, || {
            left -= 1;
            std::future::ready(if left == 0 { Ok("done") } else { Err(Failure::Throttled) })
        });
        assert_eq!(done.await.unwrap(), "done");
    }

    fn bounds(renewal: Option<Duration>) -> Bounds {
        Bounds { deadline: Instant::now() + LONG, attempt: LONG, renewal }
    }

    /// Attempts that so many calls cause while all of them are throttled.
    async fn attempts(calls: u32, budget: &RetryBudget) -> u32 {
        let mut attempts = 0;
        for _ in 0..calls {
            let call = retry(bounds(None), budget, || {
                attempts += 1;
                std::future::ready(Err::<(), _>(Failure::Throttled))
            });
            assert!(matches!(call.await, Err(StoreError::Throttled)));
        }
        attempts
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_paid_for_by_successes_and_by_time() {
        let budget = RetryBudget::default();
        let spent = |most: u32| (0..most).filter(|_| budget.spend()).count();
        assert_eq!(spent(1_000), 100);
        assert_eq!(attempts(100, &budget).await, 100, "there are none left");
        for _ in 0..55 {
            retry(bounds(None), &budget, || std::future::ready(Ok(()))).await.unwrap();
        }
        assert_eq!(spent(1_000), 5);
        sleep(Duration::from_secs(7)).await;
        assert_eq!(spent(1_000), 7);
        for _ in 0..100_000 {
            budget.earn();
        }
        sleep(LONG * 60).await;
        assert_eq!(spent(1_000), 100, "it is full at some time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_waits_as_long_as_throttling_lasts() {
        let (started, mut attempts) = (Instant::now(), 0);
        let budget = RetryBudget::default();
        let done = retry(bounds(Some(LONG)), &budget, || {
            attempts += 1;
            let over = started.elapsed() > LONG * 20;
            std::future::ready(if over { Ok(()) } else { Err(Failure::Throttled) })
        });
        done.await.unwrap();
        assert!(attempts > 600, "{attempts}: with a pause of two seconds at most");
        assert!(budget.spend());
        let failed = retry(bounds(Some(LONG)), &budget, || {
            std::future::ready(Err::<(), _>(Failure::Passing("broken".into())))
        });
        assert!(matches!(failed.await, Err(StoreError::Failed(_))), "other faults end it");
    }
}
