//! Rendered answers, and whether they still hold.
//!
//! Invariant: an answer is served only if a search now would find the very pages that it was made of, or memory has not
//! changed since that was last so.

use std::sync::{Arc, Weak};

use cellar_cache::SnapshotVersion;
use cellar_cache::trace::Trace;
use cellar_model::PageTree;
use cellar_model::canonical::CellUrl;
use geo_index::{H3Cell, Page, Position};
use parking_lot::Mutex;

use super::representation::Representation;
use crate::UsedPage;
use crate::pages::PageSource;

/// Bytes of a page that is gone from memory but still remembered by an answer.
const PAGE_SHELL_BYTES: usize = size_of::<Page>() + size_of::<KeptPage>() + 2 * size_of::<usize>();
/// Bytes of an entry beside what is counted: key, nodes of the map.
const ENTRY_BYTES: usize = 512;

/// How the cache of rendered answers served a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It had the answer. `ttl_ms` is what is left of the least fresh page's time, if that was looked at.
    Hit {
        /// Negative when a page is past it.
        ttl_ms: Option<i64>,
    },
    /// It had none.
    Miss,
    /// It had one of pages that have changed since.
    Outdated,
}

/// An answer, and what it was made of.
#[derive(Debug)]
pub struct Rendered {
    /// What it is the answer of.
    pub url: CellUrl,
    /// Centre of its cell.
    pub centre: Position,
    /// As it is sent.
    pub representation: Arc<Representation>,
    basis: Basis,
}

/// What a look at an answer's pages says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A search would find the same.
    Current {
        /// What is left of the least fresh page's time, if that was looked at.
        ttl_ms: Option<i64>,
        /// It may be out of date all the same, as any search may be now.
        short_ttl: bool,
    },
    /// A search might find something else.
    Outdated,
}

impl Rendered {
    /// An answer made of pages.
    pub fn new(url: CellUrl, representation: Arc<Representation>, pages: &[UsedPage]) -> Self {
        Self { basis: Basis::new(pages), centre: url.cell.centre(), url, representation }
    }

    /// Whether it was made of just these pages.
    pub fn is_made_of(&self, pages: &[UsedPage]) -> bool {
        let kept = &self.basis.pages;
        let mut both = pages.iter().zip(kept);
        pages.len() == kept.len() && both.all(|(used, kept)| kept.is(used.cell, &used.page))
    }

    /// Whether it still holds.
    pub fn freshness(&self, source: &dyn PageSource) -> Freshness {
        self.basis.freshness(source)
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        self.representation.weight() + self.basis.pages.len() * PAGE_SHELL_BYTES + ENTRY_BYTES
    }
}

/// The pages that a search looked at. They are not kept alive, but no other page can come to lie where one lay.
#[derive(Debug)]
struct Basis {
    pages: Box<[KeptPage]>,
    /// The version of memory in which all of them were last found.
    version: Mutex<Option<SnapshotVersion>>,
}

/// A page by its address.
#[derive(Debug)]
struct KeptPage {
    tree: Arc<PageTree>,
    cell: H3Cell,
    page: Weak<Page>,
}

impl KeptPage {
    fn of(used: &UsedPage) -> Self {
        Self { tree: Arc::clone(&used.tree), cell: used.cell, page: Arc::downgrade(&used.page) }
    }

    fn is(&self, cell: H3Cell, page: &Arc<Page>) -> bool {
        self.cell == cell && std::ptr::eq(Arc::as_ptr(page), self.page.as_ptr())
    }
}

impl Basis {
    fn new(pages: &[UsedPage]) -> Self {
        Self { pages: pages.iter().map(KeptPage::of).collect(), version: Mutex::new(None) }
    }

    fn freshness(&self, source: &dyn PageSource) -> Freshness {
        let version = *self.version.lock();
        if version.is_some_and(|version| source.is_still_valid(version)) {
            return Freshness::Current { ttl_ms: None, short_ttl: false };
        }
        let Some(snapshot) = source.snapshot() else { return Freshness::Outdated };
        let mut trace = Trace::default();
        let mut found = |kept: &KeptPage| {
            let page = source.get_if_present(&kept.tree, kept.cell, &mut trace);
            page.is_some_and(|page| kept.is(kept.cell, &page))
        };
        if !self.pages.iter().all(&mut found) {
            return Freshness::Outdated;
        }
        *self.version.lock() = snapshot.version(&trace);
        Freshness::Current { ttl_ms: trace.memory.ttl_ms, short_ttl: may_be_old(&trace) }
    }
}

/// Whether something was found with pages past their time, or loaded too soon after an invalidation: what is told to
/// forget may have been told so already.
pub fn may_be_old(trace: &Trace) -> bool {
    trace.memory.stale + trace.remote.stale + trace.unsettled > 0
}
