//! Cell answers: the places nearest to a cache cell's centre, the same bytes for every client (docs/EDGE.md).
//!
//! | module | what it holds |
//! |---|---|
//! | [`body`] | the GeoJSON of an answer, and its certificate |
//! | [`representation`], [`lifetimes`] | that as it is sent: bytes, `ETag`, tags, how long it may be kept |
//! | [`encoding`] | brotli and gzip |
//! | [`rendered`] | answers that are kept, and whether they still hold |
//! | [`metrics`] | counters |

pub mod body;
mod config;
pub mod encoding;
pub mod lifetimes;
pub mod metrics;
pub mod rendered;
pub mod representation;

use std::hash::BuildHasher as _;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cellar_model::canonical::CellUrl;
use foldhash::quality::RandomState;
use geo_index::tree::{NearbyQuery, Selection};
use moka::sync::Cache;
use parking_lot::Mutex;

use self::body::CellBody;
pub use self::config::{EdgeConfig, listed};
use self::encoding::Coding;
use self::metrics::CellMetrics;
use self::rendered::{Freshness, Rendered, Use, may_be_old};
use self::representation::Representation;
use crate::pages::PageError;
use crate::{Nearby, Search, UsedPage, Work};

/// Locks under which answers are rendered; a URL's hash picks one.
const LOCKS: usize = 64;

/// Makes cell answers, and keeps them rendered as long as they hold.
pub struct Cells {
    search: Search,
    config: EdgeConfig,
    metrics: CellMetrics,
    /// By canonical URL.
    kept: Cache<Arc<str>, Arc<Rendered>, RandomState>,
    rendering: Box<[Mutex<()>]>,
    hasher: RandomState,
}

/// A cell answer, and what it took.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer.
    pub rendered: Arc<Rendered>,
    /// It may be out of date, and must be kept for seconds only.
    pub short_ttl: bool,
    /// How it came about.
    pub used: Use,
    /// The search, if there was one.
    pub work: Option<Box<Work>>,
}

impl Cells {
    /// Answers from a search, kept as a configuration says.
    pub fn new(search: Search, config: EdgeConfig) -> Self {
        let weigh = |key: &Arc<str>, kept: &Arc<Rendered>| {
            u32::try_from(kept.weight() + key.len()).unwrap_or(u32::MAX)
        };
        Self {
            kept: Cache::builder()
                .max_capacity(config.memory_bytes)
                .weigher(weigh)
                .build_with_hasher(RandomState::default()),
            rendering: (0..LOCKS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::default(),
            metrics: CellMetrics::default(),
            search,
            config,
        }
    }

    /// What is counted.
    pub fn metrics(&self) -> &CellMetrics {
        &self.metrics
    }

    /// How long answers may be kept.
    pub const fn config(&self) -> &EdgeConfig {
        &self.config
    }

    /// Entries and their bytes, as of the last maintenance.
    pub fn size(&self) -> (u64, u64) {
        (self.kept.entry_count(), self.kept.weighted_size())
    }

    /// The answer of a URL that is canonical, if it is rendered and holds. Any text may be asked for: only
    /// canonical URLs have answers.
    pub fn get_if_present(&self, url: &str) -> Option<Answered> {
        let rendered = self.kept.get(url)?;
        let Freshness::Current { ttl_ms, short_ttl } = rendered.freshness(self.search.source()) else {
            return None;
        };
        let used = Use::Hit { ttl_ms };
        self.metrics.count(used);
        Some(Answered { rendered, short_ttl, used, work: None })
    }

    /// The answer of a URL, by a search.
    pub async fn find(&self, url: &CellUrl, deadline: Instant) -> Result<Answered, PageError> {
        let (query, all) = (query(url, self.config.listed), Selection::default());
        let (found, pages) = self.search.nearby_in_pages(&url.collection, query, all, deadline).await?;
        let (rendered, used) = self.render(url, &found, &pages);
        self.metrics.count(used);
        Ok(Answered {
            rendered,
            // Nothing is invalidated when the collection gets a category that it did not have.
            short_ttl: found.work.torn || may_be_old(&found.work.trace) || found.lacks_category,
            used,
            work: Some(Box::new(found.work)),
        })
    }

    /// The bytes of an answer in a coding.
    pub async fn bytes(&self, rendered: &Arc<Rendered>, coding: Coding) -> io::Result<Bytes> {
        let (bytes, made) = rendered.representation.bytes(coding).await?;
        if made {
            self.metrics.encoded.inc();
            // Once more, since it weighs more now.
            self.keep(Arc::clone(rendered));
        }
        Ok(bytes)
    }

    /// Renders what was found, unless another request has: popular answers are requested many times at once.
    fn render(&self, url: &CellUrl, found: &Nearby, pages: &[UsedPage]) -> (Arc<Rendered>, Use) {
        let key = url.to_string();
        let lock = &self.rendering[self.hasher.hash_one(&key) as usize % LOCKS];
        let _one_at_a_time = lock.lock();
        let kept = self.kept.get(key.as_str());
        let used = if kept.is_some() { Use::Outdated } else { Use::Miss };
        if let Some(kept) = kept.as_ref().filter(|kept| !found.work.torn && kept.is_made_of(pages)) {
            return (Arc::clone(kept), used);
        }
        let body = CellBody::new(url, &found.hits, found.next.as_ref().map(|next| next.distance));
        let mut representation = Arc::new(Representation::new(url, body, &self.config));
        if let Some(kept) = kept.filter(|kept| kept.representation.is_same(&representation)) {
            // New pages, the same answer: what is compressed stays so.
            representation = Arc::clone(&kept.representation);
        }
        let rendered = Arc::new(Rendered::new(url.clone(), representation, pages));
        if !found.work.torn && !found.lacks_category {
            self.keep(Arc::clone(&rendered));
        }
        (rendered, used)
    }

    fn keep(&self, rendered: Arc<Rendered>) {
        if self.search.source().snapshot().is_none() {
            // Without a cache nobody could tell whether it is still valid.
            return;
        }
        self.kept.insert(rendered.url.to_string().into(), rendered);
    }
}

fn query(url: &CellUrl, limit: NonZeroUsize) -> NearbyQuery {
    NearbyQuery {
        origin: url.cell.centre(),
        radius: url.cell.horizon(),
        limit,
        category: url.category.clone(),
        after: None,
    }
}
