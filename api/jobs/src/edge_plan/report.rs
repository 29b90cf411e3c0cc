//! What came of a simulation.

use cellar_model::edge_cache::EdgeCache;
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
    /// By scheme.
    pub schemes: Vec<SchemeReport>,
}

/// What came of one scheme.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeReport {
    /// Its name.
    pub scheme: String,
    /// By lifetime of answers at the edge.
    pub ttls: Vec<TtlReport>,
    /// Share of searches that the first cell answer certified.
    pub first_try: f64,
    /// Share that the first or the second did.
    pub two_tries: f64,
    /// Cells asked for per search.
    pub mean_tries: f64,
    /// Share that ended at the exact endpoint, after cells that did not do.
    pub exact_share: f64,
    /// Different URLs asked for.
    pub urls: usize,
    /// Places in a cell answer, in the mean; of raw coordinates, the limit.
    pub places_per_answer: f64,
    /// Mean size of a sampled answer.
    pub json_bytes: f64,
    /// The same, compressed with brotli.
    pub brotli_bytes: f64,
    /// The largest sampled answer, compressed with brotli.
    pub brotli_max_bytes: usize,
}

/// What came of one lifetime.
#[derive(Clone, Debug, Serialize)]
pub struct TtlReport {
    /// The lifetime, in seconds.
    pub ttl_s: f64,
    /// Share of all requests that the edge answered; those for the exact endpoint count as misses.
    pub hit_ratio: f64,
    /// Requests per second that reached the origin.
    pub origin_rps: f64,
}

/// Sums over searches.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchStats {
    searches: u64,
    first: u64,
    second: u64,
    tries: u64,
    exact: u64,
    places: u64,
}

impl SearchStats {
    pub(super) fn add(&mut self, visit: &Visit) {
        let tries = visit.tries();
        self.searches += 1;
        self.first += u64::from(!visit.exact && tries == 1);
        self.second += u64::from(!visit.exact && tries <= 2);
        self.tries += tries as u64;
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
        edges: &[EdgeCache],
        duration_s: f64,
        weights: &[Weight],
    ) -> Self {
        let ttl = |edge: &EdgeCache| TtlReport {
            ttl_s: edge.ttl_s,
            hit_ratio: share(edge.hits, edge.hits + edge.misses + stats.exact),
            origin_rps: (edge.misses + stats.exact) as f64 / duration_s,
        };
        let mean = |of: fn(&Weight) -> usize| {
            share(weights.iter().map(|weight| of(weight) as u64).sum(), weights.len() as u64)
        };
        Self {
            scheme: scheme.name(),
            ttls: edges.iter().map(ttl).collect(),
            first_try: share(stats.first, stats.searches),
            two_tries: share(stats.second, stats.searches),
            mean_tries: share(stats.tries, stats.searches),
            exact_share: share(stats.exact, stats.searches),
            urls,
            places_per_answer: share(stats.places, stats.tries),
            json_bytes: mean(|weight| weight.json_bytes),
            brotli_bytes: mean(|weight| weight.brotli_bytes),
            brotli_max_bytes: weights.iter().map(|weight| weight.brotli_bytes).max().unwrap_or(0),
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
            listed: job.rules.listed.get(),
            certified: job.rules.certified,
            schemes,
        }
    }

    /// For people: shares are in percent, sizes in KB of 1,000 bytes.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(self.header());
        for row in &self.schemes {
            table.add_row(row.cells());
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "{} searches in {:.0} s over {} places: the {} nearest within {:.0} m, {} in a cell answer\n{}",
            grouped(self.requests as u64),
            self.duration_s,
            grouped(self.places as u64),
            self.limit,
            self.radius_m,
            self.listed,
            table.trim_fmt()
        )
    }

    fn header(&self) -> Vec<String> {
        let ttls = self.schemes.first().map_or(&[][..], |row| &row.ttls);
        let hits = ttls.iter().map(|ttl| format!("hit % {} s", ttl.ttl_s));
        let origin = ttls.iter().map(|ttl| format!("origin/s {} s", ttl.ttl_s));
        let rest = ["1st %", "two %", "tries", "exact %", "URLs", "places", "KB", "KB br", "max br"];
        std::iter::once("scheme".to_owned())
            .chain(hits)
            .chain(origin)
            .chain(rest.map(str::to_owned))
            .collect()
    }
}

impl SchemeReport {
    fn cells(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.2}", share * 100.0);
        let kilobytes = |bytes: f64| format!("{:.1}", bytes / 1_000.0);
        let mut cells = vec![self.scheme.clone()];
        cells.extend(self.ttls.iter().map(|ttl| percent(ttl.hit_ratio)));
        cells.extend(self.ttls.iter().map(|ttl| format!("{:.1}", ttl.origin_rps)));
        cells.extend([
            percent(self.first_try),
            percent(self.two_tries),
            format!("{:.3}", self.mean_tries),
            percent(self.exact_share),
            grouped(self.urls as u64),
            format!("{:.0}", self.places_per_answer),
            kilobytes(self.json_bytes),
            kilobytes(self.brotli_bytes),
            kilobytes(self.brotli_max_bytes as f64),
        ]);
        cells
    }
}
