//! What an edge would do for a stream of users: a simulation, to choose a precision by.
//!
//! | module | what it holds |
//! |---|---|
//! | `crowd`, `positions` | streams of users: generated, or from files |
//! | `index` | the places, and the answers of cells |
//! | `scheme` | how clients pick their cells, and what they end up asking for |
//! | `answers` | that by numbers: what each answer is forgotten by, and which pages it takes |
//! | `locations` | where the edge is |
//! | `changes` | places that change, and the purges that follow |
//! | `replay`, `tiers` | the requests against the caches of one case |
//! | `weigh` | answers as bytes |
//! | `report`, `chart` | what came of it, as tables, and as a drawing |
//!
//! The model: edge locations ([`EdgeCache`](cellar_model::edge_cache::EdgeCache)), no jitter, no collapsing of concurrent
//! requests, nothing evicted. Clients follow [`Planner`](geo_index::edge::Planner). A search that ends at the exact endpoint
//! is a request that the edge cannot answer. Purges come when the product's own queue says so.
//!
//! Invariant: time is that of the stream. Nothing here waits, asks what time it is, or does I/O but `positions`.

mod answers;
mod changes;
mod chart;
mod crowd;
mod index;
mod locations;
mod positions;
mod replay;
mod report;
mod scheme;
mod tiers;
mod weigh;

#[cfg(test)]
mod tests;

pub use changes::Purging;
pub use chart::chart;
pub use crowd::{Crowd, Homes, MAX_PEOPLE};
pub use index::{Index, Length};
pub use positions::{Lines, Request, Stream, read_log_positions, read_positions};
pub use report::{CaseReport, Report, SchemeReport, TierReport};
pub use scheme::Scheme;

use std::num::{NonZeroU8, NonZeroUsize};

use cellar_model::place::Place;
use geo_index::Meters;
use geo_index::edge::{ANSWER_MAX, DensityCounts, DensityMap, MapRules};

use self::answers::Book;
use self::changes::{Changes, Roots};
use self::replay::{Asked, Steps, replay};
use self::report::SearchStats;
use self::scheme::{Client, Visit};

/// Places that users want unless told otherwise.
const WANTED: NonZeroUsize = NonZeroUsize::new(20).expect("not zero");

/// Most places in an answer whose length is given in bytes: what a server can be set to.
const LISTED_MAX: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How far users look.
    pub radius: Meters,
    /// How many places they want.
    pub limit: NonZeroUsize,
    /// How many places an answer lists.
    pub length: Length,
    /// Share of a cell's area in which the first answer of the density map should serve users.
    pub certified: f64,
    /// How clients may pick their cells.
    pub schemes: Vec<Scheme>,
    /// What each scheme is simulated for.
    pub cases: Vec<Case>,
    /// Whether locations ask one cache, which asks the origin.
    pub shield: bool,
    /// How long after its lifetime an answer is still served while it is renewed, in seconds.
    pub stale_s: f64,
    /// When changes reach the edge.
    pub purging: Purging,
    /// Whether to simulate the tiers of the origin.
    pub tiers: bool,
    /// Processes of the origin.
    pub processes: NonZeroU8,
    /// Seed of the places that change.
    pub seed: u64,
    /// Answers of each scheme that are rendered and compressed.
    pub sample: usize,
}

/// An edge, and how often places change beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// Lifetime of answers and pages, in seconds.
    pub ttl_s: f64,
    /// Locations of the edge.
    pub locations: NonZeroU8,
    /// Writes per second.
    pub writes_per_s: f64,
}

impl Case {
    /// One location, and places that do not change.
    pub const fn of(ttl_s: f64) -> Self {
        Self { ttl_s, locations: NonZeroU8::MIN, writes_per_s: 0.0 }
    }
}

impl Length {
    /// So many bytes of JSON, of at most as many places as a server can be set to list.
    pub const fn of_bytes(json_bytes: usize) -> Self {
        Self { places: LISTED_MAX, json_bytes: Some(json_bytes) }
    }
}

