//! Reading one shard, a page at a time.
//!
//! Invariant: a page's changes are with the sink before the checkpoint moves, and the checkpoint has moved before the
//! next page is asked for.

use cellar_model::PageKey;
use tracing::{debug, warn};

use super::parts::{Parts, Trouble};
use super::record::Meaning;
use super::stream::{Page, Start, StreamError};
use super::{Change, edge_tags, pages_of};

/// The checkpoint of a shard that has been read to its end.
pub(super) const END: &str = "end";

/// Pages without records that show that a reading from the past has arrived: DynamoDB may return one though
/// there are records further on.
const EMPTY_PAGES: u8 = 3;

/// A record this much younger than the reading shows the same, on a table whose writes never pause: times of records
/// are rounded to a second, and clocks differ.
const YOUNGER_MS: u64 = 2_000;

/// A shard.
#[derive(Debug)]
pub(super) struct Shard {
    id: String,
    /// Where to begin again without an iterator.
    start: Start,
    iterator: Option<String>,
    done: bool,
    /// When the iterator was asked for, in milliseconds since 1970.
    began_ms: u64,
    empty_pages: u8,
}

/// How a page left the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More records may be waiting.
    More,
    /// No records, which proves nothing yet.
    Searching,
    /// Everything that was there has been handed over.
    Arrived,
    /// The shard is closed and has been read.
    Ended,
}

impl Shard {
    pub(super) fn new(id: String, start: Start) -> Self {
        Self { id, start, iterator: None, done: false, began_ms: 0, empty_pages: 0 }
    }

    pub(super) fn done(id: String) -> Self {
        Self { done: true, ..Self::new(id, Start::Horizon) }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    #[cfg(test)]
    pub(super) fn start(&self) -> &Start {
        &self.start
    }

    #[cfg(test)]
    pub(super) fn finish(&mut self) {
        self.done = true;
    }

    /// Reads a page and hands it over. After an error the same page is read again.
    pub(super) async fn step(&mut self, of: &Parts) -> Result<Step, Trouble> {
        match self.read(of).await {
            Ok(page) => self.hand_over(page, of).await,
            Err(error) => {
                match error {
                    StreamError::Expired => self.iterator = None,
                    StreamError::Trimmed => {
                        warn!(shard = self.id, "changes were trimmed before they were read");
                        of.invalidate_everything();
                        self.begin_at(Start::Horizon);
                    }
                    _ => {}
                }
                Err(error.into())
            }
        }
    }

    async fn read(&mut self, of: &Parts) -> Result<Page, StreamError> {
        if self.iterator.is_none() {
            self.began_ms = of.clock.unix_ms();
            let iterator = of.stream.iterator(&self.id, &self.start).await?;
            self.iterator = Some(iterator);
            self.empty_pages = 0;
            if self.start == Start::Latest {
                // Should the iterator be lost, what came since must not be.
                self.start = Start::Horizon;
                self.empty_pages = EMPTY_PAGES;
            }
        }
        of.stream.records(self.iterator.as_deref().unwrap_or_default()).await
    }

    async fn hand_over(&mut self, page: Page, of: &Parts) -> Result<Step, Trouble> {
        let Page { meanings, last, created_ms, next, full } = page;
        let count = meanings.len();
        let (changes, listings) = self.changes(meanings, of);
        if !changes.is_empty() || !listings.is_empty() {
            let pages = [pages_of(&changes), listings].concat();
            of.sink.invalidate(&pages, &edge_tags(&changes)).await?;
        }
        if let Some(number) = last {
            // Without it the changes come again, which is no harm; a store that is full must not stop the feed.
            if let Err(error) = of.checkpoints.save(&self.id, &number).await {
                warn!(%error, shard = self.id, "a checkpoint is not saved");
            }
            self.start = Start::After(number);
            of.status.handed_over(count, created_ms, of.clock.unix_ms());
        }
        if next.is_none() {
            of.checkpoints.save(&self.id, END).await?;
            debug!(shard = self.id, "read to its end");
            self.done = true;
            return Ok(Step::Ended);
        }
        self.iterator = next;
        Ok(self.judge(count, created_ms, full))
    }

    fn judge(&mut self, count: usize, created_ms: Option<u64>, full: bool) -> Step {
        // Once a reading has arrived it stays near the end: a page that is not full is proof then.
        if created_ms.is_some_and(|created_ms| created_ms > self.began_ms + YOUNGER_MS) {
            self.empty_pages = EMPTY_PAGES;
        }
        let arrived = self.empty_pages >= EMPTY_PAGES;
        if full {
            return Step::More;
        }
        if !arrived {
            self.empty_pages = if count == 0 { self.empty_pages + 1 } else { 0 };
        }
        if self.empty_pages >= EMPTY_PAGES { Step::Arrived } else { Step::Searching }
    }

    /// What became of places, and the pages that list other roots now.
    fn changes(&self, meanings: Vec<Meaning>, of: &Parts) -> (Vec<Change>, Vec<PageKey>) {
        let (mut unknown, mut listings) = (false, Vec::new());
        let changes = meanings.into_iter().filter_map(|meaning| match meaning {
            Meaning::Place(change) => Some(change),
            Meaning::Damaged(change, reason) => {
                warn!(shard = self.id, reason, "a damaged record");
                Some(change)
            }
            Meaning::Unknown(reason) => {
                warn!(shard = self.id, reason, "a record that cannot be read");
                unknown = true;
                None
            }
            Meaning::Roots(pages) => {
                listings.extend(pages);
                None
            }
            Meaning::Other => None,
        });
        let changes = changes.collect();
        if unknown {
            of.invalidate_everything();
        }
        listings.sort_unstable();
        listings.dedup();
        (changes, listings)
    }

    fn begin_at(&mut self, start: Start) {
        self.start = start;
        self.iterator = None;
    }
}
