//! What the process counts of itself, as Prometheus reads it at `/metrics`.
//!
//! Invariant: nothing here names a place, a position or a caller; routes are templates.

mod exposition;
mod process;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use cellar_cache::BreakerState;
use cellar_cache::striped::BusyCounter;
use cellar_changes::{State, Status};
use cellar_purge::EdgePurges;
use cellar_search::Work;
use cellar_search::cells::Cells;
use cellar_search::pages::PageCache;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rustc_hash::FxHashMap;

use crate::in_flight::InFlight;
use crate::live::Live;
use crate::rate::RateLimiter;

use self::process::Process;

pub use self::exposition::Format;

/// What the program was built from, if whoever built it said so.
const COMMIT: &str = match option_env!("CELLAR_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Classes of status codes, `1xx` to `5xx`.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

/// Counters of one route, found by its template.
struct RouteCounters {
    answers: [BusyCounter; CLASSES.len()],
    seconds: Histogram,
}

/// What the process counts.
pub struct Telemetry {
    registry: Registry,
    /// What is not ours alone, and named as everywhere.
    process: Registry,
    routes: FxHashMap<&'static str, RouteCounters>,
    other: RouteCounters,
    searches: BusyCounter,
    rounds: BusyCounter,
    pages: BusyCounter,
    repeats: BusyCounter,
    torn: BusyCounter,
    queries: BusyCounter,
    read_units: Counter<f64, std::sync::atomic::AtomicU64>,
}

impl Telemetry {
    /// Counters for these routes, and whatever else is told of.
    pub fn new(
        routes: &[&'static str],
        cache: Option<&PageCache>,
        feed: Option<Status>,
        edge: Option<&EdgePurges>,
    ) -> Self {
        let mut registry = Registry::with_prefix("cellar");
        let answers = Family::<Answered, BusyCounter>::default();
        let buckets = || Histogram::new(exponential_buckets(1e-4, 2.0, 16));
        let seconds = Family::<Route, Histogram>::new_with_constructor(buckets as fn() -> Histogram);
        let counters = |route| RouteCounters {
            answers: CLASSES.map(|status| answers.get_or_create(&Answered { route, status }).clone()),
            seconds: seconds.get_or_create(&Route { route }).clone(),
        };
        let mut telemetry = Self {
            routes: routes.iter().map(|route| (*route, counters(route))).collect(),
            other: counters("-"),
            searches: BusyCounter::default(),
            rounds: BusyCounter::default(),
            pages: BusyCounter::default(),
            repeats: BusyCounter::default(),
            torn: BusyCounter::default(),
            queries: BusyCounter::default(),
            read_units: Counter::default(),
            registry: Registry::default(),
            process: Registry::default(),
        };
        telemetry.process.register_collector(Box::new(Process));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("commit", COMMIT)]);
        registry.register("build", "What this program is", build);
        registry.register("http_answers", "Answers, by route and class of status", answers);
        registry.register("http_seconds", "Time to answer, by route", seconds);
        registry.register("searches", "Searches answered", telemetry.searches.clone());
        registry.register("search_rounds", "Rounds that searches waited for", telemetry.rounds.clone());
        registry.register("search_pages", "Pages that searches visited", telemetry.pages.clone());
        let help = "Times that searches went over pages again that had changed meanwhile";
        registry.register("search_repeats", help, telemetry.repeats.clone());
        let help = "Searches whose pages were not from one instant even so";
        registry.register("search_torn", help, telemetry.torn.clone());
        registry.register("store_queries", "Queries that searches caused", telemetry.queries.clone());
        registry.register("store_read_units", "Read units of these", telemetry.read_units.clone());
        if let Some(cache) = cache {
            cache.metrics().register(&mut registry);
            registry.register_collector(Box::new(CacheGauges(cache.clone())));
        }
        if let Some(status) = feed {
            registry.register_collector(Box::new(FeedGauges(status)));
        }
        if let Some(edge) = edge {
            edge.register(&mut registry);
        }
        Self { registry, ..telemetry }
    }

    /// Tells of cell answers, too.
    #[must_use]
    pub fn with_cells(mut self, cells: &Arc<Cells>) -> Self {
        cells.metrics().register(&mut self.registry);
        self.registry.register_collector(Box::new(CellGauges(Arc::clone(cells))));
        self
    }

    /// Tells of requests in flight, too.
    #[must_use]
    pub fn with_limits(
        mut self,
        reads: &Arc<InFlight>,
        writes: &Arc<InFlight>,
        posted: &Arc<InFlight>,
    ) -> Self {
        let [reads, writes, posted] = [reads, writes, posted].map(Arc::clone);
        let gauges = InFlightGauges { reads, writes, posted };
        self.registry.register_collector(Box::new(gauges));
        self
    }

    /// Tells of clients that asked too often, too.
    #[must_use]
    pub fn with_rate_limit(mut self, limiter: Option<&RateLimiter>) -> Self {
        if let Some(limiter) = limiter {
            let help = "Requests turned away since their client had asked too often";
            self.registry.register("http_rate_limited", help, limiter.limited().clone());
        }
        self
    }

    /// Counts who watches changes.
    #[must_use]
    pub fn with_live(mut self, live: Option<&Live>) -> Self {
        if let Some(live) = live {
            let registry = &mut self.registry;
            registry.register("live_watchers", "Clients that watch changes", live.watchers().clone());
            registry.register("live_events", "Events that were sent to them", live.events().clone());
            registry.register("live_refused", "Clients that could not watch", live.refused().clone());
        }
        self
    }

    /// Takes note of an answer.
    pub fn answered(&self, route: &str, status: StatusCode, took: Duration, work: Option<&Work>) {
        let counters = self.routes.get(route).unwrap_or(&self.other);
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES.len() - 1);
        counters.answers[class].inc();
        counters.seconds.observe(took.as_secs_f64());
        let Some(work) = work else { return };
        self.searches.inc();
        if work.tree.rounds > 0 {
            self.rounds.inc_by(work.tree.rounds as u64);
        }
        self.pages.inc_by(work.tree.pages as u64);
        if work.repeats > 0 {
            self.repeats.inc_by(u64::from(work.repeats));
        }
        if work.torn {
            self.torn.inc();
        }
        if work.cost.queries > 0 {
            self.queries.inc_by(u64::from(work.cost.queries));
            self.read_units.inc_by(work.cost.read_units);
        }
    }

    /// All of it, as `OpenMetrics` text.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 << 10);
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &self.process)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Writes one gauge.
fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// Writes one counter.
fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let counter = ConstCounter::new(value);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

