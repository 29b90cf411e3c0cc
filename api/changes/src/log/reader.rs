//! Reading on from a token, a bounded part at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cellar_cache::clock::Clock;
use cellar_model::Collection;
use futures::StreamExt as _;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Mutex as AsyncMutex;
use xxhash_rust::xxh3::xxh3_64;

use super::shards::{Lost, beginning, by_key, readable, settle};
use super::source::{Entry, ImageStream, Listing, Record};
use super::token::{Position, Positions, ShardKey, Token};
use crate::stream::{Start, StreamError};

/// Reads of records that one part takes at most, or one for each shard if these are more.
pub const CALLS: usize = 12;

/// Records that one read asks for, at least and at most; DynamoDB returns no more than that.
const RECORDS: (usize, usize) = (100, 1_000);

/// Shards that are read at a time.
const SHARDS_AT_A_TIME: usize = 8;

/// Reads without records that show that there are none for now: DynamoDB may return one though there are records further on.
pub(super) const EMPTY_PAGES: u8 = 3;

/// Iterators that are kept for the next reader at the same position, and for how long: DynamoDB's own last 15 minutes.
const KEPT_ITERATORS: usize = 1_024;
const ITERATOR_LIFE: Duration = Duration::from_mins(10);

/// For how long a stream keeps records.
const RETENTION_MS: u64 = 24 * 3_600 * 1_000;

/// A token of now stands so far back: a search may be that much older than the table (docs/CACHING.md).
const SETTLED_MS: u64 = 12_000;

/// What a token of now may rely on clocks for: requests to AWS are refused where they differ by more than five minutes.
const SKEW_MS: u64 = 6 * 60 * 1_000;

/// The least time between two lists of shards.
const LEAST_LIST: Duration = Duration::from_secs(1);

/// Why a log cannot be read on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogError {
    /// What comes after the token is not kept any more, or the token is of another stream.
    #[error("changes after this token are not kept: {0}")]
    Gone(&'static str),
    /// The stream cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

/// Changes after a token.
#[derive(Clone, Debug)]
pub struct Part {
    /// Changes of the collection; those of one place are in order.
    pub entries: Vec<Entry>,
    /// Where to go on.
    pub next: Token,
    /// Whether more are known to be waiting.
    pub more: bool,
}

/// What one read of a shard has found.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) key: ShardKey,
    pub(super) records: Vec<Record>,
    /// Whether the shard has no more.
    pub(super) ended: bool,
    /// Whether the shard has no more for now, as far as can be told.
    pub(super) arrived: bool,
}

/// What is to be done with a record.
enum Verdict {
    Take,
    /// It and what follows it in its shard are left.
    LeaveShard,
    /// It and everything else are left.
    Stop,
}

/// An iterator that somebody has left.
#[derive(Clone)]
struct Held {
    iterator: String,
    empty_pages: u8,
    at: Instant,
}

/// The stream as what became of places. Readers share the list of shards and iterators.
pub struct ChangeLog {
    stream: Arc<dyn ImageStream>,
    clock: Arc<dyn Clock>,
    list_every: Duration,
    listed: AsyncMutex<Option<(Instant, Arc<Listing>)>>,
    iterators: Mutex<HashMap<(ShardKey, Option<String>), Held>>,
    /// The last token of now.
    recent: Mutex<Option<Token>>,
    turn: AtomicUsize,
    reads: AtomicU64,
}

impl ChangeLog {
    /// Over a stream whose shards are listed so often.
    pub fn new(stream: Arc<dyn ImageStream>, clock: Arc<dyn Clock>, list_every: Duration) -> Self {
        Self {
            stream,
            clock,
            list_every,
            listed: AsyncMutex::default(),
            iterators: Mutex::default(),
            recent: Mutex::default(),
            turn: AtomicUsize::default(),
            reads: AtomicU64::default(),
        }
    }

