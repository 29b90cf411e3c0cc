//! What came of a simulation.

use cellar_model::grouped;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::scheme::{Scheme, Visit};
use super::weigh::Weight;
use super::{Plan, Stream};

/// Everything that was simulated.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Places.
    pub places: usize,
    /// Searches of users.
    pub requests: usize,
    /// How long the stream takes, in seconds.
    pub duration_s: f64,
    /// How far users look, in metres.
    pub radius_m: f64,
    /// How many places they want.
    pub limit: usize,
    /// Places in a cell answer, at most.
    pub listed: usize,
    /// Share of users whom the first cell of the density map should serve.
    pub certified: f64,
    /// Bytes of the places in a cell answer as JSON, at most.
    pub listed_json_bytes: Option<usize>,
    /// Whether locations ask a shield.
    pub shield: bool,
    /// How long after its lifetime an answer is served while it is renewed, in seconds.
    pub stale_s: f64,
    /// How long changes are collected for a purge, in seconds.
    pub purge_window_s: f64,
    /// How long the table's index may lag behind a write, in seconds.
    pub settle_s: f64,
    /// Processes of the origin.
    pub processes: u8,
    /// By scheme.
    pub schemes: Vec<SchemeReport>,
}

/// What came of one scheme.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// Its name.
    pub scheme: String,
    /// By lifetime, locations and writes.
    pub cases: Vec<CaseReport>,
    /// Share of searches that the first cell answer certified.
    pub first_try: f64,
    /// Share that the first or the second did.
    pub two_tries: f64,
    /// Cells asked for per search.
    pub mean_tries: f64,
    /// How often a user waited for cells, in the mean: two that are asked for at once are one wait.
    pub mean_waits: f64,
    /// Share that ended at the exact endpoint, after cells that did not do.
    pub exact_share: f64,
    /// Different URLs asked for.
    pub urls: usize,
    /// Places in a cell answer, in the mean; of raw coordinates, the limit.
    pub places_per_answer: f64,
    /// Bytes that a sampled search had sent to it, compressed with brotli, in the mean.
    pub search_bytes: f64,
    /// Mean size of the last answer of a sampled search.
    pub json_bytes: f64,
    /// The same, compressed with brotli.
    pub brotli_bytes: f64,
    /// The largest sampled answer, compressed with brotli.
    pub brotli_max_bytes: usize,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseReport {
    /// Lifetime of answers and pages, in seconds.
    pub ttl_s: f64,
    /// Locations of the edge.
    pub locations: usize,
    /// Writes per second.
    pub writes_per_s: f64,
    /// Share of all requests that the edge answered; those for the exact endpoint count as misses.
    pub hit_ratio: f64,
    /// The same after the first lifetime; null if the stream ends before.
    pub warm_hit_ratio: Option<f64>,
    /// Σ p·λT/(1+λT).
    pub formula: f64,
    /// The same with sessions of users, and with purges.
    pub corrected_formula: f64,
    /// Requests per second that reached the origin.
    pub origin_rps: f64,
    /// Share of requests that were answered with what was past its lifetime.
    pub stale_share: f64,
    /// Share of requests that the edge could not answer because the answer was purged.
    pub purged_share: f64,
    /// Of these, the share in whose answers nothing had changed; null if there are none.
    pub needless_share: Option<f64>,
    /// Paths per second that purges name.
    pub purge_paths_per_s: f64,
    /// The database behind each set of caches; empty unless asked for.
    pub tiers: Vec<TierReport>,
}

/// What reaches the database behind some caches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierReport {
    /// The caches.
    pub tiers: &'static str,
    /// Share of requests for which the database was read.
    pub database_share: f64,
    /// Queries of the database per search.
    pub queries_per_search: f64,
}

/// Sums over searches.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchStats {
    searches: u64,
    first: u64,
    second: u64,
    tries: u64,
    waits: u64,
    exact: u64,
    places: u64,
}

impl SearchStats {
    pub(super) fn add(&mut self, visit: &Visit) {
        let tries = visit.tries();
        self.searches += 1;
        self.first += u64::from(!visit.exact && visit.waits == 1);
        self.second += u64::from(!visit.exact && visit.waits <= 2);
        self.tries += tries as u64;
        self.waits += visit.waits as u64;
        self.exact += u64::from(visit.exact);
        self.places += u64::from(visit.places);
    }
}

fn share(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64
}

impl SchemeReport {
    pub(super) fn new(
        scheme: Scheme,
        stats: &SearchStats,
        urls: usize,
        cases: Vec<CaseReport>,
        weights: &[Vec<Weight>],
    ) -> Self {
        let last: Vec<Weight> = weights.iter().filter_map(|search| search.last().copied()).collect();
        let mean = |of: fn(&Weight) -> usize| {
            share(last.iter().map(|weight| of(weight) as u64).sum(), last.len() as u64)
        };
        let all = weights.iter().flatten().map(|weight| weight.brotli_bytes as u64).sum();
        Self {
            scheme: scheme.name(),
            cases,
            first_try: share(stats.first, stats.searches),
            two_tries: share(stats.second, stats.searches),
            mean_tries: share(stats.tries, stats.searches),
            mean_waits: share(stats.waits, stats.searches),
            exact_share: share(stats.exact, stats.searches),
            urls,
            places_per_answer: share(stats.places, stats.tries),
            search_bytes: share(all, weights.len() as u64),
            json_bytes: mean(|weight| weight.json_bytes),
            brotli_bytes: mean(|weight| weight.brotli_bytes),
            brotli_max_bytes: last.iter().map(|weight| weight.brotli_bytes).max().unwrap_or(0),
        }
    }
}

