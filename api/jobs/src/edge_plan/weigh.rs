//! Answers as bytes: rendered as the API would, and compressed as a CDN would.

use cellar_model::canonical::CellUrl;
use cellar_search::cells::body::CellBody;
use cellar_search::cells::encoding::{Coding, Effort};
use geo_index::Position;
use geo_index::tree::NearbyQuery;
use rustc_hash::FxHashMap;

use super::Plan;
use super::index::Index;
use super::scheme::{Key, Visit};

/// A name of the usual length: it is in every answer once.
const COLLECTION: &str = "places";

/// Sizes of one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    pub(super) json_bytes: usize,
    pub(super) brotli_bytes: usize,
}

/// The weights of all answers of every so many-th search, so that an answer counts as often as it is asked for; that of
/// the exact endpoint, which few searches end at, is left out.
pub(super) fn sample(job: &Plan, index: &mut Index, visits: &[Visit]) -> Vec<Vec<Weight>> {
    let step = visits.len().div_ceil(job.sample.max(1)).max(1);
    let mut known: FxHashMap<Key, Option<Weight>> = FxHashMap::default();
    let mut weight = |key| *known.entry(key).or_insert_with(|| weigh(job, index, key));
    visits.iter().step_by(step).map(|visit| visit.keys().filter_map(&mut weight).collect()).collect()
}

fn weigh(job: &Plan, index: &mut Index, key: Key) -> Option<Weight> {
    let text = match key {
        Key::Cell(cell) => {
            let url = CellUrl { collection: COLLECTION.parse().ok()?, cell, category: None };
            let found = index.places_of(cell).ok()?;
            CellBody::new(&url, &found.hits, found.more).json
        }
        // As one process sends it to another; no client reads it yet.
        Key::Page(cell) => index.page_bytes(cell)?,
        Key::Position(lat, lon) => {
            let origin = Position::new(f64::from_bits(lat), f64::from_bits(lon)).ok()?;
            let (radius, limit) = (job.radius, job.limit);
            let query = NearbyQuery { origin, radius, limit, category: None, after: None };
            cellar_model::features::write_collection(&index.nearby(query).ok()?.hits, &[])
        }
    };
    let brotli_bytes = Coding::Brotli.encode(&text, Effort::Kept).ok()?.len();
    Some(Weight { json_bytes: text.len(), brotli_bytes })
}
