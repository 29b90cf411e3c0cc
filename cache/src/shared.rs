//! The remote tier as the read path sees it: each call within its time limit, behind the breaker, counted.
//!
//! Invariant: whatever the remote tier does, a call here ends within its limit, and a failure means "not there".

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use crate::breaker::{Breaker, BreakerState};
use crate::clock::Clock;
use crate::metrics::{Metrics, Outcome, Tier};
use crate::pending::Pending;
use crate::policy::RemotePolicy;
use crate::remote::{Ask, Claim, Entry, Finished, Remote, RemoteError, Ticket};

/// Keys whose invalidation shares one write limit.
const KEYS_IN_A_LIMIT: usize = 500;

/// The remote tier.
pub(crate) struct Shared {
    pub(crate) remote: Arc<dyn Remote>,
    pub(crate) policy: RemotePolicy,
    /// Invalidations that have not reached it.
    pub(crate) pending: Pending,
    /// Number of this process's last message; held while one is sent, so that they arrive in order.
    messages: Mutex<u64>,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Shared {
    pub(crate) fn new(
        remote: Arc<dyn Remote>,
        policy: RemotePolicy,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        let breaker = Breaker::new(policy.breaker_failures, policy.breaker_pause);
        Self {
            remote,
            policy,
            pending: Pending::default(),
            messages: Mutex::default(),
            breaker,
            clock,
            metrics,
        }
    }

    /// Whether to ask it at all. Whoever is told so makes a call.
    pub(crate) fn allows(&self) -> bool {
        self.breaker.allows(self.clock.now())
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    pub(crate) async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, RemoteError> {
        let started = Instant::now();
        let asked = self.remote.get(keys).instrument(tracing::debug_span!("remote", keys = keys.len()));
        let answer = self.noted(within(self.policy.read_limit, asked).await);
        let outcome = if answer.is_ok() { Outcome::Hit } else { Outcome::Error };
        self.metrics.time(Tier::Remote, outcome, started.elapsed());
        answer.and_then(|values| {
            let complete = values.len() == keys.len();
            complete
                .then_some(values)
                .ok_or_else(|| RemoteError::Refused("an answer of another length".into()))
        })
    }

    /// Begins a load by a request that has waited for the remote tier before: both waits share the limit.
    pub(crate) async fn begin(
        &self,
        group: &str,
        asks: &[Ask],
        waited: Duration,
    ) -> Result<(Ticket, Vec<Claim>), RemoteError> {
        let left = self.policy.read_limit.saturating_sub(waited);
        let begun = self.remote.begin(group, asks, self.policy.lease);
        let (ticket, claims) = self.noted(within(left, begun).await)?;
        let complete = claims.len() == asks.len();
        complete
            .then_some((ticket, claims))
            .ok_or_else(|| RemoteError::Refused("an answer of another length".into()))
    }

    pub(crate) async fn finish(
        &self,
        ticket: &Ticket,
        entries: &[Entry],
        leases: &[String],
    ) -> Result<Finished, RemoteError> {
        self.noted_if_failed(
            within(self.policy.write_limit, self.remote.finish(ticket, entries, leases)).await,
        )
    }

    /// Not behind the breaker: an invalidation is always tried. Many keys have more time.
    pub(crate) async fn invalidate(
        &self,
        group: &str,
        keys: &[String],
        tombstone: Option<(Bytes, Duration)>,
    ) -> Result<(), RemoteError> {
        let portions = u32::try_from(keys.len() / KEYS_IN_A_LIMIT).unwrap_or(u32::MAX).saturating_add(1);
        let limit = self.policy.write_limit.saturating_mul(portions);
        self.noted_if_failed(within(limit, self.remote.invalidate(group, keys, tombstone)).await)
    }

    /// Sends a message, made from its number. Messages of a process are sent one after the other.
    pub(crate) async fn publish(&self, message: impl FnOnce(u64) -> Bytes) -> Result<(), RemoteError> {
        within(self.policy.write_limit, async {
            let mut last = self.messages.lock().await;
            *last += 1;
            self.remote.publish(message(*last)).await
        })
        .await
    }

    /// Tells the breaker how a read went.
    fn noted<T>(&self, answer: Result<T, RemoteError>) -> Result<T, RemoteError> {
        // What refuses one thing may do another: the breaker is for what does not answer.
        if matches!(answer, Ok(_) | Err(RemoteError::Refused(_))) {
            self.breaker.succeeded();
        }
        self.noted_if_failed(answer)
    }

    /// Tells the breaker that a write failed. That one succeeded says nothing: it had more time than a read has.
    fn noted_if_failed<T>(&self, answer: Result<T, RemoteError>) -> Result<T, RemoteError> {
        match &answer {
            Ok(_) | Err(RemoteError::Refused(_)) => {}
            Err(error) => {
                tracing::debug!(%error, "the remote cache");
                if self.breaker.failed(self.clock.now()) {
                    self.metrics.breaker_opened.inc();
                    tracing::warn!(%error, "the remote cache is left alone for a while");
                }
            }
        }
        answer
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, RemoteError>>,
) -> Result<T, RemoteError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(RemoteError::TimedOut))
}
