//! Answers as bytes: rendered as the API would, and compressed as a CDN would.

use std::io::Write as _;

use geo_index::edge::{SnapCell, certified_radius};
use geo_index::tree::{Hit, NearbyAnswer, NearbyQuery};
use geo_index::{Meters, Position};
use rustc_hash::FxHashMap;

use super::Plan;
use super::index::Index;
use super::scheme::{Key, Visit};

/// Brotli's quality: what servers use for answers that are made while somebody waits.
const QUALITY: i32 = 5;
/// Log of brotli's window, in bytes: 4 MB, its tools' default.
const WINDOW_LOG: i32 = 22;

/// Sizes of one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    pub(super) json_bytes: usize,
    pub(super) brotli_bytes: usize,
}

/// The weights of the last answer of every so many-th request, so that an answer counts as often as it is asked for.
pub(super) fn sample(job: &Plan, index: &mut Index, visits: &[Visit]) -> Vec<Weight> {
    let step = visits.len().div_ceil(job.sample.max(1)).max(1);
    let mut known: FxHashMap<Key, Option<Weight>> = FxHashMap::default();
    let last = visits.iter().step_by(step).filter_map(|visit| visit.keys().last());
    last.filter_map(|key| *known.entry(key).or_insert_with(|| weigh(job, index, key))).collect()
}

fn weigh(job: &Plan, index: &mut Index, key: Key) -> Option<Weight> {
    let text = match key {
        Key::Cell(cell) => cell_answer(cell, &index.places_of(cell).ok()?),
        Key::Position(lat, lon) => {
            let origin = Position::new(f64::from_bits(lat), f64::from_bits(lon)).ok()?;
            let (radius, limit) = (job.radius, job.limit);
            let query = NearbyQuery { origin, radius, limit, category: None, after: None };
            crate::routes::answer::write_collection(&index.nearby(query).ok()?.hits, &[])
        }
    };
    Some(Weight { json_bytes: text.len(), brotli_bytes: compressed(&text)? })
}

/// The members that docs/EDGE.md gives a cell answer.
fn cell_answer(cell: SnapCell, found: &NearbyAnswer) -> Vec<u8> {
    let last = found.hits.last().and_then(Hit::distance);
    let certified: Meters = certified_radius(cell, last, found.next.is_some());
    let mut out = Vec::new();
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        r#"{{"type":"FeatureCollection","cell":"{cell}","certified_radius_m":{},"numberReturned":{},"features":["#,
        certified.get(),
        found.hits.len()
    );
    for (i, hit) in found.hits.iter().enumerate() {
        out.extend_from_slice(if i > 0 { br#",{"type":"Feature","# } else { br#"{"type":"Feature","# });
        out.extend_from_slice(hit.payload());
    }
    out.extend_from_slice(b"]}");
    out
}

fn compressed(text: &[u8]) -> Option<usize> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: QUALITY,
        lgwin: WINDOW_LOG,
        ..brotli::enc::BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*text, &mut out, &params).ok()?;
    Some(out.len())
}