    /// Reads of records so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// A token of now: what is changed from now on comes after it. So do changes of the last seconds, for whoever loads a
    /// collection with this token at hand may be shown a place as it was then.
    pub async fn now(&self) -> Result<Token, LogError> {
        let now_ms = self.clock.unix_ms();
        let listing = self.listing(false).await?;
        let stream = fingerprint(&listing);
        let listed = by_key(&listing.shards);
        let recent = self.recent.lock().clone().filter(|token| token.stream == stream);
        let mut positions = recent.map_or_else(Positions::new, |token| token.positions);
        if positions.is_empty() || settle(&mut positions, &listed) == Err(Lost) {
            positions = beginning(&listed);
        }
        let floor_ms = now_ms.saturating_sub(SKEW_MS);
        let mut token = Token { stream, made_ms: now_ms, floor_ms, positions };
        let is_settled =
            |record: &Record| record.created_ms.is_some_and(|created_ms| created_ms + SETTLED_MS < now_ms);
        let judge = |record: &Record| if is_settled(record) { Verdict::Take } else { Verdict::LeaveShard };
        // Who begins does not mind what was removed before.
        let any = u64::MAX;
        let mut moved = self.advance(&mut token, any, Arc::clone(&listing), RECORDS.1, judge).await;
        if matches!(moved, Err(LogError::Gone(_))) {
            token.positions = beginning(&listed);
            moved = self.advance(&mut token, any, Arc::clone(&listing), RECORDS.1, judge).await;
        }
        moved?;
        *self.recent.lock() = Some(token.clone());
        Ok(token)
    }

    /// Whether a token can be read on from, as far as can be told without reading.
    pub async fn check(&self, token: &Token) -> Result<(), LogError> {
        self.settled(&mut token.clone()).await.map(|_| ())
    }

    /// At most `limit` changes of a collection after a token, found in a bounded number of reads.
    pub async fn read(&self, collection: &Collection, token: &Token, limit: usize) -> Result<Part, LogError> {
        let mut next = token.clone();
        let now_ms = self.clock.unix_ms();
        let listing = self.settled(&mut next).await?;
        let floor_ms = token.floor_ms;
        let mut entries = Vec::new();
        let judge = |record: &Record| {
            let is_old = record.created_ms.is_some_and(|created_ms| created_ms < floor_ms);
            let Some(entry) =
                record.entry.as_ref().filter(|entry| !is_old && entry.collection == *collection)
            else {
                return Verdict::Take;
            };
            if entries.len() == limit {
                return Verdict::Stop;
            }
            entries.push(entry.clone());
            Verdict::Take
        };
        let more = self.advance(&mut next, floor_ms, listing, limit, judge).await?;
        next.made_ms = now_ms;
        Ok(Part { entries, next, more })
    }

    /// Moves a token over records; returns whether more are known to be waiting. Records that were created before `floor_ms`
    /// may be missing.
    async fn advance(
        &self,
        token: &mut Token,
        floor_ms: u64,
        mut listing: Arc<Listing>,
        wanted: usize,
        mut judge: impl FnMut(&Record) -> Verdict,
    ) -> Result<bool, LogError> {
        let limit = wanted.clamp(RECORDS.0, RECORDS.1);
        let mut quiet = BTreeSet::new();
        let mut left = CALLS.max(token.positions.len());
        loop {
            let keys = self.in_turn(&token.positions, &listing, &quiet, left);
            if keys.is_empty() {
                return Ok(left == 0 && !self.in_turn(&token.positions, &listing, &quiet, 1).is_empty());
            }
            left -= keys.len();
            let pages = self.pages(&keys, &token.positions, floor_ms, &listing, limit).await?;
            let mut ended = false;
            for page in pages {
                let mut whole = true;
                for record in &page.records {
                    match judge(record) {
                        Verdict::Take => {
                            token.positions.insert(page.key, Position::After(record.sequence.clone()));
                        }
                        Verdict::Stop => return Ok(true),
                        Verdict::LeaveShard => {
                            whole = false;
                            self.stand_before(token, page.key, record, &listing).await?;
                            break;
                        }
                    }
                }
                if !whole || page.arrived {
                    quiet.insert(page.key);
                } else if page.ended {
                    token.positions.insert(page.key, Position::Ended);
                    ended = true;
                }
            }
            if ended {
                listing = self.settled(token).await?;
            }
        }
    }

