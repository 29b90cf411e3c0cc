//! What stands around a consumer: a sink, a board, and a stream that does as told.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_api::changes::record::Meaning;
use cellar_api::changes::stream::{Page, ShardInfo, Start, StreamError};
use cellar_api::changes::{
    Change, Checkpoints, Consumer, MemoryCheckpoints, Settings, Sink, SinkError, Status, Stream,
};
use cellar_cache::remote::{Board, RemoteError};
use geo_index::{Collection, H3Cell, PageKey, Position};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Waits until something is so.
pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A sink that remembers.
#[derive(Default)]
pub(super) struct Memory {
    batches: Mutex<Vec<(Vec<PageKey>, Vec<String>)>>,
    refused: Mutex<Vec<Vec<PageKey>>>,
    pub(super) refuses: AtomicU32,
    pub(super) stalls: AtomicBool,
    pub(super) distrusts: AtomicU32,
    caught_up: Mutex<Option<Instant>>,
}

#[async_trait]
impl Sink for Memory {
    async fn invalidate(&self, pages: &[PageKey], tags: &[String]) -> Result<(), SinkError> {
        if self.stalls.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let refuses = |left: u32| left.checked_sub(1);
        if self.refuses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refuses).is_ok() {
            self.refused.lock().unwrap().push(pages.to_vec());
            return Err(SinkError("not now".to_owned()));
        }
        self.batches.lock().unwrap().push((pages.to_vec(), tags.to_vec()));
        Ok(())
    }

    fn distrust(&self) {
        self.distrusts.fetch_add(1, Ordering::Relaxed);
    }

    fn caught_up(&self, at: Instant) {
        *self.caught_up.lock().unwrap() = Some(at);
    }
}

impl Memory {
    pub(super) fn pages(&self) -> BTreeSet<PageKey> {
        self.batches.lock().unwrap().iter().flat_map(|(pages, _)| pages.clone()).collect()
    }

    pub(super) fn tags(&self) -> BTreeSet<String> {
        self.batches.lock().unwrap().iter().flat_map(|(_, tags)| tags.clone()).collect()
    }

    pub(super) fn batches(&self) -> usize {
        self.batches.lock().unwrap().len()
    }

    pub(super) fn refused(&self) -> Vec<Vec<PageKey>> {
        self.refused.lock().unwrap().clone()
    }

    pub(super) fn forget(&self) {
        self.batches.lock().unwrap().clear();
    }

    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up.lock().unwrap().is_some()
    }

    /// Waits until a poll that begins from now on has found nothing left.
    pub(super) async fn catches_up(&self) {
        let now = Instant::now();
        until("caught up", || self.caught_up.lock().unwrap().is_some_and(|at| at >= now)).await;
    }

    /// Waits for exactly the pages and tags of changes, since it was told to forget.
    pub(super) async fn hears(&self, changes: &[Change]) {
        let leaves = || {
            let both =
                |change: &Change| [change.old, change.new].map(|leaf| (change.collection.clone(), leaf));
            changes.iter().flat_map(both).filter_map(|(collection, leaf)| Some((collection, leaf?)))
        };
        let of_levels = |(collection, leaf): (Collection, H3Cell)| {
            (3..=15)
                .map(move |level| PageKey::new(collection.clone(), leaf.ancestor(level).unwrap()).unwrap())
        };
        let pages: BTreeSet<PageKey> = leaves().flat_map(of_levels).collect();
        let tags = leaves().map(|(collection, leaf)| format!("{collection}:{}", leaf.ancestor(3).unwrap()));
        until("the pages of the changes", || self.pages().is_superset(&pages)).await;
        self.catches_up().await;
        assert_eq!(self.pages(), pages);
        assert_eq!(self.tags(), tags.collect());
        self.forget();
    }
}

/// A consumer at work; dropping this kills it.
pub(super) struct Running {
    pub(super) status: Status,
    stop: Option<oneshot::Sender<()>>,
    job: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.job.abort();
    }
}

impl Running {
    pub(super) fn start(consumer: Consumer) -> Self {
        let quick = Duration::from_millis(5);
        let settings = Settings { poll: quick, poll_behind: quick, list: quick * 10, list_incomplete: quick };
        let consumer = consumer.with_settings(settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let status = consumer.status();
        let job = tokio::spawn(consumer.run(async { drop(stopped.await) }));
        Self { status, stop: Some(stop), job }
    }

    /// Stops it in an orderly way.
    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(Duration::from_secs(10), &mut self.job)
            .await
            .expect("it stops at once")
            .unwrap();
    }
}

/// A consumer without a board, that has begun to follow.
pub(super) async fn follow(stream: Arc<dyn Stream>) -> (Running, Arc<Memory>) {
    let sink = Arc::new(Memory::default());
    let checkpoints: Arc<dyn Checkpoints> = Arc::new(MemoryCheckpoints::default());
    let running = Running::start(Consumer::new(stream, sink.clone(), checkpoints));
    sink.catches_up().await;
    (running, sink)
}

/// A board in memory. Roles lapse when they are told to.
#[derive(Default)]
pub(super) struct FakeBoard {
    roles: Mutex<HashMap<String, String>>,
    maps: Mutex<HashMap<String, HashMap<String, String>>>,
}

impl FakeBoard {
    /// Gives a role to another holder.
    pub(super) fn give(&self, role: &str, holder: &str) {
        self.roles.lock().unwrap().insert(role.to_owned(), holder.to_owned());
    }

    /// As if the holder had said nothing for too long.
    pub(super) fn lapse(&self, role: &str) {
        self.roles.lock().unwrap().remove(role);
    }

    pub(super) fn holder(&self, role: &str) -> Option<String> {
        self.roles.lock().unwrap().get(role).cloned()
    }

