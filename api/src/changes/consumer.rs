//! The loop: polls every shard, hands over what comes, and starts over from the checkpoints when it must.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::clock::{Clock, SystemClock};
use cellar_cache::remote::RemoteError;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use thiserror::Error;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::lineage::Lineage;
use super::shard::Step;
use super::status::{State, Status};
use super::stream::{Start, Stream, StreamError};
use super::{Checkpoints, Role, Settings, Sink, SinkError};

/// Shards that are read at a time.
const SHARDS_AT_A_TIME: usize = 8;

/// Longest pause between two failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pause before a table without a stream is looked at again.
const NO_STREAM_PAUSE: Duration = Duration::from_secs(10);

/// Follows a stream for a sink.
///
/// ```no_run
/// # async fn example(store: cellar_api::store::DynamoStore, sink: std::sync::Arc<dyn cellar_api::changes::Sink>) {
/// use std::sync::Arc;
/// use cellar_api::changes::{Consumer, MemoryCheckpoints};
///
/// let consumer = Consumer::new(Arc::new(store.changes()), sink, Arc::new(MemoryCheckpoints::default()));
/// let status = consumer.status();
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let job = tokio::spawn(consumer.run(async { drop(stopped.await) }));
/// println!("{:?}", status.lag());
/// drop(stop);
/// job.await.unwrap();
/// # }
/// ```
pub struct Consumer {
    pub(super) stream: Arc<dyn Stream>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) checkpoints: Arc<dyn Checkpoints>,
    role: Option<Role>,
    settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) status: Status,
}

