//! Sums of events.

use std::collections::BTreeMap;

use super::account::{Account, Tier};
use super::events::{Done, Exchange};
use super::failure::Failure;
use super::latencies::Latencies;

/// Answers of a tier.
#[derive(Clone, Debug, Default)]
pub struct TierTally {
    /// Answers for which it was asked.
    pub asked: u64,
    /// Answers for which it had everything.
    pub hits: u64,
    /// Pages that it was asked for.
    pub pages_asked: u64,
    /// Pages that it had.
    pub pages_found: u64,
    /// Latencies of the answers that came from it.
    pub served: Latencies,
}

/// All that is counted, of a region or of all.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests planned.
    pub planned: u64,
    /// Requests that were never sent.
    pub unsent: u64,
    /// Requests sent later than the limit after their instant.
    pub late: u64,
    /// Requests that were under way when the run was stopped.
    pub cut: u64,
    /// Requests that went on behind an answer which was not there; the first page was asked for instead.
    pub pages_lost: u64,
    /// Latencies of all requests, failures included, from their planned instants.
    pub latency: Latencies,
    /// Latencies of those that succeeded.
    pub succeeded: Latencies,
    /// Times to the first byte, from the planned instants.
    pub first_byte: Latencies,
    /// From planned instants to when they were taken up.
    pub send_delay: Latencies,
    /// Failures by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Exchanges.
    pub exchanges: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes of bodies, as sent.
    pub bytes: u64,
    /// By tier, as in [`Tier::ALL`].
    pub tiers: [TierTally; 6],
    /// Latencies of answers of cold instances.
    pub cold: Latencies,
    /// Queries of the table, and the answers that declare them.
    pub queries: (u64, u64),
    /// Read request units, and the answers that declare them.
    pub read_units: (f64, u64),
    /// Results that a certificate vouches for, of all results of the client of cell answers.
    pub certified: (u64, u64),
    /// Cells that it asked for.
    pub tries: u64,
}

impl Tally {
    /// Requests that came to an end.
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
            self.account(&exchange.account, exchange);
        }
    }

    fn account(&mut self, account: &Account, exchange: &Exchange) {
        for (tally, ask) in self.tiers.iter_mut().zip(account.caches) {
            let Some(ask) = ask else { continue };
            tally.asked += 1;
            tally.hits += u64::from(ask.hit);
            tally.pages_found += u64::from(ask.pages.0);
            tally.pages_asked += u64::from(ask.pages.1);
        }
        self.tiers[account.served as usize].served.record(exchange.latency);
        if account.cold {
            self.cold.record(exchange.latency);
        }
        if let Some(queries) = account.queries {
            self.queries.0 += u64::from(queries);
            self.queries.1 += 1;
        }
        if let Some(units) = account.read_units {
            self.read_units.0 += units;
            self.read_units.1 += 1;
        }
    }

    /// What a tier did.
    pub fn tier(&self, tier: Tier) -> &TierTally {
        &self.tiers[tier as usize]
    }

    /// Adds another one.
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

impl TierTally {
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