/// How open a breaker is: 0 while calls go through, 1 while they are spared, 0.5 while one tries.
pub fn breaker_open(breaker: BreakerState) -> f64 {
    match breaker {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 0.5,
        BreakerState::Open => 1.0,
    }
}

/// State of the cache.
struct CacheGauges(PageCache);

impl fmt::Debug for CacheGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheGauges")
    }
}

impl Collector for CacheGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let cache = &self.0;
        let (entries, bytes) = cache.memory_size();
        let of = &mut encoder;
        gauge(of, "cache_memory_entries", "Pages in memory", entries as f64)?;
        gauge(of, "cache_memory_bytes", "Bytes of pages in memory", bytes as f64)?;
        let trusted = f64::from(u8::from(cache.is_trusted()));
        gauge(of, "cache_trusted", "Whether invalidations reach this process", trusted)?;
        gauge(of, "cache_attended", "Old name of cache_trusted, until version 0.2", trusted)?;
        if let Some(breaker) = cache.source_breaker() {
            let help = "Whether the table is left alone; 0.5 while one load tries";
            gauge(of, "cache_source_breaker_open", help, breaker_open(breaker))?;
        }
        if let Some(breaker) = cache.breaker() {
            let help = "Whether Redis is left alone; 0.5 while one call tries";
            gauge(of, "cache_breaker_open", help, breaker_open(breaker))?;
            let pending = cache.pending() as f64;
            gauge(of, "cache_pending_invalidations", "Keys whose invalidation waits for Redis", pending)?;
        }
        Ok(())
    }
}

