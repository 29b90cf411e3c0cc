//! What stands around a consumer: a sink, a coordination store, and a stream that does as told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cellar_changes::record::Meaning;
use cellar_changes::stream::{Page, ShardInfo, Start, StreamError};
use cellar_changes::{
    Change, Checkpoints, Consumer, MemoryCheckpoints, Settings, Sink, SinkError, Status, Stream,
};
use cellar_coordination::CoordinationStore as _;
use cellar_coordination::fake::FakeCoordination;
use cellar_model::Placement;
use cellar_model::{Collection, PageKey};
use geo_index::{Leaf, Position};
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
    pub(super) invalidated_everything: AtomicU32,
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
            let places: Vec<_> = pages.iter().filter(|page| !page.lists_roots()).cloned().collect();
            if !places.is_empty() {
                self.refused.lock().unwrap().push(places);
            }
            return Err(SinkError("not now".to_owned()));
        }
        self.batches.lock().unwrap().push((pages.to_vec(), tags.to_vec()));
        Ok(())
    }

    fn invalidate_everything(&self) {
        self.invalidated_everything.fetch_add(1, Ordering::Relaxed);
    }

    fn caught_up(&self, at: Instant) {
        *self.caught_up.lock().unwrap() = Some(at);
    }
}

impl Memory {
    fn told(&self) -> impl Iterator<Item = PageKey> {
        let batches = self.batches.lock().unwrap();
        batches.iter().flat_map(|(pages, _)| pages.clone()).collect::<Vec<_>>().into_iter()
    }

    /// Pages of places.
    pub(super) fn pages(&self) -> BTreeSet<PageKey> {
        self.told().filter(|page| !page.lists_roots()).collect()
    }

    /// Pages that list roots.
    pub(super) fn listings(&self) -> BTreeSet<PageKey> {
        self.told().filter(PageKey::lists_roots).collect()
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
            let both = |change: &Change| {
                let leaf =
                    |at: &Option<Placement>| (change.collection.clone(), at.as_ref().map(|at| at.leaf));
                [leaf(&change.old), leaf(&change.new)]
            };
            changes.iter().flat_map(both).filter_map(|(collection, leaf)| Some((collection, leaf?)))
        };
        let of_levels = |(collection, leaf): (Collection, Leaf)| {
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

/// A consumer without a coordination store, that has begun to follow.
pub(super) async fn follow(stream: Arc<dyn Stream>) -> (Running, Arc<Memory>) {
    let sink = Arc::new(Memory::default());
    let checkpoints: Arc<dyn Checkpoints> = Arc::new(MemoryCheckpoints::default());
    let running = Running::start(Consumer::new(stream, sink.clone(), checkpoints));
    sink.catches_up().await;
    (running, sink)
}

/// What a map of a store holds.
pub(super) async fn map(store: &FakeCoordination, map: &str) -> BTreeMap<String, String> {
    store.read(map).await.unwrap().into_iter().collect()
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
            Start::At(number) => number.parse().unwrap(),
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
pub(super) fn leaf(lat: f64, lon: f64) -> Leaf {
    Leaf::at(Position::new(lat, lon).unwrap())
}

/// A change of a place in the collection `c`.
pub(super) fn change(old: Option<(f64, f64)>, new: Option<(f64, f64)>) -> Change {
    let leaf = |(lat, lon)| leaf(lat, lon);
    let placement = |at| leaf(at).into();
    Change { collection: "c".parse().unwrap(), old: old.map(placement), new: new.map(placement) }
}
