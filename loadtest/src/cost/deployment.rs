//! What is deployed, and what a request uses.

use serde::Serialize;

use super::month::HOURS_PER_MONTH;

/// Processor architecture of functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// AWS Graviton.
    #[default]
    Arm64,
    /// Intel and AMD.
    X86,
}

/// What is deployed, whatever the load. The default is what the templates of `infra` deploy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deployment {
    /// Regions with a function, a replica and a cache, 1 or more.
    pub regions: u32,
    /// Processor architecture of the function.
    pub architecture: Architecture,
    /// Memory of the function, in MB.
    pub memory_mb: f64,
    /// Minutes between two calls of the warmer in each region; 0 for no warmer.
    pub warm_every_min: f64,
    /// Billed time of a call of the warmer, in ms.
    pub warm_ms: f64,
    /// Health checkers per region. Route 53 uses about two in each of the three locations that the template names (by default
    /// sixteen in eight).
    pub health_checkers: f64,
    /// Seconds between two requests of a checker.
    pub health_every_s: f64,
    /// Billed options of each health check: HTTPS, string matching, a 10 s interval.
    pub health_options: f64,
    /// Billed time of an answer to a health check, in ms.
    pub health_ms: f64,
    /// Share of ordinary answers that have a line in the function's log, 0 to 1.
    pub log_share: f64,
    /// Bytes of the function's line of a health check.
    pub health_line_bytes: f64,
    /// Bytes of the API's line of a request.
    pub api_line_bytes: f64,
    /// Metrics that alarms look at, in all regions together: an alarm on an expression is billed for each of its metrics.
    pub alarms: f64,
    /// Metrics that are not AWS's own, each name with its dimensions, in all regions together.
    pub custom_metrics: f64,
    /// Dashboards, in all regions together.
    pub dashboards: f64,
    /// Minutes between two runs of a region's canary; 0 for no canary.
    pub canary_every_min: f64,
    /// Secrets, replicas included.
    pub secrets: f64,
    /// Places in the table.
    pub places: f64,
    /// Bytes of a place in the table, and again in each index.
    pub place_bytes: f64,
    /// Places written per month.
    pub writes: f64,
    /// Categories of a place: it is in one more index for each.
    pub categories_per_place: f64,
    /// Tags that a written place invalidates at the edge.
    pub tags_per_write: f64,
    /// Most tags and paths invalidated per month: the purger's budget.
    pub paths_budget: f64,
    /// Density maps made anew per month, for all regions: each reads the whole table.
    pub maps: f64,
    /// Billed for each MB that is read for a map, in milliseconds.
    pub map_ms_per_mb: f64,
    /// Files imported through the API per month; 0 without bucket, queue and worker.
    pub imports: f64,
    /// Places of such a file, beside `writes`.
    pub import_places: f64,
}

impl Deployment {
    /// Mean bytes that a request leaves in the logs, whose line of the function has so many bytes.
    pub fn log_bytes(&self, line_bytes: f64) -> f64 {
        self.log_share * line_bytes + self.api_line_bytes
    }
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            regions: 2,
            architecture: Architecture::Arm64,
            memory_mb: 1_024.0,
            warm_every_min: 5.0,
            warm_ms: 20.0,
            health_checkers: 6.0,
            health_every_s: 10.0,
            health_options: 3.0,
            health_ms: 2.0,
            // `AccessLogPercent` of the template.
            log_share: 0.1,
            // Counted by a test; the API's is worked out from its format.
            health_line_bytes: 395.0,
            api_line_bytes: 175.0,
            // Twelve in each region, five at home, three of the CDN and of health checks.
            alarms: 32.0,
            // One in each region, counted from the log. With `Emf` 55 for six routes.
            custom_metrics: 2.0,
            // One, in which the region is chosen.
            dashboards: 1.0,
            canary_every_min: 15.0,
            secrets: 4.0,
            places: 1_000_000.0,
            place_bytes: 500.0,
            writes: 10_000.0,
            categories_per_place: 1.0,
            tags_per_write: 1.0,
            paths_budget: 1_000.0,
            // One collection, once a day: all regions see from the table when its map was made.
            maps: HOURS_PER_MONTH / 24.0,
            // A part takes a round trip, and a pause of 50 ms follows (assumed for the rest).
            map_ms_per_mb: 100.0,
            imports: 0.0,
            import_places: 100_000.0,
        }
    }
}

