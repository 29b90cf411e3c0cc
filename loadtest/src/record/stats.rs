//! Statistics of requests.

use std::collections::BTreeMap;

use super::events::{Done, Exchange};
use super::failure::Failure;
use super::latencies::Latencies;
use super::response::{ResponseInfo, Tier};

/// Statistics of a tier.
#[derive(Clone, Debug, Default)]
pub struct TierStats {
    /// Answers for which it was looked up.
    pub asked: u64,
    /// Answers for which it had everything.
    pub hits: u64,
    /// Pages looked up.
    pub pages_asked: u64,
    /// Pages found.
    pub pages_found: u64,
    /// Latencies of the answers that came from it.
    pub served: Latencies,
}

/// Statistics of the requests to a region, or to all.
#[derive(Clone, Debug, Default)]
pub struct RequestStats {
    /// Requests due.
    pub planned: u64,
    /// Requests that were never sent.
    pub unsent: u64,
    /// Requests sent later than the limit allows.
    pub late: u64,
    /// Requests that were in flight when the run was stopped.
    pub cut: u64,
    /// Requests for a further page without an answer to continue; the first page was requested instead.
    pub pages_lost: u64,
    /// Latencies of all requests, failures included, from their due instants.
    pub latency: Latencies,
    /// Latencies of those that succeeded.
    pub succeeded: Latencies,
    /// Times to the first byte, from the due instants.
    pub first_byte: Latencies,
    /// Times from the due instants to when requests were sent.
    pub send_delay: Latencies,
    /// Failures by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Exchanges.
    pub exchanges: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes of bodies, as sent.
    pub bytes: u64,
    /// By tier, in the order of [`Tier::ALL`].
    pub tiers: [TierStats; 6],
    /// Latencies of answers from cold instances.
    pub cold: Latencies,
    /// DynamoDB Queries, and the answers that declare them.
    pub queries: (u64, u64),
    /// Read request units, and the answers that declare them.
    pub read_units: (f64, u64),
    /// Results certified by a cell, and all results of the client of cell answers.
    pub certified: (u64, u64),
    /// Cells that it requested.
    pub tries: u64,
}

impl RequestStats {
    /// Requests that ended.
    pub fn done(&self) -> u64 {
        self.latency.count()
    }

    /// Requests that failed.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(super) fn done_with(&mut self, done: &Done, late: bool) {
        self.late += u64::from(late);
        self.latency.record(done.latency);
        self.send_delay.record(done.send_delay);
        if let Some(first_byte) = done.first_byte {
            self.first_byte.record(first_byte);
        }
        match done.failure {
            Some(failure) => *self.failures.entry(failure).or_default() += 1,
            None => self.succeeded.record(done.latency),
        }
        if let Some(refined) = done.refined {
            self.certified.0 += u64::from(refined.certified);
            self.certified.1 += 1;
            self.tries += u64::from(refined.tries);
        }
    }

    pub(super) fn exchanged(&mut self, exchange: &Exchange) {
        self.exchanges += 1;
        self.bytes += exchange.bytes;
        if let Some(status) = exchange.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if exchange.failure.is_none() {
            self.response(&exchange.response, exchange);
        }
    }

    fn response(&mut self, response: &ResponseInfo, exchange: &Exchange) {
        for (stats, lookup) in self.tiers.iter_mut().zip(response.caches) {
            let Some(lookup) = lookup else { continue };
            stats.asked += 1;
            stats.hits += u64::from(lookup.hit);
            stats.pages_found += u64::from(lookup.pages.0);
            stats.pages_asked += u64::from(lookup.pages.1);
        }
        self.tiers[response.served as usize].served.record(exchange.latency);
        if response.cold {
            self.cold.record(exchange.latency);
        }
        if let Some(queries) = response.queries {
            self.queries.0 += u64::from(queries);
            self.queries.1 += 1;
        }
        if let Some(units) = response.read_units {
            self.read_units.0 += units;
            self.read_units.1 += 1;
        }
    }

    /// The statistics of a tier.
    pub fn tier(&self, tier: Tier) -> &TierStats {
        &self.tiers[tier as usize]
    }

    /// Adds the requests of others.
    pub fn merge(&mut self, other: &Self) {
        self.planned += other.planned;
        self.unsent += other.unsent;
        self.late += other.late;
        self.cut += other.cut;
        self.pages_lost += other.pages_lost;
        self.exchanges += other.exchanges;
        self.bytes += other.bytes;
        self.tries += other.tries;
        self.latency.merge(&other.latency);
        self.succeeded.merge(&other.succeeded);
        self.first_byte.merge(&other.first_byte);
        self.send_delay.merge(&other.send_delay);
        self.cold.merge(&other.cold);
        add_counts(&mut self.failures, &other.failures);
        add_counts(&mut self.statuses, &other.statuses);
        self.queries = (self.queries.0 + other.queries.0, self.queries.1 + other.queries.1);
        self.read_units = (self.read_units.0 + other.read_units.0, self.read_units.1 + other.read_units.1);
        self.certified = (self.certified.0 + other.certified.0, self.certified.1 + other.certified.1);
        self.tiers.iter_mut().zip(&other.tiers).for_each(|(mine, other)| mine.merge(other));
    }
}

impl TierStats {
    fn merge(&mut self, other: &Self) {
        self.asked += other.asked;
        self.hits += other.hits;
        self.pages_asked += other.pages_asked;
        self.pages_found += other.pages_found;
        self.served.merge(&other.served);
    }
}

fn add_counts<K: Ord + Copy>(mine: &mut BTreeMap<K, u64>, other: &BTreeMap<K, u64>) {
    for (key, count) in other {
        *mine.entry(*key).or_default() += count;
    }
}