/// Why a poll failed.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("checkpoints: {0}")]
    Board(#[from] RemoteError),
    #[error("the caches cannot be invalidated: {0}")]
    Sink(#[from] SinkError),
}

/// How a poll of all shards went.
enum Round {
    /// Nothing is left to do at the moment.
    Quiet,
    /// Records are waiting.
    Behind,
    Failed(Trouble),
}

impl Consumer {
    /// A consumer with the settings for AWS, alone in its role.
    pub fn new(stream: Arc<dyn Stream>, sink: Arc<dyn Sink>, checkpoints: Arc<dyn Checkpoints>) -> Self {
        let clock = Arc::new(SystemClock);
        let status = Status::new(Arc::clone(&clock) as Arc<dyn Clock>);
        Self { stream, sink, checkpoints, role: None, settings: Settings::default(), clock, status }
    }

    /// Reads only while it holds a role.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Other intervals.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Another clock. Pauses between polls are real.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let status = Status::new(Arc::clone(&clock));
        Self { clock, status, ..self }
    }

    /// How it is doing, also after it has ended.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Works until `stop` resolves. What it is at then is left: it comes again.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        tokio::select! {
            never = self.work() => match never {},
            () = stop => {}
        }
        if let Some(role) = &self.role
            && let Err(error) = role.release().await
        {
            info!(%error, "the role lapses by itself");
        }
        self.status.set(State::Stopped);
    }

    async fn work(&self) -> Infallible {
        let mut failures = 0;
        loop {
            self.stand_by().await;
            match self.checkpoints.load().await {
                Ok(saved) => {
                    let lasting = self.checkpoints.are_lasting();
                    let first = if lasting { Start::Horizon } else { Start::Latest };
                    self.follow(Lineage::new(saved, first)).await;
                    failures = 0;
                }
                Err(error) => self.pause_after(error.into(), &mut failures).await,
            }
        }
    }

    /// Returns when it holds the role.
    async fn stand_by(&self) {
        let Some(role) = &self.role else { return };
        loop {
            match role.hold().await {
                Ok(true) => return,
                Ok(false) => drop(self.status.set(State::StandingBy)),
                Err(error) => self.note(&error.into()),
            }
            sleep(role.ttl / 3).await;
        }
    }

    /// Follows the stream until the role is lost.
    async fn follow(&self, mut lineage: Lineage) {
        let (mut failures, mut held, mut listed) = (0, self.clock.now(), None);
        loop {
            if !self.keeps_role(&mut held).await {
                info!("another process follows the stream now");
                return;
            }
            match self.round(&mut lineage, &mut listed).await {
                Round::Failed(trouble) => self.pause_after(trouble, &mut failures).await,
                done => {
                    failures = 0;
                    if self.status.set(State::Running) {
                        info!("following the table's stream");
                    }
                    let behind = matches!(done, Round::Behind);
                    sleep(if behind { self.settings.poll_behind } else { self.settings.poll }).await;
                }
            }
        }
    }

    /// Renews the role in time. While nobody can be asked, it stays: two readers do no harm, none would.
    async fn keeps_role(&self, held: &mut Instant) -> bool {
        let Some(role) = &self.role else { return true };
        let now = self.clock.now();
        if now.saturating_duration_since(*held) < role.ttl / 3 {
            return true;
        }
        match role.hold().await {
            Ok(true) => {
                *held = now;
                true
            }
            Ok(false) => false,
            Err(error) => {
                *held = now;
                debug!(%error, "the role cannot be renewed");
                true
            }
        }
    }

    /// Reads one page of each readable shard.
    async fn round(&self, lineage: &mut Lineage, listed: &mut Option<Instant>) -> Round {
        let at = self.clock.now();
        if let Err(error) = self.list(lineage, listed, at).await {
            return Round::Failed(error);
        }
        let steps = futures::stream::iter(self.steps(lineage)).buffer_unordered(SHARDS_AT_A_TIME);
        let steps: Vec<_> = steps.collect().await;
        let (mut arrived, mut behind, mut trouble) = (true, false, None);
        for step in steps {
            arrived &= matches!(step, Ok(Step::Arrived));
            match step {
                Ok(Step::Arrived | Step::Searching) => {}
                Ok(Step::More) => behind = true,
                Ok(Step::Ended) => {
                    behind = true;
                    *listed = None;
                }
                Err(error) => {
                    if matches!(error, Trouble::Stream(StreamError::Gone)) {
                        *listed = None;
                    }
                    trouble = Some(error);
                }
            }
        }
        if let Some(trouble) = trouble {
            return Round::Failed(trouble);
        }
        self.status.polled(at);
        if arrived && lineage.is_whole() {
            self.status.caught_up(at);
            self.sink.caught_up(at);
        }
        if behind { Round::Behind } else { Round::Quiet }
    }

    fn steps<'a>(&'a self, lineage: &'a mut Lineage) -> Vec<BoxFuture<'a, Result<Step, Trouble>>> {
        lineage.readable().into_iter().map(|shard| shard.step(self).boxed()).collect()
    }

    /// Lists the shards when it is time to.
    async fn list(
        &self,
        lineage: &mut Lineage,
        listed: &mut Option<Instant>,
        now: Instant,
    ) -> Result<(), Trouble> {
        let interval = if lineage.is_whole() { self.settings.list } else { self.settings.list_incomplete };
        if listed.is_some_and(|at| now.saturating_duration_since(at) < interval) {
            return Ok(());
        }
        let learned = lineage.learn(self.stream.shards().await?);
        *listed = Some(now);
        if learned.lost {
            warn!("a shard vanished before it was read to its end");
            self.distrust();
        }
        if !learned.gone.is_empty() {
            self.checkpoints.remove(&learned.gone).await?;
        }
        Ok(())
    }

    pub(super) fn distrust(&self) {
        self.status.distrusted();
        self.sink.distrust();
    }

    fn note(&self, trouble: &Trouble) {
        self.status.failed();
        if self.status.set(State::Failing { reason: trouble.to_string() }) {
            warn!(reason = %trouble, "the change feed does not work");
        }
    }

    /// Waits longer after each failure in a row, with jitter.
    async fn pause_after(&self, trouble: Trouble, failures: &mut u32) {
        let passing = matches!(trouble, Trouble::Stream(StreamError::Expired | StreamError::Trimmed));
        if passing {
            // The next poll begins anew; only if that fails, too, something is wrong.
            self.status.failed();
        } else {
            self.note(&trouble);
        }
        let longest = match trouble {
            Trouble::Stream(StreamError::NoStream { .. }) => NO_STREAM_PAUSE,
            _ => LONGEST_PAUSE.min(self.settings.poll.saturating_mul(1 << (*failures).min(10))),
        };
        *failures += 1;
        sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}