/// How requests are answered: which tiers there are, and their hit ratios, as a run of `loadtest` reports them.
///
/// The defaults are those of docs/BENCHMARKS.md for the 20 nearest places of cities.csv within 10 km, and assumptions where it has
/// none; each says which.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Share of requests that the edge answers; `None` without an edge.
    pub edge_hit: Option<f64>,
    /// Share of pages found in the function's memory; 0 without L1.
    pub l1_hit: f64,
    /// Share of the remaining pages found in the shared cache; `None` without one.
    pub l2_hit: Option<f64>,
    /// Read units of a search with nothing cached.
    pub read_units: f64,
    /// Round trips to the table of a search with nothing cached.
    pub table_rounds: f64,
    /// Round trips to the shared cache of a search with nothing in memory.
    pub cache_rounds: f64,
    /// KB that such a search reads from the shared cache.
    pub cache_kb: f64,
    /// Bytes sent to a client, compressed.
    pub answer_bytes: f64,
    /// Billed time of a search without its round trips, in ms.
    pub search_ms: f64,
    /// Time of a round trip to the table, in ms.
    pub table_ms: f64,
    /// Time of a round trip to the shared cache, in ms.
    pub cache_ms: f64,
    /// Share of invocations that start cold.
    pub cold_share: f64,
    /// Billed time of an initialization, in ms.
    pub init_ms: f64,
    /// DNS queries per request, where Route 53 routes by latency.
    pub dns_per_request: f64,
    /// Bytes of the function's line of a search.
    pub line_bytes: f64,
    /// Share of the requests that reach a region that are traced.
    pub traced: f64,
}

impl Profile {
    /// A profile without any cache.
    pub fn uncached(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            edge_hit: None,
            l1_hit: 0.0,
            l2_hit: None,
            // docs/BENCHMARKS.md, "Counted work per search", 10 km, nothing kept.
            read_units: 2.84,
            table_rounds: 1.54,
            // docs/BENCHMARKS.md, "Pages in Redis".
            cache_rounds: 1.64,
            cache_kb: 4.5,
            // 20 places are 5,184 bytes of JSON there; compressed about a quarter (assumed).
            answer_bytes: 1_500.0,
            // Assumed: 1 ms at least is billed; DynamoDB answers in some 5 ms, Valkey within 1 ms.
            search_ms: 1.0,
            table_ms: 5.0,
            cache_ms: 1.0,
            // Assumed: AWS saw under 1 % in production; the initialization is that of one process here.
            cold_share: 0.005,
            init_ms: 150.0,
            // Assumed: one per twenty requests.
            dns_per_request: 0.05,
            // Counted by a test. With `Emf` 868 more, of each.
            line_bytes: 555.0,
            // X-Ray's default rule, at rates far above one a second.
            traced: 0.05,
        }
    }

    /// The four configurations that the experiment compares.
    ///
    /// Memory: 0.69 of 2.84 read units remain over 5,000 searches that start from an empty cache (docs/BENCHMARKS.md); each
    /// instance of a fleet has its own memory, so this is the best case. Shared cache: assumed. Edge: 0.949 with precision 4 for ten minutes at
    /// 300 requests a second (docs/adr/0010); cell answers are 6 to 12 KB compressed.
    pub fn all() -> Vec<Self> {
        let l1 = Self { l1_hit: 0.75, ..Self::uncached("L1") };
        let l2 = Self { l2_hit: Some(0.9), name: "L1+L2".to_owned(), ..l1.clone() };
        let edge = Self {
            edge_hit: Some(0.949),
            name: "L1+L2+edge".to_owned(),
            answer_bytes: 8_000.0,
            dns_per_request: 0.0,
            ..l2.clone()
        };
        vec![Self::uncached("no cache"), l1, l2, edge]
    }

    /// Share of requests that reach a region.
    pub fn origin_share(&self) -> f64 {
        1.0 - self.edge_hit.unwrap_or(0.0)
    }

    /// Share of a search's pages that come from the table.
    pub fn table_share(&self) -> f64 {
        (1.0 - self.l1_hit) * (1.0 - self.l2_hit.unwrap_or(0.0))
    }

    /// Mean billed time of an invocation, in ms.
    pub fn billed_ms(&self) -> f64 {
        let asked = if self.l2_hit.is_some() { 1.0 - self.l1_hit } else { 0.0 };
        let waits = self.table_share() * self.table_rounds * self.table_ms
            + asked * self.cache_rounds * self.cache_ms;
        // Billing rounds up each invocation: half a millisecond in the mean.
        (self.search_ms + waits + 0.5) + self.cold_share * self.init_ms
    }

    /// Mean read units of a request, including requests that the edge answers.
    pub fn read_units_per_request(&self) -> f64 {
        self.origin_share() * self.table_share() * self.read_units
    }
}
