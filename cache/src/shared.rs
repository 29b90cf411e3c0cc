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
use crate::metrics::{Call, Metrics, Outcome, Tier};
use crate::pending::Pending;
use crate::policy::RemotePolicy;
use crate::refusals::{Refusal, Refusals};
use crate::remote::{Ask, Claim, Entry, Finished, Remote, RemoteError, Ticket};

/// Longest pause of the breaker, in multiples of the first one.
const BREAKER_PAUSES: u32 = 16;

/// Keys for whose invalidation one write limit is allowed.
const KEYS_IN_A_LIMIT: usize = 500;

/// The remote tier.
pub(crate) struct Shared {
    pub(crate) remote: Arc<dyn Remote>,
    pub(crate) policy: RemotePolicy,
    /// Invalidations that have not reached it.
    pub(crate) pending: Pending,
    /// Number of this process's last message; locked while one is sent, so that they arrive in order.
    messages: Mutex<u64>,
    breaker: Breaker,
    /// A key that was asked for when a call failed: what a probe reads.
    failed_key: parking_lot::Mutex<Option<String>>,
    refusals: Refusals,
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
        let breaker = Breaker::new(policy.breaker_failures, policy.breaker_pause, BREAKER_PAUSES, 1);
        Self {
            remote,
            policy,
            pending: Pending::default(),
            messages: Mutex::default(),
            breaker,
            failed_key: parking_lot::Mutex::default(),
            refusals: Refusals::default(),
            clock,
            metrics,
        }
    }

    /// Whether to ask it at all. The caller then makes a call.
    pub(crate) fn allows(&self) -> bool {
        self.breaker.allows(self.clock.now())
    }

    pub(crate) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// What it refused last, if that was within the last minute.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusals.recent(self.clock.now())
    }

    pub(crate) async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, RemoteError> {
        let started = Instant::now();
        let asked = self.remote.get(keys).instrument(tracing::debug_span!("remote", keys = keys.len()));
        let answer = self.report_read(Call::Get, within(self.policy.read_limit, asked).await);
        let outcome = if answer.is_ok() { Outcome::Hit } else { Outcome::Error };
        self.metrics.time(Tier::Remote, outcome, started.elapsed());
        self.remember(&answer, keys.first());
        answer.and_then(|values| complete(values.len() == keys.len(), values))
    }

    /// Begins a load for a request that has waited for the remote tier before: both waits share the limit.
    pub(crate) async fn begin(
        &self,
        group: &str,
        asks: &[Ask],
        waited: Duration,
    ) -> Result<(Ticket, Vec<Claim>), RemoteError> {
        let left = self.policy.read_limit.saturating_sub(waited);
        let begun = self.remote.begin(group, asks, self.policy.lease);
        let begun = self.report_read(Call::Begin, within(left, begun).await);
        self.remember(&begun, asks.first().map(|ask| &ask.key));
        let (ticket, claims) = begun?;
        complete(claims.len() == asks.len(), (ticket, claims))
    }

    pub(crate) async fn finish(
        &self,
        ticket: &Ticket,
        entries: &[Entry],
        leases: &[String],
    ) -> Result<Finished, RemoteError> {
        let finished = within(self.policy.write_limit, self.remote.finish(ticket, entries, leases)).await;
        self.remember(&finished, entries.first().map(|entry| &entry.key).or(leases.first()));
        self.report(Call::Finish, finished)
    }

    /// Not behind the breaker: an invalidation is always tried. Many keys get more time.
    pub(crate) async fn invalidate(
        &self,
        group: &str,
        keys: &[String],
        tombstone: Option<(Bytes, Duration)>,
    ) -> Result<(), RemoteError> {
        let portions = u32::try_from(keys.len() / KEYS_IN_A_LIMIT).unwrap_or(u32::MAX).saturating_add(1);
        let limit = self.policy.write_limit.saturating_mul(portions);
        let invalidated = within(limit, self.remote.invalidate(group, keys, tombstone)).await;
        self.remember(&invalidated, keys.first());
        self.report(Call::Invalidate, invalidated)
    }

    /// Reads something, while it is left alone and a try is due, so that it is used again, and said to work, before a
    /// reader finds that out.
    pub(crate) async fn probe(&self) {
        if self.breaker() == BreakerState::Closed {
            return;
        }
        let key = self.failed_key.lock().clone();
        if let Some(key) = key
            && self.allows()
        {
            // How it went is in the breaker.
            let _ = self.get(&[key]).await;
        }
    }

    fn remember<T>(&self, answer: &Result<T, RemoteError>, key: Option<&String>) {
        if let (Err(_), Some(key)) = (answer, key) {
            *self.failed_key.lock() = Some(key.clone());
        }
    }

    /// Sends a message, made from its number. Messages of a process are sent one after the other.
    pub(crate) async fn publish(&self, message: impl FnOnce(u64) -> Bytes) -> Result<(), RemoteError> {
        let published = within(self.policy.write_limit, async {
            let mut last = self.messages.lock().await;
            *last += 1;
            self.remote.publish(message(*last)).await
        });
        let published = published.await;
        self.note_refusal(Call::Publish, &published);
        published
    }

    /// Takes note of what came of an attempt to listen to the bus.
    pub(crate) fn report_subscription<T>(&self, subscribed: &Result<T, RemoteError>) {
        self.note_refusal(Call::Subscribe, subscribed);
    }

    /// Tells the breaker how a read went.
    fn report_read<T>(&self, call: Call, answer: Result<T, RemoteError>) -> Result<T, RemoteError> {
        if answer.is_ok() {
            self.breaker.succeeded();
        }
        self.report(call, answer)
    }

    /// Tells the breaker if a call failed. That a write succeeded says nothing: it had more time than a read has. The
    /// breaker is for servers that do not answer: one that refuses to begin a load may still let values be read. But if it
    /// refuses even that, there is nothing to ask it for.
    fn report<T>(&self, call: Call, answer: Result<T, RemoteError>) -> Result<T, RemoteError> {
        self.note_refusal(call, &answer);
        match &answer {
            Err(RemoteError::Refused(_)) if call != Call::Get => {}
            Err(error) => {
                tracing::debug!(%error, "a call to the remote cache failed");
                if self.breaker.failed(self.clock.now()) {
                    self.metrics.breaker_opened.inc();
                    tracing::warn!(%error, "the circuit breaker of the remote cache opens");
                }
            }
            Ok(_) => {}
        }
        answer
    }

    fn note_refusal<T>(&self, call: Call, answer: &Result<T, RemoteError>) {
        if let Err(RemoteError::Refused(text)) = answer {
            self.refusals.note(call, text, self.clock.now(), &self.metrics);
        }
    }
}

fn complete<T>(is_complete: bool, answer: T) -> Result<T, RemoteError> {
    is_complete.then_some(answer).ok_or_else(|| RemoteError::Refused("an answer of unexpected length".into()))
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, RemoteError>>,
) -> Result<T, RemoteError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(RemoteError::TimedOut))
}
