//! One reader of the end of the stream, for all who watch it in this process.
//!
//! It begins when the first watcher comes and ends when the last has left. Each watcher has a bounded queue; batches are
//! shared, so memory is bounded by the length of a queue whatever the number of watchers. One that does not keep up loses
//! its queue, is told so, and reads on by itself from where it stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cellar_cache::Backoff;
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::reader::{ChangeLog, LogError, fingerprint};
use super::shards::{Lost, by_key, readable, settle};
use super::source::{Images, Listing, Record};
use super::token::{Position, Positions, ShardKey, Token};
use crate::stream::{Start, StreamError};

/// Records that one read asks for; DynamoDB's own limit.
const RECORDS: i32 = 1_000;

/// From so many records in one read on, the next one follows sooner: an answer is cut off at 1 MB.
const BUSY: usize = 200;

/// Shards that are read at a time.
const SHARDS_AT_A_TIME: usize = 8;

/// Longest pause between two failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a watcher waits for the reader to begin.
const BEGIN_LIMIT: Duration = Duration::from_secs(5);

/// How watching is done.
#[derive(Clone, Copy, Debug)]
pub struct HubSettings {
    /// Pause between polls. DynamoDB allows five reads a second of each shard, for all readers together.
    pub poll: Duration,
    /// Batches that wait for a watcher at most, beside two for each shard; each is what one read has returned, of at most
    /// 1 MB.
    pub buffer: usize,
    /// Watchers that read by themselves at a time.
    pub catch_ups: usize,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self { poll: Duration::from_secs(1), buffer: 32, catch_ups: 8 }
    }
}

/// What one read of a shard has found.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) key: ShardKey,
    /// The position that the records follow; `None` if it is not known, for they are the first of a reading from now on.
    pub(super) after: Option<Position>,
    pub(super) records: Vec<Record>,
    /// Whether the shard has no more.
    pub(super) ended: bool,
}

/// The reader, and who watches.
pub struct Hub {
    log: Arc<ChangeLog>,
    pub(super) settings: HubSettings,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    pub(super) catch_ups: Semaphore,
}

#[derive(Default)]
struct State {
    is_running: bool,
    watchers: usize,
    /// How far all has been told, when the reader has begun.
    told: Option<Token>,
    queues: Vec<mpsc::Sender<Arc<Batch>>>,
}

/// A watcher's queue; dropping it ends the watching.
pub(super) struct Subscription {
    pub(super) queue: mpsc::Receiver<Arc<Batch>>,
    /// What comes after this is in the queue.
    pub(super) told: Token,
    _watcher: Watcher,
}

struct Watcher(Arc<Hub>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.state.lock().watchers -= 1;
        self.0.changed.send_modify(|version| *version += 1);
    }
}

impl Hub {
    /// Over a log. Nothing is read before somebody watches.
    pub fn new(log: Arc<ChangeLog>, settings: HubSettings) -> Arc<Self> {
        Arc::new(Self {
            log,
            settings,
            state: Mutex::default(),
            changed: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            catch_ups: Semaphore::new(settings.catch_ups.max(1)),
        })
    }

    /// What is watched.
    pub fn log(&self) -> &Arc<ChangeLog> {
        &self.log
    }

    /// Whether the stream is being read.
    pub fn is_running(&self) -> bool {
        self.state.lock().is_running
    }

    /// Ends all watching, for good: the process is stopping.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Resolves when watching ends for good.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // The sender is in `self`.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Joins those who watch.
    pub(super) async fn subscribe(self: &Arc<Self>) -> Result<Subscription, LogError> {
        let watcher = self.enter();
        let mut changed = self.changed.subscribe();
        let joined = timeout(BEGIN_LIMIT, async {
            loop {
                if let Some((queue, told)) = self.join() {
                    return (queue, told);
                }
                // The sender is in `self`.
                let _ = changed.changed().await;
            }
        });
        match joined.await {
            Ok((queue, told)) => Ok(Subscription { queue, told, _watcher: watcher }),
            Err(_) => {
                Err(StreamError::Failed("the reader of the stream has not begun in time".to_owned()).into())
            }
        }
    }