impl Report {
    pub(super) fn new(job: &Plan, stream: &Stream, places: usize, schemes: Vec<SchemeReport>) -> Self {
        Self {
            places,
            requests: stream.requests.len(),
            duration_s: stream.duration_s,
            radius_m: job.radius.get(),
            limit: job.limit.get(),
            listed: job.length.places.get(),
            certified: job.certified,
            listed_json_bytes: job.length.json_bytes,
            shield: job.shield,
            stale_s: job.stale_s,
            purge_window_s: job.purging.window_s,
            settle_s: job.purging.settle_s,
            processes: job.processes.get(),
            schemes,
        }
    }

    /// For people: shares are in percent, sizes in KB of 1,000 bytes.
    pub fn table(&self) -> String {
        let listed = match self.listed_json_bytes {
            Some(bytes) => format!("{} bytes of them", grouped(bytes as u64)),
            None => self.listed.to_string(),
        };
        format!(
            "{} searches in {:.0} s over {} places: the {} nearest within {:.0} m, {listed} in a cell answer\n{}\n\n{}{}",
            grouped(self.requests as u64),
            self.duration_s,
            grouped(self.places as u64),
            self.limit,
            self.radius_m,
            table(&SCHEMES, self.schemes.iter().map(SchemeReport::cells)),
            table(&CASES, self.cases().map(|(row, case)| case.cells(&row.scheme))),
            self.tiers_table(),
        )
    }

    /// Every case of every scheme.
    pub(super) fn cases(&self) -> impl Iterator<Item = (&SchemeReport, &CaseReport)> {
        self.schemes.iter().flat_map(|row| row.cases.iter().map(move |case| (row, case)))
    }

    fn tiers_table(&self) -> String {
        let cells = |(row, case): (&SchemeReport, &CaseReport)| {
            let [ttl, locations, writes] = case.names();
            let of =
                |tier: &TierReport| [percent(tier.database_share), format!("{:.4}", tier.queries_per_search)];
            let start = [row.scheme.clone(), ttl, locations, writes];
            start.into_iter().chain(case.tiers.iter().flat_map(of)).collect::<Vec<_>>()
        };
        let Some((_, first)) = self.cases().next().filter(|(_, case)| !case.tiers.is_empty()) else {
            return String::new();
        };
        let header =
            first.tiers.iter().flat_map(|tier| [format!("{} db %", tier.tiers), "queries".to_owned()]);
        let start = CASES[..4].iter().map(|name| (*name).to_owned());
        format!("\n\n{}", table(&start.chain(header).collect::<Vec<_>>(), self.cases().map(cells)))
    }
}

const SCHEMES: [&str; 12] = [
    "scheme",
    "1st %",
    "two %",
    "tries",
    "waits",
    "exact %",
    "URLs",
    "places",
    "KB",
    "KB br",
    "max br",
    "KB a search",
];

const CASES: [&str; 13] = [
    "scheme",
    "ttl s",
    "edges",
    "writes/s",
    "hit %",
    "warm %",
    "formula %",
    "corrected %",
    "origin/s",
    "stale %",
    "purged %",
    "needless %",
    "paths/s",
];

fn table<N: AsRef<str>>(header: &[N], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().map(AsRef::as_ref));
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn percent(share: f64) -> String {
    format!("{:.2}", share * 100.0)
}

impl CaseReport {
    /// In words.
    pub(super) fn name(&self) -> String {
        let Self { ttl_s, locations, writes_per_s, .. } = self;
        let locations =
            if *locations == 1 { "1 location".to_owned() } else { format!("{locations} locations") };
        format!("lifetime {ttl_s} s, {locations}, {writes_per_s} writes/s")
    }

    fn names(&self) -> [String; 3] {
        [self.ttl_s.to_string(), self.locations.to_string(), self.writes_per_s.to_string()]
    }

    fn cells(&self, scheme: &str) -> Vec<String> {
        let or_dash = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), percent);
        let [ttl, locations, writes] = self.names();
        vec![
            scheme.to_owned(),
            ttl,
            locations,
            writes,
            percent(self.hit_ratio),
            or_dash(self.warm_hit_ratio),
            percent(self.formula),
            percent(self.corrected_formula),
            format!("{:.1}", self.origin_rps),
            percent(self.stale_share),
            percent(self.purged_share),
            or_dash(self.needless_share),
            format!("{:.2}", self.purge_paths_per_s),
        ]
    }
}

impl SchemeReport {
    fn cells(&self) -> Vec<String> {
        let kilobytes = |bytes: f64| format!("{:.1}", bytes / 1_000.0);
        vec![
            self.scheme.clone(),
            percent(self.first_try),
            percent(self.two_tries),
            format!("{:.3}", self.mean_tries),
            format!("{:.3}", self.mean_waits),
            percent(self.exact_share),
            grouped(self.urls as u64),
            format!("{:.0}", self.places_per_answer),
            kilobytes(self.json_bytes),
            kilobytes(self.brotli_bytes),
            kilobytes(self.brotli_max_bytes as f64),
            kilobytes(self.search_bytes),
        ]
    }
}
