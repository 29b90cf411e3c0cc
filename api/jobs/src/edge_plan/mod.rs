//! What an edge would do for a stream of users: a simulation, to choose a precision by.
//!
//! | module | what it holds |
//! |---|---|
//! | `positions` | streams of users: from files, or generated |
//! | `index` | the places, and the answers of cells |
//! | `scheme` | how clients pick their cells, and what they end up asking for |
//! | `weigh` | answers as bytes |
//! | `report` | what came of it |
//!
//! The model: one edge location ([`EdgeCache`]), no jitter, no collapsing of concurrent requests, and places do not change. Clients follow [`Planner`](geo_index::edge::Planner). A search that ends at the exact endpoint is a
//! request that the edge cannot answer.
//!
//! Invariant: time is that of the stream. Nothing here reads a clock, waits, or does I/O but `positions`.

mod index;
mod positions;
mod report;
mod scheme;
mod weigh;

#[cfg(test)]
mod tests;

pub use index::Index;
pub use positions::{Lines, Request, Stream, read_log_positions, read_positions};
pub use report::{Report, SchemeReport, TtlReport};
pub use scheme::Scheme;

use std::num::NonZeroUsize;

use cellar_model::edge_cache::EdgeCache;
use cellar_model::place::Place;
use geo_index::Meters;
use geo_index::edge::{DensityCounts, DensityMap, MapRules};
use rustc_hash::FxHashMap;

use self::report::SearchStats;
use self::scheme::{Client, Key, Visit};

/// Places that users want unless told otherwise.
const WANTED: NonZeroUsize = NonZeroUsize::new(20).expect("not zero");

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How far users look.
    pub radius: Meters,
    /// How many places they want.
    pub limit: NonZeroUsize,
    /// What the density map is made for; also how many places an answer lists.
    pub rules: MapRules,
    /// Lifetimes of answers at the edge, in seconds.
    pub ttls_s: Vec<f64>,
    /// How clients may pick their cells.
    pub schemes: Vec<Scheme>,
    /// Answers of each scheme that are rendered and compressed.
    pub sample: usize,
}

impl Default for Plan {
    /// The 20 nearest within 10 km; a minute, five minutes and an hour.
    fn default() -> Self {
        Self {
            radius: Meters::new(10_000.0).unwrap_or(Meters::ZERO),
            limit: WANTED,
            rules: MapRules::default(),
            ttls_s: vec![60.0, 300.0, 3_600.0],
            schemes: Scheme::all(),
            sample: 200,
        }
    }
}

/// Simulates every scheme; `progress` is told how many requests are done of how many.
pub fn plan(job: &Plan, places: &[Place], stream: &Stream, mut progress: impl FnMut(u64, u64)) -> Report {
    let map = density(job, places);
    let mut index = Index::new(places, job.rules.listed);
    let total = (job.schemes.len() * stream.requests.len()) as u64;
    let mut done = 0;
    let mut rows = Vec::new();
    for &scheme in &job.schemes {
        rows.push(simulate(job, scheme, &mut index, &map, stream, || {
            done += 1;
            progress(done, total);
        }));
    }
    Report::new(job, stream, places.len(), rows)
}

fn density(job: &Plan, places: &[Place]) -> DensityMap {
    let mut counts = DensityCounts::default();
    for place in places {
        counts.add(place.position);
    }
    counts.map_by(job.rules)
}

fn simulate(
    job: &Plan,
    scheme: Scheme,
    index: &mut Index,
    map: &DensityMap,
    stream: &Stream,
    mut progress: impl FnMut(),
) -> SchemeReport {
    let mut client = Client::new(job, scheme, map, index);
    let mut visits = vec![Visit::default(); stream.requests.len()];
    for at in scheme.order(map, stream) {
        visits[at] = client.visit(stream.requests[at].position);
        progress();
    }
    let mut keys: FxHashMap<Key, u32> = FxHashMap::default();
    let mut edges: Vec<EdgeCache> = job.ttls_s.iter().map(|&ttl_s| EdgeCache::new(ttl_s)).collect();
    let mut stats = SearchStats::default();
    for (request, visit) in stream.requests.iter().zip(&visits) {
        stats.add(visit);
        for key in visit.keys() {
            let new = keys.len() as u32;
            let number = *keys.entry(key).or_insert(new);
            for edge in &mut edges {
                edge.request(number, request.at_s);
            }
        }
    }
    let weights = weigh::sample(job, index, &visits);
    SchemeReport::new(scheme, &stats, keys.len(), &edges, stream.duration_s, &weights)
}