    fn enter(self: &Arc<Self>) -> Watcher {
        let mut state = self.state.lock();
        state.watchers += 1;
        if !state.is_running {
            state.is_running = true;
            tokio::spawn(Arc::clone(self).run());
        }
        Watcher(Arc::clone(self))
    }

    fn join(&self) -> Option<(mpsc::Receiver<Arc<Batch>>, Token)> {
        let mut state = self.state.lock();
        let told = state.told.clone()?;
        // A round tells of each shard.
        let (sender, queue) = mpsc::channel(self.settings.buffer.max(1) + 2 * told.positions.len());
        state.queues.push(sender);
        Some((queue, told))
    }

    async fn run(self: Arc<Self>) {
        debug!("reading the end of the stream for those who watch");
        let mut failures = 0;
        loop {
            let ended = tokio::select! {
                ended = self.follow() => ended,
                // It counts as running for good, so that nobody starts it again.
                () = self.stopped() => return self.release(),
            };
            let Err(error) = ended else { break };
            failures += 1;
            if failures == 1 {
                warn!(%error, "the end of the stream cannot be read; those who watch begin anew");
            }
            self.release();
            let backoff = Backoff { first: self.settings.poll, longest: LONGEST_PAUSE };
            sleep(backoff.after(failures)).await;
            if self.may_end() {
                break;
            }
        }
        debug!("nobody watches any more");
    }

    /// Takes their queues from all who watch.
    fn release(&self) {
        let mut state = self.state.lock();
        state.told = None;
        state.queues.clear();
    }

    /// Whether nobody watches; then the reader has ended, and whoever comes next starts another.
    fn may_end(&self) -> bool {
        let mut state = self.state.lock();
        if state.watchers == 0 {
            state.is_running = false;
            state.told = None;
            state.queues.clear();
        }
        state.watchers == 0
    }