impl Default for Plan {
    /// The 20 nearest within 10 km; a minute, five minutes and an hour.
    fn default() -> Self {
        Self {
            radius: Meters::new(10_000.0).unwrap_or(Meters::ZERO),
            limit: WANTED,
            length: Length::of(ANSWER_MAX),
            certified: MapRules::default().certified,
            schemes: Scheme::all(),
            cases: [60.0, 300.0, 3_600.0].map(Case::of).to_vec(),
            shield: false,
            stale_s: 0.0,
            purging: Purging::default(),
            tiers: false,
            processes: NonZeroU8::new(4).unwrap_or(NonZeroU8::MIN),
            seed: 1,
            sample: 200,
        }
    }
}

impl Plan {
    /// Whether it matters which pages answers are made of.
    fn looks_at_pages(&self) -> bool {
        self.tiers || self.cases.iter().any(|case| case.writes_per_s > 0.0)
    }

    /// List and map of a scheme: how long the one is, and for what share the other is made.
    fn rules(&self, scheme: Scheme) -> (Length, f64) {
        match scheme {
            Scheme::Tuned { listed, percent } => (Length::of(listed.into()), f64::from(percent) / 100.0),
            _ => (self.length, self.certified),
        }
    }
}

/// Simulates every scheme; `progress` is told how many requests are done of how many.
pub fn plan(job: &Plan, places: &[Place], stream: &Stream, mut progress: impl FnMut(u64, u64)) -> Report {
    let mut counts = DensityCounts::default();
    for place in places {
        counts.add(place.position);
    }
    let mut index = Index::new(places, job.length);
    let mut roots = Roots::default();
    let mut change = |case: &Case| {
        let writes = changes::draw(places, case.writes_per_s, stream.duration_s, job.seed);
        Changes::of(&writes, job.purging, &mut roots)
    };
    let changes: Vec<Changes> = job.cases.iter().map(&mut change).collect();
    let locate = |case: &Case| locations::nearest(stream, &locations::locations(stream, case.locations));
    let locations: Vec<Vec<u8>> = job.cases.iter().map(locate).collect();
    let beside = Beside { stream, roots: &roots, changes: &changes, locations: &locations };
    let total = (job.schemes.len() * stream.requests.len()) as u64;
    let mut done = 0;
    let mut rows = Vec::new();
    for &scheme in &job.schemes {
        let (length, certified) = job.rules(scheme);
        index.set_length(length);
        let map = counts.map_by(MapRules { certified, listed: index.places_that_fit(length) });
        rows.push(simulate(job, scheme, (&mut index, &map), &beside, || {
            done += 1;
            progress(done, total);
        }));
    }
    Report::new(job, stream, places.len(), rows)
}

/// What is the same for all schemes.
struct Beside<'a> {
    stream: &'a Stream,
    roots: &'a Roots,
    /// By case.
    changes: &'a [Changes],
    /// By case, the location of each request.
    locations: &'a [Vec<u8>],
}

fn simulate(
    job: &Plan,
    scheme: Scheme,
    (index, map): (&mut Index, &DensityMap),
    beside: &Beside<'_>,
    mut progress: impl FnMut(),
) -> SchemeReport {
    let stream = beside.stream;
    let mut client = Client::new(job, scheme, map, index);
    let mut visits = vec![Visit::default(); stream.requests.len()];
    for at in scheme.order(map, stream) {
        visits[at] = client.visit(stream.requests[at].position);
        progress();
    }
    let mut stats = SearchStats::default();
    for visit in &visits {
        stats.add(visit);
    }
    let mut book = Book::new(job, beside.roots);
    let steps = Steps::of(stream, &visits, &mut book, index);
    let loads = book.loads(index);
    let roots = beside.roots.len();
    // Nobody asks from the same coordinates twice: a phone's position is never the same.
    let sessions = stream.sessions.filter(|_| scheme != Scheme::Raw);
    let asked = Asked { job, stream, book: &book, loads: &loads, steps: &steps, roots, sessions };
    let cases = job.cases.iter().zip(beside.locations).zip(beside.changes);
    let cases = cases.map(|((case, locations), changes)| replay(&asked, *case, locations, changes)).collect();
    let weights = weigh::sample(job, index, &visits);
    SchemeReport::new(scheme, &stats, steps.urls, cases, &weights)
}
