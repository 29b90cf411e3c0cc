//! Pages that take note of what is asked of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use cellar_cache::trace::Trace;
use cellar_model::{PageKey, PageTree};
use cellar_search::pages::{CachedPages, Fetched, FetchedRuns, PageError, PageSource};
use geo_index::{H3Cell, Page, RunRead};

/// A page that was asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Its key in Redis.
    pub(crate) name: String,
    pub(crate) cell: H3Cell,
    pub(crate) page: Arc<Page>,
}

/// Pages through the cache, and what was asked for, round by round.
#[derive(Clone)]
pub(crate) struct Watched {
    pages: CachedPages,
    rounds: Arc<Mutex<Vec<Vec<Asked>>>>,
    settled: Arc<AtomicBool>,
}

impl Watched {
    pub(crate) fn new(pages: CachedPages) -> Self {
        Self { pages, rounds: Arc::default(), settled: Arc::default() }
    }

    /// What was asked for since the last time.
    pub(crate) fn take(&self) -> Vec<Vec<Asked>> {
        std::mem::take(&mut *self.rounds.lock().expect("no panic"))
    }

    /// Waits until everything that was loaded is in the remote tier.
    pub(crate) async fn settled(&self) {
        self.pages.cache().drain().await;
        self.settled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl PageSource for Watched {
    fn get_if_present(&self, tree: &PageTree, cell: H3Cell, trace: &mut Trace) -> Option<Arc<Page>> {
        self.pages.get_if_present(tree, cell, trace)
    }

    async fn fetch(
        &self,
        tree: &PageTree,
        cells: &[H3Cell],
        deadline: Instant,
        trace: &mut Trace,
    ) -> Result<Fetched, PageError> {
        let fetched = self.pages.fetch(tree, cells, deadline, trace).await?;
        let asked = |cell: &H3Cell| {
            let (_, page) = fetched.pages.iter().find(|(found, _)| found == cell)?;
            let name = PageKey::new(tree, *cell)?.cache_key();
            Some(Asked { name, cell: *cell, page: Arc::clone(page) })
        };
        self.rounds.lock().expect("no panic").push(cells.iter().filter_map(asked).collect());
        Ok(fetched)
    }

    async fn fetch_runs(
        &self,
        tree: &PageTree,
        runs: &[RunRead],
        deadline: Instant,
    ) -> Result<FetchedRuns, PageError> {
        self.pages.fetch_runs(tree, runs, deadline).await
    }
}
