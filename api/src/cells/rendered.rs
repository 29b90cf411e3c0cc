//! Rendered answers, and whether they still hold.
//!
//! Invariant: an answer is served only if a search now would find the very pages that it was made of, or memory has not
//! changed since that was last so.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use cellar_cache::Moment;
use cellar_cache::trace::Trace;
use geo_index::edge::CellUrl;
use geo_index::{Collection, H3Cell, Page, Position};

use super::representation::Representation;
use crate::pages::PageSource;

/// Bytes of a page that is gone from memory but still remembered by an answer.
const PAGE_SHELL_BYTES: usize =
    size_of::<Page>() + size_of::<(H3Cell, Weak<Page>)>() + 2 * size_of::<usize>();
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
pub enum Standing {
    /// A search would find the same.
    Current {
        /// What is left of the least fresh page's time, if that was looked at.
        ttl_ms: Option<i64>,
        /// It may be out of date all the same, as any search may be now.
        brief: bool,
    },
    /// A search might find something else.
    Outdated,
}

impl Rendered {
    /// An answer made of pages.
    pub fn new(url: CellUrl, representation: Arc<Representation>, pages: &[(H3Cell, Arc<Page>)]) -> Self {
        Self { basis: Basis::new(pages), centre: url.cell.centre(), url, representation }
    }

    /// Whether it was made of just these pages.
    pub fn is_made_of(&self, pages: &[(H3Cell, Arc<Page>)]) -> bool {
        let kept = &self.basis.pages;
        let mut both = pages.iter().zip(kept);
        pages.len() == kept.len()
            && both.all(|((cell, page), (kept, weak))| {
                cell == kept && std::ptr::eq(Arc::as_ptr(page), weak.as_ptr())
            })
    }

    /// Whether it still holds.
    pub fn standing(&self, source: &dyn PageSource) -> Standing {
        self.basis.standing(&self.url.collection, source)
    }

    /// Bytes that it takes.
    pub fn weight(&self) -> usize {
        self.representation.weight() + self.basis.pages.len() * PAGE_SHELL_BYTES + ENTRY_BYTES
    }
}

/// The pages that a search looked at. They are not kept alive, but no other page can come to lie where one lay.
#[derive(Debug)]
struct Basis {
    pages: Box<[(H3Cell, Weak<Page>)]>,
    /// When all of them were last at hand.
    moment: Mutex<Option<Moment>>,
}

impl Basis {
    fn new(pages: &[(H3Cell, Arc<Page>)]) -> Self {
        let pages = pages.iter().map(|(cell, page)| (*cell, Arc::downgrade(page))).collect();
        Self { pages, moment: Mutex::new(None) }
    }

    fn standing(&self, collection: &Collection, source: &dyn PageSource) -> Standing {
        let moment = *self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        if moment.is_some_and(|moment| source.lasts(moment)) {
            return Standing::Current { ttl_ms: None, brief: false };
        }
        let Some(look) = source.look() else { return Standing::Outdated };
        let mut trace = Trace::default();
        let mut found = |(cell, weak): &(H3Cell, Weak<Page>)| {
            let page = source.at_hand(collection, *cell, &mut trace);
            page.is_some_and(|page| std::ptr::eq(Arc::as_ptr(&page), weak.as_ptr()))
        };
        if !self.pages.iter().all(&mut found) {
            return Standing::Outdated;
        }
        *self.moment.lock().unwrap_or_else(PoisonError::into_inner) = look.moment(&trace);
        Standing::Current { ttl_ms: trace.memory.ttl_ms, brief: may_be_old(&trace) }
    }
}

/// Whether something was found with pages past their time, or loaded too soon after an invalidation: what is told to
/// forget may have been told so already.
pub fn may_be_old(trace: &Trace) -> bool {
    trace.memory.stale + trace.remote.stale + trace.unsettled > 0
}
