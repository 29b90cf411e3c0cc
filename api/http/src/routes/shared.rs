//! Answers for maps: made of all places of a box, and kept by anybody.
//!
//! Invariant: whatever may change such an answer has one of its tags, or it has none and is kept for seconds.

use std::num::NonZeroUsize;
use std::time::Instant;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use cellar_model::Collection;
use cellar_model::key::edge_tag;
use cellar_search::cells::lifetimes::Lifetimes;
use cellar_search::cells::rendered::may_be_old;
use cellar_search::cells::representation::CACHE_TAG;
use geo_index::tree::{BoxQuery, Hit, ROOT_RESOLUTION, Selection};
use geo_index::{Area, BBox, CategoryFilter, H3Cell};
use xxhash_rust::xxh3::xxh3_128;

use super::coded::tagged;
use crate::middleware::deadline::Deadline;
use crate::middleware::observe::SearchTiming;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Most places that an answer is made of.
const MAX_COUNTED: usize = 50_000;

/// One more, which tells that there are too many.
const TOO_MANY: NonZeroUsize = NonZeroUsize::new(MAX_COUNTED + 1).expect("not zero");

/// Tags of an object in CloudFront, at most.
const MAX_TAGS: usize = 50;

/// All places of a box.
pub(super) struct Within {
    /// In the order of the index.
    pub(super) hits: Vec<Hit>,
    basis: Basis,
}

/// What an answer depends on.
pub(super) struct Basis {
    /// `None` if there would be too many.
    tags: Option<Vec<String>>,
    may_be_old: bool,
    timing: SearchTiming,
}

/// Finds all places of a box; `parameter` is what makes it as large as it is.
pub(super) async fn within(
    state: &AppState,
    collection: &Collection,
    (bbox, category): (BBox, Option<CategoryFilter>),
    parameter: &'static str,
    Deadline(deadline): Deadline,
) -> Result<Within, Problem> {
    // An answer of a category may be older than the first place of that category, of which no tag tells.
    let has_category = category.is_some();
    let query = BoxQuery { bbox, limit: TOO_MANY, category, after: None };
    let started = Instant::now();
    let found = state.search.items_of(collection, query, Selection::default(), deadline).await?;
    if found.hits.len() > MAX_COUNTED {
        return Err(too_broad(parameter));
    }
    if found.next.is_some() {
        return Err(late());
    }
    let work = found.work;
    let basis = Basis {
        tags: tags(collection, bbox),
        may_be_old: has_category || work.torn || may_be_old(&work.trace),
        timing: SearchTiming { work, elapsed: started.elapsed() },
    };
    Ok(Within { hits: found.hits, basis })
}

fn too_broad(parameter: &'static str) -> Problem {
    let detail = format!("there are more than {MAX_COUNTED} places, which one answer is made of at most");
    Problem::new(Kind::SearchTooBroad, detail)
        .parameter(parameter)
        .allowed(format!("what has at most {MAX_COUNTED} places in it and around it; zoom in"))
}

fn late() -> Problem {
    let detail = "not all places could be read in time; what was read is kept, so asking again gets further";
    Problem::new(Kind::DeadlineExceeded, detail).retry_after_s(1)
}

/// A tag for each root below which there may be a place of a box.
fn tags(collection: &Collection, bbox: BBox) -> Option<Vec<String>> {
    let mut area = Area::default();
    area.add_box(bbox);
    let (roots, is_whole) = area.cells::<H3Cell>(ROOT_RESOLUTION, MAX_TAGS);
    is_whole.then(|| roots.into_iter().map(|root| edge_tag(collection, root)).collect())
}

impl Within {
    /// Makes an answer of the places, on a thread where that holds up nobody else, and says how long it may be kept.
    pub(super) async fn answer(
        self,
        state: &AppState,
        headers: &HeaderMap,
        media_type: &'static str,
        make: impl FnOnce(Vec<Hit>) -> Result<Vec<u8>, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        let Self { hits, basis: Basis { tags, may_be_old, timing } } = self;
        let made = tokio::task::spawn_blocking(move || make(hits)).await;
        let body = made.map_err(|error| {
            Problem::new(Kind::Internal, "the answer could not be made").internal(error.to_string())
        })??;
        let lifetimes = Lifetimes::new(state.cells.config(), xxh3_128(&body));
        let mut response = tagged(headers, media_type, body).await?;
        let is_short = may_be_old || tags.is_none();
        let sent = response.headers_mut();
        sent.insert(header::CACHE_CONTROL, lifetimes.cache_control(is_short));
        if let Some(Ok(tags)) = tags.map(|tags| HeaderValue::try_from(tags.join(", "))) {
            sent.insert(CACHE_TAG, tags);
        }
        response.extensions_mut().insert(timing);
        Ok(response)
    }
}
