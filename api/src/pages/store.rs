//! Pages straight from the store.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use cellar_cache::trace::Trace;
use futures::stream::{FuturesUnordered, StreamExt};
use geo_index::key::ROOT_RESOLUTION;
use geo_index::tree::PageLoad;
use geo_index::{Collection, H3Cell, Page, Row};

use super::{Fetched, PageError, PageSource};
use crate::place::Place;
use crate::store::{RangeRead, ReadCost, Store};

/// Pages straight from the store; nothing is kept.
pub struct StorePages {
    store: Arc<dyn Store>,
}

impl StorePages {
    /// Pages of the places in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Reads what the page of a cell needs; it comes first, and then those of other cells that the same rows make up.
    pub(super) async fn load(
        &self,
        collection: &Collection,
        cell: H3Cell,
        deadline: Instant,
    ) -> Result<(Vec<(H3Cell, Page)>, ReadCost), PageError> {
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
        Ok((load.finish()?, cost))
    }
}

#[async_trait]
impl PageSource for StorePages {
    fn at_hand(&self, _: &Collection, _: H3Cell, _: &mut Trace) -> Option<Arc<Page>> {
        None
    }

    async fn fetch(
        &self,
        collection: &Collection,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError> {
        trace.source.loads += cells.len() as u32;
        let mut loads: FuturesUnordered<_> =
            cells.iter().map(|cell| self.load(collection, *cell, deadline)).collect();
        let mut fetched = Fetched::default();
        while let Some(loaded) = loads.next().await {
            let (pages, cost) = loaded?;
            fetched.pages.extend(pages.into_iter().map(|(cell, page)| (cell, Arc::new(page))));
            fetched.cost += cost;
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
