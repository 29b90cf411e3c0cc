//! What purging says about itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// One number.
#[derive(Debug, Default)]
pub(super) struct Number(AtomicU64);

impl Number {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) queued: Number,
    pub(super) coalesced: Number,
    pub(super) requests: Number,
    pub(super) sent: Number,
    pub(super) failures: Number,
    pub(super) given_up: Number,
    pub(super) over_budget: Number,
    pub(super) waiting: Number,
    pub(super) spent: Number,
}

/// The counters, for Prometheus.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Arc<Counters>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let of = &self.0;
        for (name, help, number) in [
            ("edge_purge_queued", "Tags of changed places, and orders to forget everything", &of.queued),
            ("edge_purge_coalesced", "Of these, those that something waiting covered already", &of.coalesced),
            ("edge_purge_requests", "Purges that the edge has taken", &of.requests),
            ("edge_purge_sent", "Paths in them, as CloudFront bills them", &of.sent),
            ("edge_purge_failures", "Tries that failed", &of.failures),
            (
                "edge_purge_given_up",
                "Paths that were not purged before the edge forgot by itself",
                &of.given_up,
            ),
            (
                "edge_purge_over_budget",
                "Paths that were not purged for the budget was spent",
                &of.over_budget,
            ),
        ] {
            let counter = ConstCounter::new(number.get());
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        for (name, help, number) in [
            ("edge_purge_waiting", "Paths that wait to be purged", &of.waiting),
            ("edge_purge_month_spent", "Paths purged in this calendar month", &of.spent),
        ] {
            let gauge = ConstGauge::new(number.get() as f64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
