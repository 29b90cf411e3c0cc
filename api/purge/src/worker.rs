//! Sends what is due: one purge at a time, tried until it is taken or has lost its use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::Backoff;
use cellar_cache::clock::Clock;
use cellar_coordination::CoordinationStore;
use parking_lot::{Mutex, MutexGuard};
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use super::allowance::{Bucket, Month};
use super::counters::{Counters, Shown};
use super::queue::Queue;
use super::{EdgeInvalidator, Purge, PurgeSettings};

/// Pauses between failures in a row.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };

/// How long a stop waits for the last changes to settle, and then for the edge.
const STOP_WAIT: Duration = Duration::from_secs(3);

/// The purges of one edge. Clones are the same.
#[derive(Clone)]
pub struct EdgePurges(Arc<Inner>);

struct Inner {
    edge: Box<dyn EdgeInvalidator>,
    settings: PurgeSettings,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    added: Notify,
    sending: tokio::sync::Mutex<Sending>,
    counters: Arc<Counters>,
}

/// What only the sender touches. It stays here while a purge is on its way: a stop in between sends it again.
struct Sending {
    current: Option<Order>,
    bucket: Bucket,
    month: Month,
    over_budget: bool,
    failures: u32,
    next_try: Instant,
}

/// A purge on its way.
struct Order {
    purge: Purge,
    reference: String,
    since: Instant,
}

impl EdgePurges {
    /// Purges of an edge. A coordination store makes processes that share it count the month's paths together.
    pub fn new(
        edge: Box<dyn EdgeInvalidator>,
        settings: PurgeSettings,
        coordination: Option<Arc<dyn CoordinationStore>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.now();
        let sending = Sending {
            current: None,
            bucket: Bucket::new(settings.rate, now),
            month: Month::new(coordination),
            over_budget: false,
            failures: 0,
            next_try: now,
        };
        Self(Arc::new(Inner {
            edge,
            queue: Mutex::new(Queue::new(settings.window, settings.settle)),
            settings,
            clock,
            added: Notify::new(),
            sending: tokio::sync::Mutex::new(sending),
            counters: Arc::default(),
        }))
    }

    /// Takes note of changes by their tags; the caches behind the edge have forgotten them already. Waits for nothing.
    pub fn tags(&self, tags: &[String]) {
        let now = self.0.clock.now();
        let mut queue = self.0.queue();
        let added = tags.iter().filter(|tag| queue.add(tag, now)).count();
        self.0.note_waiting(&queue);
        drop(queue);
        self.0.counters.queued.add(tags.len() as u64);
        self.0.counters.coalesced.add((tags.len() - added) as u64);
        self.0.added.notify_one();
    }

    /// Changes may have been missed: nothing at the edge can be trusted.
    pub fn everything(&self) {
        let mut queue = self.0.queue();
        queue.add_everything(self.0.clock.now());
        self.0.note_waiting(&queue);
        drop(queue);
        self.0.counters.queued.add(1);
        self.0.added.notify_one();
    }