/// Requests in flight, and limits of them.
struct InFlightGauges {
    reads: Arc<InFlight>,
    writes: Arc<InFlight>,
    posted: Arc<InFlight>,
}

impl fmt::Debug for InFlightGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlightGauges")
    }
}

impl Collector for InFlightGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self { reads, writes, posted } = self;
        let of = &mut encoder;
        gauge(of, "http_reads_in_flight", "Requests that read, being worked on", reads.count() as f64)?;
        gauge(of, "http_reads_limit", "How many of them may be", reads.limit() as f64)?;
        gauge(of, "http_writes_in_flight", "Requests that write, being worked on", writes.count() as f64)?;
        gauge(
            of,
            "http_posted_in_flight",
            "Searches asked for in a body, being worked on",
            posted.count() as f64,
        )?;
        counter(
            of,
            "http_posted_turned_away",
            "Searches asked for in a body, turned away",
            posted.turned_away(),
        )?;
        counter(of, "http_reads_turned_away", "Requests that read, turned away", reads.turned_away())?;
        counter(of, "http_writes_turned_away", "Requests that write, turned away", writes.turned_away())
    }
}

/// Memory of rendered cell answers.
struct CellGauges(Arc<Cells>);

impl fmt::Debug for CellGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CellGauges")
    }
}

impl Collector for CellGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (entries, bytes) = self.0.size();
        let of = &mut encoder;
        gauge(of, "cell_memory_entries", "Rendered cell answers in memory", entries as f64)?;
        gauge(of, "cell_memory_bytes", "Bytes of these", bytes as f64)
    }
}

/// How the change feed is doing.
struct FeedGauges(Status);

impl fmt::Debug for FeedGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedGauges")
    }
}

impl Collector for FeedGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let lag = self.0.lag();
        let of = &mut encoder;
        let running = f64::from(u8::from(lag.state == State::Running));
        gauge(of, "feed_running", "Whether this process follows the table's stream", running)?;
        if let Some(since) = lag.since_caught_up.filter(|_| lag.state != State::StandingBy) {
            let help = "Seconds since every change in the stream had been handed over";
            gauge(of, "feed_lag_seconds", help, since.as_secs_f64())?;
        }
        if let Some(delay) = lag.last_delay {
            let help = "Seconds from the last change to its invalidation";
            gauge(of, "feed_last_delay_seconds", help, delay.as_secs_f64())?;
        }
        counter(of, "feed_records", "Records handed over", lag.records)?;
        counter(of, "feed_failures", "Polls that failed", lag.failures)?;
        counter(of, "feed_gaps", "Times that changes may have been missed", lag.gaps)?;
        counter(of, "feed_distrusts", "Old name of feed_gaps, until version 0.2", lag.gaps)
    }
}

#[cfg(test)]
mod tests {
    use cellar_search::Work;
    use cellar_store::ReadCost;

    use super::*;

    #[test]
    fn answers_are_counted_by_route_and_class() {
        let telemetry = Telemetry::new(&["/a/{b}"], None, None, None);
        let cost = ReadCost { queries: 2, read_units: 1.5 };
        let work = Work { cost, ..Work::default() };
        telemetry.answered("/a/{b}", StatusCode::OK, Duration::from_millis(3), Some(&work));
        telemetry.answered("/nowhere", StatusCode::NOT_FOUND, Duration::from_millis(3), None);
        let text = telemetry.text().unwrap();
        for line in [
            r#"cellar_http_answers_total{route="/a/{b}",status="2xx"} 1"#,
            r#"cellar_http_answers_total{route="-",status="4xx"} 1"#,
            r#"cellar_http_seconds_count{route="/a/{b}"} 1"#,
            "cellar_store_queries_total 2",
            "cellar_store_read_units_total 1.5",
            concat!("cellar_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\",commit=\""),
            "process_cpu_seconds_total ",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
