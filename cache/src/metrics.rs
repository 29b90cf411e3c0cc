//! Counters and latency histograms per tier and outcome, for Prometheus.
//!
//! Handles are made once; the read path only adds to atomics. A hit in memory takes less time than reading the clock
//! twice, so only one lookup in 64 is timed there.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::striped::BusyCounter;

/// One lookup in memory out of so many is timed.
pub(crate) const SAMPLE: u32 = 64;

/// Where a value was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tier {
    Memory,
    Remote,
    Source,
}

/// What came of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A fresh value; from the source, a value.
    Hit,
    /// A value past its fresh time that was used.
    Stale,
    /// Nothing that could be used.
    Miss,
    /// A failure or a time limit.
    Error,
    /// Not asked: switched off, the breaker is open, or the key's invalidation is pending.
    Skipped,
}

/// Why something in the remote tier was not used or not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reject {
    /// Bytes that are not an envelope, or a damaged one.
    Damaged,
    /// An envelope of another version.
    Foreign,
    /// A value from the future: a clock has jumped.
    Future,
    /// A value older than what [`invalidate_older_than`](crate::Cache::invalidate_older_than) allows.
    Outdated,
    /// Not stored: too large.
    TooLarge,
    /// Not stored: invalidated while it was loaded.
    Fenced,
    /// Not stored: invalidated shortly before it was loaded.
    Settling,
}

/// Where an invalidation came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// This process.
    Own,
    /// Another process, over the bus.
    Bus,
}

/// What is asked of the remote tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the call of the same name of `Remote`")]
pub enum Call {
    Get,
    Begin,
    Finish,
    Invalidate,
    Publish,
    Subscribe,
}

impl Call {
    /// In lower case, as in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Begin => "begin",
            Self::Finish => "finish",
            Self::Invalidate => "invalidate",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

impl EncodeLabelValue for Call {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.name().encode(encoder)
    }
}

/// Labels in lower case, as is usual in Prometheus.
macro_rules! label {
    ($name:ident { $($variant:ident => $text:literal),* $(,)? }) => {
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                match self { $(Self::$variant => $text.encode(encoder)),* }
            }
        }
    };
}

label!(Tier { Memory => "memory", Remote => "remote", Source => "source" });
label!(Outcome { Hit => "hit", Stale => "stale", Miss => "miss", Error => "error", Skipped => "skipped" });
label!(Source { Own => "own", Bus => "bus" });
label!(Reject {
    Damaged => "damaged",
    Foreign => "foreign",
    Future => "future",
    Outdated => "outdated",
    TooLarge => "too_large",
    Fenced => "fenced",
    Settling => "settling",
});

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lookup {
    tier: Tier,
    outcome: Outcome,
}

/// A label set of one label.
type Label<T> = [(&'static str, T); 1];

/// Everything that a cache counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    lookups: Family<Lookup, BusyCounter>,
    seconds: Family<Lookup, Histogram>,
    rejects: Family<Label<Reject>, Counter>,
    invalidations: Family<Label<Source>, Counter>,
    refusals: Family<Label<Call>, Counter>,
    memory_hits: BusyCounter,
    /// Loads that a request waited for and another one led.
    pub collapsed: Counter,
    /// Refreshes in the background.
    pub refreshes: Counter,
    /// Times that everything in memory was invalidated.
    pub memory_invalidations: Counter,
    /// Times that the breaker opened.
    pub breaker_opened: Counter,
    /// Times that the breaker in front of the loader opened.
    pub source_breaker_opened: Counter,
    /// Values stored in the remote tier.
    pub stored: Counter,
    /// Times that everything in the remote tier was invalidated, too many invalidations having failed.
    pub flushes: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let lookups = Family::<Lookup, BusyCounter>::default();
        let memory_hits =
            lookups.get_or_create(&Lookup { tier: Tier::Memory, outcome: Outcome::Hit }).clone();
        Self {
            memory_hits,
            lookups,
            // From a quarter of a microsecond to four seconds.
            seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(2.5e-7, 4.0, 13))),
            rejects: Family::default(),
            invalidations: Family::default(),
            refusals: Family::default(),
            collapsed: Counter::default(),
            refreshes: Counter::default(),
            memory_invalidations: Counter::default(),
            breaker_opened: Counter::default(),
            source_breaker_opened: Counter::default(),
            stored: Counter::default(),
            flushes: Counter::default(),
        }
    }
}