    /// Adds the counters to those of the process.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Shown(Arc::clone(&self.0.counters))));
    }

    /// Sends for as long as it is polled.
    pub async fn run(&self) {
        loop {
            let added = self.0.added.notified();
            match self.step().await {
                Some(pause) => drop(tokio::time::timeout(pause, added).await),
                None => added.await,
            }
        }
    }

    /// Sends what is due. Returns how long there is nothing to do, `None` if nothing waits.
    pub async fn step(&self) -> Option<Duration> {
        let mut sending = self.0.sending.lock().await;
        let now = self.0.clock.now();
        if sending.next_try > now {
            return Some(sending.next_try - now);
        }
        if sending.current.is_none() {
            let due = self.0.queue().due()?;
            let wait = due.saturating_duration_since(now).max(sending.bucket.wait(now));
            if !wait.is_zero() {
                return Some(wait);
            }
            let left = self.0.left(&mut sending).await;
            let purge = self.0.take(|queue| queue.take(now))?;
            self.0.order(purge, left, &mut sending, now);
        }
        self.0.send(&mut sending, now).await;
        // There may be more.
        Some(Duration::ZERO)
    }

    /// The last purges of a process that ends, at once: nobody else knows of them. It waits for the last changes to
    /// settle, and for the edge, some seconds each.
    pub async fn finish(&self) {
        let now = self.0.clock.now();
        let settled = self.0.queue().settled().map(|at| at.saturating_duration_since(now));
        if let Some(wait) = settled {
            tokio::time::sleep(wait.min(STOP_WAIT)).await;
        }
        if tokio::time::timeout(STOP_WAIT, self.send_all()).await.is_err() {
            tracing::warn!("not all was purged at the edge before the end");
        }
    }

    async fn send_all(&self) {
        let mut sending = self.0.sending.lock().await;
        loop {
            let now = self.0.clock.now();
            if sending.current.is_none() {
                let left = self.0.left(&mut sending).await;
                let Some(purge) = self.0.take(Queue::take_all) else { return };
                self.0.order(purge, left, &mut sending, now);
            }
            self.0.send(&mut sending, now).await;
            if sending.failures > 0 {
                tracing::warn!("what is left to purge at the edge expires there");
                return;
            }
        }
    }
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    fn take(&self, from: impl FnOnce(&mut Queue) -> Option<Purge>) -> Option<Purge> {
        let mut queue = self.queue();
        let purge = from(&mut queue);
        self.note_waiting(&queue);
        purge
    }

    fn note_waiting(&self, queue: &Queue) {
        self.counters.waiting.set(queue.len() as u64);
    }

    /// Paths that may still be sent this month.
    async fn left(&self, sending: &mut Sending) -> u64 {
        let spent = sending.month.spent(self.clock.unix_ms()).await;
        self.counters.spent.set(spent);
        self.settings.budget.saturating_sub(spent)
    }

    /// Makes a purge the current one, as coarse as the budget asks for. Nothing may come between this and taking it
    /// from the queue: a stop would lose it.
    fn order(&self, purge: Purge, left: u64, sending: &mut Sending, now: Instant) {
        let paths = purge.paths();
        let coarser = purge.by_collection();
        let mut candidates = [purge, coarser, Purge::everything()].into_iter();
        let Some(purge) = candidates.find(|purge| purge.paths() <= left) else {
            self.counters.over_budget.add(paths);
            if !std::mem::replace(&mut sending.over_budget, true) {
                let budget = self.settings.budget;
                tracing::warn!(
                    budget,
                    "the month's purges are spent: changed answers expire at the edge instead"
                );
            }
            return;
        };
        sending.over_budget = false;
        let reference = format!("cellar-{:x}-{:016x}", self.clock.unix_ms(), fastrand::u64(..));
        sending.current = Some(Order { purge, reference, since: now });
    }

    async fn send(&self, sending: &mut Sending, now: Instant) {
        let Some(Order { purge, reference, since }) = &sending.current else { return };
        let (paths, since) = (purge.paths(), *since);
        match self.edge.purge(purge, reference).await {
            Ok(()) => {
                tracing::debug!(?purge, "purged at the edge");
                self.counters.requests.add(1);
                self.counters.sent.add(paths);
                sending.current = None;
                if std::mem::take(&mut sending.failures) > 0 {
                    tracing::info!("the edge takes purges again");
                }
                sending.bucket.spend(paths);
                self.counters.spent.add(paths);
                sending.month.add(paths).await;
            }
            Err(error) => {
                self.counters.failures.add(1);
                if sending.failures == 0 {
                    tracing::warn!(%error, "the edge does not take purges; trying again");
                }
                if now.saturating_duration_since(since) >= self.settings.give_up {
                    self.counters.given_up.add(paths);
                    sending.current = None;
                }
                sending.failures += 1;
                sending.next_try = now + BACKOFF.after(sending.failures);
            }
        }
    }
}
