//! Results, and how they came about.

use std::time::Duration;

use cellar_model::place::{FEATURE_START, Place, json_number};
use geo_index::Meters;
use geo_index::edge::CacheCell;

/// What a call found: exactly what a search of all places finds.
#[derive(Clone, Debug)]
pub struct Found {
    /// The places, nearest first, ties by id.
    pub hits: Vec<Hit>,
    /// Who vouches for them.
    pub by: By,
    /// What was asked to get there, in order, without requests for density maps.
    pub requests: Vec<Request>,
}

/// A place and its distance from the user.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The place.
    pub place: Place,
    /// Its distance.
    pub distance: Meters,
}

/// Who vouches for results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The certificate of this cell's answer.
    Cell(CacheCell),
    /// The exact endpoint, which was told the position.
    Exact,
}

/// One answer that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The cell asked for; `None` for the exact endpoint.
    pub cell: Option<CacheCell>,
    /// What came of it.
    pub outcome: Outcome,
    /// `Cache-Status` (RFC 9211), as it came.
    pub cache_status: Option<String>,
    /// `Age`: how long the answer was in a shared cache.
    pub age: Option<Duration>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer came.
    Answered,
    /// An earlier answer was in memory and fresh; nothing was sent.
    Kept,
    /// It was of no use, for this reason.
    Failed(String),
}

impl Found {
    /// Cells asked for.
    pub fn tries(&self) -> usize {
        self.requests.iter().filter(|request| request.cell.is_some()).count()
    }

    /// The hits as a GeoJSON FeatureCollection, each with its `distance_m`.
    pub fn feature_collection(&self) -> String {
        let features: Vec<String> = self.hits.iter().map(Hit::feature).collect();
        let count = features.len();
        format!(
            r#"{{"type":"FeatureCollection","numberReturned":{count},"features":[{}]}}"#,
            features.join(",")
        )
    }
}

impl Hit {
    /// The place as a GeoJSON Feature with the member `distance_m`.
    pub fn feature(&self) -> String {
        let distance = json_number(self.distance.get());
        format!(r#"{FEATURE_START}"distance_m":{distance},{}"#, self.place.feature_tail())
    }
}