    pub(super) fn map(&self, map: &str) -> HashMap<String, String> {
        self.maps.lock().unwrap().get(map).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Board for FakeBoard {
    async fn hold(&self, role: &str, holder: &str, _: Duration) -> Result<bool, RemoteError> {
        let mut roles = self.roles.lock().unwrap();
        Ok(roles.entry(role.to_owned()).or_insert_with(|| holder.to_owned()) == holder)
    }

    async fn release(&self, role: &str, holder: &str) -> Result<(), RemoteError> {
        self.roles.lock().unwrap().retain(|name, by| name != role || by != holder);
        Ok(())
    }

    async fn read(&self, map: &str) -> Result<Vec<(String, String)>, RemoteError> {
        Ok(self.map(map).into_iter().collect())
    }

    async fn write(&self, map: &str, fields: &[(String, String)]) -> Result<(), RemoteError> {
        self.maps.lock().unwrap().entry(map.to_owned()).or_default().extend(fields.iter().cloned());
        Ok(())
    }

    async fn remove(&self, map: &str, fields: &[String]) -> Result<(), RemoteError> {
        self.maps.lock().unwrap().entry(map.to_owned()).or_default().retain(|key, _| !fields.contains(key));
        Ok(())
    }

    async fn add_scores(
        &self,
        _: &str,
        _: &[(String, u64)],
        _: usize,
        _: Duration,
    ) -> Result<(), RemoteError> {
        unreachable!("the feed counts nothing")
    }

    async fn top(&self, _: &str, _: usize) -> Result<Vec<(String, f64)>, RemoteError> {
        unreachable!("the feed counts nothing")
    }
}

/// Shards with records, and errors to come first. Iterators are `<shard>:<position>`.
#[derive(Default)]
pub(super) struct FakeStream {
    pub(super) shards: Mutex<Vec<(ShardInfo, Vec<Meaning>)>>,
    /// Of the next calls of `records`.
    pub(super) errors: Mutex<VecDeque<StreamError>>,
    /// Of every call of `shards`.
    pub(super) absent: Mutex<Option<StreamError>>,
    pub(super) starts: Mutex<Vec<(String, Start)>>,
    pub(super) withholds_iterators: AtomicBool,
    /// Every page has a record, created then; there is no end to them.
    pub(super) busy_since_ms: Mutex<Option<u64>>,
}

impl FakeStream {
    pub(super) fn add_shard(&self, id: &str, parent: Option<&str>, closed: bool, records: &[Meaning]) {
        let info = ShardInfo { id: id.to_owned(), parent: parent.map(str::to_owned), closed };
        self.shards.lock().unwrap().push((info, records.to_vec()));
    }

    pub(super) fn add(&self, shard: &str, record: Meaning) {
        let mut shards = self.shards.lock().unwrap();
        shards.iter_mut().find(|(info, _)| info.id == shard).unwrap().1.push(record);
    }

    pub(super) fn close(&self, shard: &str) {
        let mut shards = self.shards.lock().unwrap();
        shards.iter_mut().find(|(info, _)| info.id == shard).unwrap().0.closed = true;
    }
}

#[async_trait]
impl Stream for FakeStream {
    async fn shards(&self) -> Result<Vec<ShardInfo>, StreamError> {
        match self.absent.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(self.shards.lock().unwrap().iter().map(|(info, _)| info.clone()).collect()),
        }
    }

    async fn iterator(&self, shard: &str, start: &Start) -> Result<String, StreamError> {
        while self.withholds_iterators.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        self.starts.lock().unwrap().push((shard.to_owned(), start.clone()));
        let shards = self.shards.lock().unwrap();
        let (_, records) = shards.iter().find(|(info, _)| info.id == shard).ok_or(StreamError::Gone)?;
        let position = match start {
            Start::Latest => records.len(),
            Start::Horizon => 0,
            Start::After(number) => number.parse::<usize>().unwrap() + 1,
        };
        Ok(format!("{shard}:{position}"))
    }

    async fn records(&self, iterator: &str) -> Result<Page, StreamError> {
        if let Some(error) = self.errors.lock().unwrap().pop_front() {
            return Err(error);
        }
        let (shard, position) = iterator.split_once(':').unwrap();
        if let Some(created_ms) = *self.busy_since_ms.lock().unwrap() {
            return Ok(Page {
                meanings: vec![Meaning::Place(change(None, Some((1.0, 5.0))))],
                last: Some(position.to_owned()),
                created_ms: Some(created_ms),
                next: Some(iterator.to_owned()),
                full: false,
            });
        }
        let position: usize = position.parse().unwrap();
        let shards = self.shards.lock().unwrap();
        let (info, records) = shards.iter().find(|(info, _)| info.id == shard).ok_or(StreamError::Gone)?;
        let meanings: Vec<Meaning> = records.iter().skip(position).take(2).cloned().collect();
        let end = position + meanings.len();
        Ok(Page {
            last: (!meanings.is_empty()).then(|| (end - 1).to_string()),
            created_ms: None,
            next: (!info.closed || end < records.len()).then(|| format!("{shard}:{end}")),
            full: meanings.len() == 2,
            meanings,
        })
    }
}

/// The leaf of a position.
pub(super) fn leaf(lat: f64, lon: f64) -> H3Cell {
    H3Cell::leaf(Position::new(lat, lon).unwrap())
}

/// A change of a place in the collection `c`.
pub(super) fn change(old: Option<(f64, f64)>, new: Option<(f64, f64)>) -> Change {
    let leaf = |(lat, lon)| leaf(lat, lon);
    Change { collection: "c".parse().unwrap(), old: old.map(leaf), new: new.map(leaf) }
}