    /// Replaces the beginning of a shard, if that is gone, by the place before its first record.
    async fn stand_before(
        &self,
        token: &mut Token,
        key: ShardKey,
        first: &Record,
        listing: &Listing,
    ) -> Result<(), LogError> {
        if token.positions.get(&key) != Some(&Position::Beginning) {
            return Ok(());
        }
        let shard = by_key(&listing.shards).get(&key).map(|shard| shard.id.clone());
        let Some(shard) = shard else { return Ok(()) };
        if !self.stream.keeps_beginning(&shard).await?
            && let Some(before) = first.sequence.before()
        {
            token.positions.insert(key, Position::After(before));
        }
        Ok(())
    }

    /// Some of the shards that can be read, beginning with another one each time: none may keep the others waiting.
    fn in_turn(
        &self,
        positions: &Positions,
        listing: &Listing,
        quiet: &BTreeSet<ShardKey>,
        most: usize,
    ) -> Vec<ShardKey> {
        let mut keys = readable(positions, &by_key(&listing.shards));
        keys.retain(|key| !quiet.contains(key));
        if !keys.is_empty() {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % keys.len();
            keys.rotate_left(turn);
        }
        keys.truncate(most);
        keys
    }

    /// Brings a token up to the shards that there are.
    pub(super) async fn settled(&self, token: &mut Token) -> Result<Arc<Listing>, LogError> {
        let old = self.clock.unix_ms().saturating_sub(token.made_ms) > RETENTION_MS;
        if old && token.positions.values().any(|position| *position == Position::Beginning) {
            return Err(LogError::Gone("the token is more than 24 hours old"));
        }
        let mut refusal = LogError::Gone("");
        // An older list than the token's may lack shards that it names.
        let waits = token.positions.values().any(|position| *position == Position::Ended);
        for fresh in [waits, true] {
            let listing = self.listing(fresh).await?;
            if fingerprint(&listing) != token.stream {
                refusal = LogError::Gone("the token is of another table");
            } else if settle(&mut token.positions, &by_key(&listing.shards)) == Err(Lost) {
                refusal = LogError::Gone("some of them have been removed");
            } else {
                return Ok(listing);
            }
        }
        Err(refusal)
    }

    /// The shards that there are: as of late, or as of a second ago if that is asked for.
    pub(super) async fn listing(&self, fresh: bool) -> Result<Arc<Listing>, LogError> {
        let mut listed = self.listed.lock().await;
        let life = if fresh { LEAST_LIST.min(self.list_every) } else { self.list_every };
        let now = self.clock.now();
        if let Some((at, listing)) = &*listed
            && now.saturating_duration_since(*at) < life
        {
            return Ok(Arc::clone(listing));
        }
        let listing = Arc::new(self.stream.listing().await?);
        *listed = Some((now, Arc::clone(&listing)));
        Ok(listing)
    }

    /// Reads a page of each of some shards, behind their positions.
    pub(super) async fn pages(
        &self,
        keys: &[ShardKey],
        positions: &Positions,
        floor_ms: u64,
        listing: &Listing,
        limit: usize,
    ) -> Result<Vec<Page>, LogError> {
        let listed = by_key(&listing.shards);
        let reads = keys.iter().filter_map(|key| {
            let shard = listed.get(key)?.id.as_str();
            Some(self.page(*key, shard, positions.get(key)?, floor_ms, limit))
        });
        let reads: Vec<_> = reads.collect();
        let pages: Vec<_> = futures::stream::iter(reads).buffered(SHARDS_AT_A_TIME).collect().await;
        let pages: Result<Vec<Page>, LogError> = pages.into_iter().collect();
        if let Err(error) = &pages {
            self.forget_list_if_wrong(error).await;
        }
        pages
    }

