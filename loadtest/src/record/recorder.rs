//! Where events go: one recorder for each sending thread, merged at the end.

use std::collections::HashSet;
use std::time::Duration;

use geo_index::Position;

use super::account::Account;
use super::events::{Done, Exchange, Verdict};
use super::map::Map;
use super::slice::{Slice, slice_length};
use super::tally::Tally;

/// Instances told apart; beyond, they are no longer counted.
const MAX_INSTANCES: usize = 100_000;
/// Differences that are kept as texts.
const MAX_EXAMPLES: usize = 10;

/// What was recorded.
#[derive(Clone, Debug)]
pub struct Recorder {
    late_after: Duration,
    slice: Duration,
    /// By region.
    pub regions: Vec<Tally>,
    /// Over time.
    pub slices: Vec<Slice>,
    /// Hashes of the names of instances that answered.
    pub instances: HashSet<u64>,
    /// Comparisons with the exact endpoint.
    pub verified: Verified,
    /// Answers by where users asked.
    pub map: Map,
}

/// Comparisons with the exact endpoint.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Answers that were compared.
    pub compared: u64,
    /// Answers that differ.
    pub differ: u64,
    /// Answers that could not be compared.
    pub unknown: u64,
    /// The first differences.
    pub examples: Vec<String>,
}

impl Recorder {
    /// For so many regions and a measured part of this length. What is sent later than `late_after` after its instant counts as late.
    pub fn new(regions: usize, measured: Duration, late_after: Duration) -> Self {
        let slice = slice_length(measured);
        let slices = measured.as_nanos().div_ceil(slice.as_nanos()).max(1) as usize;
        Self {
            late_after,
            slice,
            regions: vec![Tally::default(); regions],
            slices: vec![Slice::default(); slices],
            instances: HashSet::new(),
            verified: Verified::default(),
            map: Map::default(),
        }
    }

    /// How long a slice is.
    pub const fn slice_length(&self) -> Duration {
        self.slice
    }

    /// What is sent later than this after its instant is late.
    pub const fn late_after(&self) -> Duration {
        self.late_after
    }

    fn slice_at(&mut self, planned: Duration) -> &mut Slice {
        let last = self.slices.len() - 1;
        let index = (planned.as_nanos() / self.slice.as_nanos()) as usize;
        &mut self.slices[index.min(last)]
    }

    /// A request's instant has come.
    pub fn planned(&mut self, region: usize, planned: Duration) {
        self.regions[region].planned += 1;
        self.slice_at(planned).planned += 1;
    }

    /// A request could not be sent.
    pub fn unsent(&mut self, region: usize, planned: Duration) {
        self.regions[region].unsent += 1;
        self.slice_at(planned).failed += 1;
    }

    /// A request was to go on behind an answer that is not there.
    pub fn page_lost(&mut self, region: usize) {
        self.regions[region].pages_lost += 1;
    }

    /// A request was under way when the run was stopped.
    pub fn cut(&mut self, region: usize) {
        self.regions[region].cut += 1;
    }

    /// A request has come to an end.
    pub fn done(&mut self, done: &Done) {
        let late = done.send_delay > self.late_after;
        self.regions[done.region].done_with(done, late);
        self.slice_at(done.planned).done_with(done);
    }

    /// One of its exchanges has.
    pub fn exchanged(&mut self, region: usize, planned: Duration, exchange: &Exchange) {
        self.regions[region].exchanged(exchange);
        if exchange.failure.is_some() {
            return;
        }
        self.slice_at(planned).account(&exchange.account);
        if let Some(instance) = exchange.account.instance
            && self.instances.len() < MAX_INSTANCES
        {
            self.instances.insert(instance);
        }
    }

    /// A cell's answer was looked at: its certificate vouches for what the user wants, or does not.
    pub fn vouched(&mut self, region: usize, certified: bool) {
        let tally = &mut self.regions[region];
        tally.certified.0 += u64::from(certified);
        tally.certified.1 += 1;
        tally.tries += 1;
    }

    /// An answer came for somebody who asked from here.
    pub fn answered(&mut self, position: Position, account: &Account) {
        self.map.add(position, account.served);
    }

    /// An answer was compared with the exact endpoint's.
    pub fn verified(&mut self, verdict: Verdict) {
        let verified = &mut self.verified;
        match verdict {
            Verdict::Unknown => verified.unknown += 1,
            Verdict::Same => verified.compared += 1,
            Verdict::Differs(example) => {
                verified.compared += 1;
                verified.differ += 1;
                if verified.examples.len() < MAX_EXAMPLES {
                    verified.examples.push(example);
                }
            }
        }
    }

    /// Adds what another one of the same run has recorded.
    pub fn merge(&mut self, other: &Self) {
        self.regions.iter_mut().zip(&other.regions).for_each(|(mine, other)| mine.merge(other));
        self.slices.iter_mut().zip(&other.slices).for_each(|(mine, other)| mine.merge(other));
        self.instances.extend(&other.instances);
        self.map.merge(&other.map);
        self.verified.compared += other.verified.compared;
        self.verified.differ += other.verified.differ;
        self.verified.unknown += other.verified.unknown;
        self.verified.examples.extend(other.verified.examples.iter().cloned());
        self.verified.examples.truncate(MAX_EXAMPLES);
    }

    /// All regions together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.regions.iter().for_each(|region| total.merge(region));
        total
    }
}
