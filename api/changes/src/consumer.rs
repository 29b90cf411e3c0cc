//! The loop: polls every shard, hands over what comes, and starts over from the checkpoints when it must.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cellar_cache::Backoff;
use cellar_cache::clock::{Clock, SystemClock};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::parts::{Parts, Trouble};
use super::shard::Step;
use super::shard_graph::ShardGraph;
use super::status::{State, Status};
use super::stream::{Start, Stream, StreamError};
use super::{Checkpoints, Role, Settings, Sink};

/// Shards that are read at a time.
const SHARDS_AT_A_TIME: usize = 8;

/// Longest pause between two failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pause before a table without a stream is looked at again.
const NO_STREAM_PAUSE: Duration = Duration::from_secs(10);

/// Follows a stream for a sink.
///
/// ```no_run
/// # async fn example(store: cellar_store::DynamoStore, sink: std::sync::Arc<dyn cellar_changes::Sink>) {
/// use std::sync::Arc;
/// use cellar_changes::{Consumer, MemoryCheckpoints, TableStream};
///
/// let consumer = Consumer::new(Arc::new(TableStream::of(&store)), sink, Arc::new(MemoryCheckpoints::default()));
/// let status = consumer.status();
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let job = tokio::spawn(consumer.run(async { drop(stopped.await) }));
/// println!("{:?}", status.lag());
/// drop(stop);
/// job.await.unwrap();
/// # }
/// ```
pub struct Consumer {
    parts: Parts,
    role: Option<Role>,
    settings: Settings,
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
        let parts = Parts { stream, sink, checkpoints, clock, status };
        Self { parts, role: None, settings: Settings::default() }
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
        Self { parts: Parts { clock, status, ..self.parts }, ..self }
    }

    /// How it is doing, also after it has ended.
    pub fn status(&self) -> Status {
        self.parts.status.clone()
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
        self.parts.status.set(State::Stopped);
    }

    async fn work(&self) -> Infallible {
        let mut failures = 0;
        loop {
            self.stand_by().await;
            match self.parts.checkpoints.load().await {
                Ok(saved) => {
                    let lasting = self.parts.checkpoints.are_lasting();
                    let first = if lasting { Start::Horizon } else { Start::Latest };
                    self.follow(ShardGraph::new(saved, first)).await;
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
                Ok(false) => drop(self.parts.status.set(State::StandingBy)),
                Err(error) => self.note(&error.into()),
            }
            sleep(role.ttl / 3).await;
        }
    }

    /// Follows the stream until the role is lost.
    async fn follow(&self, mut graph: ShardGraph) {
        let (mut failures, mut held, mut listed) = (0, self.parts.clock.now(), None);
        loop {
            if !self.keeps_role(&mut held).await {
                info!("another process follows the stream now");
                return;
            }
            match self.round(&mut graph, &mut listed).await {
                Round::Failed(trouble) => self.pause_after(trouble, &mut failures).await,
                done => {
                    failures = 0;
                    if self.parts.status.set(State::Running) {
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
        let now = self.parts.clock.now();
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
    async fn round(&self, graph: &mut ShardGraph, listed: &mut Option<Instant>) -> Round {
        let at = self.parts.clock.now();
        if let Err(error) = self.list(graph, listed, at).await {
            return Round::Failed(error);
        }
        let steps = futures::stream::iter(self.steps(graph)).buffer_unordered(SHARDS_AT_A_TIME);
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
        self.parts.status.polled(at);
        if arrived && graph.is_whole() {
            self.parts.status.caught_up(at);
            self.parts.sink.caught_up(at);
        }
        if behind { Round::Behind } else { Round::Quiet }
    }

    fn steps<'a>(&'a self, graph: &'a mut ShardGraph) -> Vec<BoxFuture<'a, Result<Step, Trouble>>> {
        graph.readable().into_iter().map(|shard| shard.step(&self.parts).boxed()).collect()
    }

    /// Lists the shards when it is time to.
    async fn list(
        &self,
        graph: &mut ShardGraph,
        listed: &mut Option<Instant>,
        now: Instant,
    ) -> Result<(), Trouble> {
        let interval = if graph.is_whole() { self.settings.list } else { self.settings.list_incomplete };
        if listed.is_some_and(|at| now.saturating_duration_since(at) < interval) {
            return Ok(());
        }
        let learned = graph.learn(self.parts.stream.shards().await?);
        *listed = Some(now);
        if learned.lost {
            warn!("a shard vanished before it was read to its end");
            self.parts.invalidate_everything();
        }
        if !learned.gone.is_empty() {
            self.parts.checkpoints.remove(&learned.gone).await?;
        }
        Ok(())
    }

    fn note(&self, trouble: &Trouble) {
        self.parts.status.failed();
        if self.parts.status.set(State::Failing { reason: trouble.to_string() }) {
            warn!(reason = %trouble, "the change feed does not work");
        }
    }

    /// Waits longer after each failure in a row, with jitter.
    async fn pause_after(&self, trouble: Trouble, failures: &mut u32) {
        let passing = matches!(trouble, Trouble::Stream(StreamError::Expired | StreamError::Trimmed));
        if passing {
            // The next poll begins anew; only if that fails, too, something is wrong.
            self.parts.status.failed();
        } else {
            self.note(&trouble);
        }
        *failures += 1;
        let backoff = match trouble {
            Trouble::Stream(StreamError::NoStream { .. }) => {
                Backoff { first: NO_STREAM_PAUSE, longest: NO_STREAM_PAUSE }
            }
            _ => Backoff { first: self.settings.poll, longest: LONGEST_PAUSE },
        };
        sleep(backoff.after(*failures)).await;
    }
}