impl Metrics {
    /// Registers everything, under names that begin with `cache_`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("cache_lookups", "Keys looked up, by tier and outcome", self.lookups.clone());
        let help = "Time of lookups, by tier and outcome; in memory a sample of them";
        registry.register("cache_lookup_seconds", help, self.seconds.clone());
        registry.register(
            "cache_rejects",
            "Values of the remote tier not used or not stored",
            self.rejects.clone(),
        );
        registry.register("cache_invalidations", "Keys invalidated in memory", self.invalidations.clone());
        registry.register("cache_collapsed", "Loads shared with another request", self.collapsed.clone());
        registry.register("cache_refreshes", "Refreshes in the background", self.refreshes.clone());
        let help = "Times that everything in memory was invalidated";
        registry.register("cache_memory_invalidations", help, self.memory_invalidations.clone());
        let help = "Old name of cache_memory_invalidations, until version 0.2";
        registry.register("cache_distrusts", help, self.memory_invalidations.clone());
        registry.register(
            "cache_breaker_opened",
            "Times that the breaker opened",
            self.breaker_opened.clone(),
        );
        let help = "Times that the breaker in front of the loader opened";
        registry.register("cache_source_breaker_opened", help, self.source_breaker_opened.clone());
        registry.register("cache_stored", "Values stored in the remote tier", self.stored.clone());
        let help = "Calls that the remote tier refused, by call";
        registry.register("cache_refusals", help, self.refusals.clone());
        let help =
            "Times that everything in the remote tier was invalidated, too many invalidations having failed";
        registry.register("cache_flushes", help, self.flushes.clone());
    }

    pub(crate) fn memory_hit(&self) {
        self.memory_hits.inc();
    }

    pub(crate) fn count(&self, tier: Tier, outcome: Outcome, keys: usize) {
        if keys > 0 {
            self.lookups.get_or_create(&Lookup { tier, outcome }).inc_by(keys as u64);
        }
    }

    pub(crate) fn time(&self, tier: Tier, outcome: Outcome, took: Duration) {
        self.seconds.get_or_create(&Lookup { tier, outcome }).observe(took.as_secs_f64());
    }

    pub(crate) fn reject(&self, reason: Reject) {
        self.rejects.get_or_create(&[("reason", reason)]).inc();
    }

    pub(crate) fn count_invalidated(&self, source: Source, keys: usize) {
        self.invalidations.get_or_create(&[("source", source)]).inc_by(keys as u64);
    }

    pub(crate) fn refused(&self, call: Call) {
        self.refusals.get_or_create(&[("call", call)]).inc();
    }

    /// How often a call was refused.
    pub fn refusals(&self, call: Call) -> u64 {
        self.refusals.get_or_create(&[("call", call)]).get()
    }

    /// How often a lookup had this outcome.
    pub fn lookups(&self, tier: Tier, outcome: Outcome) -> u64 {
        self.lookups.get_or_create(&Lookup { tier, outcome }).get()
    }

    /// How many keys were invalidated.
    pub fn invalidated(&self, source: Source) -> u64 {
        self.invalidations.get_or_create(&[("source", source)]).get()
    }

    /// How often something was rejected for this reason.
    pub fn rejects(&self, reason: Reject) -> u64 {
        self.rejects.get_or_create(&[("reason", reason)]).get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_exported() {
        let metrics = Metrics::default();
        metrics.memory_hit();
        metrics.count(Tier::Remote, Outcome::Miss, 3);
        metrics.time(Tier::Remote, Outcome::Miss, Duration::from_millis(2));
        metrics.reject(Reject::TooLarge);
        metrics.count_invalidated(Source::Bus, 2);
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"cache_lookups_total{tier="memory",outcome="hit"} 1"#,
            r#"cache_lookups_total{tier="remote",outcome="miss"} 3"#,
            r#"cache_lookup_seconds_count{tier="remote",outcome="miss"} 1"#,
            r#"cache_rejects_total{reason="too_large"} 1"#,
            r#"cache_invalidations_total{source="bus"} 2"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