    /// Lists shards anew next time, if one of the list is not there.
    pub(super) async fn forget_list_if_wrong(&self, error: &LogError) {
        if matches!(error, LogError::Stream(StreamError::Gone)) {
            *self.listed.lock().await = None;
        }
    }

    async fn page(
        &self,
        key: ShardKey,
        shard: &str,
        from: &Position,
        floor_ms: u64,
        limit: usize,
    ) -> Result<Page, LogError> {
        let mut held = self.held(key, from);
        let read = match &held {
            Some(held) => self.images(&held.iterator, limit).await,
            None => Err(StreamError::Expired),
        };
        let begins_anew = |error: &StreamError| match error {
            StreamError::Expired => true,
            // An iterator of an earlier reader. What counts is asked below.
            StreamError::Trimmed => held.is_some() && *from == Position::Beginning,
            _ => false,
        };
        let read = match read {
            Err(error) if begins_anew(&error) => {
                held = None;
                let iterator = self.stream.begin(shard, &start(from)).await.map_err(gone)?;
                self.images(&iterator, limit).await
            }
            read => read,
        };
        let images = read.map_err(gone)?;
        let first_ms = images.records.first().map(|record| record.created_ms);
        let is_cut = first_ms.is_some_and(|at| at.is_none_or(|at| at >= floor_ms));
        if *from == Position::Beginning && is_cut && !self.stream.keeps_beginning(shard).await? {
            return Err(TRIMMED);
        }
        let empty_pages = held.map_or(0, |held| held.empty_pages);
        let arrived = images.records.is_empty() && empty_pages + 1 >= EMPTY_PAGES;
        let (position, empty_pages) = match images.records.last() {
            None => (from.clone(), (empty_pages + 1).min(EMPTY_PAGES)),
            // Who has been at the end stays near it.
            Some(last) => {
                let near = if empty_pages >= EMPTY_PAGES { EMPTY_PAGES - 1 } else { 0 };
                (Position::After(last.sequence.clone()), near)
            }
        };
        let ended = images.next.is_none();
        if let Some(iterator) = images.next {
            self.hold(key, &position, Held { iterator, empty_pages, at: self.clock.now() });
        }
        Ok(Page { key, records: images.records, ended, arrived: arrived && !ended })
    }

    async fn images(&self, iterator: &str, limit: usize) -> Result<super::source::Images, StreamError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.stream.images(iterator, i32::try_from(limit).unwrap_or(i32::MAX)).await
    }

    fn held(&self, key: ShardKey, at: &Position) -> Option<Held> {
        let held = self.iterators.lock().get(&(key, text(at))).cloned()?;
        let age = self.clock.now().saturating_duration_since(held.at);
        (age < ITERATOR_LIFE).then_some(held)
    }

    fn hold(&self, key: ShardKey, at: &Position, held: Held) {
        let mut iterators = self.iterators.lock();
        if iterators.len() >= KEPT_ITERATORS {
            let now = self.clock.now();
            iterators.retain(|_, held| now.saturating_duration_since(held.at) < ITERATOR_LIFE / 10);
            if iterators.len() >= KEPT_ITERATORS {
                iterators.clear();
            }
        }
        iterators.insert((key, text(at)), held);
    }

    /// The stream itself, for a reader that keeps iterators of its own.
    pub(super) fn stream(&self) -> &dyn ImageStream {
        &*self.stream
    }

    pub(super) fn unix_ms(&self) -> u64 {
        self.clock.unix_ms()
    }
}

const TRIMMED: LogError = LogError::Gone("some of them have been removed");

fn gone(error: StreamError) -> LogError {
    if error == StreamError::Trimmed { TRIMMED } else { error.into() }
}

fn text(at: &Position) -> Option<String> {
    if let Position::After(number) = at { Some(number.to_string()) } else { None }
}

fn start(from: &Position) -> Start {
    text(from).map_or(Start::Horizon, Start::After)
}

pub(super) fn fingerprint(listing: &Listing) -> u64 {
    xxh3_64(listing.stream.as_bytes())
}
