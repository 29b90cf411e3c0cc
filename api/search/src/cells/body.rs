//! The GeoJSON of a cell answer.
//!
//! Invariant: nothing in it depends on who asks, or on how the URL was spelled.

use std::io::Write as _;

use cellar_model::canonical::CellUrl;
use cellar_model::place::FEATURE_START;
use geo_index::Meters;
use geo_index::edge::certified_radius;
use geo_index::tree::Hit;

/// Bytes beside the features.
const ENVELOPE_BYTES: usize = 1_024;

/// What is sent, and how far it goes.
pub struct CellBody {
    /// The FeatureCollection.
    pub json: Vec<u8>,
    /// No place that is farther from the cell's centre than this has a part in it.
    pub extent: Meters,
}

impl CellBody {
    /// The answer of a URL: the places nearest to the centre; if there may be more, none of them is nearer than `more`.
    pub fn new(url: &CellUrl, hits: &[Hit], more: Option<Meters>) -> Self {
        let certified = certified_radius(url.cell, more, more.is_some());
        // The last place counts, too, and the certificate is rounded down.
        let extent = more.unwrap_or(certified);
        Self { json: write(url, hits, certified), extent }
    }
}

fn write(url: &CellUrl, hits: &[Hit], certified: Meters) -> Vec<u8> {
    let features: usize = hits.iter().map(|hit| FEATURE_START.len() + hit.payload().len() + 1).sum();
    let mut out = Vec::with_capacity(ENVELOPE_BYTES + features);
    let (cell, metres, count) = (url.cell, certified.get() as u32, hits.len());
    // A canonical URL needs no escapes in JSON. Writing to a vector cannot fail.
    let _ = write!(
        out,
        r#"{{"type":"FeatureCollection","cell":"{cell}","certified_radius_m":{metres},"numberReturned":{count},"#
    );
    let _ = write!(
        out,
        r#""links":[{{"href":"{url}","rel":"self","type":"application/geo+json"}}],"features":["#
    );
    for (index, hit) in hits.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(FEATURE_START.as_bytes());
        out.extend_from_slice(hit.payload());
    }
    out.extend_from_slice(b"]}");
    out
}
