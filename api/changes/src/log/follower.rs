//! Somebody who watches a collection, from now or from a token on.
//!
//! From a token it first reads by itself; when it has found the end it joins those who watch, and reads on until it has
//! found the end again. From then on it takes batches from its queue. Invariant: it takes a batch only if it has read what
//! the batch follows, or if it began with the queue; otherwise it reads by itself until that is so. Records that it has had
//! are told by their numbers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cellar_model::Collection;
use tokio::time::sleep;

use super::hub::{Batch, Hub, Subscription};
use super::reader::{CALLS, EMPTY_PAGES, LogError};
use super::shards::{by_key, readable};
use super::source::{Entry, Listing};
use super::token::{Position, ShardKey, Token};

/// Records that one read asks for; DynamoDB's own limit.
const RECORDS: usize = 1_000;

/// Reads in a row that find nothing of what the queue already has, after which a watcher gives up.
const PATIENCE: u32 = 100;

/// Why watching has ended. All but [`Gone`](Self::Gone) leave a token to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The watcher was too slow, or the reader began anew.
    Behind,
    /// The process is stopping.
    Stopping,
    /// Changes are lost.
    Gone(&'static str),
    /// The stream cannot be read; the text is for logs.
    Failed(String),
}

impl From<LogError> for End {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Gone(reason) => Self::Gone(reason),
            LogError::Stream(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Somebody who watches.
pub struct Follower {
    hub: Arc<Hub>,
    collection: Collection,
    token: Token,
    /// Records before this are not told.
    floor_ms: u64,
    subscription: Option<Subscription>,
    /// Whether it began with the queue, which then has all there is.
    is_fresh: bool,
    /// Reads of each shard in a row that found nothing.
    empty_pages: BTreeMap<ShardKey, u8>,
    is_current: bool,
    current: Option<(Arc<Batch>, usize)>,
    own: VecDeque<Arc<Batch>>,
    pending: Option<Arc<Batch>>,
    vain: u32,
}

impl Follower {
    /// Watches from now on, or from a token on.
    pub async fn begin(
        hub: Arc<Hub>,
        collection: Collection,
        since: Option<Token>,
    ) -> Result<Self, LogError> {
        let (token, subscription) = if let Some(mut token) = since {
            hub.log().settled(&mut token).await?;
            (token, None)
        } else {
            // A table without a stream is told at once.
            hub.log().listing(false).await?;
            let subscription = hub.subscribe().await?;
            (subscription.told.clone(), Some(subscription))
        };
        let is_fresh = subscription.is_some();
        Ok(Self {
            hub,
            collection,
            floor_ms: if is_fresh { 0 } else { token.floor_ms },
            token,
            subscription,
            is_fresh,
            empty_pages: BTreeMap::new(),
            is_current: is_fresh,
            current: None,
            own: VecDeque::new(),
            pending: None,
            vain: 0,
        })
    }

    /// A token behind what [`next`](Self::next) has returned last.
    pub fn token(&self) -> Token {
        Token { made_ms: self.hub.log().unix_ms(), ..self.token.clone() }
    }

    /// Whether it has told everything up to the end of the stream, and now waits.
    pub fn is_current(&self) -> bool {
        self.is_current && self.current.is_none() && self.own.is_empty() && self.pending.is_none()
    }

    /// The next change of the collection. Nothing is lost if this is dropped before it is ready.
    pub async fn next(&mut self) -> Result<Entry, End> {
        let hub = Arc::clone(&self.hub);
        tokio::select! {
            biased;
            () = hub.stopped() => Err(End::Stopping),
            next = self.advance() => next,
        }
    }

    async fn advance(&mut self) -> Result<Entry, End> {
        loop {
            if let Some(entry) = self.take() {
                return Ok(entry);
            }
            if let Some(batch) = self.own.pop_front() {
                self.current = Some((batch, 0));
            } else if self.is_current {
                self.take_queued().await?;
            } else {
                self.catch_up().await?;
            }
        }
    }

    /// The next change of what is at hand.
    fn take(&mut self) -> Option<Entry> {
        let (batch, at) = self.current.as_mut()?;
        while let Some(record) = batch.records.get(*at) {
            *at += 1;
            let position = Position::After(record.sequence.clone());
            if self.token.positions.get(&batch.key).is_some_and(|had| *had >= position) {
                continue;
            }
            self.token.positions.insert(batch.key, position);
            let is_old = record.created_ms.is_some_and(|created_ms| created_ms < self.floor_ms);
            let entry = record.entry.as_ref().filter(|entry| !is_old && entry.collection == self.collection);
            if let Some(entry) = entry {
                return Some(entry.clone());
            }
        }
        if batch.ended {
            self.token.positions.insert(batch.key, Position::Ended);
        }
        self.current = None;
        None
    }

    /// Reads by itself until it has found the end, joins those who watch, and does so once more.
    async fn catch_up(&mut self) -> Result<(), End> {
        if self.read().await? {
            return Ok(());
        }
        if self.subscription.is_some() {
            self.is_current = true;
            return Ok(());
        }
        self.subscription = Some(self.hub.subscribe().await?);
        self.empty_pages.clear();
        Ok(())
    }

    /// Reads a page of each shard whose end it has not found; false if there is none.
    async fn read(&mut self) -> Result<bool, End> {
        // The semaphore is never closed.
        let hub = Arc::clone(&self.hub);
        let _permit = hub.catch_ups.acquire().await.map_err(|_| End::Stopping)?;
        let listing = self.settled().await?;
        let log = self.hub.log();
        let mut keys = readable(&self.token.positions, &by_key(&listing.shards));
        let has_arrived =
            |key: &ShardKey| self.empty_pages.get(key).is_some_and(|&pages| pages >= EMPTY_PAGES);
        keys.retain(|key| !has_arrived(key));
        keys.truncate(CALLS);
        let pages = log.pages(&keys, &self.token.positions, self.floor_ms, &listing, RECORDS).await?;
        for page in pages {
            let empty_pages = self.empty_pages.entry(page.key).or_default();
            *empty_pages = if page.records.is_empty() { *empty_pages + 1 } else { 0 };
            let after = self.token.positions.get(&page.key).cloned();
            self.own.push_back(Arc::new(Batch {
                key: page.key,
                after,
                records: page.records,
                ended: page.ended,
            }));
        }
        Ok(!keys.is_empty())
    }

    /// Takes a batch from the queue if that is what comes next.
    async fn take_queued(&mut self) -> Result<(), End> {
        let batch = if let Some(batch) = self.pending.take() {
            batch
        } else {
            let subscription = self.subscription.as_mut().ok_or(End::Behind)?;
            subscription.queue.recv().await.ok_or(End::Behind)?
        };
        self.pending = Some(Arc::clone(&batch));
        if !self.token.positions.contains_key(&batch.key) {
            // It continues a shard that has been read, or has been read itself.
            self.settled().await?;
        }
        match self.place_of(&batch) {
            Place::Next => {
                self.current = Some((batch, 0));
                self.pending = None;
                self.vain = 0;
            }
            Place::Past => self.pending = None,
            Place::Ahead => self.read_up_to(&batch).await?,
        }
        Ok(())
    }

    /// Brings its positions, which are as of now, up to the shards that there are.
    async fn settled(&mut self) -> Result<Arc<Listing>, LogError> {
        self.token.made_ms = self.hub.log().unix_ms();
        self.hub.log().settled(&mut self.token).await
    }

    fn place_of(&self, batch: &Batch) -> Place {
        if self.is_fresh {
            return Place::Next;
        }
        let Some(had) = self.token.positions.get(&batch.key) else { return Place::Past };
        if *had == Position::Ended {
            return Place::Past;
        }
        let last = batch.records.last().map(|record| Position::After(record.sequence.clone()));
        let has_all = last.is_some_and(|last| *had >= last);
        match &batch.after {
            _ if has_all && !batch.ended => Place::Past,
            _ if has_all => Place::Next,
            Some(after) if had >= after => Place::Next,
            _ => Place::Ahead,
        }
    }

    /// Reads the shard of a batch, whose records cannot be far.
    async fn read_up_to(&mut self, batch: &Batch) -> Result<(), End> {
        self.vain += 1;
        if self.vain > PATIENCE {
            return Err(End::Behind);
        }
        if self.vain > 1 {
            sleep(self.hub.settings.poll).await;
        }
        self.empty_pages.clear();
        self.read().await?;
        if self.own.iter().any(|own| own.key == batch.key && !own.records.is_empty()) {
            self.vain = 0;
        }
        Ok(())
    }
}

/// Where a batch stands to what has been read.
enum Place {
    Next,
    Past,
    Ahead,
}
