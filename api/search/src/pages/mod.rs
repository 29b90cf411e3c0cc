//! The seam between search and storage: where pages come from.
//!
//! Search asks a [`PageSource`] for pages and knows nothing of what stands behind it: the store alone, or the tiers of
//! the read cache in front of it.

mod cached;
mod store;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use cellar_cache::trace::Trace;
use cellar_cache::{InvalidationPoint, Snapshot, SnapshotVersion};
use cellar_model::{Category, Collection, PageTree, PlaceId, Placement};
use geo_index::{H3Cell, Page, Row, RunRead, SearchError};
use thiserror::Error;

pub use cached::{CachedPages, PageCache, PageId};
pub use store::{StorePages, row};

use cellar_store::{CategoryIndex, ReadCost, StoreError};

/// Pages that were fetched: the ones asked for, and others that came along.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// Cells with their pages.
    pub pages: Vec<(H3Cell, Arc<Page>)>,
    /// What the store had to do for them.
    pub cost: ReadCost,
}

/// Runs of crowds that were fetched.
#[derive(Clone, Debug, Default)]
pub struct FetchedRuns {
    /// The runs with their places.
    pub pages: Vec<(RunRead, Arc<Page>)>,
    /// What the store had to do for them.
    pub cost: ReadCost,
}

/// Why a page could not be had.
#[derive(Clone, Debug, Error)]
pub enum PageError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page cannot be built.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A scan found nothing until its deadline, and has not come to its end.
    #[error("the scan found nothing in time and is not at its end; has the collection a list of its roots?")]
    NothingInTime,
}

/// Where pages come from.
#[async_trait]
pub trait PageSource: Send + Sync + 'static {
    /// A page that is in memory. The trace records where it was found.
    fn get_if_present(&self, tree: &PageTree, cell: H3Cell, trace: &mut Trace) -> Option<Arc<Page>>;

    /// The pages of all these cells, fetched side by side.
    async fn fetch(
        &self,
        tree: &PageTree,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError>;

    /// Takes note that the loads of these pages, if they come to be loaded now, should each begin at the other cell: a search
    /// expects many places there.
    fn begin_loads_at(&self, _: &PageTree, _: &[(H3Cell, H3Cell)]) {}

    /// Parts of leaves that have too many places for a page, fetched side by side. They are not kept: what is kept of such
    /// a leaf is its page, which tells the runs, and changes with each of its places.
    async fn fetch_runs(
        &self,
        tree: &PageTree,
        runs: &[RunRead],
        deadline: Instant,
    ) -> Result<FetchedRuns, PageError>;

    /// Begins a snapshot of what is in memory; `None` where nothing ever is.
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    /// Whether what a snapshot found in memory is still valid.
    fn is_still_valid(&self, _: SnapshotVersion) -> bool {
        false
    }

    /// Copies into memory what can be had of these pages without a read of the store; returns how many that were.
    async fn prefetch(&self, _: &PageTree, _: &[H3Cell]) -> usize {
        0
    }

    /// The last point in the order in which the source has been told of changes; `None` if it keeps nothing and has no
    /// such order.
    fn invalidation_point(&self) -> Option<InvalidationPoint> {
        None
    }

    /// Whether a page that was had after a moment is still the one that would be had now, for all that the source has been
    /// told.
    fn holds_since(&self, _: &PageTree, _: H3Cell, _: InvalidationPoint) -> bool {
        false
    }

    /// Takes note that something is wrong with these pages: they are fetched anew.
    async fn discard(&self, _: &PageTree, _: &[H3Cell]) {}

    /// A place as the table itself has it, which is never behind, as its index may be.
    async fn place(&self, _: &Collection, id: &PlaceId, _: Instant) -> Result<Option<Row>, PageError> {
        Err(StoreError::Failed(format!("no table to look for `{id}` in")).into())
    }

    /// How the categories of a collection are indexed: whether there are trees of categories at all.
    async fn category_index(&self, _: &Collection, _: Instant) -> Result<CategoryIndex, PageError> {
        Ok(CategoryIndex::default())
    }

    /// Whether a collection has, or had, places of a category.
    async fn has_category(&self, _: &Collection, _: &Category, _: Instant) -> Result<bool, PageError> {
        Ok(true)
    }

    /// Takes note that places that are or were here were written, moved or removed: from now on nothing older is returned.
    async fn changed(&self, _: &Collection, _: &[Placement]) {}
}
