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
use cellar_cache::{Look, Moment};
use geo_index::{Collection, H3Cell, Page, SearchError};
use thiserror::Error;

pub use cached::{CachedPages, PageCache, PageId};
pub use store::{StorePages, row};

use crate::store::{ReadCost, StoreError};

/// Pages that were fetched: the ones asked for, and others that came along.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// Cells with their pages.
    pub pages: Vec<(H3Cell, Arc<Page>)>,
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
}

/// Where pages come from.
#[async_trait]
pub trait PageSource: Send + Sync + 'static {
    /// A page that is at hand without waiting. The trace takes note of where it was found.
    fn at_hand(&self, collection: &Collection, cell: H3Cell, trace: &mut Trace) -> Option<Arc<Page>>;

    /// The pages of all these cells, fetched side by side.
    async fn fetch(
        &self,
        collection: &Collection,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError>;

    /// Begins a look at what is at hand; `None` where nothing ever is.
    fn look(&self) -> Option<Look> {
        None
    }

    /// Whether what is at hand is as it was at a moment.
    fn lasts(&self, _: Moment) -> bool {
        false
    }

    /// Brings to hand what can be had of these pages without a read of the store; tells how many that were.
    async fn look_around(&self, _: &Collection, _: &[H3Cell]) -> usize {
        0
    }

    /// Takes note that places at these leaves were written, moved or removed: from now on nothing older is returned.
    async fn changed(&self, _: &Collection, _: &[H3Cell]) {}
}
