//! A stream of images in memory whose shards split, roll on and are trimmed as they are told to, and a table beside it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cellar_cache::clock::Clock as _;
use cellar_cache::clock::ManualClock;
use cellar_changes::log::{ChangeLog, Entry, ImageStream, Images, Listing, Record};
use cellar_changes::stream::{ShardInfo, Start, StreamError};
use cellar_model::Collection;
use cellar_model::place::Place;
use cellar_test_kit::{collection, place};
use parking_lot::Mutex;

/// Records of one read, at most.
const PAGE: usize = 3;

struct Shard {
    info: ShardInfo,
    /// Keys that it takes: those whose hash is in this range.
    range: (u8, u8),
    /// Number of the first record; those before it are trimmed.
    kept_from: u64,
    first: Option<u64>,
    records: Vec<(u64, Record)>,
}

/// The table: places by collection and id.
pub(super) type Table = BTreeMap<(String, String), Place>;

#[derive(Default)]
struct State {
    shards: Vec<Shard>,
    table: Table,
    number: u64,
    name: String,
    /// Shards that were made.
    made: u64,
}

pub(super) struct FakeImages {
    state: Mutex<State>,
    pub(super) clock: Arc<ManualClock>,
    /// Every other read at the same place finds nothing, as DynamoDB's may.
    pub(super) stutters: AtomicBool,
    reads: AtomicU64,
}

impl FakeImages {
    pub(super) fn new() -> Arc<Self> {
        let root = Shard::new("s0".to_owned(), None, (0, u8::MAX));
        let state = State { shards: vec![root], name: "stream".to_owned(), ..State::default() };
        Arc::new(Self {
            state: Mutex::new(state),
            clock: Arc::new(ManualClock::default()),
            stutters: AtomicBool::default(),
            reads: AtomicU64::default(),
        })
    }

    pub(super) fn log(self: &Arc<Self>) -> Arc<ChangeLog> {
        Arc::new(ChangeLog::new(self.clone(), self.clock.clone(), Duration::ZERO))
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Writes a place, or removes it.
    pub(super) fn write(&self, of: &str, id: &str, lat: Option<f64>) {
        let mut state = self.state.lock();
        let key = (of.to_owned(), id.to_owned());
        let new = lat.map(|lat| place(id, lat, 5.0, "{}"));
        let old = match &new {
            Some(new) => state.table.insert(key, new.clone()),
            None => state.table.remove(&key),
        };
        if old.is_none() && new.is_none() {
            return;
        }
        let created_ms = Some(self.clock.unix_ms() / 1_000 * 1_000);
        let entry = Entry { collection: collection(of), id: id.parse().unwrap(), old, new, created_ms };
        state.append(hash(of, id), Some(entry), created_ms);
    }

    /// A record that is of no place.
    pub(super) fn note(&self, hash: u8) {
        let created_ms = Some(self.clock.unix_ms());
        self.state.lock().append(hash, None, created_ms);
    }

    /// Closes the open shard of a hash; one or two others go on.
    pub(super) fn close(&self, hash: u8, splits: bool) {
        let mut state = self.state.lock();
        state.made += 1;
        let made = state.made;
        let shard = state.shards.iter_mut().find(|shard| shard.takes(hash)).unwrap();
        shard.info.closed = true;
        let ((low, high), parent) = (shard.range, Some(shard.info.id.clone()));
        let middle = low + (high - low) / 2;
        let ranges =
            if splits && low < high { vec![(low, middle), (middle + 1, high)] } else { vec![(low, high)] };
        for (child, range) in ranges.into_iter().enumerate() {
            state.shards.push(Shard::new(format!("s{made}-{child}"), parent.clone(), range));
        }
    }

    /// Removes the records up to a share of all numbers, but not the newest of a shard that is open: that one is younger than
    /// what is kept, or the engine's last. A shard that is closed and empty goes, after those that it continues.
    pub(super) fn trim(&self, percent: u64) {
        let mut state = self.state.lock();
        let through = state.number * percent / 100;
        for shard in &mut state.shards {
            let newest = shard.records.last().map_or(0, |(number, _)| *number);
            let through = if shard.info.closed { through } else { through.min(newest.saturating_sub(1)) };
            shard.records.retain(|(number, _)| *number > through);
            shard.kept_from = shard.kept_from.max(through + 1);
        }
        let goes = |shards: &[Shard], shard: &Shard| {
            let is_listed = |id: &String| shards.iter().any(|listed| listed.info.id == *id);
            let is_first = !shard.info.parent.as_ref().is_some_and(is_listed);
            shard.info.closed && shard.records.is_empty() && is_first
        };
        while let Some(at) = state.shards.iter().position(|shard| goes(&state.shards, shard)) {
            state.shards.remove(at);
        }
    }

    /// The table is another one of the same name.
    pub(super) fn recreate(&self) {
        self.state.lock().name.push('\'');
    }

    pub(super) fn table(&self, of: &Collection) -> Table {
        let state = self.state.lock();
        let of_it = state.table.iter().filter(|((collection, _), _)| collection == of.as_str());
        of_it.map(|(key, place)| (key.clone(), place.clone())).collect()
    }
}

fn hash(of: &str, id: &str) -> u8 {
    of.bytes().chain(id.bytes()).fold(7_u8, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte))
}