    /// Reads until nobody watches.
    async fn follow(&self) -> Result<(), LogError> {
        let mut tail = self.begin().await?;
        let mut failures = 0;
        let mut changed = self.changed.subscribe();
        loop {
            if self.may_end() {
                return Ok(());
            }
            let pause = match self.round(&mut tail).await {
                Ok(busiest) => {
                    failures = 0;
                    if busiest >= BUSY { self.settings.poll / 4 } else { self.settings.poll }
                }
                Err(LogError::Stream(error)) if !matches!(error, StreamError::Expired) => {
                    failures += 1;
                    debug!(%error, "a read of the end of the stream failed");
                    Backoff { first: self.settings.poll, longest: LONGEST_PAUSE }.after(failures)
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                () = sleep(pause) => {}
                // Somebody came or left.
                _ = changed.changed() => sleep(self.settings.poll.min(pause)).await,
            }
        }
    }

    /// Takes a position before it takes iterators: nothing can be between them that is older than the position.
    async fn begin(&self) -> Result<Tail, LogError> {
        let mut told = self.log.now().await?;
        let listing = self.log.listing(true).await?;
        let listed = by_key(&listing.shards);
        if fingerprint(&listing) != told.stream || settle(&mut told.positions, &listed) == Err(Lost) {
            return Err(StreamError::Failed("the stream has changed".to_owned()).into());
        }
        told.positions.retain(|key, _| listed.get(key).is_some_and(|shard| !shard.closed));
        let mut tail = Tail::default();
        for key in told.positions.keys() {
            let Some(shard) = listed.get(key) else { continue };
            let iterator = self.log.stream().begin(&shard.id, &Start::Latest).await?;
            tail.shards.insert(*key, Reading { iterator: Some(iterator), is_known: false });
        }
        let mut state = self.state.lock();
        state.told = Some(told);
        drop(state);
        self.changed.send_modify(|version| *version += 1);
        Ok(tail)
    }

    /// Reads a page of each shard and tells of it. Returns how many records the longest had.
    async fn round(&self, tail: &mut Tail) -> Result<usize, LogError> {
        let (listing, positions) = self.shards(tail).await?;
        let listed = by_key(&listing.shards);
        tail.shards.retain(|key, _| positions.contains_key(key));
        let reads = readable(&positions, &listed).into_iter().filter_map(|key| {
            let (shard, position) = (listed.get(&key)?, positions.get(&key)?);
            let reading =
                tail.shards.get(&key).cloned().unwrap_or(Reading { iterator: None, is_known: true });
            Some(async move {
                let images = self.page(&reading, &shard.id, position).await;
                (key, reading, position, images)
            })
        });
        let reads: Vec<_> = reads.collect();
        let mut pages = futures::stream::iter(reads).buffered(SHARDS_AT_A_TIME);
        let mut longest = 0;
        while let Some((key, reading, position, images)) = pages.next().await {
            let images = match images {
                Err(error) => {
                    self.log.forget_list_if_wrong(&error).await;
                    return Err(error);
                }
                Ok(images) => images,
            };
            let after = reading.is_known.then(|| position.clone());
            let is_known = reading.is_known || !images.records.is_empty();
            tail.has_ended |= images.next.is_none();
            tail.shards.insert(key, Reading { iterator: images.next.clone(), is_known });
            longest = longest.max(images.records.len());
            self.tell(Batch { key, after, ended: images.next.is_none(), records: images.records });
        }
        Ok(longest)
    }

    /// The shards that there are, and how far each has been told.
    async fn shards(&self, tail: &mut Tail) -> Result<(Arc<Listing>, Positions), LogError> {
        let listing = self.log.listing(std::mem::take(&mut tail.has_ended)).await?;
        let mut state = self.state.lock();
        let Some(told) = &mut state.told else { return Err(LogError::Gone("nobody watches")) };
        if fingerprint(&listing) != told.stream {
            return Err(LogError::Gone("the table has another stream"));
        }
        if settle(&mut told.positions, &by_key(&listing.shards)) == Err(Lost) {
            return Err(LogError::Gone("a shard vanished before it was read"));
        }
        tail.has_ended = told.positions.values().any(|position| *position == Position::Ended);
        Ok((listing, told.positions.clone()))
    }

    async fn page(&self, reading: &Reading, shard: &str, position: &Position) -> Result<Images, LogError> {
        let stream = self.log.stream();
        let read = match &reading.iterator {
            Some(iterator) => stream.images(iterator, RECORDS).await,
            None => Err(StreamError::Expired),
        };
        let images = match read {
            // A reading from now on cannot be repeated.
            Err(StreamError::Expired) if reading.is_known => {
                let start = match position {
                    Position::After(number) => Start::After(number.to_string()),
                    _ => Start::Horizon,
                };
                let iterator = stream.begin(shard, &start).await?;
                stream.images(&iterator, RECORDS).await
            }
            read => read,
        };
        let images = match images {
            Err(StreamError::Trimmed) => return Err(REMOVED),
            images => images?,
        };
        let begins = reading.is_known && *position == Position::Beginning && !images.records.is_empty();
        if begins && !stream.keeps_beginning(shard).await? {
            return Err(REMOVED);
        }
        Ok(images)
    }

    /// Tells all who watch. Who does not keep up is told no more.
    fn tell(&self, batch: Batch) {
        let last = batch.records.last().map(|record| Position::After(record.sequence.clone()));
        let position = if batch.ended { Some(Position::Ended) } else { last };
        let Some(position) = position else { return };
        let mut state = self.state.lock();
        if let Some(told) = &mut state.told {
            told.positions.insert(batch.key, position);
        }
        let batch = Arc::new(batch);
        state.queues.retain(|queue| queue.try_send(Arc::clone(&batch)).is_ok());
    }
}

const REMOVED: LogError = LogError::Gone("records were removed before they were read");

/// The reader's iterators.
#[derive(Default)]
struct Tail {
    shards: HashMap<ShardKey, Reading>,
    /// Whether a shard has ended whose successor is not known yet.
    has_ended: bool,
}

#[derive(Clone)]
struct Reading {
    iterator: Option<String>,
    /// Whether the position that it follows is known: not before the first record of a reading from now on.
    is_known: bool,
}
