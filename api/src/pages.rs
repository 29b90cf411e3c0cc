//! The seam between search and storage: where pages come from.
//!
//! Search asks a [`PageSource`] for pages and knows nothing of what stands behind it. Today that is the store;
//! the cache tiers implement the same trait in front of it.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use geo_index::key::ROOT_RESOLUTION;
use geo_index::tree::PageLoad;
use geo_index::{Collection, H3Cell, Page, Row, SearchError};
use thiserror::Error;

use crate::place::Place;
use crate::store::{RangeRead, ReadCost, Store, StoreError};

/// Pages that were fetched: the ones asked for, and others that came along.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// Cells with their pages.
    pub pages: Vec<(H3Cell, Arc<Page>)>,
    /// What the store had to do for them.
    pub cost: ReadCost,
}

/// Why a page could not be had.
#[derive(Debug, Error)]
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
    /// A page that is at hand without waiting.
    fn at_hand(&self, collection: &Collection, cell: H3Cell) -> Option<Arc<Page>>;

    /// The pages of all these cells, fetched side by side.
    async fn fetch(
        &self,
        collection: &Collection,
        cells: &[H3Cell],
        deadline: Instant,
    ) -> Result<Fetched, PageError>;
}

/// Pages straight from the store; nothing is kept.
pub struct StorePages {
    store: Arc<dyn Store>,
}

impl StorePages {
    /// Pages of the places in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    async fn load(
        &self,
        collection: &Collection,
        cell: H3Cell,
        deadline: Instant,
    ) -> Result<Fetched, PageError> {
        let root = cell.ancestor(ROOT_RESOLUTION).unwrap_or(cell);
        let mut load = PageLoad::new(cell);
        let mut cost = ReadCost::default();
        while let Some(next) = load.next_read() {
            let read = RangeRead {
                collection: collection.clone(),
                root,
                first_leaf: next.first,
                last_leaf: next.last,
                limit: (!next.whole).then_some(next.limit),
                cap: next.limit,
            };
            let found = self.store.read_range(&read, deadline).await?;
            cost += found.cost;
            load.accept(found.places.into_iter().map(row).collect(), found.complete);
        }
        let pages = load.finish()?.into_iter().map(|(cell, page)| (cell, Arc::new(page))).collect();
        Ok(Fetched { pages, cost })
    }
}

#[async_trait]
impl PageSource for StorePages {
    fn at_hand(&self, _: &Collection, _: H3Cell) -> Option<Arc<Page>> {
        None
    }

    async fn fetch(
        &self,
        collection: &Collection,
        cells: &[H3Cell],
        deadline: Instant,
    ) -> Result<Fetched, PageError> {
        let mut loads: FuturesUnordered<_> =
            cells.iter().map(|cell| self.load(collection, *cell, deadline)).collect();
        let mut fetched = Fetched::default();
        while let Some(loaded) = loads.next().await {
            let loaded = loaded?;
            fetched.pages.extend(loaded.pages);
            fetched.cost += loaded.cost;
        }
        Ok(fetched)
    }
}

/// A place as a row of a page: its payload is the rest of its Feature, ready to be sent.
pub fn row((leaf, place): (H3Cell, Place)) -> Row {
    Row {
        leaf,
        id: place.id.as_str().to_owned(),
        position: place.position,
        category: place.properties.category(),
        payload: place.feature_tail().into_bytes(),
    }
}