impl Shard {
    fn new(id: String, parent: Option<String>, range: (u8, u8)) -> Self {
        let info = ShardInfo { id, parent, closed: false };
        Self { info, range, kept_from: 0, first: None, records: Vec::new() }
    }

    fn takes(&self, hash: u8) -> bool {
        !self.info.closed && (self.range.0..=self.range.1).contains(&hash)
    }
}

impl State {
    fn append(&mut self, hash: u8, entry: Option<Entry>, created_ms: Option<u64>) {
        self.number += 1;
        let number = self.number;
        let record = Record { sequence: format!("{number:09}").parse().unwrap(), created_ms, entry };
        let shard = self.shards.iter_mut().find(|shard| shard.takes(hash)).unwrap();
        shard.first.get_or_insert(number);
        shard.records.push((number, record));
    }

    fn shard(&self, id: &str) -> Result<&Shard, StreamError> {
        self.shards.iter().find(|shard| shard.info.id == id).ok_or(StreamError::Gone)
    }
}

/// Iterators are `<shard>:<number of the last record before it>:<reads there>`.
#[async_trait]
impl ImageStream for FakeImages {
    async fn listing(&self) -> Result<Listing, StreamError> {
        let state = self.state.lock();
        let shards = state.shards.iter().map(|shard| shard.info.clone()).collect();
        Ok(Listing { stream: state.name.clone(), shards })
    }

    async fn begin(&self, shard: &str, start: &Start) -> Result<String, StreamError> {
        let state = self.state.lock();
        let of = state.shard(shard)?;
        let after = match start {
            Start::Horizon => of.kept_from.saturating_sub(1),
            Start::Latest => state.number,
            Start::After(number) => number.parse().unwrap(),
            Start::At(number) => number.parse::<u64>().unwrap() - 1,
        };
        if after + 1 < of.kept_from && of.first.is_some_and(|first| first < of.kept_from) {
            return Err(StreamError::Trimmed);
        }
        Ok(format!("{shard}:{after}:0"))
    }

    async fn images(&self, iterator: &str, limit: i32) -> Result<Images, StreamError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut parts = iterator.split(':');
        let (shard, after, tries) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let (after, tries): (u64, u64) = (after.parse().unwrap(), tries.parse().unwrap());
        let state = self.state.lock();
        let of = state.shard(shard)?;
        if after + 1 < of.kept_from
            && of.first.is_some_and(|first| first < of.kept_from && after < of.kept_from - 1)
        {
            return Err(StreamError::Trimmed);
        }
        if self.stutters.load(Ordering::Relaxed) && tries == 0 {
            return Ok(Images { records: Vec::new(), next: Some(format!("{shard}:{after}:1")) });
        }
        let rest = of.records.iter().filter(|(number, _)| *number > after);
        let page = PAGE.min(usize::try_from(limit).unwrap());
        let found: Vec<_> = rest.clone().take(page).cloned().collect();
        let last = found.last().map_or(after, |(number, _)| *number);
        let is_end = of.info.closed && rest.count() == found.len();
        let tries = if found.is_empty() { tries } else { 0 };
        let next = (!is_end).then(|| format!("{shard}:{last}:{tries}"));
        Ok(Images { records: found.into_iter().map(|(_, record)| record).collect(), next })
    }

    async fn keeps_beginning(&self, shard: &str) -> Result<bool, StreamError> {
        let state = self.state.lock();
        let of = state.shard(shard)?;
        Ok(of.first.is_none_or(|first| first >= of.kept_from))
    }
}
